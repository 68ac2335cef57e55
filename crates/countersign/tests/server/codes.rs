//! Backup codes at the one moment when they can be shown, set-ups in two tabs, and a phone that was lost.

use countersign_testkit::{App, Browser, BrowserOptions, Client, Engine, Page, Person, Server};
use std::time::Duration;

const CODES: &str = "/profile/backup-codes";
const RESET: &str = "/profile/backup-codes/reset";
const SAVED: &str = "/profile/backup-codes/saved";
const DOWNLOAD: &str = "/profile/backup-codes/download";
const UNSAVED: &str = "You haven’t saved your backup codes yet";

/// A member who has set up an app in this session, and sees the ten codes.
async fn with_app(server: &Server) -> (Person, Client, App, Page) {
    let member = server.people().members[0].clone();
    let client = server.client();
    client.sign_in_with_email_code(&member).await;
    let (mut app, _) = begin(&client, server, &[]).await;
    let fields = [("code", &*app.fresh_code()), ("name", "Phone")];
    client.post("/profile/app/confirm", &fields).await.expect_redirect(CODES);
    let page = client.get(CODES).await.expect_status(200);
    app.backup_codes = page.backup_codes();
    assert_eq!(app.backup_codes.len(), 10, "{page}");
    (member, client, app, page)
}

/// Begins a set-up: the app that has read the key, and the enrolment's id in the form.
async fn begin(client: &Client, server: &Server, fields: &[(&str, &str)]) -> (App, String) {
    let begun = client.post_from("/profile", "/profile/app/begin", fields).await;
    begun.expect_redirect("/profile/app/setup");
    let page = client.get("/profile/app/setup").await.expect_status(200);
    let id = page.attribute("input[name=enrolment]", "value").unwrap();
    (App::from_uri(&page.otpauth_uri().unwrap(), server.clock()), id)
}

fn set_of(page: &Page) -> String {
    page.attribute(&format!("form[action='{SAVED}'] input[name=set]"), "value").unwrap()
}

async fn says_unsaved(client: &Client) -> bool {
    client.get("/profile").await.expect_status(200).words().contains(UNSAVED)
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_shown_again_for_five_minutes_to_the_session_that_generated_them() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        let (member, client, mut app, _) = with_app(&server).await;
        let shown = app.backup_codes.clone();
        let head = client.request("HEAD", CODES, &[], Vec::new()).await.expect_status(200);
        assert!(head.body.is_empty());
        server.advance(Duration::from_secs(295));
        for _ in 0..2 {
            assert_eq!(client.get(CODES).await.expect_status(200).backup_codes(), shown);
        }
        let profile = client.get("/profile").await;
        assert!(profile.has("a.primary[href='/profile/backup-codes']"), "{profile}");

        let other = server.client();
        other.sign_in_with_app(&member, &mut app).await;
        let page = other.get(CODES).await.expect_status(200);
        assert!(page.backup_codes().is_empty() && page.words().contains(UNSAVED), "{page}");
        other.post(DOWNLOAD, &[]).await.expect_redirect(CODES);
        let ended = client.fork();
        let before = client.fork();
        server.advance(Duration::from_secs(5));
        let page = client.get(CODES).await.expect_status(200);
        assert!(page.backup_codes().is_empty() && page.words().contains("we can’t show your codes again"));
        client.post(DOWNLOAD, &[]).await.expect_redirect(CODES);

        // And not a moment longer than the session.
        client.confirm_identity(&member, Some(&mut app)).await;
        let reset = client.post_from(RESET, RESET, &[]).await.expect_redirect(CODES);
        assert_eq!(client.follow(reset).await.backup_codes().len(), 10);
        let copy = client.fork();
        client.sign_out().await;
        for gone in [&copy, &ended, &before] {
            let page = gone.get(CODES).await;
            assert!(page.status == 303 && page.backup_codes().is_empty(), "{page}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unsaved_codes_are_mentioned_until_they_are_saved() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        let (member, client, mut app, page) = with_app(&server).await;
        let first = set_of(&page);
        assert!(says_unsaved(&client).await);
        for _ in 0..2 {
            let other = server.client();
            let entered = other.sign_in_with_app(&member, &mut app).await;
            assert!(entered.location().unwrap().starts_with("/profile/backup-codes?after=sign-in&continue="));
            let page = other.follow(entered).await.expect_status(200);
            assert_eq!(page.text("h1").as_deref(), Some(UNSAVED));
            assert!(page.has("a[href='/profile']") && page.has("a[href='/profile/backup-codes/reset']"));
        }
        // What a link says, no page repeats.
        let page = client.get("/profile/backup-codes?after=sign-in&continue=//evil.example").await;
        assert!(!page.words().contains("You used a backup code") && !page.body.contains("evil"), "{page}");

        let stranger = server.client();
        stranger.sign_in_with_email_code(&server.people().members[1]).await;
        stranger.post_from("/profile", SAVED, &[("set", &first)]).await.expect_redirect(CODES);
        client.get(CODES).await;
        client.post(SAVED, &[("set", "nonsense")]).await.expect_status(404);
        assert!(says_unsaved(&client).await);
        let leads = [("set", &*first), ("continue", "/profile/activity")];
        client.post(SAVED, &leads).await.expect_redirect("/profile/activity");
        assert!(!says_unsaved(&client).await);
        let entered = server.client().sign_in_with_app(&member, &mut app).await;
        assert_eq!(entered.location().as_deref(), Some("/profile"));

        // New codes are not saved, and the page of the old ones does not make them so.
        client.confirm_identity(&member, Some(&mut app)).await;
        client.post_from(RESET, RESET, &[]).await.expect_redirect(CODES);
        assert!(says_unsaved(&client).await);
        client.post(SAVED, &[("set", &first), ("continue", "//evil.example")]).await.expect_redirect(CODES);
        assert!(says_unsaved(&client).await);
        let page = client.get(CODES).await;
        let file = client.post(DOWNLOAD, &[]).await.expect_status(200);
        assert!(!says_unsaved(&client).await);
        assert_eq!(file.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(file.header("cache-control"), Some("no-store"));
        let name = file.header("content-disposition").unwrap();
        assert!(name.starts_with("attachment; filename=\"countersign-backup-codes-20"), "{name}");
        assert!(name.ends_with(".txt\""), "{name}");
        for part in [&*server.url(), &member.email, "Countersign backup codes", "Created: "] {
            assert!(file.body.contains(part), "{part}: {}", file.body);
        }
        assert!(page.backup_codes().iter().all(|code| file.body.lines().any(|line| line == code)));
        assert_eq!(page.attribute("[data-copy]", "data-copy").as_deref(), Some(&*file.body));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_codes_are_generated_after_one_question() {
    let server = super::server(Engine::Sqlite).await;
    let (member, client, mut app, _) = with_app(&server).await;
    let codes = app.backup_codes.clone();
    server.client().sign_in_with_backup_code(&member, &codes[0]).await;
    let profile = client.get("/profile").await;
    assert!(profile.has(&format!("a[href='{RESET}']")) && !profile.actions().iter().any(|a| a == RESET));
    for _ in 0..2 {
        let page = client.get(RESET).await.expect_status(200);
        assert!(page.words().contains("Your 9 remaining codes will stop working"), "{page}");
    }
    server.client().sign_in_with_backup_code(&member, &codes[1]).await;
    // The question comes after the proof of identity, so that it is asked once.
    server.advance(Duration::from_secs(301));
    let to = client.get(RESET).await.expect_redirect("/confirm-identity").location().unwrap();
    assert!(to.ends_with("return_to=/profile/backup-codes/reset"), "{to}");
    client.confirm_identity(&member, Some(&mut app)).await;
    client.get(RESET).await.expect_status(200);
    let reset = client.post(RESET, &[]).await.expect_redirect(CODES);
    assert_eq!(client.follow(reset).await.backup_codes().len(), 10);
    // Without an app there is nothing to ask.
    let other = server.client();
    other.sign_in_with_email_code(&server.people().members[1]).await;
    other.get(RESET).await.expect_redirect(CODES);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_show_the_same_key_and_a_replaced_or_cancelled_one_is_reported() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    let client = server.client();
    client.sign_in_with_email_code(&member).await;
    let (first, id) = begin(&client, &server, &[]).await;
    let (second, same) = begin(&client, &server, &[]).await;
    assert_eq!((&first.secret, &id), (&second.secret, &same));

    let confirm = async |app: &App, id: &str| {
        let code = app.code_at(server.clock().now());
        client.post("/profile/app/confirm", &[("code", &code), ("name", "Phone"), ("enrolment", id)]).await
    };
    client.post("/profile/app/cancel", &[("enrolment", &id)]).await.expect_redirect("/profile");
    for stale in [true, false] {
        let page = if stale { confirm(&first, &id).await } else { client.get("/profile/app/setup").await };
        let page = client.follow(page.expect_redirect("/profile")).await;
        assert!(page.words().contains("That setup was canceled."), "{page}");
    }
    let (new, new_id) = begin(&client, &server, &[]).await;
    assert_ne!(new.secret, first.secret, "a new key after Cancel");
    let page = confirm(&first, &id).await.expect_status(422);
    assert_eq!(
        page.otpauth_uri().map(|uri| App::from_uri(&uri, server.clock()).secret),
        Some(new.secret.clone())
    );
    let error = page.text("#code-error").unwrap();
    assert!(error.contains("earlier QR code") && !page.words().contains("clock"), "{page}");
    // The old tab's Cancel does not touch the new key.
    client.post("/profile/app/cancel", &[("enrolment", &id)]).await.expect_redirect("/profile");
    client.get("/profile/app/setup").await.expect_status(200);
    confirm(&new, &new_id).await.expect_redirect(CODES);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_phone_is_replaced_after_a_sign_in_with_one_backup_code() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        let (member, first, mut lost, page) = with_app(&server).await;
        first.post(SAVED, &[("set", &set_of(&page))]).await.expect_status(303);
        let client = server.client();
        let entered = client.sign_in_with_backup_code(&member, &lost.backup_codes[0]).await;
        let page = client.follow(entered).await.expect_status(200);
        assert!(page.words().contains("Lost your phone?"), "{page}");
        let old = page.attribute("form[action='/profile/app/begin'] input[name=replaces]", "value").unwrap();
        let profile = client.get("/profile").await;
        assert!(profile.words().contains("Got a new phone?"), "{profile}");
        for unknown in ["nonsense", "01890000-0000-7000-8000-000000000000"] {
            client.post("/profile/app/begin", &[("replaces", unknown)]).await.expect_status(404);
        }
        let stranger = server.client();
        stranger.sign_in_with_email_code(&server.people().members[1]).await;
        let theirs = stranger.post_from("/profile", "/profile/app/begin", &[("replaces", &old)]).await;
        theirs.expect_status(404);

        server.advance(Duration::from_secs(290));
        let (mut new, id) = begin(&client, &server, &[("replaces", &old)]).await;
        let page = client.get("/profile/app/setup").await;
        assert!(page.words().contains("“Phone” keeps working until"), "{page}");
        server.client().sign_in_with_app(&member, &mut lost).await;
        server.advance(Duration::from_secs(590));
        let code = new.fresh_code();
        let fields = [("code", &*code), ("name", "New phone"), ("enrolment", &*id)];
        let done = client.post("/profile/app/confirm", &fields).await.expect_redirect(CODES);
        let page = client.follow(done).await.expect_status(200);
        let codes = page.backup_codes();
        assert!(codes.len() == 10 && codes.iter().all(|code| !lost.backup_codes.contains(code)), "{page}");
        let profile = client.get("/profile").await.words();
        assert!(profile.contains("New phone") && !profile.contains("“Phone”"), "{profile}");
        assert_eq!(first.get("/profile").await.status, 303, "other sessions have ended");
        let waiting = server.client();
        waiting.sign_in(&member).await.expect_redirect("/sign-in/verify");
        waiting.verify("app", &lost.fresh_code()).await.expect_status(422);
        waiting.verify("backup-code", &lost.backup_codes[1]).await.expect_status(422);
        waiting.verify("app", &new.fresh_code()).await.expect_status(303);
    }
}

/// Waits until the server knows, which a script lets it know of in the background.
async fn becomes_saved(browser: &Browser, server: &Server) -> bool {
    for _ in 0..50 {
        browser.open(&format!("{}/profile", server.url())).await;
        if !browser.text("main").await.contains(UNSAVED) {
            return true;
        }
    }
    false
}

/// The session of this client, in the browser.
async fn take_over(browser: &Browser, server: &Server, client: &Client) {
    browser.open(&format!("{}/sign-in", server.url())).await;
    for (name, value) in client.cookies() {
        let cookie = thirtyfour::Cookie::new(name, value);
        browser.driver().add_cookie(cookie).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_counts_as_saved_and_stays_possible_while_the_page_is_open() {
    let server = super::server(Engine::Sqlite).await;
    let (_, client, _, _) = with_app(&server).await;
    let browser = Browser::start(BrowserOptions::default()).await;
    take_over(&browser, &server, &client).await;
    let page = format!("{}{CODES}", server.url());
    browser.open(&page).await;
    server.advance(Duration::from_secs(301));
    browser
        .run("HTMLAnchorElement.prototype.click = function () { document.title = `${this.download} ${this.href}` }")
        .await;
    browser.click("form[data-download] button").await;
    let saved = browser.run("return document.title").await;
    let saved = saved.as_str().unwrap();
    assert!(saved.starts_with("countersign-backup-codes-20") && saved.contains(".txt blob:"), "{saved}");
    assert!(becomes_saved(&browser, &server).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printout_has_the_codes_with_boxes_to_cross_off_and_nothing_else_of_the_page() {
    let server = super::server(Engine::Sqlite).await;
    let (member, client, _, _) = with_app(&server).await;
    let browser = Browser::start(BrowserOptions::default()).await;
    take_over(&browser, &server, &client).await;
    browser.open(&format!("{}{CODES}", server.url())).await;
    browser.follow("nav a[href='/profile/activity']").await;
    browser.driver().back().await.unwrap();
    browser.wait_for_path(CODES).await;
    assert_eq!(browser.texts("#codes code").await.len(), 10, "Back shows them again");
    assert!(!browser.has(".tick").await && browser.has("[data-print]").await);
    browser.run("dispatchEvent(new Event('beforeprint'))").await;
    assert!(becomes_saved(&browser, &server).await);
    browser.open(&format!("{}{CODES}", server.url())).await;
    let media = serde_json::json!({"media": "print"});
    browser.driver().cdp().send_raw("Emulation.setEmulatedMedia", media).await.unwrap();
    let printed = browser.text("body").await;
    for part in [&*member.email, &*server.url(), "Countersign backup codes", "Created"] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    assert_eq!(browser.texts("#codes code").await.len(), 10);
    assert!(browser.has("#codes li .tick").await);
    for other in ["My Profile", "Sign out", "Download", "Save them now", "I’ve saved"] {
        assert!(!printed.contains(other), "{other}: {printed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_touch_screen_gets_the_link_first_and_the_qr_code_on_request() {
    let server = super::server(Engine::Sqlite).await;
    let client = server.client();
    client.sign_in_with_email_code(&server.people().members[0]).await;
    let (app, _) = begin(&client, &server, &[]).await;
    for javascript in [true, false] {
        // As wide as a laptop: what counts is the finger.
        let browser = Browser::start(BrowserOptions { javascript, ..BrowserOptions::default() }).await;
        take_over(&browser, &server, &client).await;
        let page = format!("{}/profile/app/setup", server.url());
        browser.open(&page).await;
        assert!(browser.has(".qr svg").await && !browser.has("a[href^='otpauth:']").await);
        assert_eq!(App::from_uri(&browser.scan().await, server.clock()).secret, app.secret);
        browser.set_touch(true).await;
        browser.open(&page).await;
        assert!(browser.has("a.primary[href^='otpauth:']").await, "the link is there");
        assert!(!browser.has(".qr").await, "the QR code is collapsed");
        assert!(browser.text("#key").await.replace(' ', "") == app.secret);
        browser.click(".show-qr a").await;
        assert!(browser.has(".qr svg").await);
        assert_eq!(App::from_uri(&browser.scan().await, server.clock()).secret, app.secret);
    }
}
