//! What ends a site's cookie, and the ticket to one.

use super::{Sites, path_at, signed_in, visit, way_out};
use countersign_testkit::{Engine, ServerOptions};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn the_session_ends_every_site_and_a_refused_account_is_out_at_once() {
    let sites = Sites::start(Engine::Postgres).await;
    let (server, site, application) = (&sites.server, sites.site(), sites.application());
    let session = signed_in(server, &server.people().members[0]).await;
    visit(&site, server, &session, "/").await.expect_status(200);
    visit(&application, server, &session, "/").await.expect_status(200);
    server.advance(Duration::from_secs(3601));
    assert_eq!(site.get("/").await.status, 302, "idle");
    assert_eq!(application.get("/").await.status, 302, "idle");

    // A role that was taken away counts at the next page, and so does an account that was switched off.
    let admin = &server.people().admin;
    let session = signed_in(server, admin).await;
    visit(&site, server, &session, "/team/").await.expect_status(200);
    let database = server.database().unwrap();
    let holder = format!("(SELECT id FROM users WHERE email = '{}')", admin.email);
    database.query(&format!("UPDATE memberships SET role = 'member' WHERE user_id = {holder}"));
    let refused = site.get("/team/").await.expect_status(302);
    assert_eq!(refused.location().as_deref(), Some("/.countersign/refused?to=/team/"));
    site.get("/").await.expect_status(200);
    database.query(&format!("UPDATE users SET disabled_at = 1 WHERE id = {holder}"));
    let out = site.get("/").await.expect_status(302);
    assert_eq!(out.location().as_deref(), Some("/.countersign/start?to=/"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_cookie_of_a_site_does_not_outlive_a_change_of_credentials() {
    let sites = Sites::start(Engine::Sqlite).await;
    let (server, site) = (&sites.server, sites.site());
    let session = signed_in(server, &server.people().members[0]).await;
    visit(&site, server, &session, "/").await.expect_status(200);
    session.set_up_app(server).await;
    assert_eq!(site.get("/").await.status, 302, "a ticket is asked for again, and the copy gets none");
    visit(&sites.site(), server, &session, "/").await.expect_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_does_not_outlive_a_change_of_credentials() {
    let sites = Sites::start(Engine::Sqlite).await;
    let (server, site) = (&sites.server, sites.site());
    let session = signed_in(server, &server.people().members[0]).await;
    let ticket = session.get(&way_out(&site, server, "/").await).await;
    session.set_up_app(server).await;
    let finished = site.get(&path_at(&ticket, site.base(), &server.url())).await;
    assert!(path_at(&finished, &server.url(), site.base()).starts_with("/forward-auth/again?"), "{finished}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_cookie_of_a_site_does_not_rise_with_the_session() {
    let options = ServerOptions::new(Engine::Sqlite, super::super::BINARY);
    let sites = Sites::with(options.with_env("COUNTERSIGN_SECOND_STEP_METHODS", "app,backup-code")).await;
    let (server, site, admin) = (&sites.server, sites.site(), &sites.server.people().admin);
    let session = server.client();
    session.sign_in(admin).await.expect_status(303);
    let mut app = session.set_up_app(server).await;
    visit(&site, server, &session, "/").await.expect_status(200);
    assert_eq!(site.get("/team/").await.status, 302, "the session has shown one step");
    let copied = site.fork();
    server.advance(Duration::from_secs(31));
    session.confirm_identity(admin, Some(&mut app)).await;
    assert_eq!(copied.get("/team/").await.status, 302, "the copy has shown nothing");
    visit(&site, server, &session, "/team/").await.expect_status(200);
}
