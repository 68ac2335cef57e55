//! `serve --dev`: an organization with five made-up people, and the file in which scripts find them.
//!
//! The database has only the hashes of their passwords. So the passwords are in a file before the people are stored: a start
//! that is cut off anywhere is finished by the next one.
//!
//! ```text
//!   demo.json.unconfirmed (passwords, id of the organization) ─► people stored, one write ─► demo.json ─► unconfirmed removed
//! ```

use crate::config::Config;
use crate::wiring::{self, Failure};
use countersign_core::{authority::OperatorAuthority, ids::OrganizationId};
use countersign_flows::{
    Services,
    accounts::{self, Demonstration},
};
use serde::{Deserialize, Serialize};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Before the reason of a fault.
const FAILED: &str = "the demonstration cannot be prepared";

/// `demo.json`.
#[derive(Serialize, Deserialize)]
struct Demo {
    url: String,
    people: Vec<Person>,
}

/// People who are stored if their organization is.
#[derive(Serialize, Deserialize)]
struct Unconfirmed {
    organization: String,
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
    let files = Files::of(config);
    let people = match accounts::draft_demonstration(services).await.map_err(Failure::other(FAILED))? {
        Some(drafted) if create(services, &files, &drafted).await? => people(&drafted),
        Some(_) | None => known(services, &files).await?,
    };
    let demo = Demo { url: wiring::public_url(config), people };
    write_private(&files.demo, &demo)?;
    remove(&files.unconfirmed).map_err(|e| unwritten(&files.unconfirmed, &e))?;
    let mut table = String::from("  Demonstration: Harbour & Pine\n\n");
    for person in &demo.people {
        table += &format!("  {:<7} {:<34} {}\n", person.role, person.email, person.password);
    }
    Ok(table)
}

/// The address at which the server of this data directory was last started with `--dev`, if it ever was.
pub(crate) fn url(config: &Config) -> Option<String> {
    let text = std::fs::read(Files::of(config).demo).ok()?;
    serde_json::from_slice::<Demo>(&text).ok().map(|demo| demo.url)
}

struct Files {
    demo: PathBuf,
    unconfirmed: PathBuf,
}

impl Files {
    fn of(config: &Config) -> Self {
        let of = |name| config.data_dir.join(name);
        Self { demo: of("demo.json"), unconfirmed: of("demo.json.unconfirmed") }
    }
}

/// Writes the passwords down, then stores the people; `false` where another server was faster.
async fn create(services: &Services, files: &Files, drafted: &Demonstration) -> Result<bool, Failure> {
    let organization = drafted.organization.to_string();
    write_private(&files.unconfirmed, &Unconfirmed { organization, people: people(drafted) })?;
    accounts::create_demonstration(services, OperatorAuthority::at_the_console(), drafted)
        .await
        .map_err(Failure::other(FAILED))
}

fn people(drafted: &Demonstration) -> Vec<Person> {
    let person = |p: &accounts::DemoPerson| Person {
        role: p.role.to_string(),
        email: p.email.clone(),
        password: p.password.clone(),
        name: p.name.clone(),
    };
    drafted.people.iter().map(person).collect()
}

/// The people who are stored: those of a start that was cut off, or those of `demo.json`.
async fn known(services: &Services, files: &Files) -> Result<Vec<Person>, Failure> {
    match unconfirmed(services, &files.unconfirmed).await? {
        Some(people) => Ok(people),
        None => written(&files.demo),
    }
}

async fn unconfirmed(services: &Services, path: &Path) -> Result<Option<Vec<Person>>, Failure> {
    // Written whole or not at all; what cannot be read is not ours.
    let Some(found) =
        std::fs::read(path).ok().and_then(|text| serde_json::from_slice::<Unconfirmed>(&text).ok())
    else {
        return Ok(None);
    };
    let Ok(organization) = found.organization.parse::<OrganizationId>() else { return Ok(None) };
    let stored = accounts::is_demonstration(services, organization).await.map_err(Failure::other(FAILED))?;
    Ok(stored.then_some(found.people))
}

fn written(path: &Path) -> Result<Vec<Person>, Failure> {
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

/// Whole or not at all, also across a crash, and readable by its owner only.
fn write_private<T: Serialize>(path: &Path, content: &T) -> Result<(), Failure> {
    let text = serde_json::to_vec_pretty(content).map_err(Failure::other(FAILED))?;
    replace(path, &text).map_err(|e| unwritten(path, &e))
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let draft = draft(path);
    // One of a start that was cut off would keep its mode.
    remove(&draft)?;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    match path.parent() {
        Some(directory) => std::fs::File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

fn draft(path: &Path) -> PathBuf {
    let mut draft = path.to_owned().into_os_string();
    draft.push(".new");
    draft.into()
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn unwritten(path: &Path, error: &io::Error) -> Failure {
    Failure::Other(format!("{} cannot be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;
    use crate::wiring::Start;
    use countersign_core::password::PlainPassword;
    use countersign_flows::{ambient::SystemClock, hashing::Share};
    use countersign_store::users;
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Arc;

    /// How far the first start comes.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum CutOff {
        Passwords,
        People,
        DemoJson,
    }

    fn config(directory: &Path) -> Config {
        Config::for_dev(Overrides { data_dir: Some(directory.to_owned()), listen: None }).unwrap()
    }

    async fn services(config: &Config) -> Services {
        wiring::services(config, Arc::new(SystemClock), Start::Server).await.unwrap()
    }

    async fn cut_off(config: &Config, after: CutOff) {
        let (services, files) = (services(config).await, Files::of(config));
        let drafted = accounts::draft_demonstration(&services).await.unwrap().unwrap();
        let organization = drafted.organization.to_string();
        write_private(&files.unconfirmed, &Unconfirmed { organization, people: people(&drafted) }).unwrap();
        if after == CutOff::Passwords {
            return;
        }
        let operator = OperatorAuthority::at_the_console();
        assert!(accounts::create_demonstration(&services, operator, &drafted).await.unwrap());
        if after == CutOff::DemoJson {
            write_private(&files.demo, &Demo { url: "http://before".into(), people: people(&drafted) })
                .unwrap();
        }
    }

    /// The passwords in `demo.json` are those of the people who are stored.
    async fn is_right(config: &Config, services: &Services) {
        let files = Files::of(config);
        let demo: Demo = serde_json::from_slice(&std::fs::read(&files.demo).unwrap()).unwrap();
        assert_eq!((demo.url, demo.people.len()), (wiring::public_url(config), 5));
        assert!(!files.unconfirmed.exists() && !draft(&files.demo).exists());
        assert_eq!(files.demo.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        for person in demo.people {
            let email = person.email.parse().unwrap();
            let user = services.store.read(move |tx| users::by_email(tx, &email)).await.unwrap().unwrap();
            let typed = PlainPassword::typed(&person.password).unwrap();
            let checked =
                services.hashing.verify(Share::operator(), typed, user.password_hash).await.unwrap();
            assert!(checked.matched, "{}", person.email);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_start_that_was_cut_off_is_finished_by_the_next_one() {
        for after in [CutOff::Passwords, CutOff::People, CutOff::DemoJson] {
            let home = tempfile::tempdir().unwrap();
            let config = config(&home.path().join("data"));
            cut_off(&config, after).await;
            // Half of a file that was being written does not count.
            std::fs::write(home.path().join("data/demo.json.new"), "{").unwrap();
            let services = services(&config).await;
            let table = prepare(&config, &services).await.unwrap();
            is_right(&config, &services).await;
            assert_eq!(prepare(&config, &services).await.unwrap(), table, "{after:?}: everything is kept");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn passwords_of_people_who_were_never_stored_do_not_count() {
        let home = tempfile::tempdir().unwrap();
        let config = config(&home.path().join("data"));
        let services = services(&config).await;
        let table = prepare(&config, &services).await.unwrap();
        // What a server leaves that was slower than another one on the same database.
        let files = Files::of(&config);
        let organization = OrganizationId::generate(services.now(), &*services.entropy).to_string();
        write_private(&files.unconfirmed, &Unconfirmed { organization, people: Vec::new() }).unwrap();
        assert_eq!(prepare(&config, &services).await.unwrap(), table);
        is_right(&config, &services).await;
    }
}
