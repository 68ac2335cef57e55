//! Signing in, in all its ways, and what ends it.

use countersign_testkit::{Engine, Kind, Person};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn every_method_works_once() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        let member = server.people().members[0].clone();
        let own = server.client();
        own.sign_in_with_sms_code(&member).await;
        let mut app = own.set_up_app(&server).await;
        assert_eq!(app.backup_codes.len(), 10);
        // The confirming code's time step is spent: the same code does not sign in.
        let client = server.client();
        client.sign_in(&member).await.expect_redirect("/sign-in/verify");
        let page = client.get("/sign-in/verify").await.expect_status(200);
        assert_eq!(
            page.attribute("input[name=method]", "value").as_deref(),
            Some("app"),
            "the app comes first"
        );
        client.verify("app", &app.code()).await.expect_status(422);
        client.verify("app", &app.fresh_code()).await.expect_status(303);
        client.get("/profile").await.expect_status(200);
        server.client().sign_in_with_email_code(&member).await;
        let backup = app.backup_codes[0].clone();
        let used = server.client();
        let page = used.sign_in_with_backup_code(&member, &backup).await;
        let shown = used.follow(page).await.expect_status(200);
        assert!(shown.words().contains('9'), "nine are left: {shown}");
        assert!(shown.backup_codes().is_empty(), "{shown}");
        let again = server.client();
        again.sign_in(&member).await.expect_redirect("/sign-in/verify");
        again.verify("backup-code", &backup).await.expect_status(422);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_third_last_backup_code_leads_to_new_ones() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[1].clone();
    let own = server.client();
    own.sign_in_with_email_code(&member).await;
    let app = own.set_up_app(&server).await;
    for (code, left) in app.backup_codes.iter().zip((0..10).rev()) {
        let client = server.client();
        let page = client.sign_in_with_backup_code(&member, code).await;
        let page = client.follow(page).await.expect_status(200);
        assert!(page.words().contains(&left.to_string()), "{page}");
        let leads = page.has("a.primary[href='/profile/backup-codes/reset']");
        assert_eq!(leads, left <= 3, "{left} left: {page}");
        if left == 2 {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sent_code_belongs_to_one_sign_in_and_to_ten_minutes() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    let (one, two) = (server.client(), server.client());
    let mut mailbox = server.mailbox(Kind::Email, Some(&member.email)).await;
    one.sign_in(&member).await.expect_redirect("/sign-in/verify");
    two.sign_in(&member).await.expect_redirect("/sign-in/verify");
    one.send_code("email").await.expect_redirect("/sign-in/verify");
    let first = mailbox.next_code().await;
    // Another sign-in of the same account cannot use it; the cool-down holds; a new code replaces the old one.
    two.verify("email", &first).await.expect_status(422);
    let soon = one.send_code("email").await.expect_status(429);
    assert!(soon.header("retry-after").is_some());
    server.advance(Duration::from_secs(31));
    one.send_code("email").await.expect_redirect("/sign-in/verify");
    let second = mailbox.next_code().await;
    if first != second {
        one.verify("email", &first).await.expect_status(422);
    }
    server.advance(Duration::from_secs(601));
    one.verify("email", &second).await.expect_status(422);
    server.advance(Duration::from_secs(1));
    one.send_code("email").await.expect_redirect("/sign-in/verify");
    one.verify("email", &mailbox.next_code().await).await.expect_status(303);
    one.get("/profile").await.expect_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_signed_in_person_is_nobody() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    let client = server.client();
    let before = client.get("/sign-in").await.expect_status(200);
    assert_eq!(before.status, 200);
    let visitor = client.cookie("countersign");
    client.sign_in(&member).await.expect_redirect("/sign-in/verify");
    let half = client.cookie("countersign");
    assert_ne!(visitor, half, "a new handle after the password");
    for page in ["/profile", "/profile/app/setup", "/profile/backup-codes", "/members", "/confirm-identity"] {
        let to = client.get(page).await.expect_status(303).location().unwrap();
        assert!(to.starts_with("/sign-in"), "{page} led to {to}");
    }
    let mut mailbox = server.mailbox(Kind::Email, Some(&member.email)).await;
    client.send_code("email").await;
    client.verify("email", &mailbox.next_code().await).await.expect_status(303);
    assert_ne!(client.cookie("countersign"), half, "a new handle after the second step");
    let stale = server.client();
    stale.set_cookie("countersign", half.as_deref());
    assert_eq!(stale.get("/profile").await.status, 303, "the half signed-in handle is worth nothing");
    assert_eq!(stale.get("/sign-in/verify").await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_idle_and_after_a_day_and_by_signing_out() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    let client = server.client();
    client.sign_in_with_email_code(&member).await;
    server.advance(Duration::from_secs(3599));
    client.get("/profile").await.expect_status(200);
    server.advance(Duration::from_secs(3601));
    let to = client.get("/profile").await.expect_status(303).location().unwrap();
    assert!(to.starts_with("/sign-in?return_to="), "{to}");
    client.sign_in_with_email_code(&member).await;
    for _ in 0..47 {
        server.advance(Duration::from_secs(1800));
        client.get("/profile").await.expect_status(200);
    }
    server.advance(Duration::from_secs(1801));
    client.get("/profile").await.expect_status(303);
    client.sign_in_with_email_code(&member).await;
    let copy = client.fork();
    client.sign_out().await;
    assert_eq!(copy.get("/profile").await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_stays_on_this_server() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    for (asked, expected) in [
        ("/profile/activity", "/profile/activity"),
        ("https://evil.example/", "/profile"),
        ("//evil.example/", "/profile"),
        ("/\\evil.example", "/profile"),
        ("/%09/evil.example", "/%09/evil.example"),
        ("javascript:alert(1)", "/profile"),
        ("/\t/evil.example", "/profile"),
    ] {
        let client = server.client();
        let mut mailbox = server.mailbox(Kind::Email, Some(&member.email)).await;
        let fields = [("email", &*member.email), ("password", &*member.password), ("return_to", asked)];
        client.post_from("/sign-in", "/sign-in", &fields).await.expect_redirect("/sign-in/verify");
        client.send_code("email").await;
        let page = client.verify("email", &mailbox.next_code().await).await.expect_status(303);
        assert_eq!(page.location().as_deref(), Some(expected), "{asked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_keeps_everything() {
    let mut server = super::server(Engine::Sqlite).await;
    let people = server.people().clone();
    let client = server.client();
    client.sign_in_with_email_code(&people.owner).await;
    server.restart().await;
    assert_eq!(server.people().owner, people.owner);
    client.get("/profile").await.expect_status(200);
    for file in ["demo.json", "keys.toml", "countersign.db"] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(server.data().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_is_set_anew_and_the_second_step_stays() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        let member = server.people().members[1].clone();
        let own = server.client();
        own.sign_in_with_email_code(&member).await;
        let mut app = own.set_up_app(&server).await;
        let mut mailbox = server.mailbox(Kind::Email, Some(&member.email)).await;
        let client = server.client();
        client.post_from("/forgot-password", "/forgot-password", &[("email", &member.email)]).await;
        let link = mailbox.next_about("/reset-password/").await.link().unwrap();
        let path = link.strip_prefix(&server.url()).unwrap().to_owned();
        client.post_from(&path, &path, &[("password", "12345678")]).await.expect_status(422);
        let new = "tulip-ferry-oak-lamp";
        client.post(&path, &[("password", new)]).await.expect_redirect("/sign-in");
        assert_eq!(own.get("/profile").await.status, 303, "every session has ended");
        let again = client.get(&path).await;
        assert!(matches!(again.status, 404 | 410), "the link works once: {again}");
        server.client().sign_in(&member).await.expect_status(422);
        let changed = Person { password: new.into(), ..member };
        let page = client.sign_in(&changed).await.expect_redirect("/sign-in/verify");
        assert_eq!(page.status, 303);
        client.get("/profile").await.expect_status(303);
        // A link to the mailbox and a code to the mailbox are one factor: the app it has to be, once.
        let offered = client.get("/sign-in/verify").await.expect_status(200);
        assert!(!offered.has("a[href*='method=email']"), "{offered}");
        client
            .post_from("/sign-in/verify", "/sign-in/send-code", &[("method", "email")])
            .await
            .expect_status(422);
        server.client().sign_in_with_app(&changed, &mut app).await;
        server.client().sign_in_with_email_code(&changed).await;
        // Where the mailbox is all there is, it is enough.
        let other = server.people().members[2].clone();
        let mut mailbox = server.mailbox(Kind::Email, Some(&other.email)).await;
        client.post_from("/forgot-password", "/forgot-password", &[("email", &other.email)]).await;
        let link = mailbox.next_about("/reset-password/").await.link().unwrap();
        let path = link.strip_prefix(&server.url()).unwrap().to_owned();
        client.post_from(&path, &path, &[("password", new)]).await.expect_redirect("/sign-in");
        server.client().sign_in_with_email_code(&Person { password: new.into(), ..other }).await;
    }
}
