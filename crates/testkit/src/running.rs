//! A program beside the server under test: an application that is connected to it.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::process::{Group, env};

/// How long a program may take to its first answer.
const START: Duration = Duration::from_secs(60);

/// A running program that answers by HTTP. Dropping it kills it and whatever it has started; when the test panics, the end of
/// what it has written is shown.
#[derive(Debug)]
pub struct Running {
    // Dropped in this order: the process first, then its log.
    process: Group,
    folder: TempDir,
    name: String,
}

impl Running {
    /// Starts `command` and waits, at most a minute, until `url` answers, whatever the answer is. Neither the settings of
    /// Countersign nor a proxy for the tests' own downloads are passed on.
    ///
    /// # Panics
    /// When the program is missing, ends, or does not answer; with what it has written.
    pub async fn start(mut command: Command, url: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("countersign-beside-").tempdir().expect("a folder");
        let log = File::create(folder.path().join("log")).expect("a log file");
        let name = command.get_program().to_string_lossy().into_owned();
        without_proxies(&mut command);
        command.stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a second handle on the log")).stderr(log);
        let mut running = Self { process: Group::spawn(&mut command), folder, name };
        let (http, deadline) = (crate::http::client(), Instant::now() + START);
        while http.get(url).send().await.is_err() {
            let ended = running.process.ended();
            assert!(ended.is_none(), "{} ended with {ended:?}\n{}", running.name, running.log());
            assert!(Instant::now() < deadline, "{url} does not answer\n{}", running.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        running
    }

    /// What the program has written to its standard output and error.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.path().join("log")).unwrap_or_default()).into_owned()
    }
}

impl Drop for Running {
    #[expect(clippy::print_stderr, reason = "the test harness shows it where the test has failed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let end = lines.len().saturating_sub(40);
            eprintln!("the end of what {} has written:\n{}", self.name, lines[end..].join("\n"));
        }
    }
}

/// Everything here is on loopback, where no proxy has a place.
pub(crate) fn without_proxies(command: &mut Command) {
    for (name, _value) in std::env::vars_os() {
        if name.to_string_lossy().to_ascii_lowercase().ends_with("_proxy") {
            command.env_remove(name);
        }
    }
}

/// Python with the packages of `tests-python/requirements.txt`: `COUNTERSIGN_TEST_PYTHON`, or where `./test` puts it.
///
/// # Panics
/// When it is not there.
#[must_use]
pub fn python() -> PathBuf {
    let usual = root().join("tests-python/.venv/bin/python");
    let python = env("COUNTERSIGN_TEST_PYTHON").map_or(usual, PathBuf::from);
    assert!(python.exists(), "{} is missing; ./test installs what the tests need", python.display());
    python
}

/// The program of another package of this workspace, built anew where that is needed.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn built(binary: &str) -> PathBuf {
    // For the whole workspace, because its packages then share one choice of features with the tests, and nothing that both
    // need is compiled a second time.
    let mut cargo = Command::new(env("CARGO").unwrap_or_else(|| "cargo".to_owned()));
    cargo.args(["build", "--workspace", "--locked", "--offline", "--bin", binary]);
    cargo.arg("--message-format=json-render-diagnostics").current_dir(root());
    let messages = crate::process::output_of(&mut cargo);
    let executable = messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let this = message["target"]["name"] == binary;
        message["executable"].as_str().filter(|_| this).map(PathBuf::from)
    });
    executable.unwrap_or_else(|| panic!("cargo built no program {binary}: {messages}"))
}

/// The folder of the repository.
#[must_use]
pub fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
