//! How it ends: with the session, with all sessions, with the account or the application, and by a sign-out that an
//! application asks for.

use super::{App, BYE, assert_invalid_grant, claims, encoded, json, signed_in, text, userinfo};
use countersign_testkit::{Client, Engine, Server};
use serde_json::Value;
use std::time::Duration;
use tokio::task::JoinSet;

const NEW_PASSWORD: &str = "tulip-ferry-oak-lamp";

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
async fn what_was_granted_here_ends_when_the_account_holder_throws_everybody_out() {
    for engine in Engine::ALL {
        let server = crate::server(engine).await;
        let (app, member) = (App::own(&server), server.people().members[0].clone());
        let client = signed_in(&server, &member).await;
        let (tokens, waiting) = (app.tokens(&server, &client, &[]).await, app.code(&client, &[]).await);
        client.post_from("/profile/sessions", "/profile/sessions/end-others", &[]).await.expect_status(303);
        is_over(&server, &app, &tokens).await;
        assert_invalid_grant(&app.exchange(&server, &waiting).await);
        let tokens = app.tokens(&server, &client, &[]).await;
        let fields = [("current_password", &*member.password), ("password", NEW_PASSWORD)];
        client.post_from("/profile", "/profile/password", &fields).await.expect_redirect("/profile");
        is_over(&server, &app, &tokens).await;
        assert!(is_signed_in(&client).await, "the session itself goes on");
        app.tokens(&server, &client, &[]).await;
    }
}

/// Renews a token until it is refused: the last tokens that it was given.
async fn renewed_until_refused(base: String, id: String, tokens: Value) -> Value {
    let (client, mut tokens) = (Client::new(&base), tokens);
    for _ in 0..100_000 {
        let refresh = text(&tokens, "refresh_token");
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh), ("client_id", &id)];
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let page = client.request("POST", "/oauth2/token", &headers, encoded(&form).into_bytes()).await;
        if page.status != 200 {
            assert_invalid_grant(&page);
            return tokens;
        }
        tokens = json(&page);
    }
    panic!("it was never refused")
}

/// Whoever ends a session deletes grants, and with them the tokens that somebody is renewing at this very moment.
#[tokio::test(flavor = "multi_thread")]
async fn what_ends_everything_does_not_wait_for_what_is_being_renewed() {
    let server = crate::server(Engine::Postgres).await;
    let app = App::register(&server, &["--first-party", "--client", "none", "--id-token-alg", "EdDSA"]);
    let member = server.people().members[0].clone();
    let withdraw = format!("/profile/applications/{}/withdraw", app.id);
    let password = [("current_password", &*member.password), ("password", NEW_PASSWORD)];
    for way in ["sign-out", "sign-out", "withdraw", "withdraw", "end-others", "end-others", "password"] {
        let client = signed_in(&server, &member).await;
        let mut renewing = JoinSet::new();
        for _ in 0..8 {
            let scope = if way == "sign-out" { "openid" } else { "openid offline_access" };
            let tokens = app.tokens(&server, &client, &[("scope", scope)]).await;
            renewing.spawn(renewed_until_refused(server.url(), app.id.clone(), tokens));
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        let page = match way {
            "sign-out" => client.sign_out().await,
            "withdraw" => client.post_from("/profile/applications", &withdraw, &[]).await,
            "password" => client.post_from("/profile", "/profile/password", &password).await,
            _ => client.post_from("/profile/sessions", "/profile/sessions/end-others", &[]).await,
        };
        assert_eq!(page.status, 303, "{way}: {page}");
        for tokens in renewing.join_all().await {
            is_over(&server, &app, &tokens).await;
        }
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
        let listed = async || client.get("/profile/applications").await.words().contains("30 days");
        let code = app.code(&client, &scope).await;
        assert!(!listed().await, "a code that was not exchanged is nothing to take back");
        let tokens = json(&app.exchange(&server, &code).await.expect_status(200));
        assert!(listed().await);
        // The operator's own application is listed too while only a session gives it access, and its access can be removed.
        let (other, other_client) = (App::own(&server), signed_in(&server, &member).await);
        let bound = other.tokens(&server, &other_client, &[]).await;
        let page = client.get("/profile/applications").await;
        let withdraw = format!("/profile/applications/{}/withdraw", other.id);
        assert!(page.has(&format!("form[action='{withdraw}']")), "{page}");
        assert!(page.words().contains("The next time you sign in there, it gets access again"), "{page}");
        client
            .post("/profile/applications/00000000-0000-7000-8000-000000000000/withdraw", &[])
            .await
            .expect_status(404);
        client.post(&withdraw, &[]).await.expect_status(303);
        is_over(&server, &other, &bound).await;
        let page = client.get("/profile/applications").await;
        assert!(!page.has(&format!("form[action='{withdraw}']")), "{page}");
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
    // A token of one application and the name of another: it is not known who asks.
    let path =
        logout(&[("id_token_hint", &mine), ("client_id", &other.id), ("post_logout_redirect_uri", BYE)]);
    let page = client.get(&path).await.expect_status(200);
    assert!(!page.words().contains("Afterwards you go back"), "{page}");
    // A HEAD changes nothing.
    let path = logout(&[("id_token_hint", &mine), ("post_logout_redirect_uri", BYE)]);
    client.request("HEAD", &path, &[], Vec::new()).await.expect_status(303);
    assert!(is_signed_in(&client).await);
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
