use super::*;

/// What comes of these bytes when they arrive in pieces of this length: what is passed on, and the heads in it.
fn read(bytes: &[u8], piece: usize) -> Result<(Vec<u8>, usize), Refusal> {
    let (mut framing, mut pending, mut passed, mut heads) = (Framing::new(), Vec::new(), Vec::new(), 0);
    for part in bytes.chunks(piece) {
        pending.extend_from_slice(part);
        loop {
            match framing.step(&pending)? {
                Step::Pass { bytes, head } => {
                    passed.extend(pending.drain(..bytes));
                    heads += usize::from(head);
                }
                Step::Skip(bytes) => drop(pending.drain(..bytes)),
                Step::More => break,
            }
        }
    }
    Ok((passed, heads))
}

/// The same, whatever the pieces are.
fn refused(bytes: &str) -> Option<Refusal> {
    let outcomes: Vec<_> =
        (1..=bytes.len()).map(|piece| read(bytes.as_bytes(), piece).map(|_| ()).err()).collect();
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{bytes:?}: {outcomes:?}");
    outcomes[0]
}

#[test]
fn requests_of_ordinary_programs_pass_unchanged_however_they_are_cut() {
    let requests = [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1),
        ("GET / HTTP/1.1\r\nHost: [::1]:8080\r\nX: a:b \t\r\nY:\r\n\r\n", 1),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 1),
        ("GET / HTTP/1.0\r\n\r\n", 1),
        ("GET / HTTP/1.0\r\nHost: a.example\r\nConnection: close\r\n\r\n", 1),
        (
            "POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            2,
        ),
        ("POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 2),
        (
            "PUT /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: Chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n00A\r\n0123456789\r\n\
             0\r\nTrailer: x\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            2,
        ),
    ];
    for (request, heads) in requests {
        for piece in 1..=request.len() {
            let expected = Ok((request.as_bytes().to_vec(), heads));
            assert_eq!(read(request.as_bytes(), piece), expected, "{request:?} in pieces of {piece}");
        }
    }
}

#[test]
fn an_empty_line_before_a_request_is_dropped() {
    let (passed, heads) = read(b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 1).unwrap();
    assert_eq!((passed.as_slice(), heads), (&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], 1));
    assert_eq!(refused(&"\r\n".repeat(20)), Some(Refusal::RequestLine));
}

#[test]
fn what_two_readers_could_read_differently_is_refused() {
    let head = |lines: &str| format!("POST / HTTP/1.1\r\n{lines}\r\n\r\n");
    let with_host = |lines: &str| head(&format!("Host: a\r\n{lines}"));
    for (request, refusal) in [
        (head("X: y"), Refusal::NoHost),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), Refusal::NoHost),
        (with_host("Host: a"), Refusal::TwoHosts),
        (with_host("HOST: b"), Refusal::TwoHosts),
        ("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n".to_owned(), Refusal::TwoHosts),
        (head("Host: a, b"), Refusal::WrongHost),
        (head("Host: a/b"), Refusal::WrongHost),
        (head("Host: user@a"), Refusal::WrongHost),
        (with_host("Content-Length: 1\r\nTransfer-Encoding: chunked"), Refusal::LengthAndEncoding),
        (with_host("Transfer-Encoding: chunked\r\nContent-Length: 1"), Refusal::LengthAndEncoding),
        (with_host("Content-Length: 1\r\nContent-Length: 1"), Refusal::WrongLength),
        (with_host("Content-Length: 1, 1"), Refusal::WrongLength),
        (with_host("Content-Length: +1"), Refusal::WrongLength),
        (with_host("Content-Length: 0x1"), Refusal::WrongLength),
        (with_host("Content-Length:"), Refusal::WrongLength),
        (with_host("Content-Length: 99999999999999999999"), Refusal::WrongLength),
        (with_host("Transfer-Encoding: gzip, chunked"), Refusal::WrongEncoding),
        (with_host("Transfer-Encoding: identity"), Refusal::WrongEncoding),
        (with_host("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), Refusal::WrongEncoding),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(), Refusal::WrongEncoding),
        ("GET / HTTP/1.1\nHost: a\n\n".to_owned(), Refusal::BareLineEnd),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n".to_owned(), Refusal::BareLineEnd),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n".to_owned(), Refusal::BareLineEnd),
        (with_host("X: a\rY: b"), Refusal::BareLineEnd),
        ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), Refusal::BareLineEnd),
        (with_host(" folded"), Refusal::HeaderLine),
        (with_host("X: a\r\n\tfolded"), Refusal::HeaderLine),
        (with_host("Content-Length : 1"), Refusal::HeaderLine),
        (with_host("Transfer-Encoding\t: chunked"), Refusal::HeaderLine),
        (with_host(": nameless"), Refusal::HeaderLine),
        (with_host("no colon"), Refusal::HeaderLine),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), Refusal::RequestLine),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n".to_owned(), Refusal::RequestLine),
        ("GET /\r\n\r\n".to_owned(), Refusal::RequestLine),
        ("GET / x HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), Refusal::RequestLine),
    ] {
        assert_eq!(refused(&request), Some(refusal), "{request:?}");
        assert_eq!(refused(&format!("GET / HTTP/1.1\r\nHost: a\r\n\r\n{request}")), Some(refusal));
    }
}

#[test]
fn a_malformed_chunk_is_refused() {
    for body in [
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5;a\nb\r\nhello\r\n",
        "\r\nhello",
        "-5\r\n",
        "5 \r\nhello\r\n",
        "0x5\r\nhello\r\n",
        "11111111111111111\r\n",
        "0\r\nTrailer: x\n\r\n",
        "0\r\n\n",
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        assert_eq!(refused(&request), Some(Refusal::WrongChunk), "{body:?}");
    }
    let endless =
        format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;{}", "x".repeat(9_000));
    assert_eq!(read(endless.as_bytes(), 1_000), Err(Refusal::WrongChunk));
}

#[test]
fn a_head_has_64_kib_at_most() {
    let of = |length: usize| {
        let around = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".len();
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(length - around)).into_bytes()
    };
    for piece in [1, 1_000, 100_000] {
        assert!(read(&of(LONGEST_HEAD), piece).is_ok());
        assert_eq!(read(&of(LONGEST_HEAD + 1), piece), Err(Refusal::HeadTooLarge));
    }
}
