//! What must not get out: into the log, into links, or by way of a full queue.

use countersign_testkit::{Engine, Kind, Person, Server, ServerOptions, burst};
use std::sync::Arc;

/// After a whole sign-in, set-up and reset, at the most talkative level.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_holds_no_secret() {
    let options =
        ServerOptions::new(Engine::Sqlite, super::BINARY).with_env("COUNTERSIGN_LOG_LEVEL", "trace");
    let server = Server::start(options).await;
    let member = server.people().members[1].clone();
    let mut mailbox = server.mailbox(Kind::Email, Some(&member.email)).await;
    let client = server.client();
    let visitor = client.get("/sign-in").await;
    client.sign_in_with_email_code(&member).await;
    let code = mailbox.next_code().await;
    let mut app = client.set_up_app(&server).await;
    let session = client.cookie("countersign").unwrap();
    let backup = server.client();
    backup.sign_in_with_backup_code(&member, &app.backup_codes[0]).await;
    let recover = server.client();
    recover.post_from("/forgot-password", "/forgot-password", &[("email", &member.email)]).await;
    let link = mailbox.next_about("/reset-password/").await.link().unwrap();
    let path = link.strip_prefix(&server.url()).unwrap().to_owned();
    recover.get(&path).await.expect_status(200);
    recover.post(&path, &[("password", "tulip-ferry-oak-lamp")]).await.expect_redirect("/sign-in");
    let changed = Person { password: "tulip-ferry-oak-lamp".into(), ..member.clone() };
    let app_code = app.fresh_code();
    recover.sign_in(&changed).await.expect_redirect("/sign-in/verify");
    recover.verify("app", &app_code).await.expect_status(303);

    let log = server.log();
    assert!(log.contains("/reset-password/{token}"), "routes are named by their pattern");
    let token = path.rsplit('/').next().unwrap();
    let mut secrets = vec!["tulip-ferry-oak-lamp", token, &session, &code, &app_code, &app.secret];
    secrets.extend(app.backup_codes.iter().map(String::as_str));
    let csrf = visitor.csrf_token().unwrap();
    secrets.push(&csrf);
    let cookies = recover.cookies();
    secrets.extend(cookies.values().map(String::as_str));
    for secret in secrets {
        assert!(!log.contains(secret), "the log holds {secret}");
    }
    // The passwords that --dev prints are on standard output, once; nothing repeats them.
    assert_eq!(log.matches(member.password.as_str()).count(), 1);
    assert!(!log.contains(&format!("to={}", member.email)), "recipients are masked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_leads_to_the_public_url_whatever_the_request_calls_the_server() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[1].clone();
    let mut mailbox = server.mailbox(Kind::Email, Some(&member.email)).await;
    let client =
        server.client().with_header("host", "evil.example").with_header("x-forwarded-host", "evil.example");
    client
        .post_from("/forgot-password", "/forgot-password", &[("email", &member.email)])
        .await
        .expect_status(303);
    let mail = mailbox.next_about("/reset-password/").await;
    assert!(mail.link().unwrap().starts_with(&server.url()), "{}", mail.text);
    assert!(!mail.text.contains("evil"), "{}", mail.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_is_503_with_retry_after() {
    let options = ServerOptions::new(Engine::Sqlite, super::BINARY)
        .with_env("COUNTERSIGN_PASSWORD_THREADS", "1")
        .with_env("COUNTERSIGN_PASSWORD_QUEUE", "1");
    let server = Server::start(options).await;
    let member = server.people().members[0].clone();
    let client = Arc::new(server.client());
    let csrf = client.get("/sign-in").await.csrf_token().unwrap();
    let pages = burst(40, |_| {
        let (client, csrf, member) = (client.fork(), csrf.clone(), member.clone());
        async move {
            let fields = [("email", &*member.email), ("password", &*member.password), ("csrf_token", &*csrf)];
            client.post("/sign-in", &fields).await
        }
    })
    .await;
    let busy: Vec<_> = pages.iter().filter(|page| page.status == 503).collect();
    assert!(!busy.is_empty(), "nothing was refused");
    for page in &busy {
        assert!(page.header("retry-after").is_some(), "{page}");
    }
    for page in pages.iter().filter(|page| page.status != 503) {
        assert_eq!(page.status, 303, "{page}");
    }
    client.sign_in(&member).await.expect_redirect("/sign-in/verify");
}
