//! The API, as an application's own server uses it.

mod apart;
mod crash;
mod keys;
mod malformed;
mod once;
mod walk;

use super::BINARY;
use countersign_testkit::{Client, Engine, Page, Server, ServerOptions};
use serde_json::{Value, json};
use std::process::{Command, Stdio};

/// An id that is one, and nobody's.
pub(crate) const NOBODY: &str = "01890000-0000-7000-8000-000000000000";

const SCOPES: [&str; 5] = ["users:read", "users:write", "challenges", "authenticators", "first-enrolments"];

/// A server whose applications may ask as often as they like.
pub(crate) async fn server(engine: Engine) -> Server {
    let options =
        ServerOptions::new(engine, BINARY).with_env("COUNTERSIGN_API_REQUESTS_PER_MINUTE", "1000000");
    Server::start(options).await
}

/// Runs `countersign` on the server's data, as its operator would, and reads what it prints.
pub(crate) fn operator(server: &Server, arguments: &[&str]) -> String {
    let mut command = Command::new(BINARY);
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COUNTERSIGN_"))
    {
        command.env_remove(name);
    }
    if let Some(database) = server.database() {
        command.env("COUNTERSIGN_DATABASE_URL", database.url());
    }
    let data = server.data();
    let output = command.args(arguments).arg("--data").arg(&data).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A registered application, and its server.
pub(crate) struct Application {
    pub(crate) id: String,
    pub(crate) key: String,
    client: Client,
}

/// The address to which people come back from a hosted second step.
pub(crate) const RETURN_ADDRESS: &str = "https://crm.example.com/back";

/// Registers an application with a key for everything.
pub(crate) fn register(server: &Server, name: &str) -> Application {
    let mut arguments =
        vec!["application", "create", "--name", name, "--return-address", RETURN_ADDRESS, "--api-key", "all"];
    for scope in SCOPES {
        arguments.extend(["--scope", scope]);
    }
    let made: Value = serde_json::from_str(&operator(server, &arguments)).unwrap();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    Application { id: text("application"), key: text("api_key"), client: server.client() }
}

/// Another key of an application: its id and itself.
pub(crate) fn make_key(
    server: &Server,
    application: &Application,
    scopes: &[&str],
    days: &str,
) -> (String, String) {
    let mut arguments = vec!["api-key", "create", "--application", &application.id, "--name", "another"];
    arguments.extend(["--expires-in-days", days]);
    for scope in scopes {
        arguments.extend(["--scope", scope]);
    }
    let made: Value = serde_json::from_str(&operator(server, &arguments)).unwrap();
    (made["key_id"].as_str().unwrap().to_owned(), made["api_key"].as_str().unwrap().to_owned())
}

impl Application {
    /// The same application's server with another key.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self { id: self.id.clone(), key: key.to_owned(), client: self.client.fork() }
    }

    /// Another connection of it.
    pub(crate) fn fork(&self) -> Self {
        self.with_key(&self.key)
    }

    /// Sends a request with the key, these headers and this body.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Page {
        let bearer = format!("Bearer {}", self.key);
        let mut all = vec![("authorization", bearer.as_str())];
        if body.is_some() {
            all.push(("content-type", "application/json"));
        }
        all.extend(headers);
        let body = body.map(Value::to_string).unwrap_or_default();
        let page = self.client.request(method, path, &all, body.into_bytes()).await;
        is_of_the_api(&page);
        page
    }

    pub(crate) async fn get(&self, path: &str) -> Page {
        self.ask("GET", path, &[], None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Page {
        self.ask("POST", path, &[], Some(body)).await
    }

    /// A request of the account holder's, with their token.
    pub(crate) async fn held(&self, method: &str, path: &str, token: &str, body: Option<&Value>) -> Page {
        self.ask(method, path, &[("countersign-account-holder", token)], body).await
    }

    /// Makes a user known.
    pub(crate) async fn put_user(&self, id: &str) -> Page {
        let body = json!({"email": format!("{}@users.example", id.replace('/', "-")), "name": "Mia Lund"});
        self.ask("PUT", &format!("/api/v1/users/{}", id.replace('/', "%2F")), &[], Some(&body)).await
    }

    /// A token for somebody who has no app.
    pub(crate) async fn first_token(&self, user: &str) -> String {
        let path = format!("/api/v1/users/{user}/account-holder-tokens");
        let page = self.post(&path, &json!({"first_enrolment": true})).await.expect_status(201);
        value(&page)["token"].as_str().unwrap().to_owned()
    }

    /// A user with an app, and the ten backup codes.
    pub(crate) async fn user_with_app(
        &self,
        server: &Server,
        user: &str,
    ) -> (countersign_testkit::App, Vec<String>) {
        self.put_user(user).await.expect_status(201);
        let token = self.first_token(user).await;
        let path = format!("/api/v1/users/{user}/authenticators");
        let pending =
            value(&self.held("POST", &path, &token, Some(&json!({"type": "app"}))).await.expect_status(201));
        let mut app = countersign_testkit::App::from_uri(pending["uri"].as_str().unwrap(), server.clock());
        let confirm = format!("{path}/{}/confirm", pending["id"].as_str().unwrap());
        let body = json!({"code": app.fresh_code(), "name": "Phone"});
        let done = value(&self.held("POST", &confirm, &token, Some(&body)).await.expect_status(200));
        let codes = done["backup_codes"].as_array().unwrap();
        (app, codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect())
    }

    /// A headless challenge that waits.
    pub(crate) async fn challenge(&self, user: &str) -> String {
        let page = self.post("/api/v1/challenges", &json!({"user": user})).await.expect_status(201);
        value(&page)["id"].as_str().unwrap().to_owned()
    }

    /// Verifies a code.
    pub(crate) async fn verify(&self, challenge: &str, method: &str, code: &str) -> Page {
        let path = format!("/api/v1/challenges/{challenge}/verify");
        self.post(&path, &json!({"method": method, "code": code})).await
    }
}

/// The body as JSON.
pub(crate) fn value(page: &Page) -> Value {
    serde_json::from_str(&page.body).unwrap_or_else(|error| panic!("{error}: {page}"))
}

/// The last part of a problem's type, if it is one.
pub(crate) fn problem(page: &Page) -> String {
    let reference = value(page)["type"].as_str().unwrap_or_else(|| panic!("no problem: {page}")).to_owned();
    reference.strip_prefix("/api/errors/").unwrap().to_owned()
}

/// What holds for every answer of the API: JSON, a problem where it is none, never a cookie, never a fault.
fn is_of_the_api(page: &Page) {
    // 503 is a full queue of hashes, which a burst may fill.
    assert!(page.status < 500 || page.status == 503, "{page}");
    assert!(page.header("set-cookie").is_none(), "{page}");
    assert_eq!(page.header("cache-control"), Some("no-store"), "{page}");
    if page.status == 204 {
        assert!(page.body.is_empty() && page.header("content-type").is_none(), "{page}");
        return;
    }
    if page.request.starts_with("HEAD ") {
        return;
    }
    let problem = page.status >= 400;
    let kind = if problem { "application/problem+json" } else { "application/json" };
    assert_eq!(page.header("content-type"), Some(kind), "{page}");
    let body = value(page);
    if problem {
        assert_eq!(body["status"], page.status, "{page}");
        assert!(body["type"].as_str().unwrap().starts_with("/api/errors/"), "{page}");
        assert!(body["title"].is_string() && body["detail"].as_str().unwrap().ends_with('.'), "{page}");
        assert_eq!(page.header("retry-after").is_some(), body["retry_after"].is_u64(), "{page}");
    }
}
