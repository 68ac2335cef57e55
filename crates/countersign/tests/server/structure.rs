//! The rooms' directions: `otp ← core ← store ← flows ← web ← countersign`, and delivery beside flows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Which rooms a room may know. `web` does not know `store`, so that a handler cannot write SQL.
const MAY_KNOW: [(&str, &[&str]); 7] = [
    ("countersign-otp", &[]),
    ("countersign-core", &["countersign-otp"]),
    ("countersign-store", &["countersign-core", "countersign-otp"]),
    ("countersign-flows", &["countersign-core", "countersign-otp", "countersign-store"]),
    ("countersign-delivery", &["countersign-core", "countersign-store"]),
    ("countersign-web", &["countersign-core", "countersign-otp", "countersign-flows"]),
    (
        "countersign",
        &[
            "countersign-core",
            "countersign-store",
            "countersign-flows",
            "countersign-delivery",
            "countersign-web",
        ],
    ),
];

#[test]
fn every_room_knows_only_what_it_may() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--locked", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut known: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let rooms = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|dependency| dependency["kind"].is_null())
            .filter_map(|dependency| dependency["name"].as_str())
            .filter(|name| name.starts_with("countersign"));
        known.insert(package["name"].as_str().unwrap().to_owned(), rooms.map(str::to_owned).collect());
    }
    assert_eq!(
        known.remove("countersign-testkit"),
        Some(Vec::new()),
        "the testkit knows HTTP and processes alone"
    );
    assert_eq!(known.remove("crm-axum"), Some(Vec::new()), "an example knows the HTTP API alone");
    assert_eq!(known.len(), MAY_KNOW.len(), "a new room needs its place in this table: {known:?}");
    for (room, may_know) in MAY_KNOW {
        for other in &known[room] {
            assert!(may_know.contains(&other.as_str()), "{room} must not know {other}");
        }
    }
}

fn sources(folder: &Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// Every test that `docs/SECURITY.md` names as a proof is there.
#[test]
fn every_proof_that_the_documentation_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join("docs/SECURITY.md")).unwrap();
    let mut code = String::new();
    sources(&root.join("crates"), &mut code);
    let is_a_test = |word: &&str| {
        word.matches('_').count() >= 3
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let named: Vec<&str> = text.split('`').skip(1).step_by(2).filter(is_a_test).collect();
    assert!(named.len() > 40, "{named:?}");
    for name in named {
        assert!(code.contains(&format!("fn {name}")), "docs/SECURITY.md names {name}, which is no test");
    }
    assert!(!text.contains("TEST:"), "a threat without its proof");
}

/// What operators watch is named in the documentation, and nothing else is.
#[test]
fn every_counter_is_documented() {
    const ENDINGS: [&str; 8] =
        ["_total", "_running", "_waiting", "_seconds", "_bytes", "_info", "_fds", "_threads"];
    let named = |text: &str| -> BTreeSet<String> {
        let words = text.split(|c: char| !c.is_ascii_lowercase() && c != '_');
        let metric = |word: &&str| {
            ["countersign_", "process_"].iter().any(|start| word.starts_with(start))
                && ENDINGS.iter().any(|end| word.ends_with(end))
        };
        let counters = words.filter(metric);
        counters.map(str::to_owned).collect()
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut code = String::new();
    for room in ["store", "flows", "web", "delivery", "countersign"] {
        sources(&root.join("crates").join(room).join("src"), &mut code);
    }
    let documented = std::fs::read_to_string(root.join("docs/METRICS.md")).unwrap();
    assert_eq!(named(&code), named(&documented));
}
