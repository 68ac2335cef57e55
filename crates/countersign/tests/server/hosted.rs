//! A second step that an application asks for, on this server's pages: the application's server, its API key, and a
//! person whom nobody knows here but by what the application says.

mod once;

use crate::api::{Application, RETURN_ADDRESS, operator, register, server, value};
use countersign_testkit::{
    App, Browser, BrowserOptions, Client, Engine, Kind, Mailbox, Page, Server, ServerOptions, burst,
};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

/// A challenge of this body: the path of its address.
async fn ask(server: &Server, application: &Application, body: &Value) -> String {
    let page = application.post("/api/v1/challenges", body).await.expect_status(201);
    let url = value(&page)["url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(&server.url()).unwrap().to_owned();
    assert!(path.starts_with("/second-step/") && path.len() == "/second-step/".len() + 43, "{path}");
    path
}

fn for_user(user: &str) -> Value {
    json!({"user": user, "return_to": RETURN_ADDRESS, "state": "s 1&x"})
}

fn set_up_for(user: &str) -> Value {
    json!({"user": user, "return_to": RETURN_ADDRESS, "state": "s 1&x", "set_up": true})
}

/// The result in a redirect to the application.
fn result(page: &Page) -> String {
    let to = page.location().unwrap_or_else(|| panic!("no way back: {page}"));
    assert_eq!(page.status, 303, "{page}");
    let rest = to.strip_prefix(&format!("{RETURN_ADDRESS}?result=")).unwrap_or_else(|| panic!("{page}"));
    rest.strip_suffix("&state=s+1%26x").unwrap().to_owned()
}

async fn redeem(application: &Application, result: &str) -> Page {
    application.post("/api/v1/challenges/redeem", &json!({"result": result})).await
}

/// Reads the page, whose form is sent next.
async fn open(client: &Client, path: &str) -> Page {
    let page = client.get(path).await.expect_status(200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self' https://crm.example.com;"), "{page}");
    assert_eq!(page.header("cache-control"), Some("no-store"), "{page}");
    assert_eq!(page.header("referrer-policy"), Some("same-origin"), "{page}");
    // Nothing leads to another page of this server.
    for href in page.attributes("a[href^='/']", "href") {
        assert!(href.starts_with("/second-step/"), "{href} on {page}");
    }
    page
}

/// Shows the code by e-mail that comes before the set-up of a first app.
async fn shows_code(server: &Server, person: &Client, path: &str, to: &str) {
    let page = open(person, path).await;
    assert!(page.text(".asking").unwrap().contains("After that you set up an authenticator app"), "{page}");
    let mut mailbox = server.mailbox(Kind::Email, Some(to)).await;
    let sent = person.post(&format!("{path}/send-code"), &[("method", "email")]).await;
    assert_eq!(sent.location(), Some(format!("{path}?method=email")));
    let code = mailbox.next_code().await;
    let verify = format!("{path}/verify");
    person.post(&verify, &[("method", "email"), ("code", &code)]).await.expect_redirect(path);
}

/// The same in a browser, at the server that is at `base`.
pub(crate) async fn shows_code_in(browser: &Browser, base: &str, to: &str) {
    let mut mailbox = Mailbox::open(base, Kind::Email, Some(to)).await;
    browser.follow("form[action$='/send-code'] button").await;
    browser.enter_code(&mailbox.next_code().await, "form[action$='/verify'] button").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_code_leads_back_with_a_result_for_the_applications_server() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let server = server(engine).await;
        let crm = register(&server, "Harbour CRM");
        let (mut app, codes) = crm.user_with_app(&server, "mia").await;
        let path = ask(&server, &crm, &for_user("mia")).await;
        let person = server.client();
        let page = open(&person, &path).await;
        let words = page.words();
        let asking = "Harbour CRM asks for your second step, Mia Lund. Then you go back to crm.example.com.";
        assert_eq!(page.text(".asking").as_deref(), Some(asking));
        assert!(
            words.contains("crm.example.com") && words.contains("6-digit code for Harbour CRM"),
            "{words}"
        );
        assert!(!page.has("nav[aria-label=Main]") && !page.has("form[action='/sign-out']"), "{page}");

        let verify = format!("{path}/verify");
        let typo = person.post(&verify, &[("method", "app"), ("code", "12345")]).await.expect_status(422);
        assert!(typo.text("#code-error").unwrap().contains("6 digits, and you typed 5"), "{typo}");
        let wrong = if app.code() == "123456" { "654321" } else { "123456" };
        let page = person.post(&verify, &[("method", "app"), ("code", wrong)]).await.expect_status(422);
        assert!(page.has("#code-error") && page.title().unwrap().starts_with("Error: "), "{page}");
        let back = person.post(&verify, &[("method", "app"), ("code", &app.fresh_code())]).await;
        let result = result(&back);
        assert!(!server.log().contains(&result) && !server.log().contains(&path[13..]), "in the log");

        let over = person.get(&path).await.expect_status(200);
        assert_eq!(over.attribute("main a", "href").as_deref(), Some("https://crm.example.com"));
        assert!(over.words().contains("go back to Harbour CRM and sign in again"), "{over}");
        person.get(&format!("{path}/set-up")).await.expect_redirect(&path);
        person.get(&format!("{path}/backup-codes")).await.expect_redirect(&path);

        let shop = register(&server, "Pine Shop");
        redeem(&shop, &result).await.expect_status(404);
        let answer = value(&redeem(&crm, &result).await.expect_status(200));
        assert_eq!((&answer["user"], &answer["method"]), (&json!("mia"), &json!("app")), "{answer}");
        redeem(&crm, &result).await.expect_status(404);

        // With a backup code, in another browser.
        let path = ask(&server, &crm, &for_user("mia")).await;
        let other = server.client();
        let page = open(&other, &format!("{path}?method=backup-code")).await;
        assert!(page.words().contains("Use a backup code"), "{page}");
        let fields = [("method", "backup-code"), ("code", codes[0].as_str())];
        let back = other.post(&format!("{path}/verify"), &fields).await;
        let answer = value(&redeem(&crm, &self::result(&back)).await.expect_status(200));
        assert_eq!(answer["backup_codes_left"], json!(9), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_by_email_speaks_in_the_applications_name() {
    let server = server(Engine::Sqlite).await;
    let crm = register(&server, "Harbour CRM");
    crm.put_user("mia").await.expect_status(201);
    let path = ask(&server, &crm, &for_user("mia")).await;
    let person = server.client();
    let page = open(&person, &path).await;
    assert!(page.words().contains("Email a code to m•••@users.example"), "{page}");
    let mut mailbox = server.mailbox(Kind::Email, Some("mia@users.example")).await;
    let send = format!("{path}/send-code");
    let sent = person.post(&send, &[("method", "email")]).await;
    assert_eq!(sent.location(), Some(format!("{path}?method=email")));
    let message = mailbox.next().await;
    assert_eq!(message.subject.as_deref(), Some("Your sign-in code for Harbour CRM"));
    assert!(!message.text.contains(&server.url()), "{}", message.text);
    let again = person.post(&send, &[("method", "email")]).await.expect_status(429);
    assert!(again.header("retry-after").is_some() && again.has("#form-error"), "{again}");
    let code = message.code().unwrap();
    let back = person.post(&format!("{path}/verify"), &[("method", "email"), ("code", &code)]).await;
    redeem(&crm, &result(&back)).await.expect_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_app_is_set_up_and_its_codes_are_shown_once() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let server = server(engine).await;
        let crm = register(&server, "Harbour CRM");
        crm.put_user("mia").await.expect_status(201);
        let path = ask(&server, &crm, &set_up_for("mia")).await;
        let person = server.client();
        // Whoever has stolen the password comes here as well, and no further than the code by e-mail.
        open(&person, &path).await;
        person.post(&format!("{path}/set-up"), &[]).await.expect_redirect(&path);
        shows_code(&server, &person, &path, "mia@users.example").await;
        let page = open(&person, &path).await;
        let asking = page.text(".asking").unwrap();
        assert!(asking.starts_with("Harbour CRM asks you to protect your account, Mia Lund."), "{asking}");
        let set_up = format!("{path}/set-up");
        person.get(&set_up).await.expect_redirect(&path);
        open(&person, &path).await;
        person.post(&set_up, &[]).await.expect_redirect(&set_up);
        person.get(&path).await.expect_redirect(&set_up);
        let page = open(&person, &set_up).await;
        let mut app = App::from_uri(&page.otpauth_uri().unwrap(), server.clock());
        assert!(page.words().contains("Harbour CRM (mia@users.example)"), "{page}");
        let confirm = format!("{set_up}/confirm");
        let empty = [("code", ""), ("name", "Phone")];
        let refused = person.post(&confirm, &empty).await.expect_status(422);
        assert!(refused.has("#code-error"), "{refused}");
        let codes_page = format!("{path}/backup-codes");
        let fields = [("code", app.fresh_code()), ("name", "Phone".to_owned())];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        person.post(&confirm, &fields).await.expect_redirect(&codes_page);
        person.get(&path).await.expect_redirect(&codes_page);
        let head = person.request("HEAD", &codes_page, &[], Vec::new()).await;
        assert_eq!(head.status, 200, "a HEAD shows nothing, and takes nothing");
        let page = open(&person, &codes_page).await;
        assert_eq!(page.backup_codes().len(), 10, "{page}");
        let file = page.attribute("[data-copy]", "data-copy").unwrap();
        assert!(file.contains("Harbour CRM backup codes\n\nAccount: Mia Lund\nSite:"), "{file}");
        assert!(
            page.attribute("a[download]", "download").unwrap().starts_with("harbour-crm-backup-codes-20")
        );
        let again = open(&person, &codes_page).await;
        assert_eq!(again.backup_codes(), page.backup_codes(), "a reload shows them again");
        server.advance(Duration::from_secs(300));
        let later = open(&person, &codes_page).await;
        assert!(later.backup_codes().is_empty() && later.words().contains("can’t show"), "{later}");
        let back = person.post(&format!("{path}/continue"), &[]).await;
        let answer = value(&redeem(&crm, &result(&back)).await.expect_status(200));
        assert_eq!((&answer["enrolled"], &answer["method"]), (&json!(true), &json!("app")), "{answer}");
        assert_eq!(answer["amr"], json!([]), "a code by email came before it, and no factor");
        // Twice is once.
        open(&person, &path).await;
        person.post_from("/sign-in", &format!("{path}/continue"), &[]).await.expect_redirect(&path);
    }
}

/// Everything that shows or uses what is being set up, by someone with the address who did not enter the code.
async fn sees_nothing(thief: &Client, path: &str, secrets: &[&str]) {
    let mut pages = Vec::new();
    for rest in ["", "/set-up", "/backup-codes", "?method=email"] {
        pages.push(thief.get(&format!("{path}{rest}")).await);
    }
    for rest in ["/set-up", "/set-up/confirm", "/continue"] {
        let fields = [("code", "123456"), ("name", "Mine")];
        pages.push(thief.post(&format!("{path}{rest}"), &fields[..]).await);
    }
    for page in pages {
        assert!(page.otpauth_uri().is_none() && page.backup_codes().is_empty(), "{page}");
        assert!(page.location().is_none_or(|to| to == path), "{page}");
        for secret in secrets {
            assert!(!page.body.contains(secret), "{page}");
        }
    }
}

/// The application's server has the address too, and whoever it was passed on to.
#[tokio::test(flavor = "multi_thread")]
async fn another_browser_sees_neither_the_secret_nor_the_codes() {
    for engine in Engine::ALL {
        let server = server(engine).await;
        let crm = register(&server, "Harbour CRM");
        crm.put_user("mia").await.expect_status(201);
        let path = ask(&server, &crm, &set_up_for("mia")).await;
        let (person, thief) = (server.client(), server.client());
        open(&thief, &path).await;
        shows_code(&server, &person, &path, "mia@users.example").await;
        sees_nothing(&thief, &path, &[]).await;
        let set_up = format!("{path}/set-up");
        open(&person, &path).await;
        person.post(&set_up, &[]).await.expect_redirect(&set_up);
        let page = open(&person, &set_up).await;
        let mut app = App::from_uri(&page.otpauth_uri().unwrap(), server.clock());
        let secret = app.secret.clone();
        // At the same moment, many times, and with a cookie of their own making.
        thief.set_cookie("countersign-set-up", Some(&"A".repeat(43)));
        let seen = burst(40, |_| {
            let (thief, set_up) = (thief.fork(), set_up.clone());
            async move { thief.get(&set_up).await }
        })
        .await;
        assert!(seen.iter().all(|page| page.status == 303 && page.otpauth_uri().is_none()), "{engine:?}");
        sees_nothing(&thief, &path, &[&secret]).await;
        let told = open(&thief, &path).await.text("#elsewhere").unwrap();
        assert!(told.contains("started in another browser") && told.contains("enter a new code"), "{told}");

        let fields = [("code", &*app.fresh_code()), ("name", "Phone")];
        let codes_page = format!("{path}/backup-codes");
        open(&person, &set_up).await;
        person.post(&format!("{set_up}/confirm"), &fields).await.expect_redirect(&codes_page);
        sees_nothing(&thief, &path, &[&secret]).await;
        let codes = open(&person, &codes_page).await.backup_codes();
        assert_eq!(codes.len(), 10, "and the thief sees none of them");
        let back = person.post(&format!("{path}/continue"), &[]).await;
        redeem(&crm, &result(&back)).await.expect_status(200);
        assert!(person.cookie("countersign-set-up").is_none(), "the cookie goes when it is over");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_browser_continues_with_a_code_of_its_own_and_the_first_starts_again() {
    let server = server(Engine::Sqlite).await;
    let crm = register(&server, "Harbour CRM");
    crm.put_user("mia").await.expect_status(201);
    let path = ask(&server, &crm, &set_up_for("mia")).await;
    let (laptop, phone, set_up) = (server.client(), server.client(), format!("{path}/set-up"));
    shows_code(&server, &laptop, &path, "mia@users.example").await;
    open(&laptop, &path).await;
    laptop.post(&set_up, &[]).await.expect_redirect(&set_up);
    let first = open(&laptop, &set_up).await.otpauth_uri().unwrap();
    server.advance(Duration::from_secs(31));
    shows_code(&server, &phone, &path, "mia@users.example").await;
    laptop.get(&set_up).await.expect_redirect(&path);
    assert!(open(&laptop, &path).await.has("#elsewhere"));
    open(&phone, &path).await;
    phone.post(&set_up, &[]).await.expect_redirect(&set_up);
    let second = open(&phone, &set_up).await.otpauth_uri().unwrap();
    assert_ne!(first, second, "a new enrolment");
}

/// The cookie is new with the right code: what was there before opens nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_that_was_planted_before_opens_nothing() {
    let server = server(Engine::Sqlite).await;
    let crm = register(&server, "Harbour CRM");
    crm.put_user("mia").await.expect_status(201);
    let path = ask(&server, &crm, &set_up_for("mia")).await;
    let (person, planted) = (server.client(), "A".repeat(43));
    person.set_cookie("countersign-set-up", Some(&planted));
    shows_code(&server, &person, &path, "mia@users.example").await;
    let given = person.cookie("countersign-set-up").unwrap();
    assert_ne!(given, planted);
    let thief = server.client();
    thief.set_cookie("countersign-set-up", Some(&planted));
    assert!(open(&thief, &path).await.has("#elsewhere"));
    let page = open(&person, &path).await;
    assert!(!page.has("#elsewhere") && page.has("form[action$='/set-up']"), "{page}");
    assert!(!server.log().contains(&given), "in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_keeps_no_cookies_is_told_so() {
    let server = server(Engine::Sqlite).await;
    let crm = register(&server, "Harbour CRM");
    crm.put_user("mia").await.expect_status(201);
    let path = ask(&server, &crm, &set_up_for("mia")).await;
    let person = server.client();
    open(&person, &path).await;
    person.set_cookie("countersign", None);
    let page = person.post(&format!("{path}/send-code"), &[("method", "email")]).await.expect_status(403);
    assert!(
        page.words().contains("Your browser sent no cookie") && page.words().contains("Allow cookies"),
        "{page}"
    );
    assert_eq!(page.attribute("main a.primary", "href").as_deref(), Some(path.as_str()));
    assert!(!page.has("nav[aria-label=Main]"), "{page}");
}

/// A key with only `challenges`, where codes by email are no second step.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_may_only_ask_sets_up_a_first_app_after_a_code_to_the_mailbox() {
    let options = ServerOptions::new(Engine::Sqlite, crate::BINARY);
    let server = Server::start(options.with_env("COUNTERSIGN_SECOND_STEP_METHODS", "app,backup-code")).await;
    let crm = register(&server, "Harbour CRM");
    crm.put_user("mia").await.expect_status(201);
    let (_, key) = crate::api::make_key(&server, &crm, &["challenges"], "30");
    let asks = crm.with_key(&key);
    asks.post("/api/v1/challenges", &for_user("mia")).await.expect_status(409);
    let path = ask(&server, &asks, &set_up_for("mia")).await;
    let (person, set_up) = (server.client(), format!("{path}/set-up"));
    let page = open(&person, &path).await;
    assert!(
        page.text(".asking").unwrap().contains("First enter a code sent to your email address"),
        "{page}"
    );
    person.post(&set_up, &[]).await.expect_redirect(&path);
    person.get(&set_up).await.expect_redirect(&path);
    let mut mailbox = server.mailbox(Kind::Email, Some("mia@users.example")).await;
    open(&person, &path).await;
    person.post(&format!("{path}/send-code"), &[("method", "email")]).await.expect_redirect(&path);
    let message = mailbox.next().await;
    assert_eq!(message.subject.as_deref(), Some("Your code to set up an app for Harbour CRM"));
    let verify = format!("{path}/verify");
    let code = message.code().unwrap();
    let wrong = if code == "123456" { "654321" } else { "123456" };
    person.post(&verify, &[("method", "email"), ("code", wrong)]).await.expect_status(422);
    person.post(&verify, &[("method", "email"), ("code", &code)]).await.expect_redirect(&path);
    open(&person, &path).await;
    person.post(&set_up, &[]).await.expect_redirect(&set_up);
    let mut app = App::from_uri(&open(&person, &set_up).await.otpauth_uri().unwrap(), server.clock());
    let fields = [("code", &*app.fresh_code()), ("name", "Phone")];
    person.post(&format!("{set_up}/confirm"), &fields).await.expect_redirect(&format!("{path}/backup-codes"));
    open(&person, &format!("{path}/backup-codes")).await;
    let back = person.post(&format!("{path}/continue"), &[]).await;
    let answer = value(&redeem(&asks, &result(&back)).await.expect_status(200));
    assert_eq!((&answer["method"], &answer["enrolled"]), (&json!("app"), &json!(true)), "{answer}");
    // Where the key vouches, the set-up comes at once.
    crm.put_user("ole").await.expect_status(201);
    let path = ask(&server, &crm, &set_up_for("ole")).await;
    let (person, other) = (server.client(), server.client());
    assert!(open(&person, &path).await.has("form[action$='/set-up']"));
    person.post(&format!("{path}/set-up"), &[]).await.expect_status(303);
    let page = other.get(&path).await.expect_status(403);
    assert!(page.words().contains("Continue in your other browser"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_up_that_took_too_long_begins_again_and_after_its_time_is_over() {
    let server = server(Engine::Sqlite).await;
    let crm = register(&server, "Harbour CRM");
    crm.put_user("mia").await.expect_status(201);
    let path = ask(&server, &crm, &set_up_for("mia")).await;
    let (person, set_up) = (server.client(), format!("{path}/set-up"));
    shows_code(&server, &person, &path, "mia@users.example").await;
    open(&person, &path).await;
    person.post(&set_up, &[]).await.expect_redirect(&set_up);
    server.advance(Duration::from_secs(601));
    let late = person.get(&set_up).await.expect_redirect(&path);
    let page = person.follow(late).await;
    assert!(page.words().contains("Start again below"), "{page}");
    person.post(&set_up, &[]).await.expect_redirect(&set_up);
    server.advance(Duration::from_secs(300));
    let over = person.get(&set_up).await.expect_redirect(&path);
    let over = person.follow(over).await.expect_status(200);
    assert!(over.words().contains("This second step is over") && !over.has(".alert"), "{over}");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_login_as_the_page_says_whose_account_it_is() {
    let server = server(Engine::Sqlite).await;
    let crm = register(&server, "Harbour CRM");
    crm.put_user("mia").await.expect_status(201);
    let body = json!({"email": "ada@users.example", "name": "Ada Park"});
    crm.ask("PUT", "/api/v1/users/ada", &[], Some(&body)).await.expect_status(201);
    let body = json!({"user": "mia", "actor": "ada", "return_to": RETURN_ADDRESS, "set_up": true});
    crm.post("/api/v1/challenges", &body).await.expect_status(422);
    let body = json!({"user": "mia", "actor": "ada", "return_to": RETURN_ADDRESS});
    let path = ask(&server, &crm, &body).await;
    let page = open(&server.client(), &path).await;
    let told = page.text(".alert").unwrap();
    assert_eq!(told, "You are logging in as Mia Lund. Show your own second step.");
    assert!(page.text(".asking").unwrap().contains("second step, Ada Park."), "{page}");
    assert!(page.words().contains("a•••@users.example"), "the actor's mailbox: {page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn not_now_leads_back_and_leaves_everything_as_it_is() {
    let server = server(Engine::Sqlite).await;
    let crm = register(&server, "Harbour CRM");
    crm.put_user("mia").await.expect_status(201);
    let path = ask(&server, &crm, &for_user("mia")).await;
    let person = server.client();
    open(&person, &path).await;
    let back = person.post(&format!("{path}/cancel"), &[]).await;
    let to = format!("{RETURN_ADDRESS}?error=access_denied&state=s+1%26x");
    assert_eq!((back.status, back.location()), (303, Some(to)));
    open(&person, &path).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_in_administrators_browser_does_not_mix() {
    let server = server(Engine::Sqlite).await;
    let crm = register(&server, "Harbour CRM");
    let (mut app, _) = crm.user_with_app(&server, "mia").await;
    let admin = server.people().admin.clone();
    let person = server.client();
    person.sign_in_with_email_code(&admin).await;
    let cookies = person.cookies();
    let path = ask(&server, &crm, &for_user("mia")).await;
    let page = open(&person, &path).await;
    let unknown = person.get(&format!("/second-step/{}", "A".repeat(43))).await.expect_status(404);
    let nonsense = person.get("/second-step/nonsense").await.expect_status(404);
    for page in [&page, &unknown, &nonsense] {
        assert!(!page.words().contains(&admin.email) && !page.has("nav[aria-label=Main]"), "{page}");
        assert!(!page.has("form[action='/sign-out']"), "{page}");
    }
    open(&person, &path).await;
    let back =
        person.post(&format!("{path}/verify"), &[("method", "app"), ("code", &app.fresh_code())]).await;
    result(&back);
    // Their own session here is as it was.
    assert_eq!(person.cookies(), cookies);
    assert!(person.get("/profile").await.expect_status(200).words().contains(&admin.email));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_from_elsewhere_is_refused() {
    let server = server(Engine::Sqlite).await;
    let crm = register(&server, "Harbour CRM");
    let (mut app, _) = crm.user_with_app(&server, "mia").await;
    let path = ask(&server, &crm, &for_user("mia")).await;
    let (person, verify, code) = (server.client(), format!("{path}/verify"), app.fresh_code());
    open(&person, &path).await;
    let fields = [("method", "app"), ("code", code.as_str()), ("csrf_token", "A")];
    let stale = person.post(&verify, &fields).await.expect_status(403);
    assert_eq!(stale.attribute("main a", "href").as_deref(), Some(path.as_str()), "{stale}");
    let foreign = [("origin", "https://crm.example.com"), ("sec-fetch-site", "cross-site")];
    person.request("POST", &verify, &foreign, Vec::new()).await.expect_status(403);
    open(&person, &path).await;
    result(&person.post(&verify, &[("method", "app"), ("code", &code)]).await);
}

/// The application's own pages, to which people come back: its origin, and the addresses that are asked for.
fn own_pages() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (came, asked) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let came = came.clone();
            // A browser also opens connections ahead, and asks for a picture.
            thread::spawn(move || answer(stream, &came));
        }
    });
    (origin, asked)
}

fn answer(mut stream: TcpStream, came: &Sender<String>) -> Option<()> {
    let mut request = vec![0; 8192];
    let length = stream.read(&mut request).ok()?;
    let request = String::from_utf8_lossy(&request[..length]).into_owned();
    let path = request.split(' ').nth(1)?;
    let body = "<!doctype html><title>CRM</title><p>You are in.";
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length:";
    write!(stream, "{head} {}\r\n\r\n{body}", body.len()).ok()?;
    if path.starts_with("/back") { came.send(path.to_owned()).ok() } else { None }
}

/// The address at which the browser has come back.
async fn arrival(browser: &Browser, asked: &Receiver<String>) -> String {
    browser.wait_for_path("/back").await;
    asked.recv_timeout(Duration::from_secs(10)).unwrap()
}

/// Sets up an app and comes back, signs in with it and comes back: with a real browser, which holds each form's whole way
/// against the page's policy.
async fn journey(options: BrowserOptions) {
    let server = server(Engine::Sqlite).await;
    let (origin, asked) = own_pages();
    let back = format!("{origin}/back");
    let mut arguments =
        vec!["application", "create", "--name", "Harbour CRM", "--return-address", &back, "--api-key", "all"];
    for scope in ["users:read", "users:write", "challenges", "authenticators"] {
        arguments.extend(["--scope", scope]);
    }
    let made: Value = serde_json::from_str(&operator(&server, &arguments)).unwrap();
    let crm = register(&server, "Another").with_key(made["api_key"].as_str().unwrap());
    crm.put_user("mia").await.expect_status(201);
    let browser = Browser::start(options).await;

    let body = json!({"user": "mia", "return_to": back, "state": "one", "set_up": true});
    let path = ask(&server, &crm, &body).await;
    browser.open(&format!("{}{path}", server.url())).await;
    shows_code_in(&browser, &server.url(), "mia@users.example").await;
    browser.follow("form[action$='/set-up'] button").await;
    browser.wait_for_path(&format!("{path}/set-up")).await;
    let mut app = App::from_uri(&browser.scan().await, server.clock());
    browser.enter_code(&app.fresh_code(), "form[action$='/set-up/confirm'] button.primary").await;
    browser.wait_for_path(&format!("{path}/backup-codes")).await;
    assert_eq!(browser.texts("#codes code").await.len(), 10);
    browser.follow("form[action$='/continue'] button").await;
    let came = arrival(&browser, &asked).await;
    let result = came.strip_prefix("/back?result=").unwrap().strip_suffix("&state=one").unwrap();
    redeem(&crm, result).await.expect_status(200);

    let path = ask(&server, &crm, &json!({"user": "mia", "return_to": back, "state": "two"})).await;
    browser.open(&format!("{}{path}", server.url())).await;
    browser.enter_code(&app.fresh_code(), "form[action$='/verify'] button").await;
    let came = arrival(&browser, &asked).await;
    let result = came.strip_prefix("/back?result=").unwrap().strip_suffix("&state=two").unwrap();
    redeem(&crm, result).await.expect_status(200);

    let path = ask(&server, &crm, &json!({"user": "mia", "return_to": back})).await;
    browser.open(&format!("{}{path}", server.url())).await;
    browser.follow("form[action$='/cancel'] button").await;
    assert_eq!(arrival(&browser, &asked).await, "/back?error=access_denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_and_back_in_chromium() {
    journey(BrowserOptions::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_and_back_without_javascript_in_the_dark_on_a_phone() {
    journey(BrowserOptions { javascript: false, width: 360, height: 780, dark: true }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_it_is_accessible_light_and_dark_wide_and_narrow() {
    let server = server(Engine::Sqlite).await;
    let crm = register(&server, "Harbour CRM");
    crm.put_user("mia").await.expect_status(201);
    crm.user_with_app(&server, "ole").await;
    let url = |path: &str| format!("{}{path}", server.url());
    let mut faults = Vec::new();
    let browser = Browser::start(BrowserOptions::default()).await;
    let show = ask(&server, &crm, &for_user("ole")).await;
    let login_as = json!({"user": "mia", "actor": "ole", "return_to": RETURN_ADDRESS});
    let login_as = ask(&server, &crm, &login_as).await;
    let set_up = ask(&server, &crm, &set_up_for("mia")).await;
    for path in
        [&show, &format!("{show}?method=email"), &format!("{show}?method=backup-code"), &login_as, &set_up]
    {
        crate::browser::look(&browser, &url(path), &mut faults).await;
    }
    crate::browser::look(&browser, &url("/second-step/nonsense"), &mut faults).await;
    browser.open(&url(&set_up)).await;
    shows_code_in(&browser, &server.url(), "mia@users.example").await;
    crate::browser::look(&browser, &url(&set_up), &mut faults).await;
    browser.follow("form[action$='/set-up'] button").await;
    crate::browser::look(&browser, &url(&format!("{set_up}/set-up")), &mut faults).await;
    let mut app = App::from_uri(&browser.scan().await, server.clock());
    browser.enter_code(&app.fresh_code(), "form[action$='/set-up/confirm'] button.primary").await;
    for violation in browser.axe().await {
        faults.push(format!("the ten codes: {}", violation.id));
    }
    crate::browser::look(&browser, &url(&format!("{set_up}/backup-codes")), &mut faults).await;
    server.advance(Duration::from_secs(16 * 60));
    crate::browser::look(&browser, &url(&show), &mut faults).await;
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
