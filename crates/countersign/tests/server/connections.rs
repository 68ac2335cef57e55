//! Clients that keep the server waiting, hold too much, or send what cannot be read: over raw sockets.

mod caps;
mod framing;

use super::BINARY;
use countersign_testkit::{Engine, Server, ServerOptions};
use std::net::IpAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout};

/// With this an HTTP/2 connection begins: the preface, and settings without a setting (RFC 9113 §3.4).
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// Longer than any limit that these tests set.
const PATIENCE: Duration = Duration::from_secs(15);

/// A server with these settings, each given as its variable's end and its value.
async fn server_with(settings: &[(&str, &str)]) -> Server {
    let options =
        settings.iter().fold(ServerOptions::new(Engine::Sqlite, BINARY), |options, (name, value)| {
            options.with_env(format!("COUNTERSIGN_{name}"), *value)
        });
    Server::start(options).await
}

fn address(server: &Server) -> String {
    server.url().trim_start_matches("http://").to_owned()
}

/// A connection from this address of the loopback network, as from another machine.
async fn connect_from(server: &Server, from: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from.parse::<IpAddr>().unwrap(), 0).into()).unwrap();
    socket.connect(address(server).parse().unwrap()).await.unwrap()
}

async fn connect(server: &Server) -> TcpStream {
    connect_from(server, "127.0.0.1").await
}

/// What the server sends until it closes the connection. A reset counts as the end.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut part = [0_u8; 4096];
    let read = async {
        while let Ok(read @ 1..) = stream.read(&mut part).await {
            bytes.extend_from_slice(&part[..read]);
        }
    };
    timeout(PATIENCE, read).await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What the server answers to `request`, until it closes the connection.
async fn answer(server: &Server, request: &str) -> String {
    let mut stream = connect(server).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    rest(&mut stream).await
}

/// One answer with a `Content-Length`, on a connection that stays open.
async fn one_answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = async {
        loop {
            bytes.push(stream.read_u8().await.unwrap());
            let text = String::from_utf8_lossy(&bytes);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length.is_none_or(|length| body.len() >= length.parse().unwrap()) {
                return;
            }
        }
    };
    timeout(PATIENCE, read).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Writes a byte now and then until the server closes its side; returns what it said.
async fn dribble(mut stream: TcpStream) -> String {
    let begun = Instant::now();
    let mut said = Vec::new();
    let mut part = [0_u8; 4096];
    loop {
        match timeout(Duration::from_millis(100), stream.read(&mut part)).await {
            Ok(Ok(read @ 1..)) => said.extend_from_slice(&part[..read]),
            Ok(_) => return String::from_utf8_lossy(&said).into_owned(),
            Err(_) => drop(stream.write_all(b"a").await),
        }
        assert!(begun.elapsed() < PATIENCE, "still open: {}", String::from_utf8_lossy(&said));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_arrive_in_time_is_answered_and_its_connection_closed() {
    let server = server_with(&[("HTTP_HEADER_SECONDS", "1")]).await;
    let begun = Instant::now();
    // A little arrives all the time, from the first byte on or after a request that was served.
    for earlier in [false, true] {
        let mut stream = connect(&server).await;
        if earlier {
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
            assert!(one_answer(&mut stream).await.contains("200 OK"));
        }
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: ").await.unwrap();
        let said = dribble(stream).await;
        assert!(said.starts_with("HTTP/1.1 408 ") && said.contains("connection: close"), "{said}");
    }
    // Nothing at all, half of a preface, HTTP/2 without a request, and HTTP/2 whose headers never end.
    let endless_headers = [HTTP2, b"\x00\x00\x01\x01\x00\x00\x00\x00\x01\x82"].concat();
    for first in [b"".as_slice(), b"PRI * HTTP", HTTP2, &endless_headers] {
        let mut stream = connect(&server).await;
        stream.write_all(first).await.unwrap();
        let said = rest(&mut stream).await;
        assert!(!said.contains("200"), "{said}");
    }
    assert!(begun.elapsed() < Duration::from_secs(14), "{:?}", begun.elapsed());
    let metrics = server.client().get("/metrics").await;
    assert!(metrics.body.contains("head-too-slow"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_arrive_in_time_is_answered_and_its_connection_closed() {
    let server = server_with(&[("HTTP_BODY_SECONDS", "1")]).await;
    let form = "POST /sign-in HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    let begun = Instant::now();
    let mut stream = connect(&server).await;
    stream.write_all(format!("{form}Content-Length: 9000\r\n\r\na").as_bytes()).await.unwrap();
    let said = dribble(stream).await;
    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    let mut stream = connect(&server).await;
    stream.write_all(format!("{form}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n").as_bytes()).await.unwrap();
    let said = rest(&mut stream).await;
    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_a_request_is_closed_after_a_while() {
    let server = server_with(&[("HTTP_IDLE_SECONDS", "1")]).await;
    let mut stream = connect(&server).await;
    for _ in 0..2 {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        assert!(one_answer(&mut stream).await.contains("200 OK"));
        sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(rest(&mut stream).await, "");
    // HTTP/2: a request for `/`, and then nothing more.
    let mut stream = connect(&server).await;
    stream.write_all(HTTP2).await.unwrap();
    stream.write_all(b"\x00\x00\x06\x01\x05\x00\x00\x00\x01\x82\x86\x84\x41\x01a").await.unwrap();
    rest(&mut stream).await;
    let metrics = server.client().get("/metrics").await;
    assert!(metrics.body.contains("countersign_connections_closed_total{reason=\"idle\"}"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_nothing_does_not_keep_its_connection() {
    let server = server_with(&[("HTTP_BODY_SECONDS", "1")]).await;
    const REQUESTS: usize = 4_000;
    let mut stream = connect(&server).await;
    let request = "GET /assets/app.css HTTP/1.1\r\nHost: a\r\n\r\n".repeat(REQUESTS);
    let written = timeout(PATIENCE, stream.write_all(request.as_bytes())).await.unwrap();
    sleep(Duration::from_secs(3)).await;
    let said = rest(&mut stream).await;
    let answers = said.matches("HTTP/1.1 200 OK").count();
    assert!(answers < REQUESTS, "all of {answers} answers were kept for it; {written:?}");
    let metrics = server.client().get("/metrics").await;
    assert!(metrics.body.contains("not-reading"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_has_limits_and_a_client_that_resets_its_streams_is_shown_out() {
    let server = server_with(&[]).await;
    let mut stream = connect(&server).await;
    stream.write_all(HTTP2).await.unwrap();
    let mut settings = [0_u8; 9];
    stream.read_exact(&mut settings).await.unwrap();
    let mut values = vec![0_u8; usize::from(u16::from_be_bytes([settings[1], settings[2]]))];
    stream.read_exact(&mut values).await.unwrap();
    let value_of = |id: u8| values.chunks(6).find(|entry| entry[1] == id).map(|entry| &entry[2..]);
    assert_eq!(value_of(3), Some(100_u32.to_be_bytes().as_slice()), "streams at once: {values:?}");
    assert_eq!(value_of(6), Some(65_536_u32.to_be_bytes().as_slice()), "size of headers: {values:?}");
    // Each form is given up before its body has come.
    let mut stream_id = 1_u32;
    let begun = Instant::now();
    loop {
        let id = stream_id.to_be_bytes();
        let mut frames = b"\x00\x00\x0f\x01\x04".to_vec();
        frames.extend_from_slice(&id);
        frames.extend_from_slice(b"\x83\x86\x44\x08/sign-in\x41\x01a\x00\x00\x04\x03\x00");
        frames.extend_from_slice(&id);
        frames.extend_from_slice(&8_u32.to_be_bytes());
        if stream.write_all(&frames).await.is_err() {
            break;
        }
        stream_id += 2;
        sleep(Duration::from_millis(5)).await;
        assert!(begun.elapsed() < PATIENCE, "{stream_id} streams were begun and given up");
    }
    server.client().get("/healthz").await.expect_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_for_programs_on_this_machine_only() {
    let server = server_with(&[]).await;
    let client = server.client();
    let metrics = client.get("/metrics").await.expect_status(200);
    assert!(metrics.body.contains("countersign_requests_total"), "{metrics}");
    for (name, value) in [
        ("x-forwarded-for", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1"),
        ("x-real-ip", "192.0.2.1"),
        ("via", "1.1 proxy"),
        ("host", "login.example.org"),
    ] {
        let page = client.request("GET", "/metrics", &[(name, value)], Vec::new()).await.expect_status(404);
        assert!(!page.body.contains("countersign_requests_total"), "{name}: {page}");
    }
    let listen = format!("127.0.0.1:{}", countersign_testkit::free_port());
    let server = server_with(&[("METRICS_LISTEN", &listen)]).await;
    server.client().get("/metrics").await.expect_status(404);
    let apart = countersign_testkit::Client::new(&format!("http://{listen}"));
    let metrics = apart.get("/metrics").await.expect_status(200);
    assert!(
        metrics.body.contains("countersign_connections_open{listener=\"metrics_listen\"} 1"),
        "{metrics}"
    );
    // It has the same limits as the other one.
    let mut stream = TcpStream::connect(&listen).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 400 "));
}
