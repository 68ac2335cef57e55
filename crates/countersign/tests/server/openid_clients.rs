//! Unmodified clients of others: `openid-client` for Node.js and Authlib for Python sign somebody in, renew, step up and
//! sign out. Neither knows anything of this server but its address, its own id and secret. The test is the person at the
//! browser: it opens the addresses that they print, and tells them where that ended.

use countersign_testkit::{App, Client, Engine, Person, Server, ServerOptions};
use serde_json::Value;
use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

const BACK: &str = "http://127.0.0.1:4997/back";
const BYE: &str = "http://127.0.0.1:4997/bye";

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests-clients").join(name)
}

/// Only an app is a second step here, so that a session can begin with one step and rise to two.
async fn server(engine: Engine) -> Server {
    let options = ServerOptions::new(engine, super::BINARY);
    Server::start(options.with_env("COUNTERSIGN_SECOND_STEP_METHODS", "app,backup-code")).await
}

fn register(server: &Server, options: &[&str]) -> Value {
    let start = ["application", "create", "--name", "Harbour CRM", "--first-party", "--redirect-uri", BACK];
    let bye = ["--post-logout-redirect-uri", BYE];
    let printed = super::openid::beside(server, &[&start[..], &bye, options].concat());
    serde_json::from_str(&printed).unwrap()
}

/// Kills the client when the test ends, however it ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The person at the browser, who is signed in after the first address, and sets up an app before the second.
struct PersonAtBrowser<'a> {
    server: &'a Server,
    client: Client,
    person: Person,
    app: Option<App>,
}

impl PersonAtBrowser<'_> {
    /// Opens an address, does what the pages ask for, and says where it ended: at the application.
    async fn open(&mut self, address: &str) -> String {
        let mut path = address.strip_prefix(&self.server.url()).unwrap().to_owned();
        for _ in 0..10 {
            if path.starts_with(BACK) || path.starts_with(BYE) {
                return path;
            }
            let page = self.client.get(&path).await;
            if page.status == 303 {
                path = page.location().unwrap();
                continue;
            }
            let form = page.expect_status(200);
            let return_to = form.attribute("input[name=return_to]", "value").unwrap();
            let mut fields = vec![("password", self.person.password.clone()), ("return_to", return_to)];
            let action = if path.starts_with("/sign-in") {
                fields.push(("email", self.person.email.clone()));
                "/sign-in"
            } else {
                if form.has("input[name=code]") {
                    let code = self.app.as_mut().unwrap().fresh_code();
                    fields.extend([("method", "app".to_owned()), ("code", code)]);
                }
                "/confirm-identity"
            };
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            path = self.client.post(action, &fields).await.expect_status(303).location().unwrap();
        }
        panic!("in circles at {path}")
    }
}

/// Runs a client to its end, with one of the members, who has no app yet.
async fn run(server: &Server, member: usize, mut command: Command) {
    let person = server.people().members[member].clone();
    let mut at = PersonAtBrowser { server, client: server.client(), person, app: None };
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).env("NO_PROXY", "127.0.0.1");
    let mut running = Running(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")));
    let mut input = running.0.stdin.take().unwrap();
    let lines = BufReader::new(running.0.stdout.take().unwrap()).lines();
    let (mut done, mut opened) = (false, 0);
    for line in lines {
        let line = line.unwrap();
        done |= line.starts_with("DONE");
        let Some(address) = line.strip_prefix("OPEN ") else { continue };
        // An app between the first address and the second: by then the client has used its first tokens, which end with it.
        if opened == 1 {
            at.app = Some(at.client.set_up_app(server).await);
        }
        opened += 1;
        let end = at.open(address).await;
        writeln!(input, "{end}").unwrap();
    }
    assert!(running.0.wait().unwrap().success() && done, "{command:?} failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn openid_client_for_node_signs_in_renews_steps_up_and_signs_out() {
    let program = folder("openid-client").join("client.js");
    let keys = tempfile::tempdir().unwrap();
    let (private, public) = (keys.path().join("private.json"), keys.path().join("public.json"));
    let made = Command::new("node").arg(&program).arg("make-key").args([&private, &public]).status();
    assert!(made.unwrap().success());
    let public = public.to_str().unwrap();
    for (member, mode, options) in [
        (0, "secret-basic", &["--client", "client-secret"][..]),
        (
            1,
            "private-key",
            &["--client", "private-key-jwt", "--client-keys", public, "--id-token-alg", "ES256"],
        ),
    ] {
        // A server each: a code of the app moves its clock on, and an assertion is good for a minute.
        let server = server(Engine::Sqlite).await;
        let app = register(&server, options);
        let secret = app["client_secret"].as_str().map_or(private.clone(), PathBuf::from);
        let mut command = Command::new("node");
        command.arg(&program).arg(mode).arg(server.url()).arg(app["client_id"].as_str().unwrap()).arg(secret);
        command.args([BACK, BYE]);
        run(&server, member, command).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn authlib_for_python_signs_in_renews_steps_up_and_signs_out() {
    let server = server(Engine::Postgres).await;
    for (member, mode) in [(0, "client_secret_basic"), (1, "client_secret_post")] {
        let app = register(&server, &["--client", "client-secret"]);
        let mut command = Command::new(countersign_testkit::running::python());
        command.arg(folder("authlib").join("client.py")).arg(mode).arg(server.url());
        command.arg(app["client_id"].as_str().unwrap()).arg(app["client_secret"].as_str().unwrap());
        command.args([BACK, BYE]);
        run(&server, member, command).await;
    }
}
