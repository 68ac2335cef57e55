//! The two programs behind a browser: `chromedriver`, and the Chromium that it starts.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use thirtyfour::prelude::{DesiredCapabilities, WebDriver};
use thirtyfour::{ChromiumLikeCapabilities as _, LoggingPrefsLogLevel};
use tokio::sync::oneshot;

use crate::process::Group;

const START: Duration = Duration::from_secs(60);

/// What Chromium needs in order to run without a screen, as any user, and to call nobody on its own.
const ARGUMENTS: [&str; 11] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-crash-reporter",
    "--no-proxy-server",
];

/// A chromedriver on a free port. Dropping it kills it and every Chromium that it started: they share its
/// process group.
#[derive(Debug)]
pub(super) struct Chromedriver {
    _process: Group,
    port: u16,
}

impl Chromedriver {
    /// `folder` takes everything that the two programs write.
    pub(super) async fn start(folder: &Path) -> Self {
        // It takes a port that is free, and ends if somebody else was quicker to take it.
        for _attempt in 1..3 {
            if let Ok(started) = Self::attempt(folder).await {
                return started;
            }
        }
        Self::attempt(folder).await.unwrap_or_else(|log| panic!("chromedriver ended at once: {log}"))
    }

    /// Starts it; what it has written, if it ends at once.
    async fn attempt(folder: &Path) -> Result<Self, String> {
        let log_file = folder.join("chromedriver.log");
        let log = File::create(&log_file).expect("a log file");
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        for variable in ["HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"] {
            command.env(variable, folder);
        }
        let mut process = Group::spawn(&mut command);
        let stdout = process.child().stdout.take().expect("piped");
        let (tell, told) = oneshot::channel();
        std::thread::spawn(move || read_port(stdout, tell));
        let told =
            tokio::time::timeout(START, told).await.expect("chromedriver told no port within a minute");
        let Ok(port) = told else { return Err(std::fs::read_to_string(&log_file).unwrap_or_default()) };
        Ok(Self { _process: process, port })
    }

    pub(super) async fn open_session(&self, folder: &Path, javascript: bool) -> WebDriver {
        let mut capabilities = DesiredCapabilities::chrome();
        let set = |done: thirtyfour::error::WebDriverResult<()>| done.expect("a capability");
        for argument in ARGUMENTS {
            set(capabilities.add_arg(argument));
        }
        set(capabilities.add_arg(&format!("--user-data-dir={}", folder.join("profile").display())));
        set(capabilities.set_browser_log_level(LoggingPrefsLogLevel::Severe));
        if !javascript {
            // The site setting that a person has, 2 being "do not allow". Of the ways tried it is one of those with
            // which chromedriver still waits for the page after a click.
            let off = json!({"profile.default_content_setting_values.javascript": 2});
            set(capabilities.add_experimental_option("prefs", off));
        }
        let address = format!("http://127.0.0.1:{}", self.port);
        WebDriver::builder(&address, capabilities)
            .client(crate::http::client())
            .await
            .unwrap_or_else(|error| panic!("Chromium does not start: {error}"))
    }
}

/// Waits for the line that names the port, then reads on, so that chromedriver never waits for a reader.
fn read_port(stdout: ChildStdout, tell: oneshot::Sender<u16>) {
    let mut tell = Some(tell);
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        let port = line
            .split_once("started successfully on port ")
            .and_then(|(_before, port)| port.trim_end_matches('.').parse().ok());
        if let (Some(port), Some(tell)) = (port, tell.take_if(|_| port.is_some())) {
            let _gone = tell.send(port);
        }
    }
}
