//! The first start and the next one: a database that is missing, files that others can reach, and a start that was cut off.

use super::command_line::{Running, countersign, refused, until_ready};
use countersign_testkit::{Client, Database, Person, Role, free_port};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A server for people, as an operator sets it up.
struct Operator {
    folder: TempDir,
}

impl Operator {
    /// With these further lines of configuration.
    fn new(more: &str) -> Self {
        let operator = Self { folder: tempfile::tempdir().unwrap() };
        let text = format!(
            "public_url = \"https://login.example.org\"\nlisten = \"127.0.0.1:0\"\ndata_dir = \"{}\"\n{more}\n\
             [smtp]\nhost = \"127.0.0.1\"\nfrom = \"login@example.org\"\nsecurity = \"none\"\n",
            operator.data().display()
        );
        fs::write(operator.folder.path().join("countersign.toml"), text).unwrap();
        fs::write(operator.folder.path().join("password"), "tulip-ferry-oak-lamp\n").unwrap();
        operator
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = countersign(arguments);
        command.arg("--config").arg(self.folder.path().join("countersign.toml"));
        command.output().unwrap()
    }

    fn create_owner(&self, email: &str, more: &[&str]) -> Output {
        let password = self.folder.path().join("password");
        let arguments = [
            &["owner", "create", "--name", "Olga Stern", "--organization", "Stern", "--email", email][..],
            &["--password-file", password.to_str().unwrap()],
            more,
        ];
        self.run(&arguments.concat())
    }
}

fn done(output: &Output) -> String {
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    told
}

/// One sentence that has all of these in it.
fn names(output: &Output, all: &[&str]) {
    let told = refused(output);
    assert_eq!(told.lines().count(), 1, "{told}");
    for one in all {
        assert!(told.contains(one), "{one} is not in: {told}");
    }
}

fn remove_database(directory: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        drop(fs::remove_file(directory.join(format!("countersign.db{suffix}"))));
    }
}

#[test]
fn a_missing_database_is_not_made_anew_beside_keys_that_have_been_used() {
    let operator = Operator::new("");
    let told = done(&operator.create_owner("olga@stern.example", &[]));
    // A mistyped data_dir would be noticed here.
    let data = operator.data().canonicalize().unwrap();
    assert!(told.contains("a new database was created") && told.contains(data.to_str().unwrap()), "{told}");
    let twice = operator.create_owner("olga@stern.example", &["--new-database"]);
    names(&twice, &["countersign.db is there already", "leave the flag out"]);

    remove_database(&operator.data());
    let missing = ["countersign.db is missing or empty", "keys.toml", "data_dir", "--new-database"];
    names(&operator.run(&["serve"]), &missing);
    names(&operator.create_owner("olga@stern.example", &[]), &missing);
    names(&operator.run(&["application", "list"]), &["there is no database", "countersign.db"]);
    names(&operator.run(&["keys", "rotate-signing"]), &missing);
    let left: Vec<_> = fs::read_dir(operator.data()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["keys.toml"], "nothing is created on the way");
    // A file that was emptied is no database either.
    fs::write(operator.data().join("countersign.db"), "").unwrap();
    fs::set_permissions(operator.data().join("countersign.db"), fs::Permissions::from_mode(0o600)).unwrap();
    names(&operator.run(&["serve"]), &missing);

    done(&operator.create_owner("olga@stern.example", &["--new-database"]));
    done(&operator.create_owner("otto@stern.example", &[]));
    // A command beside a server makes no keys, and no server.
    let elsewhere = Operator::new("");
    assert!(refused(&elsewhere.run(&["keys", "rotate-signing"])).contains("keys.toml cannot be read"));
    assert!(!elsewhere.data().exists());
}

#[test]
fn an_empty_postgresql_database_is_not_taken_for_the_one_that_is_missing() {
    let (first, second) = (Database::create(), Database::create());
    let config = |database: &Database| format!("database.url = \"{}\"", database.url());
    let operator = Operator::new(&config(&first));
    done(&operator.create_owner("olga@stern.example", &[]));
    done(&operator.create_owner("otto@stern.example", &[]));
    // The name of another database, or one that was made anew.
    let other = Operator::new(&config(&second));
    fs::create_dir(other.data()).unwrap();
    fs::copy(operator.data().join("keys.toml"), other.data().join("keys.toml")).unwrap();
    let missing = ["postgres://127.0.0.1", "is missing or empty", "database.url", "--new-database"];
    names(&other.run(&["serve"]), &missing);
    names(&other.create_owner("olga@stern.example", &[]), &missing);
    assert_eq!(
        second.query("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"),
        "0"
    );
    done(&other.create_owner("olga@stern.example", &["--new-database"]));
    names(&other.create_owner("otto@stern.example", &["--new-database"]), &["is there already"]);
    done(&other.create_owner("otto@stern.example", &[]));
}

#[test]
fn files_that_others_can_reach_are_refused_with_the_remedy() {
    let operator = Operator::new("");
    done(&operator.create_owner("olga@stern.example", &[]));
    let database = operator.data().join("countersign.db");
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    set(&database, 0o644);
    let remedy = format!("run `chmod 600 {}`", database.display());
    names(&operator.run(&["serve"]), &["has mode 0644", &remedy]);
    names(&operator.create_owner("otto@stern.example", &[]), &["has mode 0644", &remedy]);
    set(&database, 0o600);
    for mode in [0o720, 0o702, 0o777, 0o1777] {
        set(&operator.data(), mode);
        let remedy = format!("run `chmod go-w {}`", operator.data().display());
        names(&operator.run(&["serve"]), &[&format!("has mode {mode:04o}"), &remedy]);
    }
    set(&operator.data(), 0o755);
    done(&operator.create_owner("otto@stern.example", &[]));
}

#[test]
fn a_postgresql_on_another_machine_without_tls_is_refused_with_the_remedy() {
    let database = Database::create();
    // 0.0.0.0 is this machine to Linux, and not a loopback address to the rule.
    let server = database.server();
    let url = database.url().replace(&server.to_string(), &format!("0.0.0.0:{}", server.port()));
    let operator = Operator::new(&format!("database.url = \"{url}\""));
    let told = operator.create_owner("olga@stern.example", &[]);
    names(&told, &["0.0.0.0", "offers no TLS", "sslmode=disable", "see database.url"]);
    assert!(!refused(&told).contains("tests"), "neither user nor password");
    let operator = Operator::new(&format!("database.url = \"{url}?sslmode=disable\""));
    let told = done(&operator.create_owner("olga@stern.example", &[]));
    assert!(told.contains("is not encrypted"), "{told}");
}

/// `serve --dev` on this directory.
fn serve_dev(data: &Path, port: u16) -> Command {
    let mut command = countersign(&["serve", "--dev", "--listen", &format!("127.0.0.1:{port}"), "--data"]);
    command.arg(data).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

async fn people(data: &Path, running: &mut Running) -> (String, Vec<Person>) {
    let demo = data.join("demo.json");
    for _ in 0..1_200 {
        if demo.exists() {
            break;
        }
        assert!(running.0.try_wait().unwrap().is_none(), "the server ended");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let demo: serde_json::Value = serde_json::from_slice(&fs::read(demo).unwrap()).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let person = |person: &serde_json::Value| Person {
        role: Role::Member,
        email: text(&person["email"]),
        password: text(&person["password"]),
    };
    (text(&demo["url"]), demo["people"].as_array().unwrap().iter().map(person).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_was_killed_at_any_moment_is_finished_by_the_next_one() {
    let mut cut_off = 0;
    for round in 0..14_u64 {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let port = free_port();
        // Twice on the same directory, at moments that differ from round to round.
        for again in 0..2 {
            let mut running = Running(serve_dev(&data, port).spawn().unwrap());
            tokio::time::sleep(Duration::from_millis(round * 37 + again * 90)).await;
            running.0.kill().unwrap();
            running.0.wait().unwrap();
        }
        cut_off += usize::from(!data.join("demo.json").exists());
        let mut running = Running(serve_dev(&data, port).spawn().unwrap());
        let (url, people) = people(&data, &mut running).await;
        let client = Client::new(&url);
        until_ready(&client, &mut running).await;
        assert_eq!(people.len(), 5);
        let person = &people[usize::try_from(round).unwrap() % 5];
        client.sign_in(person).await.expect_redirect("/sign-in/verify");
    }
    assert!(cut_off > 0, "no start was cut off before its end");
}

#[test]
fn a_demonstration_without_its_database_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let port = free_port();
    let mut running = Running(serve_dev(&data, port).spawn().unwrap());
    while !data.join("demo.json").exists() {
        assert!(running.0.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(25));
    }
    drop(running);
    remove_database(&data);
    let serve = ["serve", "--dev", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()];
    names(&countersign(&serve).output().unwrap(), &["is missing or empty", "--data", "--new-database"]);
}
