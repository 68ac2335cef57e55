//! Codes and refresh tokens: worth one thing, to one application, once.

use super::{App, BACK, VERIFIER, assert_invalid_grant, json, signed_in, text, userinfo};
use countersign_testkit::{Engine, Page, Server, burst};
use std::{sync::Arc, time::Duration};

#[tokio::test(flavor = "multi_thread")]
async fn a_code_needs_its_verifier_its_address_and_its_application() {
    let server = crate::server(Engine::Sqlite).await;
    let (app, other) = (App::own(&server), App::own(&server));
    let public = App::register(&server, &["--first-party", "--client", "none"]);
    let client = signed_in(&server, &server.people().members[0].clone()).await;
    let code = app.code(&client, &[]).await;
    let form = |code: &str, address: &str, verifier: &str| {
        [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", address),
            ("code_verifier", verifier),
        ]
        .map(|(name, value)| (name, value.to_owned()))
    };
    let send = async |app: &App, form: &[(&'static str, String)]| {
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        app.post(&server, "/oauth2/token", &form).await
    };
    let wrong = VERIFIER.replace('d', "e");
    assert_invalid_grant(&send(&app, &form(&code, BACK, &wrong)).await);
    assert_invalid_grant(&send(&app, &form(&code, BACK, super::CHALLENGE)).await);
    assert_invalid_grant(&send(&app, &form(&code, super::BYE, VERIFIER)).await);
    assert_invalid_grant(&send(&other, &form(&code, BACK, VERIFIER)).await);
    assert_invalid_grant(&send(&public, &form(&code, BACK, VERIFIER)).await);
    assert_invalid_grant(&send(&app, &form("cs_ac_nonsense", BACK, VERIFIER)).await);
    let without = send(&app, &form(&code, BACK, "")).await.expect_status(400);
    assert_eq!(json(&without)["error"], "invalid_request");
    let doubled = format!("grant_type=authorization_code&code={code}&code={code}&client_id={}", public.id);
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let page = server.client().request("POST", "/oauth2/token", &headers, doubled.into_bytes()).await;
    assert_eq!((page.status, json(&page)["error"].as_str()), (400, Some("invalid_request")));
    // None of it has spent the code.
    send(&app, &form(&code, BACK, VERIFIER)).await.expect_status(200);
    let late = app.code(&client, &[]).await;
    server.advance(Duration::from_secs(61));
    assert_invalid_grant(&app.exchange(&server, &late).await);
    for kind in ["password", "client_credentials", "implicit"] {
        let page = app.post(&server, "/oauth2/token", &[("grant_type", kind)]).await.expect_status(400);
        assert_eq!(json(&page)["error"], "unsupported_grant_type");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_comes_twice_ends_what_it_bought() {
    for engine in Engine::ALL {
        let server = crate::server(engine).await;
        let (app, member) = (App::own(&server), server.people().members[0].clone());
        let client = signed_in(&server, &member).await;
        let code = app.code(&client, &[]).await;
        let tokens = json(&app.exchange(&server, &code).await.expect_status(200));
        userinfo(&server, text(&tokens, "access_token")).await.expect_status(200);
        assert_invalid_grant(&app.exchange(&server, &code).await);
        userinfo(&server, text(&tokens, "access_token")).await.expect_status(401);
        assert_invalid_grant(&app.refresh(&server, text(&tokens, "refresh_token")).await);
        let activity = client.get("/profile/activity").await.words();
        assert!(activity.contains("came twice"), "{activity}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_comes_twice_ends_the_family() {
    for engine in Engine::ALL {
        let server = crate::server(engine).await;
        let app = App::own(&server);
        let client = signed_in(&server, &server.people().members[0].clone()).await;
        let scope = [("scope", "openid email offline_access")];
        let first = app.tokens(&server, &client, &scope).await;
        let old = text(&first, "refresh_token");
        // Less can be asked for, and more cannot; neither costs the token.
        let form = |scope| [("grant_type", "refresh_token"), ("refresh_token", old), ("scope", scope)];
        let more = app.post(&server, "/oauth2/token", &form("openid profile")).await.expect_status(400);
        assert_eq!(json(&more)["error"], "invalid_scope");
        for nothing in ["unknown", "email", "offline_access unknown"] {
            let page = app.post(&server, "/oauth2/token", &form(nothing)).await.expect_status(400);
            assert_eq!(json(&page)["error"], "invalid_scope", "{nothing}");
        }
        assert_invalid_grant(&App::own(&server).refresh(&server, old).await);
        let second = json(&app.post(&server, "/oauth2/token", &form("openid")).await.expect_status(200));
        assert_eq!(text(&second, "scope"), "openid");
        assert!(json(&userinfo(&server, text(&second, "access_token")).await).get("email").is_none());
        let third = json(&app.refresh(&server, text(&second, "refresh_token")).await.expect_status(200));
        assert_eq!(text(&third, "scope"), "openid email offline_access");
        assert_invalid_grant(&app.refresh(&server, old).await);
        for tokens in [&first, &second, &third] {
            userinfo(&server, text(tokens, "access_token")).await.expect_status(401);
        }
        assert_invalid_grant(&app.refresh(&server, text(&third, "refresh_token")).await);
    }
}

async fn at_once(
    server: &Server,
    app: &App,
    path: &'static str,
    form: Vec<(&'static str, String)>,
) -> Vec<Page> {
    let (app, form, base) = (Arc::new(app.clone()), Arc::new(form), server.url());
    burst(200, move |_| {
        let (app, form, base) = (Arc::clone(&app), Arc::clone(&form), base.clone());
        async move {
            let pairs: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let mut pairs = pairs;
            pairs.push(("client_id", &app.id));
            let headers = [("content-type", "application/x-www-form-urlencoded")];
            let client = countersign_testkit::Client::new(&base);
            client.request("POST", path, &headers, super::encoded(&pairs).into_bytes()).await
        }
    })
    .await
}

/// Of two hundred who show the same one, one gets tokens; and because it came twice, these are worth nothing in the end.
async fn one_wins_and_nobody_keeps_anything(engine: Engine) {
    let server = crate::server(engine).await;
    let app = App::register(&server, &["--first-party", "--client", "none", "--id-token-alg", "EdDSA"]);
    let client = signed_in(&server, &server.people().members[0].clone()).await;
    let code = app.code(&client, &[]).await;
    let form = vec![
        ("grant_type", "authorization_code".to_owned()),
        ("code", code),
        ("redirect_uri", BACK.to_owned()),
        ("code_verifier", VERIFIER.to_owned()),
    ];
    let tokens = app.tokens(&server, &client, &[]).await;
    let refresh = vec![
        ("grant_type", "refresh_token".to_owned()),
        ("refresh_token", text(&tokens, "refresh_token").to_owned()),
    ];
    for form in [form, refresh] {
        let answers = at_once(&server, &app, "/oauth2/token", form).await;
        let (won, lost): (Vec<Page>, Vec<Page>) = answers.into_iter().partition(|page| page.status == 200);
        assert_eq!(won.len(), 1, "{engine:?}");
        for page in &lost {
            assert_invalid_grant(page);
        }
        let tokens = json(&won[0]);
        userinfo(&server, text(&tokens, "access_token")).await.expect_status(401);
        assert_invalid_grant(&app.refresh(&server, text(&tokens, "refresh_token")).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_at_once_get_one_set_of_tokens_on_sqlite() {
    one_wins_and_nobody_keeps_anything(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_at_once_get_one_set_of_tokens_on_postgresql() {
    one_wins_and_nobody_keeps_anything(Engine::Postgres).await;
}
