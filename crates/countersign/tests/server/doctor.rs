//! `countersign doctor`: a line for each check, and what to fix.

use crate::application_commands::{done, run};
use crate::command_line::{countersign, create_owner, mail_server};
use countersign_testkit::{Engine, free_port};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The words before the text of each line: what was found, and about what.
fn verdicts(printed: &str) -> Vec<(String, String)> {
    let words = |line: &str| {
        let mut words = line.split_whitespace().map(str::to_owned);
        (words.next().unwrap(), words.next().unwrap())
    };
    printed.lines().map(words).collect()
}

fn subjects(printed: &str, verdict: &str) -> Vec<String> {
    verdicts(printed).into_iter().filter(|(found, _)| found == verdict).map(|(_, subject)| subject).collect()
}

fn line<'a>(printed: &'a str, subject: &str) -> &'a str {
    printed.lines().find(|line| line.split_whitespace().nth(1) == Some(subject)).unwrap()
}

/// A configuration for production, its data directory, and the port of its mail server.
struct Setting {
    dir: tempfile::TempDir,
    config: PathBuf,
}

impl Setting {
    fn new(port: u16, more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("countersign.toml");
        let text = format!(
            "public_url = \"http://127.0.0.1:{}\"\ndata_dir = \"{}\"\n\n[smtp]\nhost = \"127.0.0.1\"\nport = {port}\n\
             security = \"none\"\nfrom = \"Countersign <id@stern.example>\"\n{more}",
            free_port(),
            dir.path().join("data").display()
        );
        std::fs::write(&config, text).unwrap();
        Self { dir, config }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn with_owner(self) -> Self {
        let created =
            create_owner(&self.config, self.dir.path(), "olga@stern.example", "tulip-ferry-oak-lamp");
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
        self
    }

    /// What it prints, and its exit code.
    fn doctor(&self, more: &[&str]) -> (String, Option<i32>) {
        let output = countersign(&["doctor", "--config"]).arg(&self.config).args(more).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(!printed.contains("secret"), "{printed}");
        (printed, output.status.code())
    }
}

fn sql(data: &Path, text: &str) {
    rusqlite::Connection::open(data.join("countersign.db")).unwrap().execute_batch(text).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_server_has_nothing_to_fix_and_serves_on() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        let printed = done(&server, &["doctor"]);
        let all = [
            "settings",
            "data_dir",
            "keys_file",
            "database",
            "clock",
            "public_url",
            "trusted_proxies",
            "mail",
        ];
        assert_eq!(subjects(&printed, "ok"), all, "{printed}");
        server.client().get("/readyz").await.expect_status(200);
        server.clock().set_offset(0);
        let unknown = run(&server, &["doctor", "--nonsense"]);
        assert_eq!(unknown.status.code(), Some(2));
    }
}

#[test]
fn it_creates_nothing_and_says_what_is_missing() {
    let port = free_port();
    let new = Setting::new(port, "");
    let (printed, code) = new.doctor(&[]);
    assert_eq!(code, Some(1), "{printed}");
    assert_eq!(subjects(&printed, "failed"), ["data_dir", "keys_file", "mail"], "{printed}");
    assert!(line(&printed, "mail").contains("smtp.host") && line(&printed, "data_dir").contains("data_dir"));
    assert!(!new.data().exists(), "nothing was created");

    let broken = Setting::new(port, "");
    std::fs::write(&broken.config, "public_url = \"https://id.example.com\"\nlissten = \"x\"\n").unwrap();
    let (printed, code) = broken.doctor(&[]);
    assert_eq!((code, verdicts(&printed).len()), (Some(1), 1), "{printed}");
    assert!(printed.starts_with("failed") && printed.contains("lissten"), "{printed}");
}

#[test]
fn each_defect_is_its_own_line() {
    let (port, _messages) = mail_server();
    let server = Setting::new(port, "").with_owner();
    let (printed, code) = server.doctor(&[]);
    assert_eq!((code, subjects(&printed, "failed").len()), (Some(0), 0), "{printed}");
    let data = server.data();
    let mode = |name: &str, mode| {
        std::fs::set_permissions(data.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let failed = |expected: &[&str], fix: &str| {
        let (printed, code) = server.doctor(&[]);
        assert_eq!(code, Some(1), "{printed}");
        assert_eq!(subjects(&printed, "failed"), expected, "{printed}");
        assert!(line(&printed, expected[0]).contains(fix), "{printed}");
    };

    mode("", 0o777);
    failed(&["data_dir"], "chmod go-w");
    mode("", 0o700);
    mode("keys.toml", 0o644);
    failed(&["keys_file"], "chmod 600");
    mode("keys.toml", 0o600);
    mode("countersign.db", 0o644);
    failed(&["database"], "chmod");
    mode("countersign.db", 0o600);

    let keys = std::fs::read_to_string(data.join("keys.toml")).unwrap();
    let other = Setting::new(port, "").with_owner();
    std::fs::copy(other.data().join("keys.toml"), data.join("keys.toml")).unwrap();
    failed(&["database"], "keys_file");
    std::fs::write(data.join("keys.toml"), keys).unwrap();

    sql(&data, "UPDATE schema_versions SET version = version + 100 WHERE version = 1");
    failed(&["database"], "newer version");
    sql(&data, "UPDATE schema_versions SET version = 1 WHERE version > 100");
    let newest = "(SELECT max(version) FROM schema_versions)";
    sql(&data, &format!("DELETE FROM schema_versions WHERE version = {newest}"));
    let (printed, code) = server.doctor(&[]);
    assert_eq!((code, subjects(&printed, "warning")), (Some(0), vec!["database".to_owned()]), "{printed}");
    assert!(line(&printed, "database").contains("Back it up first"), "and it was not migrated: {printed}");

    std::fs::rename(data.join("countersign.db"), data.join("away.db")).unwrap();
    failed(&["database"], "restore it");
}

#[test]
fn mail_and_text_messages_are_tried_without_sending_any() {
    let (port, messages) = mail_server();
    let gateway = free_port();
    let sms = format!(
        "\n[sms]\nallowed_countries = [\"GB\"]\nurl = \"http://127.0.0.1:{gateway}/send\"\ntoken = \"secret-token\"\n\
         from = \"Stern\"\n"
    );
    let server = Setting::new(port, &sms).with_owner();
    let (printed, code) = server.doctor(&[]);
    assert_eq!((code, subjects(&printed, "failed")), (Some(1), vec!["sms".to_owned()]), "{printed}");
    assert!(line(&printed, "sms").contains("sms.url"), "{printed}");

    let listener = TcpListener::bind(("127.0.0.1", gateway)).unwrap();
    let answered = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 1024];
        let length = stream.read(&mut head).unwrap();
        stream.write_all(b"HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n").unwrap();
        String::from_utf8_lossy(&head[..length]).into_owned()
    });
    let (printed, code) = server.doctor(&[]);
    assert_eq!(code, Some(0), "{printed}");
    let asked = answered.join().unwrap();
    assert!(asked.starts_with("HEAD /send") && !asked.contains("secret-token"), "{asked}");
    assert!(messages.try_recv().is_err(), "nothing was sent");

    let (printed, _) = server.doctor(&["--send-test", "operator@stern.example"]);
    assert!(line(&printed, "test").contains("operator@stern.example"), "{printed}");
    let mail = messages.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(mail.contains("To: operator@stern.example") && mail.contains("Subject: Test email"), "{mail}");
    let (printed, code) = server.doctor(&["--send-test", "not an address"]);
    assert_eq!(code, Some(1), "{printed}");
}
