//! "Login as" and applications: in only where the application accepts it, in the organization that it is bound to, and told as
//! what it is.

use super::{Answer, App, beside, claims, json, signed_in, text, userinfo};
use countersign_testkit::{Client, Engine, Server};
use std::time::Duration;

const ONE: &str = "urn:countersign:acr:one-factor";

/// An administrator in a member's account.
pub(crate) async fn looking_in(server: &Server) -> Client {
    let (admin, member) = (server.people().admin.clone(), server.people().members[0].clone());
    let client = signed_in(server, &admin).await;
    let members = client.get("/members").await.expect_status(200);
    for path in members.attributes("a[href^='/members/']", "href") {
        if client.get(&path).await.words().contains(&member.email) {
            client.post(&format!("{path}/login-as"), &[("reason", "a test")]).await.expect_status(303);
            return client;
        }
    }
    panic!("no such member")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_into_an_account_is_told_gives_no_consent_and_lasts_no_longer() {
    let server = crate::server(Engine::Sqlite).await;
    let app = App::register(&server, &["--first-party", "--client", "client-secret", "--accepts-login-as"]);
    let third = App::register(&server, &["--client", "client-secret", "--accepts-login-as"]);
    let own = claims(text(
        &app.tokens(&server, &signed_in(&server, &server.people().admin.clone()).await, &[]).await,
        "id_token",
    ));
    let client = looking_in(&server).await;
    let scope = [("scope", "openid organizations offline_access")];
    let tokens = app.tokens(&server, &client, &scope).await;
    let token = claims(text(&tokens, "id_token"));
    assert_eq!(text(&token["act"], "sub"), text(&own, "sub"), "who is at the keyboard");
    assert_ne!(text(&token, "sub"), text(&own, "sub"), "whose account it is");
    assert_eq!((text(&token, "acr"), &token["amr"]), (ONE, &own["amr"]), "what the administrator has shown");
    assert!(tokens.get("refresh_token").is_none(), "{tokens}");
    assert_eq!(text(&tokens, "scope"), "openid organizations");
    let access = text(&tokens, "access_token");
    let told = json(&userinfo(&server, access).await.expect_status(200));
    assert_eq!(
        (text(&told["act"], "sub"), told["organizations"].as_array().unwrap().len()),
        (text(&own, "sub"), 1)
    );
    assert_eq!(text(&app.introspect(&server, access).await["act"], "sub"), text(&own, "sub"));
    for (app, changes, error) in [
        (&third, ("scope", "openid"), "consent_required"),
        (&app, ("prompt", "consent"), "consent_required"),
        (&app, ("prompt", "login"), "login_required"),
        (&app, ("max_age", "0"), "login_required"),
        (&app, ("acr_values", "urn:other"), "unmet_authentication_requirements"),
    ] {
        server.advance(Duration::from_secs(1));
        assert_eq!(Answer::of(&client.get(&app.request(&[changes])).await).error(), error, "{changes:?}");
    }
    client.post_from("/login-as", "/login-as/stop", &[]).await.expect_status(303);
    userinfo(&server, access).await.expect_status(401);
}

/// The member belongs to a second organization, of which the administrator knows nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_into_an_account_does_not_reach_another_organization() {
    const QUAY: &str = "01890000-0000-7000-8000-000000000001";
    let server = crate::server(Engine::Postgres).await;
    let ours = App::register(&server, &["--first-party", "--client", "client-secret", "--accepts-login-as"]);
    let (database, member) = (server.database().unwrap(), server.people().members[0].clone());
    database.query(&format!("INSERT INTO organizations VALUES ('{QUAY}', 'Quay', 0)"));
    database.query(&format!(
        "INSERT INTO memberships (organization_id, user_id, role, created_at) \
         SELECT '{QUAY}', id, 'member', 9000000000000 FROM users WHERE email = '{}'",
        member.email
    ));
    let their = ["--first-party", "--client", "client-secret", "--organization", QUAY, "--accepts-login-as"];
    let theirs = App::register(&server, &their);
    let everyones = App::register(&server, &[&their[..], &["--everyone"]].concat());
    let organizations = [("scope", "openid organizations")];
    let told = async |client: &Client, app: &App| {
        let tokens = app.tokens(&server, client, &organizations).await;
        let told = json(&userinfo(&server, text(&tokens, "access_token")).await.expect_status(200));
        told["organizations"].as_array().unwrap().len()
    };
    let own = signed_in(&server, &member).await;
    assert_eq!((told(&own, &ours).await, told(&own, &theirs).await), (2, 2));
    let client = looking_in(&server).await;
    assert_eq!(told(&client, &ours).await, 1);
    // Neither theirs, nor one of theirs that is for everyone, whatever it accepts.
    for app in [&theirs, &everyones] {
        let page = client.get(&app.request(&organizations)).await.expect_status(403);
        assert!(page.words().contains("belongs to another organization"), "{page}");
        let silent = client.get(&app.request(&[("prompt", "none")])).await;
        assert_eq!(Answer::of(&silent).error(), "access_denied");
    }
}

/// Where the administrator lands, the applications are listed: those that accept it to be opened.
#[tokio::test(flavor = "multi_thread")]
async fn the_applications_that_accept_a_login_as_can_be_opened_from_its_page() {
    let server = crate::server(Engine::Sqlite).await;
    let _accepts =
        App::register(&server, &["--first-party", "--client", "client-secret", "--accepts-login-as"]);
    let _refuses = App::own(&server);
    let page = looking_in(&server).await.get("/login-as").await.expect_status(200);
    assert_eq!(page.attributes("main a.row-action", "href"), ["http://127.0.0.1:4999"]);
    let rows = page.texts("section[aria-labelledby=open] li");
    assert_eq!(rows.iter().filter(|row| row.contains("Doesn’t accept “log in as”")).count(), 1, "{rows:?}");
    assert_eq!(rows.len(), 2, "{rows:?}");
}

/// By default no application is entered: those that are bought know nothing of `act`.
#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_entered_in_a_login_as_only_if_it_accepts_that() {
    for engine in Engine::ALL {
        let server = crate::server(engine).await;
        let (app, everyones) = (
            App::own(&server),
            App::register(&server, &["--first-party", "--everyone", "--client", "client-secret"]),
        );
        let client = looking_in(&server).await;
        for app in [&app, &everyones] {
            let page = client.get(&app.request(&[])).await.expect_status(403);
            let words = page.words();
            assert!(words.contains("You can’t open Harbour CRM as Mia Lund"), "{page}");
            assert!(words.contains("doesn’t accept “login as”"), "{page}");
            assert!(page.has("form[action='/login-as/stop']"), "{page}");
            let back = page.attribute("main a.primary", "href").unwrap();
            assert!(back.starts_with("http://127.0.0.1:4999/back?error=access_denied&"), "{back}");
            assert!(back.contains("state=a+state") && !back.contains("code="), "{back}");
            let silent = client.get(&app.request(&[("prompt", "none")])).await;
            assert_eq!(Answer::of(&silent).error(), "access_denied", "no page where none may be shown");
        }
        let update = |accepts| {
            beside(&server, &["application", "update", &app.id, "--accepts-login-as", accepts]);
        };
        update("true");
        let access = text(&app.tokens(&server, &client, &[]).await, "access_token").to_owned();
        userinfo(&server, &access).await.expect_status(200);
        // What was granted ends with what the application accepts.
        update("false");
        userinfo(&server, &access).await.expect_status(401);
        assert_eq!(app.introspect(&server, &access).await["active"], false);
        client.get(&app.request(&[])).await.expect_status(403);
        // The administrator enters it as themself.
        client.post_from("/login-as", "/login-as/stop", &[]).await.expect_status(303);
        app.code(&client, &[]).await;
    }
}
