//! A new API key: the line with which to try it, on the page and at the console, and the one name of the variable that holds
//! it.

use crate::application_commands::run;
use countersign_testkit::{Client, Engine, Server, running::root};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

const LIST: &str = "/organization/applications";
const VARIABLE: &str = "COUNTERSIGN_API_KEY";
const SCOPES: [&str; 5] = ["users:read", "users:write", "challenges", "authenticators", "first-enrolments"];

/// Every choice of scopes that a key can have.
fn choices() -> impl Iterator<Item = Vec<&'static str>> {
    (1_u8..1 << SCOPES.len()).map(|choice| {
        let chosen = SCOPES.iter().enumerate().filter(|(n, _)| choice & (1 << n) != 0);
        chosen.map(|(_, scope)| *scope).collect()
    })
}

/// Runs the line as it is printed in a shell that has the key in its environment, as the page says. It must show what the
/// key permits.
fn try_it(line: &str, key: &str, scopes: &[&str]) {
    assert!(!line.contains("csk_"), "the key stays out of the shell's history: {line}");
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).env(VARIABLE, key).env("NO_PROXY", "127.0.0.1");
    let output = shell.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.is_empty(), "{line}: {told}");
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["scopes"], Value::from(scopes), "{line}: {shown}");
    assert_eq!(shown["application"]["name"], "Harbour CRM", "{shown}");
    assert!(!shown.to_string().contains(key), "{shown}");
}

async fn owner(server: &Server) -> (Client, String) {
    let client = server.client();
    client.sign_in_with_email_code(&server.people().owner).await;
    let registered = client.post_from(LIST, LIST, &[("name", "Harbour CRM")]).await.expect_status(303);
    let path = registered.location().unwrap().split('?').next().unwrap().to_owned();
    (client, path)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_line_on_the_page_works_for_every_choice_of_scopes() {
    let server = super::server(Engine::Sqlite).await;
    let (client, path) = owner(&server).await;
    for scopes in choices() {
        let fields: Vec<String> = scopes.iter().map(|scope| format!("scope-{scope}")).collect();
        let mut form = vec![("name", "a key"), ("lifetime", "90")];
        form.extend(fields.iter().map(|field| (field.as_str(), "on")));
        let made = client.post_from(&path, &format!("{path}/keys"), &form).await.expect_redirect(&path);
        let page = client.follow(made).await.expect_status(200);
        let ([key], [line]) = (
            <[String; 1]>::try_from(page.texts("code.secret")).unwrap(),
            <[String; 1]>::try_from(page.texts(".new-secret .command code")).unwrap(),
        );
        assert!(line.contains(&server.url()), "{line}");
        assert_eq!(page.attributes("button[data-copy^=curl]", "data-copy"), [line.as_str()], "{page}");
        assert!(page.words().contains(VARIABLE), "{page}");
        try_it(&line, &key, &scopes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_line_at_the_console_works_for_every_choice_of_scopes() {
    let server = super::server(Engine::Sqlite).await;
    let mut application = None::<String>;
    for scopes in choices() {
        let flags = scopes.iter().flat_map(|scope| ["--scope", scope]);
        let mut arguments = match &application {
            None => vec!["application", "create", "--name", "Harbour CRM", "--api-key", "a key"],
            Some(id) => vec!["api-key", "create", "--name", "a key", "--application", id],
        };
        arguments.extend(flags);
        let output = run(&server, &arguments);
        assert!(output.status.success(), "{output:?}");
        // The hint is not in the way of a program that reads the JSON.
        let made: Value = serde_json::from_slice(&output.stdout).unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        let line = told.lines().find(|line| line.trim_start().starts_with("curl ")).unwrap();
        assert!(told.contains(&format!("Set {VARIABLE} to the new api_key")), "{told}");
        try_it(line, made["api_key"].as_str().unwrap(), &scopes);
        application = Some(made["application"].as_str().unwrap().to_owned());
    }
    let plain = run(&server, &["application", "create", "--name", "Shop"]);
    assert!(plain.status.success() && plain.stderr.is_empty(), "no key, no hint: {plain:?}");
}

/// In the terminal in which the key was tried, the operator's commands go on working.
#[tokio::test(flavor = "multi_thread")]
async fn the_variable_of_the_key_is_no_setting_of_the_server() {
    let server = super::server(Engine::Sqlite).await;
    let mut command = Command::new(super::BINARY);
    command.args(["application", "list", "--data"]).arg(server.data()).env(VARIABLE, "csk_x");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// What the three requests of docs/INTEGRATION.md need is chosen already, and each scope says what it permits.
#[tokio::test(flavor = "multi_thread")]
async fn the_form_of_a_key_has_the_usual_scopes_chosen_and_explains_each() {
    let server = super::server(Engine::Sqlite).await;
    let (client, path) = owner(&server).await;
    let page = client.get(&path).await.expect_status(200);
    let guide = std::fs::read_to_string(root().join("docs/INTEGRATION.md")).unwrap();
    for scope in SCOPES {
        let chosen = page.has(&format!("input[name='scope-{scope}'][checked]"));
        assert_eq!(chosen, guide.contains(&format!("--scope {scope}")), "{scope}");
        let label = page.text(&format!("label[for='scope-{scope}'] code")).unwrap();
        let line = page.text(&format!("p[id='scope-{scope}-text']")).unwrap();
        assert!(label == scope && line.ends_with('.'), "{label}: {line}");
    }
    // What someone has unchecked stays so when the form is shown again.
    let form = [("name", ""), ("scope-challenges", "on"), ("lifetime", "90")];
    let again = client.post(&format!("{path}/keys"), &form).await.expect_status(422);
    assert!(again.has("input[name='scope-challenges'][checked]"), "{again}");
    assert!(!again.has("input[name='scope-users:write'][checked]"), "{again}");
}

/// The files of the repository that are text.
fn texts(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    const NOT_OURS: [&str; 6] = [".git", "target", "node_modules", ".venv", ".wheels", "countersign-data"];
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if NOT_OURS.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if kind.is_dir() {
            texts(&path, found);
        } else if let Some(text) = kind.is_file().then(|| std::fs::read_to_string(&path).ok()).flatten() {
            found.push((path, text));
        }
    }
}

/// The words that begin with `start`, as far as a variable's name goes.
fn names<'a>(text: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
    let of_a_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(start).map(move |(at, _)| {
        let rest = &text[at..];
        let end = rest[start.len()..].find(|c| !of_a_name(c)).map_or(rest.len(), |n| start.len() + n);
        &rest[..end]
    })
}

#[test]
fn the_variable_of_an_api_key_has_one_name_everywhere() {
    // Settings of the server, and what the tests of the API pass to a program.
    const OTHERS: [&str; 6] = [
        "COUNTERSIGN_KEYS_FILE",
        "COUNTERSIGN_SMS_TOKEN",
        "COUNTERSIGN_SMS_TOKEN_FILE",
        "COUNTERSIGN_SMTP_PASSWORD",
        "COUNTERSIGN_SMTP_PASSWORD_FILE",
        "COUNTERSIGN_TEST_TOKEN",
    ];
    let mut files = Vec::new();
    texts(&root(), &mut files);
    let (mut seen, mut wrong) = (BTreeSet::new(), Vec::new());
    for (path, text) in &files {
        for name in names(text, "COUNTERSIGN_") {
            let of_a_key = ["KEY", "TOKEN", "SECRET"].iter().any(|word| name.contains(word));
            if name == VARIABLE {
                seen.insert(path.strip_prefix(root()).unwrap().to_owned());
            } else if of_a_key && !OTHERS.contains(&name) {
                wrong.push(format!("{}: {name}", path.display()));
            }
        }
        // A variable of a shell; in sources, `${VARIABLE}` is the constant and `${this…}` a field.
        for name in names(text, "Bearer $").chain(names(text, "Bearer ${")) {
            let name = name.trim_start_matches("Bearer $").trim_start_matches('{');
            if !["", VARIABLE, "VARIABLE", "this"].contains(&name) {
                wrong.push(format!("{}: ${name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for place in [
        "docs/INTEGRATION.md",
        "docs/API.md",
        "docs/APPLICATIONS.md",
        "crates/web/src/api/this_key.rs",
        "crates/web/src/api/openapi.rs",
        "crates/web/templates/api.html",
        "examples/crm-axum/src/main.rs",
        "examples/crm-node/app.js",
    ] {
        assert!(seen.contains(Path::new(place)), "{place} does not name it: {seen:?}");
    }
}
