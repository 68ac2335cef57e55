//! Schemathesis reads `/openapi.json` and tries what it describes: examples, edges, and what nobody would think of.

use crate::api::{self, value};
use countersign_testkit::Engine;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};

/// The same cases every time.
const SEED: &str = "20261124";

/// The description without idempotency keys: a generator draws the same one again for another request, which is refused as it
/// should be. `api/once.rs` is about them.
fn without_idempotency_keys(mut document: Value) -> Value {
    for path in document["paths"].as_object_mut().unwrap().values_mut() {
        for operation in path.as_object_mut().unwrap().values_mut() {
            let parameters = operation["parameters"].as_array_mut().unwrap();
            parameters.retain(|parameter| parameter["name"] != "Idempotency-Key");
        }
    }
    document
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_does_what_its_description_says() {
    let server = api::server(Engine::Sqlite).await;
    let application = api::register(&server, "Brightwater");
    for user in ["user_42", "mia", "team/7"] {
        application.put_user(user).await.expect_status(201);
    }
    let token = application.first_token("mia").await;
    let challenge =
        application.post("/api/v1/challenges", &json!({"user": "user_42"})).await.expect_status(201);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests-api");
    let program = countersign_testkit::running::python().with_file_name("schemathesis");
    assert!(program.exists(), "./test installs schemathesis into tests-python");
    let folder = tempfile::tempdir().unwrap();
    let document = value(&server.client().get("/openapi.json").await.expect_status(200));
    let description = folder.path().join("openapi.json");
    std::fs::write(&description, without_idempotency_keys(document).to_string()).unwrap();
    let output = Command::new(program)
        .arg("--config-file")
        .arg(root.join("schemathesis.toml"))
        .arg("run")
        .arg(&description)
        .args(["--url", &server.url(), "--seed", SEED, "--no-color"])
        .args(["--header", &format!("Authorization: Bearer {}", application.key)])
        .env("COUNTERSIGN_TEST_TOKEN", token)
        .env("COUNTERSIGN_TEST_CHALLENGE", value(&challenge)["id"].as_str().unwrap())
        // It keeps what it has seen beside itself, and another run must not know it.
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{errors}");
    assert!(told.contains("Tested: 18"), "not everything was tried: {told}");
    let log = server.log();
    assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
}
