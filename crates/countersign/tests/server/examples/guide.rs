//! `docs/INTEGRATION.md` and `docs/API.md`: every command, in its order, in one terminal; and what it says to do in a browser, in a browser.

use super::{BINARY, set_up_app};
use countersign_testkit::guide::{Block, blocks};
use countersign_testkit::running::root;
use countersign_testkit::{Browser, BrowserOptions, Clock, Terminal, free_port, program};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// A folder in which `countersign` is the program under test; with `serve`, its clock is one that the test can move.
fn with_countersign(folder: &Path, clock: &Path) -> String {
    let (binary, clock) = (program(BINARY), clock.display());
    let binary = binary.display();
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = serve ] && exec '{binary}' \"$@\" --clock-file '{clock}'\nexec '{binary}' \"$@\"\n"
    );
    let program = folder.join("countersign");
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}

/// The guide, with free ports instead of its four; and after the code by email, what the reference of the API adds.
fn guide() -> (Vec<Block>, [String; 4]) {
    let read = |name: &str| fs::read_to_string(root().join("docs").join(name)).unwrap();
    let (mut text, mut reference) = (read("INTEGRATION.md"), read("API.md"));
    let addresses = ["127.0.0.1:8080", "127.0.0.1:5000", "127.0.0.1:4000", "127.0.0.1:4001"].map(|usual| {
        assert!(text.contains(usual), "the guide does not use {usual}");
        let free = format!("127.0.0.1:{}", free_port());
        text = text.replace(usual, &free);
        reference = reference.replace(usual, &free);
        free
    });
    let mut commands = blocks(&text, "sh");
    let verified = commands.iter().position(|block| block.text.contains("/verify")).unwrap();
    commands.splice(verified + 1..verified + 1, blocks(&reference, "sh"));
    (commands, addresses)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_integration_guide_works_in_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, temporary) = (folder.path().join("clock"), folder.path().join("tmp"));
    fs::create_dir(&temporary).unwrap();
    let path = with_countersign(folder.path(), &clock);
    let clock = Clock::new(clock);
    let (blocks, [server, portal, crm, crm_in_rust]) = guide();
    let wheels = root().join("tests-python/.wheels");
    let mut terminal = Terminal::open(
        &root(),
        &[
            ("PATH", &path),
            ("TMPDIR", temporary.to_str().unwrap()),
            // What `pip install` asks for comes from where ./test has put it.
            ("PIP_NO_INDEX", "1"),
            ("PIP_FIND_LINKS", wheels.to_str().unwrap()),
        ],
    );
    let browser = Browser::start(BrowserOptions::default()).await;
    let (mut way, mut done) = (String::new(), Vec::new());
    for Block { heading, text: commands } in blocks {
        let result = way.split_once("result=").and_then(|(_, rest)| rest.split('&').next());
        let commands = match result {
            Some(result) if commands.contains("PASTE") => commands.replace("PASTE", result),
            _ => commands,
        };
        assert!(!commands.contains("PASTE"), "nothing to paste: {way}");
        let printed = terminal.run(&commands);
        if let Some(address) = printed.lines().find(|line| line.contains("/second-step/")) {
            // "Open it now", with nothing behind the address to which the browser comes back.
            browser.open(address).await;
            let _app =
                set_up_app(&browser, &format!("http://{server}"), &clock, "mia@larkspur.example").await;
            way = browser.url().await;
            assert!(
                way.starts_with(&format!("http://{crm}/second-step?")) && way.contains("state=s-1"),
                "{way}"
            );
        }
        done.push((heading, printed));
    }
    let printed = |heading: &str| {
        done.iter().filter(|(one, _)| one == heading).map(|(_, text)| text.as_str()).collect::<String>()
    };
    let people = printed("Start a test server");
    assert_eq!(people.matches('@').count(), 5, "{people}");
    let portals = printed("OpenID Connect");
    assert!(portals.contains(&format!("\"http://{server}\"")) && portals.contains("two-factor"), "{portals}");
    let api = printed("The two-factor API");
    assert!(api.contains("[\"users:write\",\"challenges\"]"), "the key was tried: {api}");
    assert!(api.contains("\"enrolled\": true") && api.contains("\"method\": \"email\""), "{api}");
    let changes = printed("Changes only the user can approve");
    assert!(changes.trim().ends_with("\n\"Phone\"\n10"), "{changes}");
    assert!(!api.contains("csk_") && !portals.contains("client_secret"), "no secret is printed");
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0, "nothing is left");
    for ended in [server, portal, crm, crm_in_rust] {
        assert!(std::net::TcpStream::connect(&ended).is_err(), "{ended} still answers");
    }
}
