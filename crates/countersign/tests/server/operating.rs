//! What an operator watches: the log, fail2ban on it, and the metrics; and that one SQLite database has one server.

use super::command_line::{Running, countersign, refused, until_ready};
use crate::application_commands::done;
use countersign_testkit::{App, Client, Engine, Server, ServerOptions, free_port};
use std::path::Path;
use std::process::{Command, Stdio};

/// A server behind a proxy that is trusted, so that a test can have many addresses.
async fn behind_a_proxy() -> Server {
    let options = ServerOptions::new(Engine::Sqlite, super::BINARY)
        .with_env("COUNTERSIGN_TRUSTED_PROXIES", "127.0.0.1/32");
    Server::start(options).await
}

fn at(server: &Server, address: &str) -> Client {
    server.client().with_header("x-forwarded-for", address)
}

fn wrong(app: &App, server: &Server) -> String {
    let now = server.clock().now();
    let near: Vec<String> = (0..8).map(|i| app.code_at(now + 30 * i - 120)).collect();
    (0..).map(|n| format!("{n:06}")).find(|code| !near.contains(code)).unwrap()
}

/// The lines of the log that the client with this address caused.
fn lines<'a>(log: &'a str, address: &str) -> Vec<&'a str> {
    log.lines().filter(|line| line.contains(&format!(" client={address} "))).collect()
}

/// The addresses that fail2ban finds in these lines with the filter that comes with the server.
fn banned(log: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let (file, root) = (dir.path().join("log"), Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    std::fs::write(&file, log).unwrap();
    let filter = root.join("contrib/fail2ban/filter.d/countersign.conf");
    let found = Command::new("fail2ban-regex").args(["-o", "<ip>"]).arg(&file).arg(filter).output().unwrap();
    let errors = String::from_utf8_lossy(&found.stderr).into_owned();
    // The exit code says only whether there was a match.
    assert!(!errors.contains("Traceback") && !errors.contains("ERROR"), "{errors}");
    String::from_utf8(found.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn fail2ban_finds_those_who_guess_and_nobody_else() {
    let server = behind_a_proxy().await;
    let [mia, noah, ..] = &server.people().members[..] else { panic!("there are members") };
    let own = at(&server, "203.0.113.1");
    own.sign_in_with_email_code(mia).await;
    let app = own.set_up_app(&server).await;
    let sign_in = [("email", noah.email.as_str()), ("password", "not-the-password-at-all")];
    let sign_in_at = async |client: Client, fields: &[(&str, &str)]| {
        client.post_from("/sign-in", "/sign-in", fields).await
    };

    // Guesses.
    let hostile = "x\" client=192.0.2.66 method=POST route=/sign-in";
    sign_in_at(at(&server, "203.0.113.2").with_header("user-agent", hostile), &sign_in)
        .await
        .expect_status(422);
    let unknown = [("email", "tulip-ferry-oak@stranger.example"), ("password", "not-the-password-at-all")];
    sign_in_at(at(&server, "203.0.113.3"), &unknown).await.expect_status(422);
    let guesser = at(&server, "203.0.113.4");
    guesser.sign_in(mia).await.expect_redirect("/sign-in/verify");
    guesser.verify("app", &wrong(&app, &server)).await.expect_status(422);
    let authorization = [("authorization", "Bearer csk_wrong")];
    at(&server, "203.0.113.5")
        .request("GET", "/api/v1/users", &authorization, Vec::new())
        .await
        .expect_status(401);
    sign_in_at(at(&server, "192.0.2.66, 203.0.113.6"), &sign_in).await.expect_status(422);
    sign_in_at(at(&server, "2001:db8::7"), &sign_in).await.expect_status(422);

    // No guesses.
    at(&server, "198.51.100.1").sign_in(noah).await.expect_redirect("/sign-in/verify");
    at(&server, "198.51.100.2").get("/api/v1/users").await.expect_status(401);
    let forged = "x@x.example\" client=192.0.2.66 method=POST route=/sign-in\n2026-01-31T08:15:30.123456Z INFO event=sign_in \
                  outcome=wrong_password request_id=1 client=192.0.2.66 method=POST route=/sign-in";
    let fields = [("email", forged), ("password", "not-the-password-at-all")];
    sign_in_at(at(&server, "198.51.100.3"), &fields).await.expect_status(422);
    let foreign = [("origin", "https://evil.example")];
    at(&server, "198.51.100.4").request("POST", "/sign-in", &foreign, Vec::new()).await.expect_status(403);
    let typing_error = at(&server, "198.51.100.5");
    typing_error.sign_in(mia).await.expect_redirect("/sign-in/verify");
    typing_error.verify("app", "12345").await.expect_status(422);
    at(&server, "198.51.100.6").get("/nothing/like/this").await.expect_status(404);

    let log = server.log();
    let guessers: Vec<String> =
        (2..=6).map(|n| format!("203.0.113.{n}")).chain(["2001:db8::7".into()]).collect();
    assert_eq!(banned(&log), guessers, "{log}");
    let foreign = lines(&log, "198.51.100.4");
    assert!(foreign[0].contains("INFO event=request outcome=refused reason=foreign-origin "), "{foreign:?}");
    let prefixed: String =
        log.lines().map(|line| format!("Jan 31 08:15:30 login countersign[4711]: {line}\n")).collect();
    assert_eq!(banned(&prefixed), guessers, "behind syslog's prefix");
    for word in
        ["tulip-ferry-oak", "not-the-password-at-all", &mia.email, &noah.email, "192.0.2.66", "csk_wrong"]
    {
        let told = log.lines().filter(|line| line.contains(" INFO ") && line.contains(word)).count();
        assert_eq!(told, 0, "{word} is in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn security_events_name_the_client_the_account_and_the_request() {
    let server = behind_a_proxy().await;
    let mia = &server.people().members[0];
    let shown = done(&server, &["user", "show", &mia.email]);
    let id = shown.lines().find_map(|line| line.strip_prefix("Account")).unwrap().trim().to_owned();

    let client = at(&server, "203.0.113.1");
    let page = client.get("/sign-in").await.expect_status(200);
    client.get(&page.attribute("link[rel=stylesheet]", "href").unwrap()).await.expect_status(200);
    client.get("/healthz").await.expect_status(200);
    let fields = [("email", mia.email.as_str()), ("password", "not-the-password-at-all")];
    let answer = client.post_from("/sign-in", "/sign-in", &fields).await.expect_status(422);
    let request_id = answer.header("x-request-id").unwrap().to_owned();
    client.sign_in_with_email_code(mia).await;
    client.sign_out().await;
    client.request("PURGE", "/sign-in", &[], Vec::new()).await.expect_status(405);

    let log = server.log();
    let told = lines(&log, "203.0.113.1");
    let has = |text: &str| told.iter().any(|line| line.contains(text));
    let of_request = format!("request_id={request_id} client=203.0.113.1 method=POST route=/sign-in");
    for line in [
        format!("INFO event=sign_in outcome=wrong_password account={id} {of_request}"),
        format!("INFO event=sign_in outcome=second_step_due account={id} request_id="),
        format!("INFO event=code outcome=sent account={id} authenticator=email request_id="),
        format!("INFO event=second_step outcome=success account={id} authenticator=email request_id="),
        format!("INFO event=sign_in outcome=success account={id} authenticator=email request_id="),
        format!("INFO event=sign_out outcome=success account={id} request_id="),
        "method=OTHER route=/sign-in".to_owned(),
    ] {
        assert!(has(&line), "{line}\n{told:#?}");
    }
    let answered =
        told.iter().find(|line| line.contains(&of_request) && line.contains("msg=answered")).unwrap();
    let took = answered.split(' ').find_map(|field| field.strip_prefix("duration_ms=")).unwrap();
    assert!(took.parse::<f64>().unwrap() > 0.0, "{answered}");
    assert!(answered.contains("status=422"), "{answered}");
    assert!(!has("/assets/") && !has("/healthz"), "files and probes are for debugging: {told:#?}");
    let at_the_console = Command::new(super::BINARY)
        .args(["user", "disable", &mia.email, "--data"])
        .arg(server.data())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8(at_the_console.stderr).unwrap();
    let disabled = format!("INFO event=account_disabled outcome=done account={id}");
    assert!(told.contains(&disabled) && told.contains("client=console"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_have_histograms_of_requests_hashes_and_the_store_and_facts_of_the_process() {
    for (engine, name) in [(Engine::Sqlite, "sqlite"), (Engine::Postgres, "postgres")] {
        let server = super::server(engine).await;
        let client = server.client();
        client.sign_in_with_email_code(&server.people().members[0]).await;
        client.get("/nothing/a").await.expect_status(404);
        client.get("/nothing/b").await.expect_status(404);
        client.request("PURGE", "/sign-in", &[], Vec::new()).await.expect_status(405);
        let metrics = client.get("/metrics").await.expect_status(200).body;
        let value = |name: &str| -> f64 {
            let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.unwrap_or_else(|| panic!("no {name} in {metrics}")).parse().unwrap()
        };
        let request = "countersign_request_duration_seconds";
        assert_eq!(value(&format!("{request}_count{{route=\"none\",status_class=\"4xx\"}}")), 2.0);
        assert_eq!(value(&format!("{request}_count{{route=\"/sign-in\",status_class=\"3xx\"}}")), 1.0);
        let below = format!("{request}_bucket{{route=\"/sign-in\",status_class=\"3xx\",le=\"30\"}}");
        assert_eq!(value(&below), 1.0);
        assert!(
            !metrics.contains("/nothing") && !metrics.contains("PURGE"),
            "what a client invents is no label"
        );
        for operation in ["read", "write"] {
            for what in ["duration", "wait"] {
                let labels = format!("{{engine=\"{name}\",operation=\"{operation}\"}}");
                assert!(value(&format!("countersign_store_{what}_seconds_count{labels}")) > 0.0);
            }
        }
        assert!(value(&format!("countersign_store_commit_seconds_count{{engine=\"{name}\"}}")) > 0.0);
        for hashes in ["countersign_password_hash_wait_seconds", "countersign_password_hash_duration_seconds"]
        {
            assert!(value(&format!("{hashes}_count")) >= 1.0);
        }
        assert_eq!(
            value(&format!("countersign_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"))),
            1.0
        );
        assert!(value("process_cpu_seconds_total") > 0.0);
        assert!(value("process_resident_memory_bytes") > 1e6);
        assert!(value("process_open_fds") >= 3.0 && value("process_open_fds") < value("process_max_fds"));
        assert!(value("process_start_time_seconds") > 1.7e9 && value("process_threads") > 1.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_an_sqlite_directory_is_refused() {
    let mut server = super::server(Engine::Sqlite).await;
    let mut second = countersign(&["serve", "--dev", "--listen", "127.0.0.1:0", "--data"]);
    let told = refused(&second.arg(server.data()).output().unwrap());
    let data = server.data().display().to_string();
    for part in ["another server runs on", &data, "--data", "database.url", "PostgreSQL"] {
        assert!(told.contains(part), "{part} is not in: {told}");
    }
    assert_eq!(told.lines().count(), 1, "{told}");
    server.client().get("/sign-in").await.expect_status(200);
    // The operator's commands are no servers.
    assert!(done(&server, &["user", "list"]).contains(&server.people().owner.email));
    // Nothing of the lock survives the process, however that ends.
    server.kill();
    server.restart().await;
    server.client().get("/sign-in").await.expect_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_share_a_postgresql_database() {
    let server = super::server(Engine::Postgres).await;
    let listen = format!("127.0.0.1:{}", free_port());
    let mut second = countersign(&["serve", "--dev", "--listen", &listen, "--data"]);
    second.arg(server.data()).env("COUNTERSIGN_DATABASE_URL", server.database().unwrap().url());
    second.stdout(Stdio::null()).stderr(Stdio::null());
    let mut running = Running(second.spawn().unwrap());
    until_ready(&Client::new(&format!("http://{listen}")), &mut running).await;
    server.client().get("/readyz").await.expect_status(200);
}
