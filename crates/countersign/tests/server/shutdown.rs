//! The end of a server: nothing that was begun is lost. And a signal that must not be the end.

use super::BINARY;
use countersign_testkit::{Engine, Server, ServerOptions};
use rustix::process::{Pid, Signal, kill_process};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

fn pid(server: &Server) -> Pid {
    Pid::from_raw(server.process_id().unwrap().try_into().unwrap()).unwrap()
}

/// One request on a connection of its own.
async fn get(address: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    ask(&mut stream, path).await
}

async fn ask(stream: &mut TcpStream, path: &str) -> std::io::Result<String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut said = String::new();
    stream.read_to_string(&mut said).await?;
    if said.is_empty() { Err(std::io::ErrorKind::UnexpectedEof.into()) } else { Ok(said) }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_server_drains_no_new_connection_is_lost() {
    const DRAIN: Duration = Duration::from_secs(2);
    let options = ServerOptions::new(Engine::Sqlite, BINARY)
        .with_env("COUNTERSIGN_SHUTDOWN_DRAIN_SECONDS", DRAIN.as_secs().to_string());
    let mut server = Server::start(options).await;
    let address = server.url().trim_start_matches("http://").to_owned();
    let (over, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (address, over, served) = (address.clone(), Arc::clone(&over), Arc::clone(&served));
            tokio::spawn(async move {
                while !over.load(Ordering::SeqCst) {
                    let said = get(&address, "/sign-in").await;
                    // Only what ended before the load balancer's time was up counts.
                    if !over.load(Ordering::SeqCst) {
                        assert!(
                            said.as_ref().is_ok_and(|said| said.starts_with("HTTP/1.1 200 ")),
                            "{said:?}"
                        );
                        served.fetch_add(1, Ordering::SeqCst);
                    }
                }
            })
        })
        .collect();
    sleep(Duration::from_millis(300)).await;
    assert!(get(&address, "/readyz").await.unwrap().starts_with("HTTP/1.1 200 "));
    // The answer on a connection that is kept open says that it is the last one.
    let mut kept = TcpStream::connect(&address).await.unwrap();
    kill_process(pid(&server), Signal::TERM).unwrap();
    let not_ready = loop {
        let ready = get(&address, "/readyz").await.unwrap();
        if ready.starts_with("HTTP/1.1 503 ") {
            assert!(ready.contains("stopping"), "{ready}");
            break Instant::now();
        }
    };
    kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut said = String::new();
    kept.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 200 ") && said.contains("connection: close"), "{said}");
    // The signal came a little before the first 503 was read.
    tokio::time::sleep_until(not_ready + DRAIN - Duration::from_millis(300)).await;
    let before = served.load(Ordering::SeqCst);
    over.store(true, Ordering::SeqCst);
    for client in clients {
        client.await.unwrap();
    }
    assert!(before > 20, "only {before} requests were made");
    let status = tokio::task::spawn_blocking(move || server.stop()).await.unwrap();
    assert!(status.unwrap().success());
    assert!(TcpStream::connect(&address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_had_connected_before_the_end_is_still_served() {
    let mut server = super::server(Engine::Sqlite).await;
    let address = server.url().trim_start_matches("http://").to_owned();
    let mut connected = TcpStream::connect(&address).await.unwrap();
    let mut idle = TcpStream::connect(&address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    sleep(Duration::from_millis(100)).await;
    let stopped = tokio::task::spawn_blocking(move || server.stop());
    while TcpStream::connect(&address).await.is_ok() {
        sleep(Duration::from_millis(10)).await;
    }
    let said = ask(&mut connected, "/healthz").await.unwrap();
    assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
    let mut said = String::new();
    idle.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 200 "), "an idle connection is closed: {said}");
    assert!(stopped.await.unwrap().unwrap().success());
}

/// A result stands for a second.
async fn until_readiness_is(server: &Server, status: u16) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let ready = server.client().get("/readyz").await;
        if ready.status == status {
            return;
        }
        assert!(Instant::now() < deadline, "{ready}");
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_for_the_size_of_files_is_a_fault_and_not_the_end() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    server.limit_file_size(Some(4096));
    server.client().sign_in(&member).await.expect_status(503);
    until_readiness_is(&server, 503).await;
    server.client().get("/healthz").await.expect_status(200);
    // The log cannot grow either.
    server.client().get("/nothing/here").await.expect_status(404);
    server.limit_file_size(None);
    until_readiness_is(&server, 200).await;
    server.client().sign_in(&member).await.expect_redirect("/sign-in/verify");
}
