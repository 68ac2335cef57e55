//! Running other programs: tools that answer at once, and children that must not outlive their test.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// Runs `command` to its end and returns what it wrote to its standard output. Panics with both outputs when
/// it fails, and names the missing program when there is none.
pub(crate) fn output_of(command: &mut Command) -> String {
    try_output_of(command).unwrap_or_else(|why| panic!("{why}"))
}

/// As [`output_of`], for where a panic must not happen: in the clean-up after another one.
pub(crate) fn try_output_of(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| cannot_run(command, &error))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let (program, stderr) = (command.get_program().display(), String::from_utf8_lossy(&output.stderr));
    Err(format!("{program} failed with {}\nstdout: {stdout}\nstderr: {stderr}", output.status))
}

fn cannot_run(command: &Command, error: &std::io::Error) -> String {
    let program = command.get_program().display();
    if error.kind() == ErrorKind::NotFound {
        return format!("the program `{program}` is missing; ./test installs what the tests need");
    }
    format!("`{program}` could not be run: {error}")
}

/// A child in a process group of its own. Dropping it kills the whole group, so that nothing which the child
/// started in turn outlives the test.
#[derive(Debug)]
pub(crate) struct Group {
    child: Child,
    ended: Option<ExitStatus>,
}

impl Group {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let child = command.process_group(0).spawn();
        let child = child.unwrap_or_else(|error| panic!("{}", cannot_run(command, &error)));
        Self { child, ended: None }
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How the child ended, or `None` while it runs.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("a child of ours can be waited for");
        }
        self.ended
    }

    /// SIGKILL to the whole group: no handler runs, nothing is flushed.
    pub(crate) fn kill(&mut self) {
        // Until the child has been waited for, its id is taken, and the group's with it; afterwards either
        // may belong to somebody else.
        if self.ended.is_none() {
            let _gone = kill_process_group(self.pid(), Signal::KILL);
            self.ended = Some(self.child.wait().expect("a child of ours can be waited for"));
        }
    }

    /// SIGTERM to the child alone, then waits for it at most `patience`.
    pub(crate) fn terminate(&mut self, patience: Duration) -> ExitStatus {
        if self.ended().is_none() {
            let _gone = kill_process(self.pid(), Signal::TERM);
        }
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(Instant::now() < deadline, "the process did not end within {patience:?} of SIGTERM");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The value of an environment variable; an empty one counts as unset.
pub(crate) fn env(name: impl AsRef<OsStr>) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
