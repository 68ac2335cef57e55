//! "Login as" and protected sites: in only where the site's settings say so.

use crate::openid::looking_in;
use countersign_testkit::{Engine, Server, ServerOptions};

const SITES: &str = "
[[forward_auth.sites]]
url = \"https://wiki.example\"
access = \"one-step\"

[[forward_auth.sites]]
url = \"https://desk.example\"
access = \"one-step\"
accepts_login_as = true
";

#[tokio::test(flavor = "multi_thread")]
async fn a_site_is_entered_in_a_login_as_only_if_it_accepts_that() {
    let settings = tempfile::TempDir::new().unwrap();
    let file = settings.path().join("countersign.toml");
    std::fs::write(&file, SITES).unwrap();
    let options = ServerOptions::new(Engine::Sqlite, crate::BINARY);
    let server = Server::start(options.with_argument("--config").with_argument(&file)).await;
    let client = looking_in(&server).await;
    let nonce = "A".repeat(43);
    let way = |site: &str| format!("/forward-auth/sign-in?site=https%3A%2F%2F{site}&to=%2F&nonce={nonce}");

    let page = client.get(&way("wiki.example")).await.expect_status(403);
    let words = page.words();
    assert!(words.contains("https://wiki.example doesn’t accept “login as”"), "{page}");
    assert!(page.has("form[action='/login-as/stop']") && !page.body.contains("ticket="), "{page}");
    let refused = "/forward-auth/refused?site=https%3A%2F%2Fwiki.example&to=%2F";
    let page = client.get(refused).await.expect_status(403);
    assert!(page.words().contains("doesn’t accept “login as”"), "{page}");
    let given = client.get(&way("desk.example")).await.expect_status(303);
    let to = given.headers["location"].to_str().unwrap();
    assert!(to.starts_with("https://desk.example/.countersign/finish?ticket="), "{to}");

    // The administrator enters it as themself.
    client.post_from("/login-as", "/login-as/stop", &[]).await.expect_status(303);
    let given = client.get(&way("wiki.example")).await.expect_status(303);
    let to = given.headers["location"].to_str().unwrap();
    assert!(to.starts_with("https://wiki.example/.countersign/finish?ticket="), "{to}");
}
