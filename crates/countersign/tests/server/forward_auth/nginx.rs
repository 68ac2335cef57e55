//! The example's server block, with another site beside it and a location more.

use super::{Sites, opens_pages, raw_to, signed_in, status, visit};
use countersign_testkit::{Client, Engine};

/// Neither by the `Host` that a client sends, nor by a target that names another site.
#[tokio::test(flavor = "multi_thread")]
async fn the_client_does_not_choose_whose_rules_apply() {
    let sites = Sites::start(Engine::Sqlite).await;
    let (port, echo) = (sites.port, sites.echo);
    let (site, application) = (format!("localhost:{port}"), format!("127.0.0.1:{echo}"));
    let here = format!("127.0.0.1:{port}");
    for (listener, host, target) in [
        // What the example has made public, asked of the application.
        (echo, &site, "/public/style.css".to_owned()),
        (port, &here, "/public/style.css".to_owned()),
        // Two blocks on one port: the target's host is the one that nginx goes by.
        (port, &site, format!("http://{here}/public/style.css")),
        (port, &here, format!("http://{site}/open/x")),
        (port, &application, format!("http://{site}/open/x")),
    ] {
        let answer = raw_to(listener, host, "GET", &target, "");
        assert_eq!(status(&answer), 401, "{target} of {host} at {listener}: {answer}");
    }
    let public = raw_to(port, &site, "GET", "/public/style.css", "");
    assert_eq!(status(&public), 200, "{public}");
    let public = raw_to(port, "somebody.example", "GET", "/public/style.css", "");
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
