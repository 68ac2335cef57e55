//! The `countersign` binary, as an operator runs it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tempfile::TempDir;

use crate::client::Client;
use crate::clock::Clock;
use crate::outbox::{Kind, Mailbox, Message, outbox};
use crate::postgres::Database;
use crate::process::{Group, env};

/// How long a start may take, key generation and password hashes included.
const START: Duration = Duration::from_secs(60);
/// How long a stop may take: what is under way is finished first.
const STOP: Duration = Duration::from_secs(30);

/// Which store the server runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// The embedded one, in the data directory.
    Sqlite,
    /// A database of its own in the test cluster.
    Postgres,
}

impl Engine {
    /// Both, for tests that loop over them.
    pub const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];
}

/// How a server is to be started.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    engine: Engine,
    binary: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
}

impl ServerOptions {
    /// `serve --dev` on this engine. `binary` is `env!("CARGO_BIN_EXE_countersign")` in the binary's own tests;
    /// the environment variable `COUNTERSIGN_BIN` takes its place where it is set.
    #[must_use]
    pub fn new(engine: Engine, binary: impl Into<PathBuf>) -> Self {
        Self { engine, binary: program(binary), arguments: Vec::new(), environment: Vec::new() }
    }

    /// Adds an argument to the command line.
    #[must_use]
    pub fn with_argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets an environment variable, such as a `COUNTERSIGN_…` setting. Those of the test itself are not
    /// passed on.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }
}

/// The program under test: this one, or the one that the environment variable `COUNTERSIGN_BIN` names.
#[must_use]
pub fn program(binary: impl Into<PathBuf>) -> PathBuf {
    env("COUNTERSIGN_BIN").map_or_else(|| binary.into(), PathBuf::from)
}

/// A person's place in the organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The organization's owner.
    Owner,
    /// An administrator.
    Admin,
    /// A member.
    Member,
}

/// Somebody of the demonstration organization.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Person {
    /// Their place in it.
    pub role: Role,
    /// The e-mail address that they sign in with.
    pub email: String,
    /// The generated password.
    pub password: String,
}

/// The demonstration organization.
#[derive(Debug, Clone)]
pub struct People {
    /// The owner.
    pub owner: Person,
    /// The administrator.
    pub admin: Person,
    /// Three members; the first has a confirmed phone.
    pub members: Vec<Person>,
}

/// `demo.json`, as the contract has it.
#[derive(Debug, Deserialize)]
struct Demo {
    url: String,
    people: Vec<Person>,
}

/// A running server with data of its own. Dropping it kills the process and removes the data; when the test
/// panics, the end of the server's log is shown.
#[derive(Debug)]
pub struct Server {
    // Dropped in this order: the process first, then what it uses.
    process: Option<Group>,
    database: Option<Database>,
    folder: TempDir,
    options: ServerOptions,
    clock: Clock,
    address: String,
    people: Option<People>,
    http: reqwest::Client,
}

impl Server {
    /// Starts a server and waits, at most a minute, until it is ready.
    ///
    /// # Panics
    /// When it does not get ready, with its log.
    pub async fn start(options: ServerOptions) -> Self {
        let folder =
            tempfile::Builder::new().prefix("countersign-test-").tempdir().expect("a temporary folder");
        let mut server = Self {
            process: None,
            database: (options.engine == Engine::Postgres).then(Database::create),
            clock: Clock::new(folder.path().join("clock")),
            folder,
            options,
            address: format!("127.0.0.1:{}", free_port()),
            people: None,
            http: crate::http::client(),
        };
        server.run().await;
        server
    }

    /// The server's address, such as `http://127.0.0.1:20001`; the same after every restart.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The database, when the engine is PostgreSQL.
    #[must_use]
    pub fn database(&self) -> Option<&Database> {
        self.database.as_ref()
    }

    /// Who is in the demonstration organization.
    #[must_use]
    pub fn people(&self) -> &People {
        self.people.as_ref().expect("known since the start")
    }

    /// The clock that the server looks at.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Moves the server's clock forward by whole seconds.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Somebody who has never been here.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(&self.url())
    }

    /// The mailbox of `to`, or with `None` everybody's, from now on.
    pub async fn mailbox(&self, kind: Kind, to: Option<&str>) -> Mailbox {
        Mailbox::open(&self.url(), kind, to).await
    }

    /// Every message so far, oldest first.
    pub async fn outbox(&self) -> Vec<Message> {
        outbox(&self.http, &self.url()).await
    }

    /// The newest message to `to` (to anybody, if `None`), without waiting for one.
    pub async fn latest_message(&self, kind: Kind, to: Option<&str>) -> Option<Message> {
        self.mailbox(kind, to).await.all().await.pop()
    }

    /// What the server has written to its standard output and error since its first start.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The process's id, while it runs.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Group::id)
    }

    /// Lets the running server write no file beyond so many bytes, as on a full disk; `None` gives it room again.
    ///
    /// # Panics
    /// When it does not run.
    pub fn limit_file_size(&self, bytes: Option<u64>) {
        use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
        let process = self.process_id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let most = getrlimit(Resource::Fsize).maximum;
        let limit = Rlimit { current: bytes.or(most), maximum: most };
        prlimit(Some(process.expect("a running server")), Resource::Fsize, limit)
            .expect("a limit of its own");
    }

    /// SIGKILL: the process is gone at once, as in a power cut; the data stays.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// SIGTERM, and waits at most thirty seconds for the end. `None` when it was not running.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        self.process.take().map(|mut process| process.terminate(STOP))
    }

    /// Starts again with the same data, clock and address, after stopping it where it still runs.
    ///
    /// # Panics
    /// When it does not get ready, with its log.
    pub async fn restart(&mut self) {
        self.stop();
        self.run().await;
    }

    async fn run(&mut self) {
        self.process = Some(Group::spawn(&mut self.command()));
        let deadline = Instant::now() + START;
        while !self.is_ready().await {
            let ended = self.process.as_mut().and_then(Group::ended);
            assert!(ended.is_none(), "the server ended with {ended:?}\n{}", self.log());
            assert!(Instant::now() < deadline, "the server was not ready after {START:?}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let demo = demo(&self.data().join("demo.json"));
        assert!(demo.url == self.url(), "demo.json names {} and not {}", demo.url, self.url());
        self.people = Some(people(demo.people));
    }

    /// Whether it can serve. A clock that a test has moved away from PostgreSQL's is no reason to wait for.
    async fn is_ready(&self) -> bool {
        if !self.data().join("demo.json").exists() {
            return false;
        }
        let readyz = self.http.get(format!("{}/readyz", self.url())).timeout(Duration::from_secs(5));
        let Ok(answer) = readyz.send().await else { return false };
        let (ready, lines) = (answer.status().is_success(), answer.text().await.unwrap_or_default());
        ready || (self.clock.is_moved() && lines.starts_with("database: ok\nclock: failing\nkeys: ok\n"))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.options.binary);
        command.args(["serve", "--dev", "--listen", &self.address, "--data"]).arg(self.data());
        command.arg("--clock-file").arg(self.folder.path().join("clock")).args(&self.options.arguments);
        for (name, _value) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("COUNTERSIGN_") {
                command.env_remove(name);
            }
        }
        if let Some(database) = &self.database {
            command.env("COUNTERSIGN_DATABASE_URL", database.url());
        }
        command.envs(self.options.environment.iter().map(|(name, value)| (name, value)));
        let log = self.open_log();
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a second handle on the log")).stderr(log);
        command
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    fn open_log(&self) -> File {
        OpenOptions::new().create(true).append(true).open(self.log_file()).expect("a log file")
    }
}

impl Drop for Server {
    #[expect(clippy::print_stderr, reason = "the test harness shows it where the test has failed")]
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let end = lines.len().saturating_sub(60);
            eprintln!("the end of the server's log:\n{}", lines[end..].join("\n"));
        }
    }
}

fn demo(file: &Path) -> Demo {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("demo.json is not as agreed: {error}\n{text}"))
}

fn people(all: Vec<Person>) -> People {
    let first = |role| all.iter().find(|person| person.role == role).cloned();
    let (owner, admin) = (first(Role::Owner), first(Role::Admin));
    People {
        owner: owner.expect("demo.json names an owner"),
        admin: admin.expect("demo.json names an administrator"),
        members: all.into_iter().filter(|person| person.role == Role::Member).collect(),
    }
}

/// A port for a server that must get the same one back after a restart. It is chosen below the range from which
/// Linux gives ports to outgoing connections (32768 and up), so that no client can take it in between.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(61);
    (0..1_000)
        .find_map(|_attempt| {
            let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
            let port = u16::try_from(20_000 + offset).ok()?;
            TcpListener::bind(("127.0.0.1", port)).ok().map(|_probe| port)
        })
        .expect("a free port between 20000 and 32000")
}
