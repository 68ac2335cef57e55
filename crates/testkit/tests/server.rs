//! Server, client, mailbox and app, against a stand-in that follows the pages' contract.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use countersign_testkit::{Client, Engine, Kind, Role, Server, ServerOptions, burst};

fn options(engine: Engine) -> ServerOptions {
    ServerOptions::new(engine, concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/stand-in.js"))
}

async fn clock_of(server: &Server) -> u64 {
    server.client().get("/clock").await.body.parse().expect("seconds")
}

#[tokio::test]
async fn a_server_is_started_moved_killed_and_started_again() {
    let mut server = Server::start(options(Engine::Sqlite).with_argument("--more")).await;
    assert_eq!(server.people().owner.role, Role::Owner);
    assert_eq!(server.people().admin.role, Role::Admin);
    assert_eq!(server.people().members.len(), 3);
    let (url, process) = (server.url(), server.process_id());

    server.advance(Duration::from_secs(3_600));
    assert!(clock_of(&server).await.abs_diff(server.clock().now()) <= 1);

    server.kill();
    assert_eq!(server.process_id(), None);
    assert!(std::net::TcpStream::connect(url.trim_start_matches("http://")).is_err());
    server.restart().await;
    assert_eq!(server.url(), url);
    assert_ne!(server.process_id(), process);
    assert!(clock_of(&server).await.abs_diff(server.clock().now()) <= 1);

    assert!(server.stop().expect("it ran").success());
    let log = server.log();
    assert_eq!(log.matches("arguments serve --dev").count(), 2, "{log}");
    assert!(log.contains("--more"), "{log}");
    let data = server.data();
    assert!(data.exists());
    drop(server);
    assert!(!data.exists());
}

#[tokio::test]
async fn a_server_on_postgresql_is_told_its_database_and_nothing_of_the_tests() {
    let server = Server::start(options(Engine::Postgres).with_env("COUNTERSIGN_X", "1")).await;
    assert_eq!(server.database().expect("a database").query("SELECT 1"), "1");
    let log = server.log();
    let settings = log.lines().find_map(|line| line.strip_prefix("settings ")).expect("a line of settings");
    let mut settings: Vec<&str> = settings.split(' ').collect();
    settings.sort_unstable();
    assert_eq!(settings, ["COUNTERSIGN_DATABASE_URL", "COUNTERSIGN_X"]);
}

#[tokio::test]
async fn a_server_that_does_not_start_says_why() {
    let failing = options(Engine::Sqlite).with_env("COUNTERSIGN_STAND_IN", "fails");
    let panic = tokio::spawn(Server::start(failing)).await.expect_err("it cannot start").into_panic();
    let message = panic.downcast_ref::<String>().expect("a message");
    assert!(message.contains("the stand-in was told to fail"), "{message}");
}

#[tokio::test]
async fn a_person_signs_in_sets_up_an_app_and_signs_in_with_it() {
    let server = Server::start(options(Engine::Sqlite)).await;
    let (person, client) = (&server.people().members[0], server.client());
    let page = client.sign_in_with_email_code(person).await;
    assert_eq!(page.location().as_deref(), Some("/profile"));
    assert_eq!(client.cookie("countersign").as_deref(), Some("signed-in"));

    let mut app = client.set_up_app(&server).await;
    assert_eq!(app.backup_codes.len(), 10);
    client.sign_out().await;
    assert!(client.cookies().is_empty());
    client.sign_in_with_app(person, &mut app).await;
    client.confirm_identity(person, Some(&mut app)).await;
    assert_eq!(client.reset_backup_codes().await.len(), 10);

    let other = server.client();
    other.sign_in_with_backup_code(person, &app.backup_codes[0]).await;
    let spent = app.code();
    let _refused = other.verify("app", &spent).await.expect_status(422);
}

#[tokio::test]
async fn a_mailbox_begins_when_it_is_opened() {
    let server = Server::start(options(Engine::Sqlite)).await;
    let (person, client) = (&server.people().members[0], server.client());
    let _verify = client.sign_in(person).await.expect_redirect("/sign-in/verify");
    for _time in 0..2 {
        let mut mailbox = server.mailbox(Kind::Email, Some(&person.email)).await;
        assert!(mailbox.unread().await.is_empty());
        client.send_code("email").await;
        let code = mailbox.next_code().await;
        let _done = client.verify("email", &code).await.expect_redirect("/profile");
    }
    assert_eq!(server.outbox().await.len(), 2);
    assert!(server.latest_message(Kind::Email, Some(&person.email)).await.is_some());
    assert!(server.latest_message(Kind::Sms, None).await.is_none());
}

#[tokio::test]
async fn a_client_sends_what_it_is_told_and_a_burst_is_one_moment() {
    let server = Server::start(options(Engine::Sqlite)).await;
    let client = server.client().with_header("user-agent", "Test");
    client.set_cookie("a", Some("1"));
    let echo = client.fork().request("GET", "/echo", &[("x-more", "2")], Vec::new()).await;
    for part in ["\"user-agent\":\"Test\"", "\"cookie\":\"a=1\"", "\"x-more\":\"2\""] {
        assert!(echo.body.contains(part), "{part} is not in {}", echo.body);
    }
    let _refused = client.post_raw("/sign-in", "csrf_token=guessed").await.expect_status(403);

    let client = Arc::new(Client::new(&server.url()));
    let statuses = burst(50, |number| {
        let client = Arc::clone(&client);
        async move { (number, client.get("/readyz").await.status) }
    });
    let expected: Vec<(usize, u16)> = (0..50).map(|number| (number, 200)).collect();
    assert_eq!(statuses.await, expected);
}
