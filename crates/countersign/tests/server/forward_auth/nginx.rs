//! The example's server block, with another site beside it and a location more.

use super::{EXAMPLE, Sites, opens_pages, raw_to, signed_in, status, visit};
use countersign_testkit::{Client, Engine};
use std::fs;
use std::path::Path;

/// Neither by the `Host` that a client sends, nor by a target that names another site.
#[tokio::test(flavor = "multi_thread")]
async fn the_client_does_not_choose_whose_rules_apply() {
    let sites = Sites::start(Engine::Sqlite).await;
    let (port, echo) = (sites.port, sites.echo);
    let (site, application) = (format!("localhost:{port}"), format!("127.0.0.1:{echo}"));
    let here = format!("127.0.0.1:{port}");
    for (listener, host, target) in [
        // What the example has made public, asked of the application.
        (echo, &site, "/public/assets/style.css".to_owned()),
        (port, &here, "/public/assets/style.css".to_owned()),
        // Two blocks on one port: the target's host is the one that nginx goes by.
        (port, &site, format!("http://{here}/public/assets/style.css")),
        (port, &here, format!("http://{site}/open/x")),
        (port, &application, format!("http://{site}/open/x")),
    ] {
        let answer = raw_to(listener, host, "GET", &target, "");
        assert_eq!(status(&answer), 401, "{target} of {host} at {listener}: {answer}");
    }
    let public = raw_to(port, &site, "GET", "/public/assets/style.css", "");
    assert_eq!(status(&public), 200, "{public}");
    let public = raw_to(port, "somebody.example", "GET", "/public/assets/style.css", "");
    assert_eq!(status(&public), 200, "whatever it is called, it is this site: {public}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_that_is_added_is_protected_and_no_page_is_kept_for_somebody_else() {
    let sites = Sites::start(Engine::Sqlite).await;
    let site = sites.site();
    let asked = site.get("/added/x").await.expect_status(302);
    assert_eq!(asked.location().as_deref(), Some("/.countersign/start?to=/added/x"));
    let session = signed_in(&sites.server, &sites.server.people().members[0]).await;
    let page = visit(&site, &sites.server, &session, "/added/x").await.expect_status(200);
    assert_eq!(page.headers["cache-control"], "private, no-cache", "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_whoever_opens_a_page_is_led_to_the_sign_in() {
    let sites = Sites::start(Engine::Sqlite).await;
    let program = Client::new(sites.site().base()).with_header("Accept", "application/json");
    assert_eq!(program.get("/").await.status, 401);
    let site = sites.site();
    assert_eq!(site.get("/").await.status, 302);
    let sent = site.request("POST", "/", &[], Vec::new()).await;
    assert_eq!(sent.status, 401, "a form does not come back as a page: {sent}");

    let session = signed_in(&sites.server, &sites.server.people().members[0]).await;
    visit(&site, &sites.server, &session, "/").await.expect_status(200);
    let cookie = format!("countersign-site={}", site.cookie("countersign-site").unwrap());
    assert_eq!(program.with_header("Cookie", &cookie).get("/team/").await.status, 403);
    let sent = site.request("POST", "/team/", &[], Vec::new()).await;
    assert_eq!(sent.status, 403, "{sent}");
    let person = opens_pages(Client::new(sites.site().base())).with_header("Cookie", &cookie);
    assert_eq!(person.get("/team/").await.status, 302);
}

/// The rows of the table in the example's README, at the running example.
#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_page_of_the_example_is_there_for_whom_its_readme_says() {
    let sites = Sites::start(Engine::Sqlite).await;
    let readme = fs::read_to_string(Path::new(EXAMPLE).join("README.md")).unwrap();
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let rows: Vec<(&str, bool)> = rows.map(|(path, rest)| (path, rest.contains("everyone"))).collect();
    assert_eq!(rows, [("/public/", true), ("/", false), ("/team/", false)]);
    let (stranger, people) = (sites.site(), sites.server.people());
    for (path, public) in &rows {
        assert_eq!(stranger.get(path).await.status, if *public { 200 } else { 302 }, "{path}");
    }
    let about = stranger.get("/public/").await.expect_status(200);
    assert_eq!(about.text("h1").as_deref(), Some("About the handbook"));
    assert!(about.set_cookies().is_empty() && !about.words().contains('@'), "it knows no one: {about}");

    // What the pages link to is there, for someone who may see all of them.
    let (site, session) = (sites.site(), signed_in(&sites.server, &people.admin).await);
    visit(&site, &sites.server, &session, "/").await.expect_status(200);
    for (path, _) in &rows {
        let page = site.get(path).await.expect_status(200);
        let links = page.attributes("a[href], link[href]", "href");
        assert!(*path == "/public/" || links.contains(&"/public/".to_owned()), "{page}");
        for link in links.iter().filter(|link| !link.starts_with("/.countersign/")) {
            assert_eq!(site.get(link).await.status, 200, "{link} of {path}");
        }
    }
}
