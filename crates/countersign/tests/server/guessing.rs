//! How guesses are counted: what closes, for how long, what resets it and what does not.

use countersign_testkit::{App, Client, Engine, Kind, Page, Person, Server};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// A code that is not right at any time near now.
fn wrong(app: &App, server: &Server) -> String {
    let now = server.clock().now();
    let near: Vec<String> = (0..8).map(|i| app.code_at(now + 30 * i - 120)).collect();
    (0..).map(|n| format!("{n:06}")).find(|code| !near.contains(code)).unwrap()
}

async fn member_with_app(server: &Server, number: usize) -> (Person, App) {
    let member = server.people().members[number].clone();
    let own = server.client();
    own.sign_in_with_email_code(&member).await;
    let app = own.set_up_app(server).await;
    (member, app)
}

async fn waiting(server: &Server, member: &Person) -> Client {
    let client = server.client();
    client.sign_in(member).await.expect_redirect("/sign-in/verify");
    client
}

fn retry_after(page: &Page) -> u64 {
    page.header("retry-after").unwrap_or_else(|| panic!("no Retry-After: {page}")).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_wrong_codes_over_everything_close_the_second_step() {
    for engine in Engine::ALL {
        let mut server = super::server(engine).await;
        let (member, mut app) = member_with_app(&server, 0).await;
        // Over methods, challenges, a resend and a restart, the count goes on.
        let client = waiting(&server, &member).await;
        for _ in 0..3 {
            client.verify("app", &wrong(&app, &server)).await.expect_status(422);
        }
        let mut mailbox = server.mailbox(Kind::Email, Some(&member.email)).await;
        client.send_code("email").await.expect_redirect("/sign-in/verify");
        let sent = mailbox.next_code().await;
        let guess = if sent == "000000" { "000001" } else { "000000" };
        for _ in 0..2 {
            client.verify("email", guess).await.expect_status(422);
        }
        server.advance(MINUTE);
        client.send_code("email").await.expect_redirect("/sign-in/verify");
        server.restart().await;
        let client = waiting(&server, &member).await;
        // A well-formed backup code that was never made.
        let never = never_made(&app.backup_codes);
        client.verify("backup-code", &never).await.expect_status(422);
        for _ in 0..4 {
            client.verify("app", &wrong(&app, &server)).await.expect_status(422);
        }
        // The eleventh is not looked at, though it is right; nor is any other method, nor any other sign-in.
        let closed = client.verify("app", &app.fresh_code()).await.expect_status(429);
        assert!((1..=15 * 60).contains(&retry_after(&closed)), "{engine:?}");
        let other = waiting(&server, &member).await;
        other.verify("backup-code", &app.backup_codes[0]).await.expect_status(429);
        server.advance(15 * MINUTE);
        let client = waiting(&server, &member).await;
        for _ in 0..10 {
            client.verify("app", &wrong(&app, &server)).await.expect_status(422);
        }
        let closed = client.verify("app", &app.fresh_code()).await.expect_status(429);
        assert!(retry_after(&closed) > 28 * 60, "the second pause is twice as long: {closed}");
        server.advance(30 * MINUTE);
        let client = server.client();
        client.sign_in_with_app(&member, &mut app).await;
        // A right code breaks the row.
        let client = waiting(&server, &member).await;
        for _ in 0..9 {
            client.verify("app", &wrong(&app, &server)).await.expect_status(422);
        }
        let page = client.verify("app", &app.fresh_code()).await.expect_status(303);
        assert!(!page.location().unwrap().starts_with("/sign-in"), "{page}");
    }
}

/// Someone who has the password closes the second step. The owner still gets in where they have signed in before, and a new
/// password lifts the pause for every browser.
#[tokio::test(flavor = "multi_thread")]
async fn someone_with_the_password_does_not_lock_the_owner_out() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        let (member, mut app) = member_with_app(&server, 0).await;
        let home = server.client();
        home.sign_in_with_app(&member, &mut app).await;
        home.sign_out().await;
        let thief = waiting(&server, &member).await;
        for _ in 0..10 {
            thief.verify("app", &wrong(&app, &server)).await.expect_status(422);
        }
        thief.verify("app", &app.fresh_code()).await.expect_status(429);
        home.sign_in(&member).await.expect_redirect("/sign-in/verify");
        for _ in 0..4 {
            home.verify("app", &wrong(&app, &server)).await.expect_status(422);
        }
        let page = home.verify("app", &app.fresh_code()).await.expect_status(303);
        assert!(!page.location().unwrap().starts_with("/sign-in"), "{page}");
        thief.verify("app", &app.fresh_code()).await.expect_status(429);
        let new = Person { password: "quiet-lantern-orchard-91".into(), ..member.clone() };
        let fields = [("current_password", member.password.as_str()), ("password", &new.password)];
        home.post_from("/profile", "/profile/password", &fields).await.expect_redirect("/profile");
        server.client().sign_in_with_app(&new, &mut app).await;
    }
}

/// A well-formed code that was not made: of twenty zeros the check character is zero, the weighted sum of zeros.
fn never_made(codes: &[String]) -> String {
    let zeros = "00000-00000-00000-00000".to_owned();
    assert!(!codes.contains(&zeros));
    zeros
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typing_error_and_a_replay_cost_nothing() {
    let server = super::server(Engine::Sqlite).await;
    let (member, mut app) = member_with_app(&server, 0).await;
    let client = waiting(&server, &member).await;
    let code = app.backup_codes[3].clone();
    let mut mistyped: Vec<char> = code.chars().collect();
    mistyped[0] = if mistyped[0] == '7' { '8' } else { '7' };
    let mistyped: String = mistyped.into_iter().collect();
    for _ in 0..15 {
        let page = client.verify("backup-code", &mistyped).await.expect_status(422);
        assert!(!page.words().contains("15 minutes"), "{page}");
        client.verify("app", "12345").await.expect_status(422);
        client.verify("app", "").await.expect_status(422);
    }
    // Any case, any separators, look-alikes.
    let loose = code.replace('-', " ").to_lowercase().replace('0', "o").replace('1', "l");
    let page = client.verify("backup-code", &loose).await.expect_status(303);
    assert!(page.location().unwrap().starts_with("/profile/backup-codes"), "{page}");
    for _ in 0..12 {
        let client = waiting(&server, &member).await;
        client.verify("backup-code", &code).await.expect_status(422);
    }
    server.client().sign_in_with_app(&member, &mut app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hundredth_wrong_code_in_a_row_disables_the_app_until_it_is_enrolled_again() {
    let server = super::server(Engine::Sqlite).await;
    let (member, mut app) = member_with_app(&server, 0).await;
    let mut pause = 15;
    for round in 1..=10 {
        let client = waiting(&server, &member).await;
        for _ in 0..10 {
            client.verify("app", &wrong(&app, &server)).await.expect_status(422);
        }
        if round < 10 {
            server.advance(pause * MINUTE);
        }
        pause *= 2;
    }
    server.advance(Duration::from_secs(8 * 24 * 3600));
    let client = waiting(&server, &member).await;
    let page = client.get("/sign-in/verify").await.expect_status(200);
    assert!(!page.has("a[href='/sign-in/verify?method=app']"), "the app is not offered: {page}");
    client.verify("app", &app.fresh_code()).await.expect_status(422);
    // The password alone is still not enough, and another method of the account still works.
    client.get("/profile").await.expect_status(303);
    let own = server.client();
    own.sign_in_with_email_code(&member).await;
    let profile = own.get("/profile").await.expect_status(200);
    assert!(profile.words().to_lowercase().contains("off"), "the profile says so: {profile}");
    let mut again = own.set_up_app(&server).await;
    server.client().sign_in_with_app(&member, &mut again).await;
    let notice = server.outbox().await.into_iter().filter(|m| m.to == member.email).find(|m| {
        m.text.contains("100") || m.subject.as_deref().unwrap_or_default().to_lowercase().contains("off")
    });
    assert!(notice.is_some(), "the person is told by e-mail");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_slow_a_stranger_down_and_never_the_owner() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        let member = server.people().members[0].clone();
        let home = server.client();
        home.sign_in_with_email_code(&member).await;
        home.sign_out().await;
        let stranger = server.client();
        let attempt = Person { password: "not-the-password".into(), ..member.clone() };
        let mut refused = 0;
        let closed = loop {
            let page = stranger.sign_in(&attempt).await;
            match page.status {
                422 => refused += 1,
                _ => break page.expect_status(429),
            }
            assert!(refused < 20, "nothing slows the stranger down");
        };
        assert_eq!(refused, 5, "{engine:?}");
        assert!(retry_after(&closed) <= 30);
        // Even with the right password, the stranger's network waits for this account…
        stranger.sign_in(&member).await.expect_status(429);
        // …other accounts of the same network do not, and the owner's own browser does not either.
        let other = server.people().members[1].clone();
        server.client().sign_in(&other).await.expect_redirect("/sign-in/verify");
        home.sign_in_with_email_code(&member).await;
        server.advance(Duration::from_secs(31));
        stranger.sign_in(&member).await.expect_redirect("/sign-in/verify");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_address_gets_the_same_answer() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    let unknown = Person { email: "nobody@harbour-pine.example".into(), ..member.clone() };
    let wrong = Person { password: "not-the-password".into(), ..member.clone() };
    let a = server.client().sign_in(&unknown).await.expect_status(422);
    let b = server.client().sign_in(&wrong).await.expect_status(422);
    let words = |page: &Page, email: &str| page.words().replace(email, "");
    assert_eq!(words(&a, &unknown.email), words(&b, &wrong.email));
    // So does asking for a new password.
    let mut answers = Vec::new();
    for email in [&unknown.email, &member.email] {
        let client = server.client();
        let page = client.post_from("/forgot-password", "/forgot-password", &[("email", email)]).await;
        answers.push((page.status, page.location()));
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_that_nobody_uses_stop_being_sent() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    let home = server.client();
    home.sign_in_with_email_code(&member).await;
    for sent in 0..20 {
        let page = waiting(&server, &member).await.send_code("email").await;
        assert_eq!(page.status, 303, "after {sent}: {page}");
    }
    let closed = waiting(&server, &member).await.send_code("sms").await.expect_status(429);
    assert!(retry_after(&closed) <= 300);
    let before = server.outbox().await.len();
    server.advance(Duration::from_secs(301));
    waiting(&server, &member).await.send_code("email").await.expect_redirect("/sign-in/verify");
    assert_eq!(server.outbox().await.len(), before + 1);
}
