//! nginx from Debian, in front of whatever a test wants to see it in front of.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::process::Group;

/// A running nginx, which ends with this value.
#[derive(Debug)]
pub struct Nginx {
    _process: Group,
    folder: TempDir,
}

impl Nginx {
    /// Starts nginx with these server blocks, and waits until it takes connections at `port` of 127.0.0.1.
    ///
    /// # Panics
    /// When nginx is missing, or does not understand the blocks, with what it said.
    #[must_use]
    pub fn start(servers: &str, port: u16) -> Self {
        let folder = tempfile::Builder::new().prefix("countersign-nginx-").tempdir().expect("a folder");
        let (config, log) = (folder.path().join("nginx.conf"), folder.path().join("error.log"));
        fs::write(&config, whole(servers, folder.path())).expect("a configuration");
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder.path()).arg("-c").arg(&config).arg("-e").arg(&log);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = Group::spawn(&mut command);
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let said = fs::read_to_string(&log).unwrap_or_default();
            assert!(process.ended().is_none() && Instant::now() < deadline, "nginx does not start: {said}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { _process: process, folder }
    }

    /// What nginx has complained about.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default()
    }
}

/// Everything around the server blocks: no file outside the folder, no other user (which could not read it).
fn whole(servers: &str, folder: &Path) -> String {
    let folder = folder.display();
    let root = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path {folder}/{kind};\n"))
        .collect();
    format!(
        "daemon off; worker_processes 1; pid {folder}/pid; {root}\nevents {{}}\nhttp {{\naccess_log off;\n\
         types {{ text/html html; text/css css; }}\n{temporary}{servers}\n}}\n"
    )
}
