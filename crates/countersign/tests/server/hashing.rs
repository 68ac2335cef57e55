//! The pool that hashes passwords, seen from outside: what clients do can't make more hashes run at once than there are
//! threads, and no one takes the places of others.

use countersign_testkit::{Client, Engine, Person, Server, ServerOptions, burst};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

async fn one_thread(queue: &str) -> Server {
    let options = ServerOptions::new(Engine::Sqlite, super::BINARY)
        .with_env("COUNTERSIGN_PASSWORD_THREADS", "1")
        .with_env("COUNTERSIGN_PASSWORD_QUEUE", queue)
        .with_env("COUNTERSIGN_TRUSTED_PROXIES", "127.0.0.1/32");
    Server::start(options).await
}

/// The value of a metric without labels; 0 where it isn't there yet.
async fn metric(client: &Client, name: &str) -> f64 {
    let page = client.get("/metrics").await;
    let line =
        page.body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).map(str::to_owned);
    line.map_or(0.0, |value| value.trim().parse().unwrap())
}

/// `POST /sign-in`, complete, from a client that hangs up at once.
async fn post_and_hang_up(server: &Server, cookie: &str, csrf: &str, n: usize) {
    let address = server.url().strip_prefix("http://").unwrap().to_owned();
    let body = format!("email=nobody-{n}%40quay.example&password=not-the-password&csrf_token={csrf}");
    let head = format!(
        "POST /sign-in HTTP/1.1\r\nHost: {address}\r\nCookie: countersign={cookie}\r\nX-Forwarded-For: 198.51.100.{n}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_hang_up_never_make_more_hashes_run_than_there_are_threads() {
    let server = Arc::new(one_thread("64").await);
    let visitor = server.client();
    let csrf = visitor.get("/sign-in").await.csrf_token().unwrap();
    let cookie = visitor.cookie("countersign").unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let watched = tokio::spawn({
        let (watcher, done) = (server.client(), Arc::clone(&done));
        async move {
            let (mut most, mut seen) = (0.0_f64, 0);
            while !done.load(Ordering::SeqCst) {
                let running = metric(&watcher, "countersign_password_hashes_running").await;
                most = most.max(running);
                seen += usize::from(running > 0.0);
            }
            (most, seen)
        }
    });
    for round in 0..3 {
        for n in 0..36 {
            post_and_hang_up(&server, &cookie, &csrf, 36 * round + n).await;
        }
    }
    // Someone who stays is served as ever.
    let member = server.people().members[1].clone();
    server.client().sign_in(&member).await.expect_redirect("/sign-in/verify");
    done.store(true, Ordering::SeqCst);
    let (most, seen) = watched.await.unwrap();
    assert!(seen > 0, "no hash was seen running");
    assert!(most <= 1.0, "{most} hashes ran at once on one thread");
    // What was hung up gives its places back.
    while metric(&visitor, "countersign_password_hashes_running").await > 0.0 {
        tokio::task::yield_now().await;
    }
    assert!(metric(&visitor, "countersign_password_hashes_waiting").await < 0.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn seventy_sign_ins_of_one_account_keep_no_one_else_out() {
    let server = Arc::new(one_thread("8").await);
    let member = server.people().members[0].clone();
    let over = Arc::new(AtomicBool::new(false));
    let others = tokio::spawn({
        let (server, over) = (Arc::clone(&server), Arc::clone(&over));
        async move {
            let others: [Person; 2] =
                [server.people().members[1].clone(), server.people().members[2].clone()];
            let mut signed_in = 0;
            while !over.load(Ordering::SeqCst) || signed_in == 0 {
                for (n, other) in others.iter().enumerate() {
                    let address = format!("203.0.113.{n}");
                    let client = server.client().with_header("X-Forwarded-For", &address);
                    client.sign_in(other).await.expect_redirect("/sign-in/verify");
                    signed_in += 1;
                }
            }
        }
    });
    let statuses = burst(70, |_| {
        let (client, member) =
            (server.client().with_header("X-Forwarded-For", "203.0.113.99"), member.clone());
        async move { client.sign_in(&member).await.status }
    })
    .await;
    over.store(true, Ordering::SeqCst);
    others.await.unwrap();
    assert!(statuses.iter().all(|status| matches!(status, 303 | 503)), "{statuses:?}");
    assert!(statuses.contains(&503), "the queue was never full: {statuses:?}");
    assert!(metric(&server.client(), "countersign_password_hashes_refused_total").await > 0.0);
}
