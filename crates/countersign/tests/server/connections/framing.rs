//! Requests that a proxy could read differently are refused, and what hides behind them is never served.

use super::{address, answer, connect, one_answer, rest, server_with};
use tokio::io::AsyncWriteExt as _;

/// A request that must never be served: it would be counted under its route.
const HIDDEN: &str = "GET /forgot-password HTTP/1.1\r\nHost: a\r\n\r\n";

/// The statuses of the answers in what the server said.
fn statuses(said: &str) -> Vec<&str> {
    let first = |line: &'_ str| line.len() > 12 && line.as_bytes()[9].is_ascii_digit();
    let lines = said.lines().filter(|line| line.starts_with("HTTP/1.1 ") && first(line));
    lines.map(|line| &line[9..12]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_two_readers_could_read_differently_get_400_and_the_connection_ends() {
    let server = server_with(&[]).await;
    let get = |lines: &str| format!("GET /healthz HTTP/1.1\r\n{lines}\r\n");
    let post = |lines: &str, body: &str| format!("POST /sign-in HTTP/1.1\r\nHost: a\r\n{lines}\r\n{body}");
    for (request, reason) in [
        (get(""), "no-host"),
        (get("Host: a\r\nHost: a\r\n"), "two-hosts"),
        (get("Host: a\r\nhost: b\r\n"), "two-hosts"),
        (get("Host: a/b\r\n"), "wrong-host"),
        (post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), "length-and-encoding"),
        (post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "0\r\n\r\n"), "length-and-encoding"),
        (post("Content-Length: 4\r\nContent-Length: 5\r\n", "aaaaa"), "wrong-length"),
        (post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), "wrong-encoding"),
        ("GET /healthz HTTP/1.1\nHost: a\n\n".to_owned(), "bare-line-end"),
        (get("Host: a\nX: y\r\n"), "bare-line-end"),
        (get("Host: a\r\nX: y\rZ: w\r\n"), "bare-line-end"),
        (get("Host: a\r\nX: y\r\n folded\r\n"), "header-line"),
        (get("Host : a\r\n"), "header-line"),
    ] {
        let said = answer(&server, &format!("{request}{HIDDEN}")).await;
        assert_eq!(statuses(&said), ["400"], "{request:?}: {said}");
        assert!(said.contains("connection: close"), "{request:?}: {said}");
        let metrics = server.client().get("/metrics").await;
        assert!(metrics.body.contains(&format!("reason=\"{reason}\"")), "{reason}: {metrics}");
    }
    // In a body: the head has been passed on, and the page says that the form did not arrive.
    let said =
        answer(&server, &format!("{}{HIDDEN}", post("Transfer-Encoding: chunked\r\n", "1\na\n0\n\n"))).await;
    assert_eq!(statuses(&said), ["400"], "{said}");
    let metrics = server.client().get("/metrics").await;
    assert!(!metrics.body.contains("/forgot-password"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_an_earlier_request_comes_before_the_refusal() {
    let server = server_with(&[]).await;
    let first = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    let said = answer(&server, &format!("{first}{first}GET /healthz HTTP/1.1\r\n\r\n{HIDDEN}")).await;
    assert_eq!(statuses(&said), ["200", "200", "400"], "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_proxies_and_programs_send_is_served() {
    let server = server_with(&[]).await;
    for request in [
        // nginx by default, and a load balancer's check.
        format!("GET /healthz HTTP/1.0\r\nHost: {}\r\nConnection: close\r\n\r\n", address(&server)),
        "GET /healthz HTTP/1.0\r\n\r\n".to_owned(),
        "HEAD /healthz HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n".to_owned(),
        "\r\nGET /healthz HTTP/1.1\r\nHost: [::1]:8080\r\nConnection: close\r\n\r\n".to_owned(),
        "GET http://login.example.org/healthz HTTP/1.1\r\nHost: login.example.org\r\nConnection: close\r\n\r\n".to_owned(),
    ] {
        let said = answer(&server, &request).await;
        assert!(said.contains(" 200 OK\r\n"), "{request:?}: {said}");
    }
    // A chunked form, and another request on the same connection.
    let mut stream = connect(&server).await;
    let form = "POST /sign-in HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\na=b\r\n0\r\nTrailer: x\r\n\r\n";
    stream.write_all(form.as_bytes()).await.unwrap();
    assert!(one_answer(&mut stream).await.starts_with("HTTP/1.1 403 "), "without a token");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_of_more_than_64_kib_is_431() {
    let server = server_with(&[]).await;
    let of = |length: usize| {
        let around = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: \r\n\r\n".len();
        format!(
            "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: {}\r\n\r\n",
            "x".repeat(length - around)
        )
    };
    assert!(answer(&server, &of(64 * 1024)).await.starts_with("HTTP/1.1 200 "));
    for length in [64 * 1024 + 1, 400 * 1024] {
        let said = answer(&server, &of(length)).await;
        assert!(said.starts_with("HTTP/1.1 431 "), "{length}: {said}");
    }
    let many = format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(200));
    let said = answer(&server, &many).await;
    assert!(said.starts_with("HTTP/1.1 431 "), "{said}");
}
