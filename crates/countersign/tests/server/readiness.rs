//! `/readyz`: 200 only while the server can really serve, and an answer within three seconds whatever hangs.

use super::BINARY;
use countersign_testkit::{Client, Database, Engine, Network, Page, Server, ServerOptions};
use std::net::TcpListener;
use std::time::{Duration, Instant};

const ANSWERS_WITHIN: Duration = Duration::from_secs(3);
const RECOVERS_WITHIN: Duration = Duration::from_secs(15);

/// Asks until the answer has this status: that answer, none of which took longer than three seconds.
async fn eventually(client: &Client, status: u16) -> Page {
    let begin = now();
    loop {
        let asked = now();
        let answer = client.get("/readyz").await;
        assert!(asked.elapsed() < ANSWERS_WITHIN, "{:?}: {answer}", asked.elapsed());
        if answer.status == status {
            return answer;
        }
        assert!(begin.elapsed() < RECOVERS_WITHIN, "still {answer}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "what is measured is how long a person waits")]
fn now() -> Instant {
    Instant::now()
}

fn probes(metrics: &str, outcome: &str) -> u64 {
    let name = format!("countersign_readiness_probes_total{{outcome=\"{outcome}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |count| count.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_is_told_and_so_is_that_there_is_room_again() {
    let server = super::server(Engine::Sqlite).await;
    let client = server.client();
    let log = server.data().join("countersign.db-wal");
    // The log only grows until its first checkpoint, a long way off.
    let limit = 128 * 1024;
    assert!(std::fs::metadata(&log).unwrap().len() > limit);
    server.limit_file_size(Some(limit));
    let told = eventually(&client, 503).await;
    assert_eq!(told.body, "database: failing\nclock: ok\nkeys: ok\nmail: ok\nsms: ok\n");
    assert!(told.header("retry-after").is_some());
    client.get("/healthz").await.expect_status(200);
    server.limit_file_size(None);
    eventually(&client, 200).await;
    let log = server.log();
    assert_eq!(log.matches("the database cannot be written").count(), 1, "{log}");
    let metrics = client.get("/metrics").await.body;
    assert!(probes(&metrics, "database") > 0 && probes(&metrics, "ready") > 0, "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_moved_away_is_told() {
    let server = super::server(Engine::Sqlite).await;
    let client = server.client();
    eventually(&client, 200).await;
    let (path, away) = (server.data().join("countersign.db"), server.data().join("away.db"));
    std::fs::rename(&path, &away).unwrap();
    let told = eventually(&client, 503).await;
    assert_eq!(told.body, "database: failing\nclock: ok\nkeys: ok\nmail: ok\nsms: ok\n");
    // Another file of that name is not the one that is open.
    std::fs::copy(&away, &path).unwrap();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    client.get("/readyz").await.expect_status(503);
    std::fs::rename(&away, &path).unwrap();
    eventually(&client, 200).await;
    let log = server.log();
    assert_eq!(log.matches("is not the file that was opened").count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_not_postgresqls_is_told() {
    let server = super::server(Engine::Postgres).await;
    let client = server.client();
    server.clock().set_offset(90);
    assert_eq!(
        eventually(&client, 503).await.body,
        "database: ok\nclock: failing\nkeys: ok\nmail: ok\nsms: ok\n"
    );
    server.clock().set_offset(-90);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    client.get("/readyz").await.expect_status(503);
    server.clock().set_offset(0);
    eventually(&client, 200).await;
}

/// Two hosts, the first of which refuses connections; the network to the second goes silent and comes back.
#[tokio::test(flavor = "multi_thread")]
async fn a_postgresql_that_goes_silent_is_given_up_in_three_seconds_and_used_again_in_fifteen() {
    let database = Database::create();
    let network = Network::to(database.server());
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = network.address().to_string();
    let url = database.url_by(&network).replace(&address, &format!("{closed},{address}"));
    let options = ServerOptions::new(Engine::Sqlite, BINARY).with_env("COUNTERSIGN_DATABASE_URL", url);
    let server = Server::start(options).await;
    let client = server.client();
    let member = server.people().members[0].clone();
    client.sign_in(&member).await.expect_redirect("/sign-in/verify");

    network.go_silent();
    for _ in 0..2 {
        // Two rounds: over connections that were open, and over new ones.
        let begin = now();
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..30 {
            let client = client.fork();
            all.spawn(async move { client.get("/sign-in/verify").await });
        }
        for answer in all.join_all().await {
            let answer = answer.expect_status(503);
            assert!(answer.header("retry-after").is_some(), "{answer}");
        }
        assert!(begin.elapsed() < ANSWERS_WITHIN, "{:?}", begin.elapsed());
    }
    let told = eventually(&client, 503).await;
    assert_eq!(told.body, "database: failing\nclock: ok\nkeys: ok\nmail: ok\nsms: ok\n");
    client.get("/healthz").await.expect_status(200);

    network.come_back();
    let begin = now();
    eventually(&client, 200).await;
    client.get("/sign-in/verify").await.expect_status(200);
    assert!(begin.elapsed() < RECOVERS_WITHIN, "{:?}", begin.elapsed());
    server.client().sign_in(&member).await.expect_redirect("/sign-in/verify");
}
