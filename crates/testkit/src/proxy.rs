//! Reverse proxies that others wrote, in front of whatever a test wants to see them in front of: Debian's nginx, and
//! Caddy and Traefik from `tests-python/requirements.txt`.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::process::Group;
use crate::running::{python, without_proxies};

/// A running proxy, which ends with this value.
#[derive(Debug)]
pub struct Proxy {
    process: Group,
    folder: TempDir,
}

impl Proxy {
    /// Starts nginx with these server blocks, and waits until it takes connections at `port` of 127.0.0.1.
    ///
    /// # Panics
    /// When nginx is missing, or does not understand the blocks, with what it said.
    #[must_use]
    pub fn nginx(servers: &str, port: u16) -> Self {
        let folder = folder();
        let config = write(&folder, "nginx.conf", &nginx_around(servers, folder.path()));
        let mut nginx = Command::new("nginx");
        nginx.arg("-p").arg(folder.path()).arg("-c").arg(config).args(["-e", "stderr"]);
        Self::start(folder, nginx, port)
    }

    /// Starts Caddy with these site blocks, each of which names its own address, and waits as [`Proxy::nginx`] does.
    ///
    /// # Panics
    /// When Caddy is missing, or does not understand the blocks, with what it said.
    #[must_use]
    pub fn caddy(sites: &str, port: u16) -> Self {
        let folder = folder();
        let around = "{\n  admin off\n  auto_https off\n  persist_config off\n}\n";
        let config = write(&folder, "Caddyfile", &format!("{around}{sites}"));
        let mut caddy = Command::new(beside_python("caddy"));
        caddy.args(["run", "--adapter", "caddyfile", "--config"]).arg(config);
        for name in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
            caddy.env(name, folder.path());
        }
        Self::start(folder, caddy, port)
    }

    /// Starts Traefik at `port` of 127.0.0.1 with this dynamic configuration in YAML, and waits as [`Proxy::nginx`] does.
    ///
    /// # Panics
    /// When Traefik is missing, or does not start, with what it said.
    #[must_use]
    pub fn traefik(dynamic: &str, port: u16) -> Self {
        let folder = folder();
        let config = write(&folder, "dynamic.yaml", dynamic);
        let mut traefik = Command::new(beside_python("traefik"));
        traefik.arg(format!("--entrypoints.web.address=127.0.0.1:{port}"));
        traefik.arg(format!("--providers.file.filename={}", config.display()));
        traefik.args(["--providers.file.watch=false", "--log.level=WARN"]);
        traefik.args(["--global.checknewversion=false", "--global.sendanonymoususage=false"]);
        let mut proxy = Self::start(folder, traefik, port);
        // It listens before it has read its routers, and knows no page until then.
        proxy.wait_until(|| !answers_not_found(port));
        proxy
    }

    fn start(folder: TempDir, mut command: Command, port: u16) -> Self {
        let log = File::create(folder.path().join("log")).expect("a log");
        command.current_dir(folder.path()).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a second handle")).stderr(log);
        without_proxies(&mut command);
        let mut proxy = Self { process: Group::spawn(&mut command), folder };
        proxy.wait_until(|| TcpStream::connect(("127.0.0.1", port)).is_ok());
        proxy
    }

    fn wait_until(&mut self, ready: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !ready() {
            let waiting = self.process.ended().is_none() && Instant::now() < deadline;
            assert!(waiting, "the proxy does not start: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What the proxy has said of itself, complaints above all.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

fn answers_not_found(port: u16) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().map_or(true, |answer| answer.starts_with("HTTP/1.1 404"))
}

fn folder() -> TempDir {
    tempfile::Builder::new().prefix("countersign-proxy-").tempdir().expect("a folder")
}

fn write(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let file = folder.path().join(name);
    fs::write(&file, text).expect("a configuration");
    file
}

/// A program that a Python package brings.
fn beside_python(name: &str) -> PathBuf {
    let program = python().with_file_name(name);
    assert!(program.exists(), "{} is missing; ./test installs what the tests need", program.display());
    program
}

/// Everything around the server blocks: no file outside the folder, no other user (which could not read it).
fn nginx_around(servers: &str, folder: &Path) -> String {
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
