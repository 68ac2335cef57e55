//! `examples/crm-axum` and `examples/crm-node`: the same application twice, with its own password page and the second step by
//! the API. Every test here is run with both.

use super::lossy::Lossy;
use super::{is_handsome, register, set_up_app, type_code};
use crate::server;
use countersign_testkit::running::{built, root};
use countersign_testkit::{
    App, Browser, BrowserOptions, Client, Engine, Kind, Page, Running, Server, free_port,
};
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Each test, with both programs.
macro_rules! with_both {
    ($($test:ident)*) => {
        mod in_rust {$(
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(super::Program::Axum).await;
            }
        )*}

        mod in_node {$(
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(super::Program::Node).await;
            }
        )*}
    };
}

with_both! {
    the_crm_asks_for_a_second_step_in_chromium
    the_crm_asks_for_a_second_step_without_javascript_in_the_dark_on_a_phone
    a_result_signs_in_the_browser_that_waited_for_it_and_no_other
    a_result_that_is_too_old_and_a_server_that_is_away_let_nobody_into_the_crm
    a_response_that_is_lost_is_asked_for_again_with_the_same_idempotency_key
    a_form_of_another_site_is_refused
    the_readme_says_what_the_program_needs_and_who_can_sign_in
}

/// Which of the two.
#[derive(Clone, Copy, Debug)]
enum Program {
    Axum,
    Node,
}

impl Program {
    /// The command that starts it.
    fn command(self) -> Command {
        match self {
            Self::Axum => Command::new(built("crm-axum")),
            Self::Node => {
                let mut node = Command::new("node");
                node.arg(root().join("examples/crm-node/app.js"));
                node
            }
        }
    }

    fn readme(self) -> String {
        let name = match self {
            Self::Axum => "crm-axum",
            Self::Node => "crm-node",
        };
        fs::read_to_string(root().join("examples").join(name).join("README.md")).unwrap()
    }
}

const ROSA: (&str, &str) = ("rosa@larkspur.example", "willow-lantern-37");
const BEN: (&str, &str) = ("ben@larkspur.example", "copper-meadow-82");

struct Crm {
    url: String,
    key: String,
    _running: Running,
}

async fn crm(program: Program, server: &Server) -> Crm {
    crm_by(program, server, &server.url()).await
}

/// The same, where its requests take another way to the server.
async fn crm_by(program: Program, server: &Server, way: &str) -> Crm {
    let listen = format!("127.0.0.1:{}", free_port());
    let (url, back) = (format!("http://{listen}"), format!("http://{listen}/second-step"));
    let words = "--name Larkspur-CRM --require-app --api-key server --scope users:write --scope challenges";
    let registered = register(server, &format!("{words} --return-address {back}"));
    let key = registered["api_key"].as_str().unwrap().to_owned();
    let mut command = program.command();
    command.env("COUNTERSIGN_URL", way).env("COUNTERSIGN_API_KEY", &key).env("LISTEN", listen);
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
    assert_eq!(browser.text("h1").await, format!("Hello, {name}"));
    assert_eq!(browser.text("#amr").await, amr);
}

async fn sign_out(browser: &Browser) {
    browser.follow("form[action='/sign-out'] button").await;
    browser.wait_for_path("/sign-in").await;
}

async fn journey(program: Program, options: BrowserOptions) {
    let server = server(Engine::Sqlite).await;
    let crm = crm(program, &server).await;
    let browser = Browser::start(options).await;

    // A stranger's first visit: the password is not enough, and the app is set up on the way.
    browser.open(&crm.url).await;
    browser.wait_for_path("/sign-in").await;
    type_password(&browser, &crm, (BEN.0, ROSA.1)).await;
    assert!(browser.text("[role=alert]").await.contains("don't match"));
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

async fn the_crm_asks_for_a_second_step_in_chromium(program: Program) {
    journey(program, BrowserOptions::default()).await;
}

async fn the_crm_asks_for_a_second_step_without_javascript_in_the_dark_on_a_phone(program: Program) {
    journey(program, BrowserOptions { javascript: false, width: 360, height: 780, dark: true }).await;
}

/// Someone without a browser who has entered the password at the CRM, and is at Countersign's page.
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
async fn a_result_signs_in_the_browser_that_waited_for_it_and_no_other(program: Program) {
    let server = server(Engine::Sqlite).await;
    let crm = crm(program, &server).await;
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
    refused(thief.get(&back).await, "no longer waiting");
    assert!(!is_signed_in(&thief).await);
    let mallory = Visitor::type_password(&server, &crm, BEN).await;
    refused(mallory.crm.get(&back).await, "no longer waiting");

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

    // A parameter that comes twice is none, in the right browser too.
    for doubled in ["state", "result"] {
        let twice = Visitor::type_password(&server, &crm, BEN).await;
        let path = twice.show(&mut bens, &crm).await;
        let page = twice.crm.get(&format!("{path}&{doubled}={}", parameter(&path, doubled))).await;
        assert!(page.status != 303 && !is_signed_in(&twice.crm).await, "{doubled}: {page}");
    }
}

async fn a_result_that_is_too_old_and_a_server_that_is_away_let_nobody_into_the_crm(program: Program) {
    let mut server = server(Engine::Sqlite).await;
    let crm = crm(program, &server).await;
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

/// The effect is there and the response is not: the CRM asks again, and Countersign repeats what it said.
async fn a_response_that_is_lost_is_asked_for_again_with_the_same_idempotency_key(program: Program) {
    let server = server(Engine::Sqlite).await;
    let lossy = Lossy::to(
        server.url().strip_prefix("http://").unwrap().parse().unwrap(),
        "/api/v1/challenges/redeem",
    );
    let crm = crm_by(program, &server, &format!("http://{}", lossy.address())).await;
    let ben = Visitor::type_password(&server, &crm, BEN).await;
    let (_, back) = ben.set_up(&server, &crm, BEN).await;
    ben.crm.get(&back).await.expect_status(303);
    assert!(is_signed_in(&ben.crm).await);
    let keys = lossy.idempotency_keys();
    let [first, again] = keys.as_slice() else { panic!("redeemed {} times", keys.len()) };
    assert!(first == again && first.len() >= 32, "{keys:?}");
}

async fn a_form_of_another_site_is_refused(program: Program) {
    let server = server(Engine::Sqlite).await;
    let crm = crm(program, &server).await;
    let body = format!("email={}&password={}", BEN.0.replace('@', "%40"), BEN.1).into_bytes();
    let form = ("content-type", "application/x-www-form-urlencoded");
    for origin in ["https://evil.example", "null", ""] {
        let client = Client::new(&crm.url);
        let headers = [form, ("origin", origin)];
        let page = client.request("POST", "/sign-in", &headers, body.clone()).await;
        assert!(page.status == 403 && page.set_cookies().is_empty(), "{origin}: {page}");
    }
    let page = Client::new(&crm.url).get("/sign-in").await.expect_status(200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; ") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("referrer-policy"), Some("same-origin"));
}

/// The first cells of the rows of a Markdown table whose first cell is code.
fn rows(markdown: &str) -> impl Iterator<Item = Vec<&str>> {
    markdown
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect())
}

async fn the_readme_says_what_the_program_needs_and_who_can_sign_in(program: Program) {
    let server = server(Engine::Sqlite).await;
    let crm = crm(program, &server).await;
    let readme = program.readme();
    let (people, variables): (Vec<_>, Vec<_>) = rows(&readme).partition(|row| row[0].contains('@'));
    assert_eq!((people.len(), variables.len()), (2, 3), "{readme}");
    for variable in &variables {
        let mut command = program.command();
        let others = variables.iter().filter(|other| other[0] != variable[0]);
        command.env_remove(variable[0]).envs(others.map(|other| (other[0], "127.0.0.1:0")));
        let output = command.stdin(Stdio::null()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && told.contains(variable[0]), "{}: {told}", variable[0]);
    }
    for person in people {
        // On to the second step: the password is the one in the table.
        let _visitor = Visitor::type_password(&server, &crm, (person[0], person[1])).await;
    }
    for scope in ["users:write", "challenges"] {
        assert!(readme.contains(&format!("`{scope}`")), "{scope}");
    }
}
