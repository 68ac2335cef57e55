//! Applications that sign people in, as an integrating developer's program sees it: the protocol over HTTP, and every way
//! in which it must not be used.

mod assurance;
mod browser;
mod clients;
mod codes;
mod destination;
mod ending;
mod keys;
mod login_as;
mod native;
mod requests;
mod signing_in;

use super::BINARY;
use countersign_testkit::{Client, Page, Person, Server};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::Value;
use std::process::Command;
use url::form_urlencoded;

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Where the application waits for the answer. Nothing listens there: nobody follows.
const BACK: &str = "http://127.0.0.1:4999/back";

/// Where it waits after a sign-out.
const BYE: &str = "http://127.0.0.1:4999/bye";

/// Runs the binary beside the server, on the same database.
pub(crate) fn beside(server: &Server, arguments: &[&str]) -> String {
    let binary = std::env::var("COUNTERSIGN_BIN").unwrap_or_else(|_| BINARY.to_owned());
    let mut command = Command::new(binary);
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COUNTERSIGN_"))
    {
        command.env_remove(name);
    }
    if let Some(database) = server.database() {
        command.env("COUNTERSIGN_DATABASE_URL", database.url());
    }
    let output = command.args(arguments).arg("--data").arg(server.data()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// An application, as it knows itself.
#[derive(Clone)]
struct App {
    id: String,
    secret: Option<String>,
}

impl App {
    /// Registers one: `--first-party`, `--client none` and the like.
    fn register(server: &Server, options: &[&str]) -> Self {
        let start = ["application", "create", "--name", "Harbour CRM", "--redirect-uri", BACK];
        let bye = ["--post-logout-redirect-uri", BYE];
        let printed = beside(server, &[&start[..], &bye, options].concat());
        let made: Value = serde_json::from_str(&printed).unwrap();
        let text = |name: &str| made[name].as_str().map(str::to_owned);
        Self { id: text("client_id").unwrap(), secret: text("client_secret") }
    }

    /// The operator's own, with a secret.
    fn own(server: &Server) -> Self {
        Self::register(server, &["--first-party", "--client", "client-secret"])
    }

    /// Somebody else's, with a secret: people are asked.
    fn third_party(server: &Server) -> Self {
        Self::register(server, &["--client", "client-secret"])
    }

    /// A request, with these parameters added or replaced; an empty value leaves one out.
    fn request(&self, changes: &[(&str, &str)]) -> String {
        let mut pairs = vec![
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", BACK),
            ("scope", "openid"),
            ("state", "a state"),
            ("nonce", "a nonce"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        pairs.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        pairs.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
        format!("/oauth2/authorize?{}", encoded(&pairs))
    }

    /// The code that a signed-in person's browser is given: at once or, for a public client on this machine, after a page.
    async fn code(&self, browser: &Client, changes: &[(&str, &str)]) -> String {
        let page = browser.get(&self.request(changes)).await;
        match page.attribute("input[name=request]", "value").filter(|_| self.secret.is_none()) {
            None => Answer::of(&page).code(),
            Some(request) => Answer::of(&pressed(browser, &request, "allow").await).code(),
        }
    }

    /// Exchanges a code.
    async fn exchange(&self, server: &Server, code: &str) -> Page {
        let form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", BACK)];
        self.post(server, "/oauth2/token", &[&form[..], &[("code_verifier", VERIFIER)]].concat()).await
    }

    /// All tokens of a signed-in person's browser.
    async fn tokens(&self, server: &Server, browser: &Client, changes: &[(&str, &str)]) -> Value {
        let code = self.code(browser, changes).await;
        json(&self.exchange(server, &code).await.expect_status(200))
    }

    /// Shows a refresh token.
    async fn refresh(&self, server: &Server, token: &str) -> Page {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.post(server, "/oauth2/token", &form).await
    }

    /// Sends a form as this application, by `client_secret_basic` where it has a secret.
    async fn post(&self, server: &Server, path: &str, form: &[(&str, &str)]) -> Page {
        let basic;
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
        let mut form = form.to_vec();
        match &self.secret {
            Some(secret) => {
                basic = format!("Basic {}", BASE64.encode(format!("{}:{secret}", self.id).as_bytes()));
                headers.push(("authorization", &basic));
            }
            None => form.push(("client_id", &self.id)),
        }
        server.client().request("POST", path, &headers, encoded(&form).into_bytes()).await
    }

    /// What a token is worth.
    async fn introspect(&self, server: &Server, token: &str) -> Value {
        json(&self.post(server, "/oauth2/introspect", &[("token", token)]).await.expect_status(200))
    }
}

/// Presses a button of the page that is shown before a code, which carries this request.
async fn pressed(browser: &Client, request: &str, answer: &str) -> Page {
    browser.post("/oauth2/consent", &[("request", request), ("answer", answer)]).await
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn json(page: &Page) -> Value {
    serde_json::from_str(&page.body).unwrap_or_else(|error| panic!("{error}: {page}"))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

/// The claims of a token. Whether it is signed is looked at elsewhere.
fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
}

/// What came back to the application, in the address of a redirect.
struct Answer(Vec<(String, String)>);

impl Answer {
    fn of(page: &Page) -> Self {
        let location = page.location().unwrap_or_default();
        assert!(page.status == 303 && location.starts_with(&format!("{BACK}?")), "{page}");
        let query = location.split_once('?').unwrap().1;
        let answer = Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect());
        assert_eq!(answer.get("state"), Some("a state"), "{location}");
        assert!(
            answer.get("iss").is_some_and(|iss| page.request.len() > iss.len() || iss.starts_with("http"))
        );
        answer
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn code(&self) -> String {
        self.get("code").unwrap_or_else(|| panic!("{:?}", self.0)).to_owned()
    }

    fn error(&self) -> &str {
        assert!(self.get("code").is_none(), "{:?}", self.0);
        self.get("error").unwrap_or_else(|| panic!("{:?}", self.0))
    }
}

async fn userinfo(server: &Server, token: &str) -> Page {
    let bearer = format!("Bearer {token}");
    server.client().request("GET", "/oauth2/userinfo", &[("authorization", &bearer)], Vec::new()).await
}

fn assert_invalid_grant(page: &Page) {
    assert_eq!((page.status, json(page)["error"].as_str()), (400, Some("invalid_grant")), "{page}");
}

pub(crate) use login_as::looking_in;

async fn signed_in(server: &Server, person: &Person) -> Client {
    let client = server.client();
    client.sign_in_with_email_code(person).await;
    client
}
