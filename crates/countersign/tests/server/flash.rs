//! What a page says has just happened: a one-time message of this browser, and nothing else.

use countersign_testkit::{Client, Engine, Page, Person};
use std::time::Duration;

const COOKIE: &str = "countersign-flash";

fn notice(page: &Page) -> Option<String> {
    page.text(".alert[role=status]")
}

/// Changes the password: the answer carries a message.
async fn change_password(client: &Client, person: &Person, new: &str) {
    let fields = [("current_password", person.password.as_str()), ("password", new)];
    client.post_from("/profile", "/profile/password", &fields).await.expect_redirect("/profile");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_shown_once_and_only_to_someone_who_reads_the_page() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[1].clone();
    let (client, other) = (server.client(), server.client());
    client.sign_in_with_email_code(&member).await;
    other.sign_in_with_email_code(&member).await;
    change_password(&client, &member, "tulip-ferry-oak-lamp").await;
    let cookie = client.cookie(COOKIE).unwrap();
    // Neither a HEAD nor a page loaded ahead shows it to anyone, and so neither takes it away.
    client.request("HEAD", "/profile", &[], Vec::new()).await.expect_status(200);
    let ahead = client.request("GET", "/profile", &[("sec-purpose", "prefetch")], Vec::new()).await;
    assert_eq!(notice(&ahead), None);
    client.get("/assets/app.css").await.expect_status(200);
    assert_eq!(client.cookie(COOKIE).as_ref(), Some(&cookie));
    let page = client.get("/profile").await.expect_status(200);
    let text = notice(&page).unwrap();
    assert!(text.contains("password") && text.ends_with("One other browser was signed out."), "{text}");
    assert_eq!(client.cookie(COOKIE), None);
    assert_eq!(notice(&client.get("/profile").await), None, "a reload says nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_link_and_no_cookie_of_another_browser_makes_a_page_say_something() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[1].clone();
    let client = server.client();
    let mut quiet = server.client();
    for path in ["/sign-in", "/forgot-password", "/nothing"] {
        let page = quiet.get(&format!("{path}?done=password-changed&ended=3")).await;
        assert_eq!(notice(&page), None, "{page}");
    }
    client.sign_in_with_email_code(&member).await;
    let page = client.get("/profile?done=password-changed&ended=3").await.expect_status(200);
    assert_eq!(notice(&page), None, "{page}");
    assert!(!page.words().contains("browsers were signed out"), "{page}");
    change_password(&client, &member, "tulip-ferry-oak-lamp").await;
    let cookie = client.cookie(COOKIE).unwrap();
    // Copied into another browser, changed, doubled, or expired: nothing is shown, and the cookie is taken away.
    let changed = cookie.replace("password-changed", "email-changed");
    assert_ne!(cookie, changed);
    for value in [&cookie, &changed, "x", &"9".repeat(3_000)] {
        quiet = server.client();
        quiet.get("/sign-in").await.expect_status(200);
        quiet.set_cookie(COOKIE, Some(value));
        assert_eq!(notice(&quiet.get("/sign-in").await.expect_status(200)), None);
        assert_eq!(quiet.cookie(COOKIE), None);
    }
    let own = client.cookie("countersign").unwrap();
    let twice = format!("countersign={own}; {COOKIE}={cookie}; {COOKIE}={cookie}");
    let page = server.client().request("GET", "/profile", &[("cookie", &twice)], Vec::new()).await;
    assert_eq!(notice(&page.expect_status(200)), None);
    let late = client.fork();
    server.advance(Duration::from_secs(120));
    assert_eq!(notice(&late.get("/profile").await.expect_status(200)), None, "two minutes are over");
    assert_eq!(late.cookie(COOKIE), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_reaches_signed_out_pages_and_crosses_redirects() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[1].clone();
    let client = server.client();
    client.sign_in_with_email_code(&member).await;
    let session = client.cookie("countersign").unwrap();
    let out = client.sign_out().await.expect_redirect("/sign-in");
    assert_eq!(out.location().as_deref(), Some("/sign-in"));
    let visitor = client.cookie("countersign").unwrap();
    assert_ne!(visitor, session, "the session's handle is gone from the browser");
    // By way of another redirect: `/` leads to `/sign-in`.
    let start = client.get("/").await;
    let page = client.follow(start).await.expect_status(200);
    assert_eq!(notice(&page).as_deref(), Some("You’ve signed out."));
    assert_eq!(
        client.cookie("countersign").as_ref(),
        Some(&visitor),
        "the form on the page is this handle's"
    );
    client.sign_in(&member).await.expect_redirect("/sign-in/verify");
    // A sign-in that is over sends the browser back with the reason.
    server.advance(Duration::from_secs(3600));
    let over = client.get("/sign-in/verify").await.expect_redirect("/sign-in");
    let text = notice(&client.follow(over).await).unwrap();
    assert!(text.contains("sign in again"), "{text}");
}
