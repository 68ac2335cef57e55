//! `./test` says what it installs before it does so, and installs only what is missing.

use countersign_testkit::running::root;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// What `./test` looks for on the path and may install. Where one is there, it is a program that does nothing.
const TOOLS: [&str; 8] = ["chromium", "chromedriver", "zbarimg", "nginx", "oathtool", "curl", "jq", "psql"];
/// What it may not start before it has said so.
const INSTALLERS: [&str; 2] = ["apt-get", "npm"];
/// What the machine's Python says that it is.
const PYTHON: &str = "Python 3.99.0";

/// The script in a copy of the repository that has only what the script reads, on a machine with these tools.
struct Script {
    folder: TempDir,
}

fn program(path: &Path, script: &str) {
    fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

impl Script {
    fn with(tools: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for file in [
            "test",
            "tests-npm/package-lock.json",
            "tests-clients/openid-client/package-lock.json",
            "tests-python/requirements.txt",
        ] {
            let to = folder.path().join(file);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(root().join(file), to).unwrap();
        }
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        let replaced = |name: &str| {
            TOOLS.contains(&name)
                || INSTALLERS.contains(&name)
                || ["cargo", "sudo", "rustc", "python3"].contains(&name)
        };
        for entry in
            fs::read_dir("/usr/bin").unwrap().chain(fs::read_dir("/bin").unwrap()).map(Result::unwrap)
        {
            if !replaced(&entry.file_name().to_string_lossy()) {
                // The two folders are the same one on most systems.
                let _already_there = symlink(entry.path(), bin.join(entry.file_name()));
            }
        }
        for name in ["cc", "node"] {
            if !bin.join(name).exists() {
                program(&bin.join(name), "exit 0");
            }
        }
        for tool in tools {
            program(&bin.join(tool), "exit 0");
        }
        // Nothing is built and nothing is installed here: the script ends where it would begin to.
        program(&bin.join("cargo"), "[ \"$1\" != test ] || { echo 'cargo builds'; exit 1; }");
        program(&bin.join("apt-get"), "echo \"apt-get runs: $*\"; exit 1");
        program(&bin.join("npm"), "echo \"npm runs: $*\"; exit 1");
        program(&bin.join("sudo"), "exec \"$@\"");
        program(&bin.join("python3"), &format!("echo '{PYTHON}'"));
        Self { folder }
    }

    /// Puts the tools from npm and PyPI where an earlier run has put them.
    fn with_downloads(self) -> Self {
        let of = |file: &str| self.folder.path().join(file);
        for folder in ["tests-npm", "tests-clients/openid-client"] {
            let modules = of(folder).join("node_modules");
            fs::create_dir(&modules).unwrap();
            fs::copy(of(folder).join("package-lock.json"), modules.join("made-of")).unwrap();
        }
        let requirements = fs::read_to_string(of("tests-python/requirements.txt")).unwrap();
        fs::create_dir(of("tests-python/.venv")).unwrap();
        fs::write(of("tests-python/.venv/made-of"), format!("{PYTHON}\n{requirements}")).unwrap();
        self
    }

    /// Runs it for one test. What it prints, in its order.
    fn run(&self, arguments: &[&str]) -> (Output, String) {
        let mut command = Command::new("bash");
        command.args(["-c", "exec ./test \"$@\" 2>&1", "test"]).args(arguments).arg("a_test");
        let output = command
            .current_dir(self.folder.path())
            .env("PATH", self.folder.path().join("bin"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        (output, printed)
    }
}

fn installs(printed: &str) -> bool {
    INSTALLERS.iter().any(|name| printed.contains(&format!("{name} runs")))
}

#[test]
fn the_test_script_says_what_it_installs_and_why_before_it_does_so() {
    let (output, printed) = Script::with(&["curl", "jq", "psql"]).run(&[]);
    assert!(!output.status.success());
    let (announced, installed) = printed.split_once("apt-get runs: ").unwrap_or_else(|| panic!("{printed}"));
    for (what, why) in [
        ("  chromium ", "real browser"),
        ("  oathtool ", "authenticator app"),
        ("  tests-npm/node_modules ", "axe-core"),
        ("  tests-python/.venv, .wheels ", "from PyPI"),
    ] {
        let line = announced.lines().find(|line| line.starts_with(what));
        assert!(line.is_some_and(|line| line.contains(why)), "{what}: {printed}");
    }
    assert!(
        announced.contains("with apt-get as root") && announced.contains("./test --no-install"),
        "{printed}"
    );
    assert!(!announced.contains("  jq "), "it is there already: {printed}");
    assert!(installed.contains("update"), "{printed}");
}

#[test]
fn with_no_install_the_test_script_names_what_is_missing_and_stops() {
    let script = Script::with(&["curl", "jq", "psql"]);
    let (output, printed) = script.run(&["--no-install"]);
    assert!(!output.status.success() && !installs(&printed), "{printed}");
    assert!(printed.contains("  chromium ") && printed.contains("Nothing was installed."), "{printed}");
    assert!(!script.folder.path().join("tests-python/.venv").exists());
}

#[test]
fn where_everything_is_there_the_test_script_installs_nothing() {
    for arguments in [&[][..], &["--no-install"]] {
        let (_, printed) = Script::with(&TOOLS).with_downloads().run(arguments);
        assert!(printed.contains("Nothing will be installed.") && !installs(&printed), "{printed}");
        assert!(printed.contains("cargo builds"), "it went on to the build: {printed}");
    }
}
