//! A mail server that is known to be down: what pages, `/readyz` and the metrics say.

use super::command_line::countersign;
use countersign_testkit::{Client, Person, Role, Running, free_port};
use std::fs;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn while_mail_is_down_nothing_is_said_to_have_been_sent() {
    let (folder, port, silent) = (tempfile::tempdir().unwrap(), free_port(), free_port());
    let file = folder.path().join("countersign.toml");
    let text = format!(
        "public_url = \"http://127.0.0.1:{port}\"\nlisten = \"127.0.0.1:{port}\"\ndata_dir = \"{}\"\n\
         [smtp]\nhost = \"127.0.0.1\"\nport = {silent}\nfrom = \"login@example.org\"\nsecurity = \"none\"\n",
        folder.path().join("data").display()
    );
    fs::write(&file, text).unwrap();
    let password = folder.path().join("password");
    fs::write(&password, "tulip-ferry-oak-lamp\n").unwrap();
    let olga = Person {
        role: Role::Owner,
        email: "olga@stern.example".into(),
        password: "tulip-ferry-oak-lamp".into(),
    };
    let mut create = countersign(&["owner", "create", "--name", "Olga Stern", "--organization", "Stern"]);
    create.args(["--email", &olga.email, "--password-file"]).arg(&password).arg("--config").arg(&file);
    let created = create.output().unwrap();
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));

    let mut serve = countersign(&["serve", "--config"]);
    serve.arg(&file);
    let url = format!("http://127.0.0.1:{port}");
    let _running = Running::start(serve, &format!("{url}/readyz")).await;
    let client = Client::new(&url);
    let ready = client.get("/readyz").await.expect_status(200);
    assert_eq!(ready.body, "database: ok\nclock: ok\nkeys: ok\nmail: ok\nsms: ok\n");

    client.sign_in(&olga).await.expect_redirect("/sign-in/verify");
    let mut degraded = String::new();
    for _ in 0..200 {
        degraded = client.get("/readyz").await.expect_status(200).body;
        if degraded.contains("degraded") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(degraded, "database: ok\nclock: ok\nkeys: ok\nmail: degraded\nsms: ok\n");
    let metrics = client.get("/metrics").await.expect_status(200).body;
    assert!(metrics.contains("countersign_channel_up{channel=\"email\"} 0"), "{metrics}");

    let page = client.get("/sign-in/verify?method=email").await.expect_status(200);
    let words = page.words();
    assert!(words.contains("Email is delayed right now") && !words.contains("We sent"), "{page}");
    assert!(page.has(".alert a[href='/support']"), "there is no other method: {page}");
    let stranger = Client::new(&url);
    for email in [&*olga.email, "nobody@stern.example"] {
        let sent = stranger.post_from("/forgot-password", "/forgot-password", &[("email", email)]).await;
        let words = stranger.follow(sent).await.expect_status(200).words();
        assert!(words.contains("Email is delayed right now") && !words.contains("we’ve sent"), "{words}");
    }
}
