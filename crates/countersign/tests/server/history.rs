//! *Back* and *Reload* in Chromium after forms were rejected: never an error page of the browser (decision 0031).

use countersign_testkit::{Browser, BrowserOptions, Engine, Kind, Page};

const NEW: &str = "tulip-ferry-oak-lamp";

/// The heading of one of our pages. The browser's own error page ("Confirm Form Resubmission") has no brand, and fails.
async fn heading(browser: &Browser) -> String {
    let _ours = browser.find("a.brand").await;
    browser.text("h1").await
}

async fn back(browser: &Browser) -> (String, String) {
    browser.driver().back().await.unwrap();
    let heading = heading(browser).await;
    // What was entered does not come back from us. (A code that was entered, and so is spent, Chromium itself puts back.)
    for field in browser.find_all("input[type=password]").await {
        assert_eq!(field.prop("value").await.unwrap().as_deref(), Some(""), "on {heading}");
    }
    for field in browser.find_all("input[name=code]").await {
        assert_eq!(field.attr("value").await.unwrap(), None, "on {heading}");
    }
    (browser.path().await, heading)
}

async fn send(browser: &Browser, form: &str, fields: &[(&str, &str)]) {
    for (name, text) in fields {
        browser.fill(&format!("{form} [name={name}]"), text).await;
    }
    browser.follow(&format!("{form} button.primary, {form} button[type=submit]")).await;
}

/// Two wrong passwords, two wrong codes, then in, and all the way back.
async fn a_sign_in_and_back(options: BrowserOptions) {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    let browser = Browser::start(options).await;
    browser.open(&format!("{}/sign-in?return_to=%2Fprofile%2Factivity", server.url())).await;
    let form = "form[action='/sign-in']";
    for _ in 0..2 {
        send(&browser, form, &[("email", &member.email), ("password", "not-the-password")]).await;
        assert!(browser.has("#password-error, #form-error").await, "refused");
    }
    let mut mailbox = server.mailbox(Kind::Email, Some(&member.email)).await;
    send(&browser, form, &[("email", &member.email), ("password", &member.password)]).await;
    browser.open(&format!("{}/sign-in/verify?method=email", server.url())).await;
    browser.follow("form[action='/sign-in/send-code'] button").await;
    let (form, code) = ("form[action='/sign-in/verify']", mailbox.next_code().await);
    let button = format!("{form} button.primary");
    let wrong = if code == "123456" { "654321" } else { "123456" };
    for _ in 0..2 {
        browser.enter_code(wrong, &button).await;
        assert!(browser.has("#code-error").await, "refused");
    }
    browser.enter_code(&code, &button).await;
    browser.wait_for_path("/profile/activity").await;
    let mut seen = Vec::new();
    // Two pages with a wrong code, three of the second step, two with a wrong password, and the first.
    for _ in 0..8 {
        seen.push(back(&browser).await);
    }
    // The pages of a sign-in that is over lead to where the person is now.
    let known = ["/profile", "/profile/activity", "/sign-in/verify", "/sign-in"];
    assert!(seen.iter().all(|(path, _)| known.contains(&path.as_str())), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_sign_in_leaves_no_error_in_the_history() {
    a_sign_in_and_back(BrowserOptions::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_sign_in_leaves_no_error_in_the_history_without_javascript() {
    a_sign_in_and_back(BrowserOptions { javascript: false, ..BrowserOptions::default() }).await;
}

/// A form on a page that needs a session, whose answer is not kept: its place in the history is the form's page.
#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_change_leaves_no_error_in_the_history() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    let client = server.client();
    client.sign_in_with_email_code(&member).await;
    let browser = Browser::start(BrowserOptions::default()).await;
    browser.open(&server.url()).await;
    let cookie = thirtyfour::Cookie::new("countersign", client.cookie("countersign").unwrap());
    browser.driver().add_cookie(cookie).await.unwrap();
    browser.open(&format!("{}/profile", server.url())).await;
    for _ in 0..2 {
        browser.run("for (const d of document.querySelectorAll('details')) d.open = true").await;
        let fields = [("current_password", "not-the-password"), ("password", NEW)];
        send(&browser, "form[action='/profile/password']", &fields).await;
        assert!(browser.has(".field-error").await, "refused");
        assert_eq!(browser.path().await, "/profile");
    }
    // Reload asks for nothing and sends nothing.
    browser.driver().refresh().await.unwrap();
    assert!(!browser.has(".field-error").await);
    browser.run("for (const d of document.querySelectorAll('details')) d.open = true").await;
    let fields = [("current_password", member.password.as_str()), ("password", NEW)];
    send(&browser, "form[action='/profile/password']", &fields).await;
    assert!(browser.text(".alert[role=status]").await.contains("password"));
    browser.open(&format!("{}/profile/activity", server.url())).await;
    for _ in 0..4 {
        assert_eq!(back(&browser).await.0, "/profile");
    }
    // The next person at this screen sees nothing of it.
    browser.follow("form[action='/sign-out'] button").await;
    browser.wait_for_path("/sign-in").await;
    for _ in 0..2 {
        assert_eq!(back(&browser).await.0, "/sign-in");
        assert!(!browser.text("body").await.contains(&member.email));
    }
}

fn kept(page: &Page) -> Option<&str> {
    page.header("cache-control")
}

#[tokio::test(flavor = "multi_thread")]
async fn only_rejected_forms_without_session_and_secret_are_kept() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    let client = server.client();
    let fields = [("email", member.email.as_str()), ("password", "not-the-password")];
    let page = client.post_from("/sign-in", "/sign-in", &fields).await.expect_status(422);
    assert_eq!(kept(&page), Some("private, no-cache"));
    assert!(!page.body.contains("not-the-password"));
    assert_eq!(kept(&client.get("/sign-in").await), Some("no-store"));
    let page = client.post("/forgot-password", &[("email", "nonsense")]).await.expect_status(422);
    assert_eq!(kept(&page), Some("private, no-cache"));
    client.sign_in_with_email_code(&member).await;
    for (at, path, fields) in [
        ("/profile", "/profile/password", [("current_password", "not-the-password"), ("password", NEW)]),
        ("/profile", "/confirm-identity", [("password", "not-the-password"), ("return_to", "/profile")]),
        // A page for everyone that says whose account is open.
        ("/profile", "/sign-out", [("csrf_token", "stale"), ("x", "")]),
    ] {
        let page = client.post_from(at, path, &fields).await;
        assert!(matches!(page.status, 403 | 422), "{page}");
        assert_eq!(kept(&page), Some("no-store"), "{path}");
    }
    client.post_from("/profile", "/profile/app/begin", &[]).await.expect_redirect("/profile/app/setup");
    client.get("/profile/app/setup").await.expect_status(200);
    let page = client.post("/profile/app/confirm", &[("code", "1"), ("name", "Phone")]).await;
    assert_eq!(kept(&page.expect_status(422)), Some("no-store"), "the page shows the key");
    let out = client.sign_out().await;
    assert_eq!(out.header("clear-site-data"), Some("\"cache\""), "the next person presses Back");
}
