//! More connections than there may be: who sends nothing makes room, and who works stays.

use super::{connect_from, one_answer, server_with};
use countersign_testkit::Server;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const CHECK: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

/// A connection with a request whose body is still to come.
async fn with_an_incomplete_body(server: &Server, from: &str) -> TcpStream {
    let mut stream = connect_from(server, from).await;
    let head = b"POST /sign-in HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n";
    stream.write_all(head).await.unwrap();
    // The server reads the body, so the request has begun.
    let mut said = [0_u8; 25];
    stream.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

async fn is_open(stream: &mut TcpStream) -> bool {
    timeout(Duration::from_millis(200), stream.read_u8()).await.is_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_every_connection_of_a_network_locks_no_one_out() {
    let server = server_with(&[("HTTP_MAX_CONNECTIONS_PER_NETWORK", "20")]).await;
    let mut held = Vec::new();
    for _ in 0..60 {
        let mut stream = connect_from(&server, "127.0.0.3").await;
        stream.write_all(b"GET / HTTP/1.1\r\nX: ").await.unwrap();
        held.push(stream);
    }
    let mut person = connect_from(&server, "127.0.0.3").await;
    person.write_all(CHECK).await.unwrap();
    assert!(one_answer(&mut person).await.starts_with("HTTP/1.1 200 "));
    let mut open = 0;
    for stream in &mut held {
        open += usize::from(is_open(stream).await);
    }
    assert!(open < 20, "{open} of 60 are open");
    let metrics = server.client().get("/metrics").await;
    assert!(
        metrics.body.contains("countersign_connections_closed_total{reason=\"pushed-out\"} 4"),
        "{metrics}"
    );
    assert!(metrics.body.contains("countersign_connections_open{listener=\"listen\"}"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_bodies_that_do_not_end_locks_no_one_out() {
    let server =
        server_with(&[("HTTP_MAX_CONNECTIONS", "12"), ("HTTP_MAX_CONNECTIONS_PER_NETWORK", "12")]).await;
    let mut held = Vec::new();
    for _ in 0..12 {
        held.push(with_an_incomplete_body(&server, "127.0.0.3").await);
    }
    for network in ["127.0.0.3", "127.0.0.4"] {
        let mut person = connect_from(&server, network).await;
        person.write_all(CHECK).await.unwrap();
        assert!(one_answer(&mut person).await.starts_with("HTTP/1.1 200 "), "{network}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_behind_a_trusted_proxy_is_no_single_network() {
    let server =
        server_with(&[("HTTP_MAX_CONNECTIONS_PER_NETWORK", "2"), ("TRUSTED_PROXIES", "127.0.0.9")]).await;
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(with_an_incomplete_body(&server, "127.0.0.9").await);
    }
    let mut idle = connect_from(&server, "127.0.0.9").await;
    idle.write_all(CHECK).await.unwrap();
    assert!(one_answer(&mut idle).await.starts_with("HTTP/1.1 200 "));
    assert!(is_open(&mut idle).await);
    for stream in &mut held {
        assert!(is_open(stream).await);
    }
}
