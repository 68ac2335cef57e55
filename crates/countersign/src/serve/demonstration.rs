//! `serve --dev`: an organization with five made-up people, and the file in which scripts find them.

use crate::config::Config;
use crate::wiring::{self, Failure};
use countersign_core::authority::OperatorAuthority;
use countersign_flows::{Services, accounts};
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::path::Path;

/// `demo.json`.
#[derive(Serialize, Deserialize)]
struct Demo {
    url: String,
    people: Vec<Person>,
}

#[derive(Serialize, Deserialize)]
struct Person {
    role: String,
    email: String,
    password: String,
    #[serde(default)]
    name: String,
}

/// Makes the people at the first start, keeps them at every later one, and writes down the present address. Answers with
/// the table that is printed.
pub(super) async fn prepare(config: &Config, services: &Services) -> Result<String, Failure> {
    let path = config.data_dir.join("demo.json");
    let failed = "the demonstration cannot be prepared";
    let made = accounts::demonstration(services, OperatorAuthority::at_the_console())
        .await
        .map_err(Failure::other(failed))?;
    let people = match made {
        Some(people) => people
            .into_iter()
            .map(|p| Person { role: p.role.to_string(), email: p.email, password: p.password, name: p.name })
            .collect(),
        None => known(&path)?,
    };
    let demo = Demo { url: wiring::public_url(config), people };
    write_private(&path, &serde_json::to_vec_pretty(&demo).map_err(Failure::other(failed))?)
        .map_err(|e| Failure::Other(format!("{} cannot be written: {e}", path.display())))?;
    let mut table = String::from("  Demonstration: Harbour & Pine\n\n");
    for person in &demo.people {
        table += &format!("  {:<7} {:<34} {}\n", person.role, person.email, person.password);
    }
    Ok(table)
}

/// Only the hashes are in the database; the passwords are in the file alone.
fn known(path: &Path) -> Result<Vec<Person>, Failure> {
    let text = std::fs::read(path).map_err(|e| {
        Failure::Input(format!(
            "the database has its people, but {} cannot be read ({e}); choose another --data, or delete that directory to start afresh.",
            path.display()
        ))
    })?;
    let demo: Demo = serde_json::from_slice(&text).map_err(|e| {
        Failure::Input(format!(
            "{} is not what this program wrote ({e}); delete its directory to start afresh.",
            path.display()
        ))
    })?;
    Ok(demo.people)
}

/// Whole or not at all, and readable by nobody else.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let draft = path.with_extension("json.new");
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)
}
