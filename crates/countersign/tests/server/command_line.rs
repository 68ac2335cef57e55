//! The command line that operators type: refusals with their sentence and exit code 2, and a server without `--dev`.

use super::BINARY;
use countersign_testkit::{Client, Person, Role};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

pub(crate) fn countersign(arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COUNTERSIGN_"))
    {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

pub(crate) fn refused(output: &Output) -> String {
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    told
}

/// Kills the process when the test ends, however it ends.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub(crate) async fn until_ready(client: &Client, running: &mut Running) {
    for _ in 0..600 {
        assert!(running.0.try_wait().unwrap().is_none(), "the server ended");
        if TcpStream::connect(client.base().trim_start_matches("http://")).is_ok() {
            client.get("/readyz").await.expect_status(200);
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the server did not get ready");
}

#[test]
fn a_wrong_setting_is_one_sentence_and_exit_code_2() {
    let told = refused(&countersign(&["serve", "--dev", "--listen", "0.0.0.0:0"]).output().unwrap());
    assert!(told.contains("listen") && told.contains("loopback") && told.lines().count() == 1, "{told}");
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("none.toml");
    refused(&countersign(&["serve", "--config", missing.to_str().unwrap()]).output().unwrap());
    let file = dir.path().join("countersign.toml");
    std::fs::write(&file, "public_url = \"https://id.example.com\"\nlissten = \"127.0.0.1:1\"\n").unwrap();
    let told = refused(&countersign(&["serve", "--config", file.to_str().unwrap()]).output().unwrap());
    assert!(told.contains("lissten") && told.contains("listen"), "{told}");
    // A port that somebody else has.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = dir.path().join("data");
    let told = refused(
        &countersign(&["serve", "--dev", "--listen", &address, "--data", data.to_str().unwrap()])
            .output()
            .unwrap(),
    );
    assert!(told.contains(&address), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn port_0_takes_a_free_one_and_demo_json_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = countersign(&["serve", "--dev", "--listen", "127.0.0.1:0", "--data", "d"]);
    command.current_dir(dir.path()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut running = Running(command.spawn().unwrap());
    let mut printed = String::new();
    for line in BufReader::new(running.0.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        printed.push_str(&line);
        if line.contains("/dev/outbox") {
            break;
        }
    }
    let demo: serde_json::Value =
        serde_json::from_slice(&std::fs::read(dir.path().join("d/demo.json")).unwrap()).unwrap();
    let url = demo["url"].as_str().unwrap();
    assert!(printed.contains(url) && !url.ends_with(":0"), "{printed}");
    for person in demo["people"].as_array().unwrap() {
        assert!(printed.contains(person["email"].as_str().unwrap()), "{printed}");
        assert!(printed.contains(person["password"].as_str().unwrap()), "{printed}");
    }
    let client = Client::new(url);
    until_ready(&client, &mut running).await;
    client.get("/healthz").await.expect_status(200);
    let metrics = client.get("/metrics").await.expect_status(200);
    assert!(metrics.body.contains("countersign_requests_total"), "{metrics}");
}

/// A mail server that takes every message and hands its text over.
pub(crate) fn mail_server() -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, messages) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let sender = sender.clone();
            std::thread::spawn(move || drop(converse(stream.unwrap(), &sender)));
        }
    });
    (port, messages)
}

fn converse(stream: TcpStream, messages: &mpsc::Sender<String>) -> std::io::Result<()> {
    let mut answers = stream.try_clone()?;
    let mut lines = BufReader::new(stream).lines();
    answers.write_all(b"220 mail.test ready\r\n")?;
    while let Some(Ok(line)) = lines.next() {
        let verb = line.to_ascii_uppercase();
        if verb.starts_with("DATA") {
            answers.write_all(b"354 go on\r\n")?;
            let text: Vec<String> =
                lines.by_ref().map_while(Result::ok).take_while(|line| line != ".").collect();
            drop(messages.send(text.join("\n")));
        }
        answers.write_all(if verb.starts_with("QUIT") { b"221 bye\r\n" } else { b"250 OK\r\n" })?;
    }
    Ok(())
}

pub(crate) fn create_owner(config: &Path, dir: &Path, email: &str, password: &str) -> Output {
    let file = dir.join("password");
    std::fs::write(&file, format!("{password}\n")).unwrap();
    countersign(&[
        "owner",
        "create",
        "--email",
        email,
        "--name",
        "Olga Stern",
        "--organization",
        "Stern & Co",
    ])
    .args(["--config".as_ref(), config.as_os_str(), "--password-file".as_ref(), file.as_os_str()])
    .output()
    .unwrap()
}

/// What an operator does: write a configuration, check it, create the owner, serve; and the owner signs in with a code
/// that came by real SMTP.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_dev_signs_its_owner_in() {
    let dir = tempfile::tempdir().unwrap();
    let (port, messages) = mail_server();
    let listen = {
        let probe = TcpListener::bind("127.0.0.1:0").unwrap();
        probe.local_addr().unwrap()
    };
    let config = dir.path().join("countersign.toml");
    let data = dir.path().join("data");
    let text = format!(
        "public_url = \"http://{listen}\"\nlisten = \"{listen}\"\ndata_dir = \"{}\"\n\n[smtp]\nhost = \"127.0.0.1\"\n\
         port = {port}\nsecurity = \"none\"\nfrom = \"Countersign <id@stern.example>\"\n",
        data.display()
    );
    std::fs::write(&config, text).unwrap();
    let check = countersign(&["serve", "--check", "--config"]).arg(&config).output().unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    let checked = String::from_utf8_lossy(&check.stdout);
    assert!(checked.contains("smtp.host"), "{checked}");
    assert!(checked.trim_end().lines().last().unwrap().contains("countersign doctor"), "{checked}");

    let weak = create_owner(&config, dir.path(), "olga@stern.example", "password");
    assert!(refused(&weak).contains("password"));
    let created = create_owner(&config, dir.path(), "olga@stern.example", "tulip-ferry-oak-lamp");
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    let twice = create_owner(&config, dir.path(), "olga@stern.example", "tulip-ferry-oak-lamp");
    assert!(refused(&twice).contains("--email"));

    let mut serve = countersign(&["serve", "--config"]);
    serve.arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
    let mut running = Running(serve.spawn().unwrap());
    let client = Client::new(&format!("http://{listen}"));
    until_ready(&client, &mut running).await;
    client.get("/dev/outbox.json").await.expect_status(404);
    let owner = Person {
        role: Role::Owner,
        email: "olga@stern.example".into(),
        password: "tulip-ferry-oak-lamp".into(),
    };
    client.sign_in(&owner).await.expect_redirect("/sign-in/verify");
    let mail = tokio::task::spawn_blocking(move || messages.recv_timeout(Duration::from_secs(20)).unwrap())
        .await
        .unwrap();
    assert!(mail.contains("To: ") && mail.contains("olga@stern.example"), "{mail}");
    let body = mail.split_once("\n\n").unwrap().1;
    let code = body.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 6).unwrap();
    client.verify("email", code).await.expect_status(303);
    let profile = client.get("/profile").await.expect_status(200);
    assert!(profile.words().contains("Olga Stern"), "{profile}");
}
