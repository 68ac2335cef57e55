//! `countersign application` and `countersign api-key`, beside a running server.

use super::BINARY;
use countersign_testkit::{Engine, Server};
use serde_json::Value;
use std::process::{Command, Output, Stdio};

/// Runs a command on the server's own data.
pub(crate) fn run(server: &Server, arguments: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COUNTERSIGN_"))
    {
        command.env_remove(name);
    }
    if let Some(database) = server.database() {
        command.env("COUNTERSIGN_DATABASE_URL", database.url());
    }
    command.args(arguments).arg("--data").arg(server.data()).stdin(Stdio::null()).output().unwrap()
}

/// What a command that works prints.
pub(crate) fn done(server: &Server, arguments: &[&str]) -> String {
    let output = run(server, arguments);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {told}");
    String::from_utf8(output.stdout).unwrap()
}

/// The one sentence of a command that the operator can put right.
pub(crate) fn refused(server: &Server, arguments: &[&str]) -> String {
    let output = run(server, arguments);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    told
}

/// Registers an application, and reads what was printed.
pub(crate) fn create(server: &Server, arguments: &[&str]) -> Value {
    let all = [&["application", "create"], arguments].concat();
    serde_json::from_str(&done(server, &all)).unwrap()
}

fn member_names(object: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_registers_an_application_beside_the_running_server() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        assert!(done(&server, &["application", "list"]).contains("no application yet"));
        let plain = create(&server, &["--name", "Shop"]);
        assert_eq!(member_names(&plain), ["application", "client_id"], "no secret that nobody asked for");
        let made = create(
            &server,
            &[
                "--name",
                "Harbour CRM",
                "--first-party",
                "--everyone",
                "--require-app",
                "--return-address",
                "https://crm.example/back",
                "--redirect-uri",
                "http://127.0.0.1:4000/callback",
                "--redirect-uri",
                "com.example.app:/callback",
                "--post-logout-redirect-uri",
                "https://crm.example/",
                "--client",
                "client-secret",
                "--id-token-alg",
                "EdDSA",
                "--api-key",
                "CRM server",
                "--scope",
                "challenges",
                "--scope",
                "users:read",
                "--expires-in-days",
                "90",
            ],
        );
        let id = made["application"].as_str().unwrap();
        assert_eq!(made["client_id"], made["application"]);
        let key = made["api_key"].as_str().unwrap();
        assert!(key.starts_with("csk_") && made["client_secret"].as_str().unwrap().len() == 43);
        let list = done(&server, &["application", "list"]);
        assert!(
            list.contains(id) && list.contains("Harbour & Pine") && list.contains("client-secret, EdDSA")
        );
        let show = done(&server, &["application", "show", id]);
        for there in ["https://crm.example/back", "com.example.app:/callback", "https://crm.example/", "yes"]
        {
            assert!(show.contains(there), "{show}");
        }
        let keys = done(&server, &["api-key", "list", "--application", id]);
        assert!(keys.contains("users:read challenges") && keys.contains("live until"), "{keys}");
        for shown in [&list, &show, &keys] {
            assert!(
                !shown.contains(key) && !shown.contains(made["client_secret"].as_str().unwrap()),
                "{shown}"
            );
        }

        // An administrator sees it on the pages at once.
        let client = server.client();
        client.sign_in_with_email_code(&server.people().admin).await;
        let page = client.get(&format!("/organization/applications/{id}")).await.expect_status(200);
        assert!(page.words().contains("Trusted app") && page.words().contains("CRM server"), "{page}");
        assert!(!page.body.contains(key), "the operator has read it at the console");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_addresses_and_secrets_are_made_and_taken_away() {
    let server = super::server(Engine::Sqlite).await;
    let made = create(&server, &["--name", "Harbour CRM", "--client", "client-secret"]);
    let id = made["application"].as_str().unwrap();
    let second: Value = serde_json::from_str(&done(&server, &["application", "new-secret", id])).unwrap();
    assert_ne!(second["client_secret"], made["client_secret"]);
    let key = ["api-key", "create", "--application", id, "--name", "Nightly", "--scope", "users:write"];
    let key: Value = serde_json::from_str(&done(&server, &key)).unwrap();
    assert_eq!(member_names(&key), ["api_key", "application", "key_id"]);
    let key_id = key["key_id"].as_str().unwrap();
    let revoke = ["api-key", "revoke", "--application", id, key_id];
    assert!(done(&server, &revoke).contains("Revoked"));
    assert!(refused(&server, &revoke).contains("no live key"));
    assert!(done(&server, &["api-key", "list", "--application", id]).contains("revoked"));

    let add = |address| ["application", "add-address", id, "--kind", "redirect", address];
    assert!(done(&server, &add("https://crm.example/back")).contains("Added"));
    assert!(done(&server, &add("https://crm.example/back")).contains("already"));
    assert!(refused(&server, &add("https://CRM.example/back")).contains("https://crm.example/back"));
    let remove = ["application", "remove-address", id, "--kind", "redirect", "https://crm.example/back"];
    assert!(done(&server, &remove).contains("Removed"));
    assert!(refused(&server, &remove).contains("application show"));

    let accepts =
        |show: &str| show.lines().any(|line| line.starts_with("Accepts login as") && line.ends_with("yes"));
    assert!(!accepts(&done(&server, &["application", "show", id])), "not unless it is said");
    let update = ["application", "update", id, "--accepts-login-as", "true", "--name", "Pipeline"];
    assert!(done(&server, &update).contains("Changed"));
    let show = done(&server, &["application", "show", id]);
    assert!(accepts(&show) && show.contains("Pipeline"), "{show}");
    let linked = ["application", "update", id, "--name", "https://win.example"];
    assert!(refused(&server, &linked).contains("without the dot"));

    assert!(done(&server, &["application", "disable", id]).contains("off"));
    assert!(done(&server, &["application", "disable", id]).contains("already"));
    assert!(done(&server, &["application", "show", id]).contains("off"));
    assert!(done(&server, &["application", "enable", id]).contains("on"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_one_sentence_and_leaves_nothing() {
    let server = super::server(Engine::Sqlite).await;
    let keys = server.data().join("keys.json");
    let private = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qY","d":"nWGx"}]}"#;
    std::fs::write(&keys, private).unwrap();
    let keys = keys.to_str().unwrap();
    let nobody = "01890000-0000-7000-8000-000000000000";
    for (arguments, says) in [
        (&["--name", " "][..], "--name"),
        (&["--name", "Acme.io"], "without the dot"),
        (&["--name", "Win $500"], "without the amount"),
        (&["--name", "x", "--organization", nobody], "Harbour & Pine"),
        (&["--name", "x", "--return-address", "http://crm.example/"], "https://"),
        (&["--name", "x", "--return-address", "com.example.app:/back"], "https://"),
        (&["--name", "x", "--client", "none", "--redirect-uri", "app:/x"], "a dot"),
        (&["--name", "x", "--redirect-uri", "https://crm.example/"], "--client"),
        (&["--name", "x", "--client", "private-key-jwt"], "--client-keys"),
        (&["--name", "x", "--client", "private-key-jwt", "--client-keys", keys], "private"),
        (&["--name", "x", "--client", "private-key-jwt", "--client-keys", "/nowhere"], "/nowhere"),
        (&["--name", "x", "--client", "none", "--client-keys", keys], "private-key-jwt"),
        (&["--name", "x", "--api-key", "k"], "--scope"),
        (&["--name", "x", "--api-key", " ", "--scope", "challenges"], "--api-key"),
        (&["--name", "x", "--api-key", "k", "--scope", "everything"], "challenges"),
    ] {
        let told = refused(&server, &[&["application", "create"], arguments].concat());
        assert!(told.contains(says), "{arguments:?}: {told}");
    }
    for arguments in [
        &["application", "show", nobody][..],
        &["application", "disable", nobody],
        &["application", "update", nobody, "--require-app", "true"],
        &["application", "new-secret", nobody],
        &["application", "add-address", nobody, "--kind", "redirect", "https://a.example/"],
        &["api-key", "list", "--application", nobody],
        &["api-key", "create", "--application", nobody, "--name", "k", "--scope", "challenges"],
    ] {
        assert!(refused(&server, arguments).contains("application list"), "{arguments:?}");
    }
    assert!(
        done(&server, &["application", "list"]).contains("no application yet"),
        "nothing was made by halves"
    );
    let plain = create(&server, &["--name", "Shop"]);
    let id = plain["application"].as_str().unwrap();
    assert!(refused(&server, &["application", "new-secret", id]).contains("secret"));
}

#[test]
fn a_mistyped_directory_does_not_become_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = dir.path().join("nowhere");
    let output = Command::new(BINARY).args(["application", "list", "--data"]).arg(&nowhere).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("no database") && !nowhere.exists(), "{told}");
}
