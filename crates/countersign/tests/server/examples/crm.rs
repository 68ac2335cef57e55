//! `examples/crm-axum`: a password page of its own, and the second step by the API.

use super::{is_handsome, register, set_up_app, type_code};
use crate::server;
use countersign_testkit::running::built;
use countersign_testkit::{
    App, Browser, BrowserOptions, Client, Engine, Kind, Page, Running, Server, free_port,
};
use std::process::Command;
use std::time::Duration;

const ROSA: (&str, &str) = ("rosa@larkspur.example", "willow-lantern-37");
const BEN: (&str, &str) = ("ben@larkspur.example", "copper-meadow-82");

struct Crm {
    url: String,
    key: String,
    _running: Running,
}

async fn crm(server: &Server) -> Crm {
    let listen = format!("127.0.0.1:{}", free_port());
    let (url, back) = (format!("http://{listen}"), format!("http://{listen}/second-step"));
    let words = "--name Larkspur-CRM --require-app --api-key server --scope users:write --scope challenges";
    let registered = register(server, &format!("{words} --return-address {back}"));
    let key = registered["api_key"].as_str().unwrap().to_owned();
    let mut command = Command::new(built("crm-axum"));
    command.env("COUNTERSIGN_URL", server.url()).env("COUNTERSIGN_API_KEY", &key).env("LISTEN", listen);
    let _running = Running::start(command, &url).await;
    Crm { url, key, _running }
}

async fn type_password(browser: &Browser, crm: &Crm, (email, password): (&str, &str)) {
    browser.open(&format!("{}/sign-in", crm.url)).await;
    browser.fill("input[name=email]", email).await;
    browser.fill("input[name=password]", password).await;
    browser.follow("main form button").await;
}

/// At home, as this person and by this second step.
async fn is_home(browser: &Browser, crm: &Crm, name: &str, amr: &str) {
    browser.wait_for_path("/").await;
    assert!(browser.url().await.starts_with(&crm.url));
    assert_eq!(browser.text("h1").await, format!("Good day, {name}"));
    assert_eq!(browser.text("#amr").await, amr);
}

async fn sign_out(browser: &Browser) {
    browser.follow("form[action='/sign-out'] button").await;
    browser.wait_for_path("/sign-in").await;
}

async fn journey(options: BrowserOptions) {
    let server = server(Engine::Sqlite).await;
    let crm = crm(&server).await;
    let browser = Browser::start(options).await;

    // A stranger's first visit: the password is not enough, and the app is set up on the way.
    browser.open(&crm.url).await;
    browser.wait_for_path("/sign-in").await;
    type_password(&browser, &crm, (BEN.0, ROSA.1)).await;
    assert!(browser.text("[role=alert]").await.contains("not right"));
    type_password(&browser, &crm, BEN).await;
    assert!(browser.url().await.starts_with(&format!("{}/second-step/", server.url())));
    let mut bens = set_up_app(&browser, &server.url(), server.clock(), BEN.0).await;
    // A code by email came before the set-up: that is a step, and no factor.
    is_home(&browser, &crm, "Ben Osei", "pwd").await;
    assert!(!browser.has("form[action='/log-in-as']").await);
    sign_out(&browser).await;

    // From then on a code; a backup code where the phone is not at hand; and "not now" leads nowhere.
    type_password(&browser, &crm, BEN).await;
    type_code(&browser, "000000").await;
    assert!(browser.has("#code-error").await);
    type_code(&browser, &bens.fresh_code()).await;
    is_home(&browser, &crm, "Ben Osei", "pwd, otp, mfa").await;
    sign_out(&browser).await;
    type_password(&browser, &crm, BEN).await;
    browser.follow(".other-ways a[href*='method=backup-code']").await;
    type_code(&browser, &bens.backup_codes[0].clone()).await;
    is_home(&browser, &crm, "Ben Osei", "pwd, otp, mfa").await;
    sign_out(&browser).await;
    type_password(&browser, &crm, BEN).await;
    browser.follow("form[action$='/cancel'] button").await;
    browser.wait_for_path("/second-step").await;
    assert!(browser.text("#why").await.contains("without it"));
    browser.open(&crm.url).await;
    browser.wait_for_path("/sign-in").await;

    // Support logs in as Ben, by its own code and not by his.
    type_password(&browser, &crm, ROSA).await;
    let mut rosas = set_up_app(&browser, &server.url(), server.clock(), ROSA.0).await;
    is_home(&browser, &crm, "Rosa Klein", "pwd").await;
    browser.follow("form[action='/log-in-as'] button").await;
    let page = browser.text("main").await;
    assert!(page.contains("logging in as Ben Osei") && page.contains("own second step"), "{page}");
    type_code(&browser, &bens.fresh_code()).await;
    assert!(browser.has("#code-error").await, "the account holder's code is not the actor's");
    type_code(&browser, &rosas.fresh_code()).await;
    is_home(&browser, &crm, "Ben Osei", "pwd, otp, mfa").await;
    assert!(browser.text(".banner").await.contains("Rosa Klein, you are logged in as Ben Osei"));
    assert!(!browser.has("form[action='/log-in-as']").await);
    browser.follow("form[action='/log-in-as/stop'] button").await;
    is_home(&browser, &crm, "Rosa Klein", "pwd, otp, mfa").await;
    assert!(!browser.has(".banner").await);
    if options.javascript {
        is_handsome(&browser).await;
        assert_eq!(refusals_by_policy(&browser).await, Vec::<String>::new());
    }
}

/// What the browser has not done because a page's policy forbids it.
async fn refusals_by_policy(browser: &Browser) -> Vec<String> {
    let errors = browser.console_errors().await;
    errors.into_iter().filter(|error| error.contains("Content Security Policy")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_crm_asks_for_a_second_step_in_chromium() {
    journey(BrowserOptions::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_crm_asks_for_a_second_step_without_javascript_in_the_dark_on_a_phone() {
    journey(BrowserOptions { javascript: false, width: 360, height: 780, dark: true }).await;
}

/// Somebody without a browser who has typed the password at the CRM, and stands before Countersign's page.
struct Visitor {
    crm: Client,
    countersign: Client,
    page: String,
}

impl Visitor {
    async fn type_password(server: &Server, crm: &Crm, (email, password): (&str, &str)) -> Self {
        let visitor = Client::new(&crm.url);
        let email = email.replace('@', "%40");
        let sent = visitor.post_raw("/sign-in", format!("email={email}&password={password}")).await;
        let location = sent.expect_status(303).location().unwrap();
        let page = location.strip_prefix(&server.url()).unwrap_or_else(|| panic!("{location}")).to_owned();
        Self { crm: visitor, countersign: server.client(), page }
    }

    /// Sets up an app; the app, and the path at the CRM to which Countersign then sends the browser, with the result.
    async fn set_up(&self, server: &Server, crm: &Crm, (email, _): (&str, &str)) -> (App, String) {
        let mut mailbox = server.mailbox(Kind::Email, Some(email)).await;
        let send = format!("{}/send-code", self.page);
        let _sent =
            self.countersign.post_from(&self.page, &send, &[("method", "email")]).await.expect_status(303);
        let (verify, code) = (format!("{}/verify", self.page), mailbox.next_code().await);
        let shown = [("method", "email"), ("code", code.as_str())];
        let _shown = self.countersign.post_from(&self.page, &verify, &shown).await.expect_status(303);
        let set_up = format!("{}/set-up", self.page);
        let _begun = self.countersign.post_from(&self.page, &set_up, &[]).await.expect_status(303);
        let shown = self.countersign.get(&set_up).await.expect_status(200);
        let uri = shown.otpauth_uri().unwrap();
        let mut app = App::from_uri(&uri, server.clock());
        let code = app.code();
        let confirm = format!("{set_up}/confirm");
        let _added =
            self.countersign.post(&confirm, &[("code", &code), ("name", "Phone")]).await.expect_status(303);
        let (codes, go_on) = (format!("{}/backup-codes", self.page), format!("{}/continue", self.page));
        let sent = self.countersign.post_from(&codes, &go_on, &[]).await;
        (app, way_back(sent, crm))
    }

    /// Shows a code of the app; the path at the CRM, with the result.
    async fn show(&self, app: &mut App, crm: &Crm) -> String {
        let (verify, code) = (format!("{}/verify", self.page), app.fresh_code());
        let sent =
            self.countersign.post_from(&self.page, &verify, &[("method", "app"), ("code", &code)]).await;
        way_back(sent, crm)
    }
}

/// Where a redirect to the CRM leads: path and query.
fn way_back(sent: Page, crm: &Crm) -> String {
    let location = sent.expect_status(303).location().unwrap();
    location.strip_prefix(&crm.url).unwrap_or_else(|| panic!("{location}")).to_owned()
}

async fn is_signed_in(client: &Client) -> bool {
    client.get("/").await.status == 200
}

fn refused(page: Page, why: &str) {
    let page = page.expect_status(422);
    assert!(page.words().contains(why), "{page}");
}

/// The four checks of the way back, each by an attempt that only it stops.
#[tokio::test(flavor = "multi_thread")]
async fn a_result_signs_in_the_browser_that_waited_for_it_and_no_other() {
    let server = server(Engine::Sqlite).await;
    let crm = crm(&server).await;
    let ben = Visitor::type_password(&server, &crm, BEN).await;
    let rosa = Visitor::type_password(&server, &crm, ROSA).await;
    let (mut bens, back) = ben.set_up(&server, &crm, BEN).await;
    let (_, rosas) = rosa.set_up(&server, &crm, ROSA).await;
    let parameter = |path: &str, name: &str| {
        let pairs = path.split_once('?').unwrap().1.split('&');
        pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).unwrap().1.to_owned()
    };

    // 1. A browser without the cookie; and the right browser with somebody else's state.
    let thief = Client::new(&crm.url);
    refused(thief.get(&back).await, "not waiting any more");
    assert!(!is_signed_in(&thief).await);
    let mallory = Visitor::type_password(&server, &crm, BEN).await;
    refused(mallory.crm.get(&back).await, "not waiting any more");

    // 3. The same person's second step of another sign-in, which somebody may have had them show for another purpose.
    let (here, there) =
        (Visitor::type_password(&server, &crm, BEN).await, Visitor::type_password(&server, &crm, BEN).await);
    let (first, second) = (here.show(&mut bens, &crm).await, there.show(&mut bens, &crm).await);
    let mixed =
        format!("/second-step?result={}&state={}", parameter(&second, "result"), parameter(&first, "state"));
    refused(here.crm.get(&mixed).await, "another sign-in");
    assert!(!is_signed_in(&here.crm).await);

    // 3. and 4. The right browser and state, with the result of another's sign-in: login as somebody else by an address that
    // was put together by hand.
    let mixed =
        format!("/second-step?result={}&state={}", parameter(&rosas, "result"), parameter(&back, "state"));
    refused(ben.crm.get(&mixed).await, "another sign-in");
    assert!(!is_signed_in(&ben.crm).await);
    // It was spent by that; a redeemed result is worth nothing, even in the browser that it was for.
    refused(rosa.crm.get(&rosas).await, "opened twice");
    assert!(!is_signed_in(&rosa.crm).await);

    // 2. What only looks like a result.
    let again = Visitor::type_password(&server, &crm, BEN).await;
    let page = again.countersign.get(&again.page).await.expect_status(200);
    assert!(page.words().contains("Enter your verification code"), "{page}");
    let cancelled = again.countersign.post(&format!("{}/cancel", again.page), &[]).await.expect_status(303);
    let state = parameter(&cancelled.location().unwrap(), "state");
    refused(
        again.crm.get(&format!("/second-step?result={}&state={state}", "A".repeat(43))).await,
        "opened twice",
    );
    assert!(!is_signed_in(&again.crm).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_is_too_old_and_a_server_that_is_away_let_nobody_into_the_crm() {
    let mut server = server(Engine::Sqlite).await;
    let crm = crm(&server).await;
    let ben = Visitor::type_password(&server, &crm, BEN).await;
    let (_, back) = ben.set_up(&server, &crm, BEN).await;
    server.advance(Duration::from_secs(121));
    refused(ben.crm.get(&back).await, "took too long");
    assert!(!is_signed_in(&ben.crm).await);

    server.stop();
    let visitor = Client::new(&crm.url);
    let body = format!("email={}&password={}", ROSA.0.replace('@', "%40"), ROSA.1);
    let away = visitor.post_raw("/sign-in", body).await.expect_status(503);
    assert!(away.words().contains("Try again in a minute"), "{away}");
    assert!(!away.body.contains(&crm.key) && !is_signed_in(&visitor).await);
}
