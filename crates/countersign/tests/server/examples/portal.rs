//! `examples/flask-oidc`: the whole sign-in by OpenID Connect, with Authlib as it is.

use super::{is_handsome, register, type_code};
use crate::BINARY;
use countersign_testkit::running::{python, root};
use countersign_testkit::{
    App, Browser, BrowserOptions, Engine, Person, Running, Server, ServerOptions, free_port,
};
use std::process::Command;

struct Portal {
    url: String,
    _running: Running,
}

async fn portal(server: &Server) -> Portal {
    let listen = format!("127.0.0.1:{}", free_port());
    let url = format!("http://{listen}");
    let words = "--name Tidewater --first-party --client client-secret";
    let addresses = format!("--redirect-uri {url}/callback --post-logout-redirect-uri {url}/signed-out");
    let client = register(server, &format!("{words} {addresses}"));
    let mut command = Command::new(python());
    command.arg(root().join("examples/flask-oidc/app.py")).env("COUNTERSIGN_URL", server.url());
    for (name, member) in [("CLIENT_ID", "client_id"), ("CLIENT_SECRET", "client_secret")] {
        command.env(name, client[member].as_str().unwrap());
    }
    command.env("LISTEN", &listen);
    let _running = Running::start(command, &url).await;
    Portal { url, _running }
}

async fn type_password(browser: &Browser, person: &Person) {
    browser.wait_for_path("/sign-in").await;
    browser.fill("input[name=email]", &person.email).await;
    browser.fill("input[name=password]", &person.password).await;
    browser.follow("main form button.primary").await;
}

async fn confirm_identity(browser: &Browser, person: &Person, app: &mut App) {
    browser.wait_for_path("/confirm-identity").await;
    browser.fill("input[name=password]", &person.password).await;
    browser.enter_code(&app.fresh_code(), "form[action='/confirm-identity'] button.primary").await;
}

/// A member without any second step signs in, is not let into the payroll, sets up an app, and steps up with it.
async fn journey(options: BrowserOptions) {
    // Without codes by e-mail the third member has nothing but a password.
    let methods = ("COUNTERSIGN_SECOND_STEP_METHODS", "app,sms,backup-code");
    let server =
        Server::start(ServerOptions::new(Engine::Sqlite, BINARY).with_env(methods.0, methods.1)).await;
    let portal = portal(&server).await;
    let member = server.people().members[2].clone();
    let browser = Browser::start(options).await;

    browser.open(&portal.url).await;
    browser.follow("#sign-in").await;
    type_password(&browser, &member).await;
    browser.wait_for_path("/").await;
    assert_eq!(browser.text("#email").await, member.email);
    assert_eq!(browser.text("#amr").await, "pwd");
    assert_eq!(browser.text("#acr").await, "urn:countersign:acr:one-factor");
    browser.follow("#payroll").await;
    browser.wait_for_path("/callback").await;
    assert!(browser.text("#why").await.contains("needs a second step"));

    // On the profile, at Countersign.
    browser.open(&format!("{}/profile", server.url())).await;
    browser.follow("form[action='/profile/app/begin'] button").await;
    browser.wait_for_path("/profile/app/setup").await;
    let mut app = App::from_uri(&browser.scan().await, server.clock());
    browser.enter_code(&app.fresh_code(), "form[action='/profile/app/confirm'] button.primary").await;
    browser.wait_for_path("/profile/backup-codes").await;

    // Stepping up: the payroll asks for two steps, and gets them.
    browser.open(&portal.url).await;
    browser.follow("#payroll").await;
    confirm_identity(&browser, &member, &mut app).await;
    browser.wait_for_path("/payroll").await;
    assert_eq!(browser.text("#amr").await, "pwd, otp, mfa");
    browser.open(&portal.url).await;
    assert_eq!(browser.text("#acr").await, "urn:countersign:acr:two-factor");
    browser.follow("form[action='/refresh'] button").await;
    assert_eq!(browser.text("#refreshed").await, "1");
    browser.follow("form[action='/refresh'] button").await;
    assert_eq!(browser.text("#refreshed").await, "2");
    if options.javascript {
        is_handsome(&browser).await;
    }

    // Signing out ends both sessions.
    browser.open_menu().await;
    browser.follow("form[action='/sign-out'] button").await;
    browser.wait_for_path("/signed-out").await;
    assert_eq!(browser.text("h1").await, "You are signed out");
    browser.open(&format!("{}/profile", server.url())).await;
    browser.wait_for_path("/sign-in").await;

    // And what is ended at Countersign is ended at the portal, as soon as it asks.
    browser.open(&portal.url).await;
    browser.follow("#sign-in").await;
    type_password(&browser, &member).await;
    type_code(&browser, &app.fresh_code()).await;
    // The backup codes were not saved; the answer leads on to the portal, which is another site.
    browser.wait_for_path("/profile/backup-codes").await;
    browser.follow("form[action='/profile/backup-codes/saved'] button").await;
    browser.wait_for_path("/").await;
    assert_eq!(browser.text("#amr").await, "pwd, otp, mfa");
    browser.open(&format!("{}/profile", server.url())).await;
    browser.open_menu().await;
    browser.follow("form[action='/sign-out'] button").await;
    browser.open(&portal.url).await;
    browser.follow("form[action='/refresh'] button").await;
    assert!(browser.has("#sign-in").await, "the refresh token went with the session");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_portal_signs_in_steps_up_and_signs_out_in_chromium() {
    journey(BrowserOptions::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_portal_signs_in_steps_up_and_signs_out_without_javascript_in_the_dark_on_a_phone() {
    journey(BrowserOptions { javascript: false, width: 360, height: 780, dark: true }).await;
}

/// The table in the README names every variable that the program reads, and no other.
#[test]
fn the_readme_names_the_variables_of_the_portal() {
    let read = |name: &str| std::fs::read_to_string(root().join("examples/flask-oidc").join(name)).unwrap();
    let (readme, program) = (read("README.md"), read("app.py"));
    let first_cells =
        readme.lines().filter(|line| line.starts_with("| `")).filter_map(|row| row.split('|').nth(1));
    let mut named: Vec<&str> = first_cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    let reads = program.split("os.environ").skip(1).filter_map(|rest| rest.split('"').nth(1));
    let mut read: Vec<&str> = reads.collect();
    named.sort_unstable();
    read.sort_unstable();
    assert!(read.len() >= 5 && named == read, "{named:?} {read:?}");
}
