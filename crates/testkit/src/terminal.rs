//! Somebody at a terminal who follows a guide, line by line.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::process::Group;

/// How long one block of commands may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// What ends the output of a block. No command of a guide prints it.
const END: &str = "--- the block has ended ---";

/// A bash that ends at the first command that fails. Dropping it kills it and what it has left in the background.
#[derive(Debug)]
pub struct Terminal {
    input: ChildStdin,
    lines: Receiver<String>,
    // Dropped last: the reader ends when its pipe does.
    _process: Group,
}

impl Terminal {
    /// Opens one in this folder, with these variables beside the test's own; the settings of Countersign are left out.
    ///
    /// # Panics
    /// When there is no bash.
    #[must_use]
    pub fn open(folder: &Path, variables: &[(&str, &str)]) -> Self {
        let mut bash = Command::new("bash");
        bash.args(["--noprofile", "--norc"]).current_dir(folder);
        for (name, _value) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("COUNTERSIGN_") {
                bash.env_remove(name);
            }
        }
        crate::running::without_proxies(&mut bash);
        bash.envs(variables.iter().copied());
        bash.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut process = Group::spawn(&mut bash);
        let input = process.child().stdin.take().expect("a pipe was asked for");
        let output = process.child().stdout.take().expect("a pipe was asked for");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _nobody_listens = sender.send(line);
            }
        });
        let mut terminal = Self { input, lines, _process: process };
        let _nothing = terminal.run("exec 2>&1\nset -euo pipefail\n");
        terminal
    }

    /// Types the commands, and returns what they print, errors included.
    ///
    /// # Panics
    /// When one of them fails, or two minutes are not enough.
    pub fn run(&mut self, commands: &str) -> String {
        let typed = write!(self.input, "{commands}\necho; echo '{END}'\n").and_then(|()| self.input.flush());
        assert!(typed.is_ok(), "the terminal is gone before\n{commands}");
        let (mut printed, deadline) = (String::new(), Instant::now() + PATIENCE);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if line == END => return printed,
                Ok(line) => writeln!(printed, "{line}").expect("a text can grow"),
                Err(RecvTimeoutError::Timeout) => {
                    panic!("not done after {PATIENCE:?}:\n{commands}\n{printed}")
                }
                Err(RecvTimeoutError::Disconnected) => panic!("a command failed:\n{commands}\n{printed}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_later_knows_what_was_typed_before() {
        let mut terminal = Terminal::open(Path::new("/"), &[("KIND", "light")]);
        assert_eq!(terminal.run("number=7\n").trim(), "");
        assert_eq!(terminal.run("sleep 60 &\necho $number; echo $KIND >&2\n").trim(), "7\nlight");
    }

    #[test]
    #[should_panic(expected = "a command failed")]
    fn a_command_that_fails_ends_it() {
        let mut terminal = Terminal::open(Path::new("/"), &[]);
        let _printed = terminal.run("false | cat; echo behind it");
    }
}
