//! Why someone has to sign in again, and the code that comes with the password where there is no other way.

use countersign_testkit::{App, Browser, BrowserOptions, Client, Engine, Kind, Page, Person, Server, burst};
use std::{sync::Arc, time::Duration};

const NEW: &str = "tulip-ferry-oak-lamp";
const HOUR: Duration = Duration::from_secs(3600);

async fn signed_in(server: &Server, person: &Person) -> Client {
    let client = server.client();
    client.sign_in_with_email_code(person).await;
    client
}

fn notice(page: &Page) -> String {
    page.text(".alert[role=status]").unwrap_or_default()
}

/// What the sign-in says to a browser that opens a page.
async fn why(client: &Client) -> String {
    let page = client.get("/profile").await.expect_redirect("/sign-in");
    notice(&client.follow(page).await.expect_status(200))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sign_in_says_why_a_session_ended_and_only_to_its_browser() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        let member = server.people().members[1].clone();
        // By time: before and after housekeeping.
        let idle = signed_in(&server, &member).await;
        server.advance(HOUR);
        for _ in 0..2 {
            assert_eq!(why(&idle).await, "You were signed out after an hour without activity.");
        }
        assert_eq!(why(&server.client()).await, "");
        // The answer to a form says what is wrong with the form.
        let wrong = Person { password: "wrong".into(), ..member.clone() };
        assert_eq!(notice(&idle.sign_in(&wrong).await.expect_status(422)), "");
        let busy = signed_in(&server, &member).await;
        for _ in 0..24 {
            server.advance(HOUR - Duration::from_secs(1));
            busy.get("/profile").await;
        }
        server.advance(Duration::from_secs(25));
        let text = why(&busy).await;
        assert_eq!(
            text,
            "You were signed out because you signed in 24 hours ago. Sign in again to continue."
        );
        // By another browser.
        let (here, there) = (signed_in(&server, &member).await, signed_in(&server, &member).await);
        here.post_from("/profile/sessions", "/profile/sessions/end-others", &[]).await.expect_status(303);
        assert_eq!(why(&there).await, "You were signed out from another browser.");
        let there = signed_in(&server, &member).await;
        let fields = [("current_password", member.password.as_str()), ("password", NEW)];
        here.post_from("/profile", "/profile/password", &fields).await.expect_redirect("/profile");
        assert!(why(&there).await.contains("because your password was changed"));
        let member = Person { password: NEW.into(), ..member };
        let there = signed_in(&server, &member).await;
        let _app: App = here.set_up_app(&server).await;
        assert!(why(&there).await.contains("two-factor authentication was changed"));
        // Somebody who signs out knows why, and a handle from before says nothing.
        here.get("/profile").await;
        let before = here.fork();
        here.sign_out().await;
        assert_eq!(why(&before).await, "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_login_as_is_said() {
    let server = super::server(Engine::Sqlite).await;
    let (admin, member) = (server.people().admin.clone(), server.people().members[0].clone());
    let client = signed_in(&server, &admin).await;
    let page = client.get("/members").await.expect_status(200);
    let links = page.attributes("a[href^='/members/']", "href");
    let mut entered = false;
    for link in links {
        if client.get(&link).await.words().contains(&member.email) {
            client.post(&format!("{link}/login-as"), &[("reason", "Ticket 4711")]).await.expect_status(303);
            entered = true;
            break;
        }
    }
    assert!(entered);
    server.advance(HOUR);
    let page = client.get("/login-as").await.expect_redirect("/sign-in");
    let text = notice(&client.follow(page).await);
    assert_eq!(text, "“Log in as” has ended. Sign in to your own account again.");
}

/// How many codes have gone to this person.
async fn codes(server: &Server, person: &Person) -> usize {
    server.outbox().await.iter().filter(|message| message.to == person.email).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_code_comes_with_the_password_and_once() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        let (member, both) = (server.people().members[1].clone(), server.people().members[0].clone());
        let client = server.client();
        let mut mailbox = server.mailbox(Kind::Email, Some(&member.email)).await;
        let wrong = Person { password: "wrong".into(), ..member.clone() };
        client.sign_in(&wrong).await.expect_status(422);
        let to = client.sign_in(&member).await.expect_redirect("/sign-in/verify");
        assert_eq!(to.location().as_deref(), Some("/sign-in/verify"));
        let page = client.get("/sign-in/verify").await.expect_status(200);
        assert!(page.has("form[action='/sign-in/verify'] input[name=code]"), "{page}");
        assert!(page.has("form.resend button") && !page.has("details"), "{page}");
        // Another tab, or Back and once more: the same sign-in, and the code that was sent is good.
        let code = mailbox.next_code().await;
        client.sign_in(&member).await.expect_redirect("/sign-in/verify");
        assert!(client.get("/sign-in/verify").await.has("form.resend"));
        client.verify("email", &code).await.expect_redirect("/profile");
        assert_eq!(codes(&server, &member).await, 1, "{engine:?}");
        // A form that is sent twice at once.
        let client = Arc::new(server.client());
        client.get("/sign-in").await;
        let form = [("email", member.email.clone()), ("password", member.password.clone())];
        let answers = burst(4, |_| {
            let (client, form) = (Arc::clone(&client), form.clone());
            async move {
                let fields: Vec<(&str, &str)> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
                // Each with the handle that the page came with.
                client.fork().post("/sign-in", &fields).await
            }
        })
        .await;
        assert!(answers.iter().all(|page| page.status == 303), "{answers:?}");
        // A message that comes after all of them.
        client.post_from("/forgot-password", "/forgot-password", &[("email", &member.email)]).await;
        mailbox.next_about("/reset-password/").await;
        assert_eq!(codes(&server, &member).await, 3, "{engine:?}: one code more, and the link");
        // Whoever has another way is asked.
        let other = server.client();
        other.sign_in(&both).await.expect_redirect("/sign-in/verify");
        let page = other.get("/sign-in/verify?method=email").await;
        assert!(page.has("form.stack[action='/sign-in/send-code']"), "{page}");
        assert_eq!(codes(&server, &both).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_code_may_be_sent_the_page_says_how_long_to_wait() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[1].clone();
    let mut last = String::new();
    for _ in 0..30 {
        let client = server.client();
        client.sign_in(&member).await.expect_redirect("/sign-in/verify");
        let page = client.get("/sign-in/verify").await.expect_status(200);
        last = notice(&page);
        if !last.is_empty() {
            assert!(page.has("form.stack[action='/sign-in/send-code']"), "{page}");
            break;
        }
    }
    assert!(last.contains("Try again in"), "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_address_does_not_widen_a_phone() {
    let server = super::server(Engine::Sqlite).await;
    let browser =
        Browser::start(BrowserOptions { width: 360, height: 780, ..BrowserOptions::default() }).await;
    let domain = ["a-very-long-name-of-a-department"; 4].join("-x.") + ".example";
    browser.open(&format!("{}/forgot-password", server.url())).await;
    let long = format!("m@{domain}");
    browser.run(&format!("document.querySelector('[name=email]').value = '{long}'")).await;
    browser.follow("main form button.primary").await;
    assert_eq!(browser.overflow().await, 0, "{}", browser.text("h1").await);
    // A page with such an address on it: the masked one of a code, in each of its places.
    let person = server.people().members[1].clone();
    let client = signed_in(&server, &person).await;
    let mut mailbox = server.mailbox(Kind::Email, Some(&long)).await;
    client.post_from("/profile", "/profile/email", &[("email", &long)]).await.expect_status(303);
    let code = mailbox.next_code().await;
    let page = client.post_from("/profile/email/confirm", "/profile/email/confirm", &[("code", &code)]).await;
    page.expect_redirect("/profile");
    let person = Person { email: long, ..person };
    browser.open(&format!("{}/sign-in", server.url())).await;
    browser.fill("input[name=email]", &person.email).await;
    browser.fill("input[name=password]", &person.password).await;
    browser.follow("main form button.primary").await;
    browser.wait_for_path("/sign-in/verify").await;
    assert!(browser.text("main").await.contains("department"), "the address is on the page");
    assert_eq!(browser.overflow().await, 0, "the code was sent");
    let mut mailbox = server.mailbox(Kind::Email, Some(&person.email)).await;
    server.advance(Duration::from_secs(60));
    browser.open(&format!("{}/sign-in/verify", server.url())).await;
    browser.follow("form.resend button").await;
    let button = "form[action='/sign-in/verify'] button.primary";
    browser.enter_code(&mailbox.next_code().await, button).await;
    browser.wait_for_path("/profile").await;
    for page in ["/profile", "/confirm-identity?return_to=%2Fprofile", "/profile/email/confirm"] {
        browser.open(&format!("{}{page}", server.url())).await;
        assert_eq!(browser.overflow().await, 0, "{page}");
    }
}
