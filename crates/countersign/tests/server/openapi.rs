//! Schemathesis reads `/openapi.json` and tries what it describes: examples, edges, and what nobody would think of.

use crate::api;
use countersign_testkit::{Engine, Server, ServerOptions};
use std::path::Path;
use std::process::{Command, Stdio};

/// The same cases every time.
const SEED: &str = "20261124";

#[tokio::test(flavor = "multi_thread")]
async fn the_server_does_what_its_description_says() {
    let options = ServerOptions::new(Engine::Sqlite, super::BINARY)
        .with_env("COUNTERSIGN_API_REQUESTS_PER_MINUTE", "1000000");
    let server = Server::start(options).await;
    let application = api::register(&server, "Brightwater");
    for user in ["user_42", "mia", "team/7"] {
        application.put_user(user).await.expect_status(201);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests-api");
    let program = root.join(".venv/bin/schemathesis");
    assert!(program.exists(), "./test installs schemathesis into tests-api/.venv");
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(program)
        .arg("--config-file")
        .arg(root.join("schemathesis.toml"))
        .args(["run", &format!("{}/openapi.json", server.url()), "--seed", SEED, "--no-color"])
        .args(["--header", &format!("Authorization: Bearer {}", application.key)])
        // It keeps what it has seen beside itself, and another run must not know it.
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{errors}");
    assert!(told.contains("generated"), "nothing was tried: {told}");
    let log = server.log();
    assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
}
