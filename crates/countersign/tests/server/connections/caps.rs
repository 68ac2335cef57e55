//! More connections than there may be: who sends nothing makes room, and who works stays.

use super::{connect_from, one_answer, rest, server_with};
use countersign_testkit::Server;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const CHECK: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

/// A connection with a request under way: its body is still to come.
async fn at_work(server: &Server, from: &str) -> TcpStream {
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
async fn who_holds_every_connection_of_a_network_locks_nobody_out() {
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
async fn where_every_connection_is_at_work_a_newcomer_is_asked_to_come_back() {
    let server =
        server_with(&[("HTTP_MAX_CONNECTIONS", "12"), ("HTTP_MAX_CONNECTIONS_PER_NETWORK", "5")]).await;
    let mut work = Vec::new();
    for network in ["127.0.0.3", "127.0.0.4"] {
        for _ in 0..5 {
            work.push(at_work(&server, network).await);
        }
        let said = rest(&mut connect_from(&server, network).await).await;
        assert!(said.starts_with("HTTP/1.1 503 ") && said.contains("Retry-After: 5"), "{said}");
    }
    // Another network is not concerned, until there are too many in total.
    let mut person = connect_from(&server, "127.0.0.5").await;
    person.write_all(CHECK).await.unwrap();
    assert!(one_answer(&mut person).await.starts_with("HTTP/1.1 200 "));
    drop(person);
    for network in ["127.0.0.6", "127.0.0.7"] {
        work.push(at_work(&server, network).await);
    }
    let said = rest(&mut connect_from(&server, "127.0.0.8").await).await;
    assert!(said.starts_with("HTTP/1.1 503 "), "{said}");
    // Nobody who was at work has lost anything.
    for stream in &mut work {
        stream.write_all(b"abcdefghi").await.unwrap();
        assert!(one_answer(stream).await.starts_with("HTTP/1.1 403 "), "without a token");
    }
    drop(work);
    let metrics = server.client().get("/metrics").await;
    for reason in ["network-limit", "total-limit"] {
        assert!(
            metrics.body.contains(&format!("countersign_connections_refused_total{{reason=\"{reason}\"}}"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_behind_a_trusted_proxy_is_no_single_network() {
    let server =
        server_with(&[("HTTP_MAX_CONNECTIONS_PER_NETWORK", "2"), ("TRUSTED_PROXIES", "127.0.0.9")]).await;
    let mut work = Vec::new();
    for _ in 0..10 {
        work.push(at_work(&server, "127.0.0.9").await);
    }
    let mut idle = connect_from(&server, "127.0.0.9").await;
    idle.write_all(CHECK).await.unwrap();
    assert!(one_answer(&mut idle).await.starts_with("HTTP/1.1 200 "));
    assert!(is_open(&mut idle).await);
}
