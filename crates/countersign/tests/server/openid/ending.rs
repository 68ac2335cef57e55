//! How it ends: with the session, with all sessions, with the account or the application, and by a sign-out that an
//! application asks for.

use super::{App, BYE, assert_invalid_grant, claims, encoded, json, signed_in, text, userinfo};
use countersign_testkit::{Client, Engine, Server};
use serde_json::Value;
use std::time::Duration;

async fn is_over(server: &Server, app: &App, tokens: &Value) {
    userinfo(server, text(tokens, "access_token")).await.expect_status(401);
    assert_invalid_grant(&app.refresh(server, text(tokens, "refresh_token")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_granted_ends_with_the_session() {
    for engine in Engine::ALL {
        let server = crate::server(engine).await;
        let (app, member) = (App::own(&server), server.people().members[0].clone());
        let client = signed_in(&server, &member).await;
        let tokens = app.tokens(&server, &client, &[]).await;
        let waiting = app.code(&client, &[]).await;
        client.sign_out().await;
        is_over(&server, &app, &tokens).await;
        assert_invalid_grant(&app.exchange(&server, &waiting).await);
        // Ended from elsewhere.
        let (here, there) = (signed_in(&server, &member).await, signed_in(&server, &member).await);
        let tokens = app.tokens(&server, &there, &[]).await;
        here.post_from("/profile/sessions", "/profile/sessions/end-others", &[]).await.expect_status(303);
        is_over(&server, &app, &tokens).await;
        // Idle.
        let tokens = app.tokens(&server, &here, &[]).await;
        server.advance(Duration::from_secs(601));
        userinfo(&server, text(&tokens, "access_token")).await.expect_status(401);
        let tokens = json(&app.refresh(&server, text(&tokens, "refresh_token")).await.expect_status(200));
        server.advance(Duration::from_secs(3001));
        is_over(&server, &app, &tokens).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_access_outlives_the_session_and_ends_with_all_of_them() {
    for engine in Engine::ALL {
        let server = crate::server(engine).await;
        let (app, member) = (App::own(&server), server.people().members[0].clone());
        let client = signed_in(&server, &member).await;
        let scope = [("scope", "openid offline_access")];
        let mut tokens = app.tokens(&server, &client, &scope).await;
        client.sign_out().await;
        // Six days at a time, and no more than thirty.
        for _ in 0..4 {
            server.advance(Duration::from_secs(6 * 24 * 3600));
            tokens = json(&app.refresh(&server, text(&tokens, "refresh_token")).await.expect_status(200));
        }
        server.advance(Duration::from_secs(6 * 24 * 3600 + 1));
        is_over(&server, &app, &tokens).await;
        let client = signed_in(&server, &member).await;
        let idle = app.tokens(&server, &client, &scope).await;
        server.advance(Duration::from_secs(7 * 24 * 3600 + 1));
        is_over(&server, &app, &idle).await;
        let client = signed_in(&server, &member).await;
        let tokens = app.tokens(&server, &client, &scope).await;
        assert!(client.get("/profile/applications").await.words().contains("30 days"));
        client.post_from("/profile/sessions", "/profile/sessions/end-others", &[]).await.expect_status(303);
        is_over(&server, &app, &tokens).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_switched_off_is_refused_at_once() {
    let server = crate::server(Engine::Postgres).await;
    let (app, member) = (App::own(&server), server.people().members[0].clone());
    let client = signed_in(&server, &member).await;
    let database = server.database().unwrap();
    for (table, id) in [("applications", &*app.id), ("users", "")] {
        let tokens = app.tokens(&server, &client, &[]).await;
        let sub = claims(text(&tokens, "id_token"))["sub"].as_str().unwrap().to_owned();
        let id = if id.is_empty() { &sub } else { id };
        database.query(&format!("UPDATE {table} SET disabled_at = 1 WHERE id = '{id}'"));
        userinfo(&server, text(&tokens, "access_token")).await.expect_status(401);
        let page = app.refresh(&server, text(&tokens, "refresh_token")).await;
        assert!(matches!(page.status, 400 | 401), "{page}");
        let page = client.get(&app.request(&[])).await;
        assert!(page.status == 400 || page.location().unwrap().starts_with("/sign-in"), "{page}");
        database.query(&format!("UPDATE {table} SET disabled_at = NULL WHERE id = '{id}'"));
    }
    // No longer one of its people.
    let tokens = app.tokens(&server, &client, &[]).await;
    let sub = claims(text(&tokens, "id_token"))["sub"].as_str().unwrap().to_owned();
    database.query(&format!("DELETE FROM memberships WHERE user_id = '{sub}'"));
    is_over(&server, &app, &tokens).await;
    assert_eq!(super::Answer::of(&client.get(&app.request(&[])).await).error(), "access_denied");
}

fn logout(pairs: &[(&str, &str)]) -> String {
    format!("/oauth2/logout?{}", encoded(pairs))
}

async fn is_signed_in(client: &Client) -> bool {
    client.get("/profile").await.status == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_token_of_this_very_session_signs_out_without_asking() {
    let server = crate::server(Engine::Sqlite).await;
    let (app, other) = (App::own(&server), App::own(&server));
    let member = server.people().members[0].clone();
    let client = signed_in(&server, &member).await;
    let elsewhere = signed_in(&server, &member).await;
    let token = async |client: &Client| text(&app.tokens(&server, client, &[]).await, "id_token").to_owned();
    let (mine, foreign) = (token(&client).await, token(&elsewhere).await);
    let (message, _) = mine.rsplit_once('.').unwrap();
    let forged = format!("{message}.{}", "A".repeat(342));
    for hint in [&foreign, &forged, "", "x"] {
        let path = logout(&[("id_token_hint", hint), ("post_logout_redirect_uri", BYE), ("state", "s")]);
        let page = client.get(&path).await.expect_status(200);
        assert!(page.has("form[action='/oauth2/logout'] input[name=csrf_token]"), "{page}");
        assert!(is_signed_in(&client).await, "{hint}");
    }
    // An address that is not registered, or another application's, is never led to.
    for (id, address) in [
        (&app.id, "https://evil.example/"),
        (&app.id, super::BACK),
        (&other.id, "http://127.0.0.1:4999/bye/"),
    ] {
        let path = logout(&[("client_id", id), ("post_logout_redirect_uri", address)]);
        let page = client.get(&path).await.expect_status(200);
        assert!(!page.words().contains("Afterwards you go back"), "{page}");
    }
    // The button, which another site cannot press.
    let request = encoded(&[("client_id", &app.id), ("post_logout_redirect_uri", BYE), ("state", "s")]);
    let button = [("request", &*request), ("sign_out", "yes"), ("csrf_token", "forged")];
    client.post_raw("/oauth2/logout", encoded(&button)).await.expect_status(403);
    assert!(is_signed_in(&client).await);
    let page = client.get(&format!("/oauth2/logout?{request}")).await.expect_status(200);
    assert!(page.words().contains("Harbour CRM") && page.words().contains(&member.email), "{page}");
    assert!(page.header("content-security-policy").unwrap().contains("http://127.0.0.1:4999;"));
    let done =
        client.post("/oauth2/logout", &[("request", &request), ("sign_out", "yes")]).await.expect_status(303);
    assert_eq!(done.location().as_deref(), Some(&*format!("{BYE}?state=s")));
    assert!(!is_signed_in(&client).await && is_signed_in(&elsewhere).await);
    // With the token of this very session, however old it is.
    server.advance(Duration::from_secs(1200));
    let path = logout(&[("id_token_hint", &foreign), ("post_logout_redirect_uri", BYE), ("state", "s")]);
    let done = elsewhere.get(&path).await.expect_status(303);
    assert_eq!(done.location().as_deref(), Some(&*format!("{BYE}?state=s")));
    assert!(!is_signed_in(&elsewhere).await);
    // Nobody is signed in: on to the registered address, with a token; without one nowhere.
    assert_eq!(server.client().get(&path).await.location().as_deref(), Some(&*format!("{BYE}?state=s")));
    let without = logout(&[("client_id", &app.id), ("post_logout_redirect_uri", BYE)]);
    server.client().get(&without).await.expect_redirect("/sign-in");
    let unregistered =
        logout(&[("id_token_hint", &foreign), ("post_logout_redirect_uri", "https://evil.example/")]);
    server.client().get(&unregistered).await.expect_redirect("/sign-in");
}
