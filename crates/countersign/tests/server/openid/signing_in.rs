//! The straight way: a request, the sign-in, a code, tokens; and the consent.

use super::{Answer, App, BACK, claims, json, signed_in, text, userinfo};
use countersign_testkit::{Engine, Kind, burst};
use serde_json::json;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn an_application_signs_somebody_in_and_learns_what_it_asked_for() {
    for engine in Engine::ALL {
        let server = crate::server(engine).await;
        let (app, member) = (App::own(&server), server.people().members[0].clone());
        let client = server.client();
        let asked = client.get(&app.request(&[("scope", "openid profile email organizations")])).await;
        let sign_in = asked.expect_redirect("/sign-in").location().unwrap();
        let form = client.get(&sign_in).await.expect_status(200);
        let policy = form.header("content-security-policy").unwrap();
        assert!(policy.contains("form-action 'self' http://127.0.0.1:4999;"), "{policy}");
        let return_to = form.attribute("input[name=return_to]", "value").unwrap();
        let fields = [("email", &*member.email), ("password", &*member.password), ("return_to", &*return_to)];
        client.post("/sign-in", &fields).await.expect_redirect("/sign-in/verify");
        let mut mailbox = server.mailbox(Kind::Email, Some(&member.email)).await;
        client.send_code("email").await.expect_redirect("/sign-in/verify");
        let page = client.verify("email", &mailbox.next_code().await).await;
        let back = client.get(&page.expect_redirect("/oauth2/authorize").location().unwrap()).await;
        let answer = Answer::of(&back);
        assert_eq!(answer.get("iss"), Some(&*server.url()));
        let page = app.exchange(&server, &answer.code()).await.expect_status(200);
        assert_eq!(page.header("cache-control"), Some("no-store"));
        let tokens = json(&page);
        assert_eq!((text(&tokens, "token_type"), &tokens["expires_in"]), ("Bearer", &json!(600)));
        assert_eq!(text(&tokens, "scope"), "openid profile email organizations");
        let token = claims(text(&tokens, "id_token"));
        assert_eq!((text(&token, "iss"), text(&token, "aud")), (&*server.url(), &*app.id));
        assert_eq!((text(&token, "nonce"), &token["amr"]), ("a nonce", &json!(["pwd"])));
        assert_eq!(text(&token, "acr"), "urn:countersign:acr:one-factor");
        let (now, auth_time) = (server.clock().now(), token["auth_time"].as_u64().unwrap());
        assert!(auth_time <= now && now - auth_time < 60, "{token}");
        assert!(token.get("email").is_none() && token.get("act").is_none(), "{token}");

        let told = json(&userinfo(&server, text(&tokens, "access_token")).await.expect_status(200));
        assert_eq!((text(&told, "sub"), text(&told, "email")), (text(&token, "sub"), &*member.email));
        assert_eq!((text(&told, "name"), &told["email_verified"]), ("Mia Lund", &json!(true)));
        let organizations = told["organizations"].as_array().unwrap();
        assert_eq!(organizations.len(), 1);
        assert_eq!(
            (text(&organizations[0], "name"), text(&organizations[0], "role")),
            ("Harbour & Pine", "member")
        );

        let again = json(&app.refresh(&server, text(&tokens, "refresh_token")).await.expect_status(200));
        let renewed = claims(text(&again, "id_token"));
        assert_eq!(
            (&renewed["sub"], &renewed["auth_time"], &renewed["sid"]),
            (&token["sub"], &token["auth_time"], &token["sid"])
        );
        assert!(renewed.get("nonce").is_none());
        let worth = app.introspect(&server, text(&again, "access_token")).await;
        assert_eq!((&worth["active"], text(&worth, "client_id")), (&json!(true), &*app.id));
        app.post(&server, "/oauth2/revoke", &[("token", text(&again, "access_token"))])
            .await
            .expect_status(200);
        assert_eq!(app.introspect(&server, text(&again, "access_token")).await, json!({ "active": false }));
        userinfo(&server, text(&again, "access_token")).await.expect_status(401);
        let refresh = text(&again, "refresh_token");
        assert_eq!(app.introspect(&server, refresh).await["active"], json!(true));
        app.post(&server, "/oauth2/revoke", &[("token", refresh)]).await.expect_status(200);
        super::assert_invalid_grant(&app.refresh(&server, refresh).await);
        let activity = client.get("/profile/activity").await.words();
        assert!(activity.contains("Signed in to the application: “Harbour CRM”"), "{activity}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_party_asks_once_and_what_was_allowed_can_be_taken_back() {
    for engine in Engine::ALL {
        let server = crate::server(engine).await;
        let (app, member) = (App::third_party(&server), server.people().members[1].clone());
        let client = signed_in(&server, &member).await;
        let request = app.request(&[("scope", "openid email")]);
        let page = client.get(&request).await.expect_status(200);
        let words = page.words();
        for said in ["Harbour CRM", "Harbour & Pine", "See your e-mail address.", "Not now"] {
            assert!(words.contains(said), "{said}: {words}");
        }
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("form-action 'self' http://127.0.0.1:4999;"), "{policy}");
        let carried = page.attribute("input[name=request]", "value").unwrap();
        let refused = client.post("/oauth2/consent", &[("request", &carried), ("answer", "refuse")]).await;
        assert_eq!(Answer::of(&refused).error(), "access_denied");
        client.post("/oauth2/consent", &[("request", &carried)]).await.expect_status(422);
        let allowed = client.post("/oauth2/consent", &[("request", &carried), ("answer", "allow")]).await;
        let code = Answer::of(&allowed).code();
        let tokens = json(&app.exchange(&server, &code).await.expect_status(200));

        app.code(&client, &[("scope", "openid email")]).await;
        app.code(&client, &[]).await;
        // More than was allowed is asked for, and so is what another application wants.
        client.get(&app.request(&[("scope", "openid email profile")])).await.expect_status(200);
        let claims = r#"{"id_token":{"name":null}}"#;
        client.get(&app.request(&[("scope", "openid email"), ("claims", claims)])).await.expect_status(200);
        client.get(&App::third_party(&server).request(&[])).await.expect_status(200);
        // And asked for again is asked again, once.
        let again = client.get(&app.request(&[("prompt", "consent")])).await.expect_status(200);
        let carried = again.attribute("input[name=request]", "value").unwrap();
        let allowed = client.post("/oauth2/consent", &[("request", &carried), ("answer", "allow")]).await;
        Answer::of(&allowed).code();

        let list = client.get("/profile/applications").await.expect_status(200);
        assert!(list.words().contains("Harbour CRM"), "{list}");
        let path = format!("/profile/applications/{}/withdraw", app.id);
        client.post(&path, &[]).await.expect_redirect("/profile/applications");
        userinfo(&server, text(&tokens, "access_token")).await.expect_status(401);
        super::assert_invalid_grant(&app.refresh(&server, text(&tokens, "refresh_token")).await);
        client.get(&request).await.expect_status(200);
        client.post_from("/profile", &path, &[]).await.expect_status(404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_are_told_where_they_were_asked_for() {
    let server = crate::server(Engine::Sqlite).await;
    let (app, member) = (App::own(&server), server.people().members[0].clone());
    let client = signed_in(&server, &member).await;
    let asked = r#"{"id_token":{"email":{"essential":true},"unknown":null},"userinfo":{"name":null}}"#;
    let tokens = app.tokens(&server, &client, &[("claims", asked)]).await;
    let token = claims(text(&tokens, "id_token"));
    assert_eq!((text(&token, "email"), token.get("name")), (&*member.email, None));
    let told = json(&userinfo(&server, text(&tokens, "access_token")).await);
    assert_eq!((text(&told, "name"), told.get("email")), ("Mia Lund", None));
    // About somebody else: not this session's.
    let other = r#"{"id_token":{"sub":{"value":"01890000-0000-7000-8000-000000000000"}}}"#;
    let page = client.get(&app.request(&[("claims", other)])).await;
    assert_eq!(Answer::of(&page).error(), "login_required");
    let (me, somebody) = (text(&token, "sub"), "01890000-0000-7000-8000-000000000000");
    let mine = format!(r#"{{"id_token":{{"sub":{{"value":"{me}"}}}}}}"#);
    app.code(&client, &[("claims", &mine)]).await;
    let either = format!(r#"{{"userinfo":{{"sub":{{"values":["{somebody}","{me}"]}}}}}}"#);
    app.code(&client, &[("claims", &either)]).await;
    for (one, other) in [(me, somebody), (somebody, me)] {
        let two = format!(
            r#"{{"id_token":{{"sub":{{"value":"{one}"}}}},"userinfo":{{"sub":{{"value":"{other}"}}}}}}"#
        );
        let page = client.get(&app.request(&[("claims", &two)])).await;
        assert_eq!(Answer::of(&page).error(), "login_required", "{two}");
    }
    app.code(&client, &[("id_token_hint", text(&tokens, "id_token"))]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_granted_after_it_was_taken_back() {
    let server = crate::server(Engine::Postgres).await;
    let app = App::third_party(&server);
    let client = Arc::new(signed_in(&server, &server.people().members[1].clone()).await);
    let (request, withdraw) = (app.request(&[]), format!("/profile/applications/{}/withdraw", app.id));
    for _ in 0..30 {
        let page = client.get(&request).await.expect_status(200);
        let carried = page.attribute("input[name=request]", "value").unwrap();
        let allow = [("request", &*carried), ("answer", "allow")];
        Answer::of(&client.post("/oauth2/consent", &allow).await).code();
        // Many ask at the moment at which it is taken back.
        let pages =
            burst(12, |number| {
                let (client, request, withdraw) = (Arc::clone(&client), request.clone(), withdraw.clone());
                async move {
                    if number == 6 { client.post(&withdraw, &[]).await } else { client.get(&request).await }
                }
            })
            .await;
        pages[6].clone().expect_status(303);
        let granted = server.database().unwrap().query("SELECT count(*) FROM grants");
        assert_eq!(granted, "0");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_use_the_application_is_told_so() {
    let server = crate::server(Engine::Postgres).await;
    let (ours, everyones) =
        (App::own(&server), App::register(&server, &["--first-party", "--everyone", "--client", "none"]));
    let client = signed_in(&server, &server.people().members[2].clone()).await;
    let token = claims(text(&ours.tokens(&server, &client, &[]).await, "id_token"));
    // Somebody who has an account here, and belongs to no organization.
    let leave = format!("DELETE FROM memberships WHERE user_id = '{}'", text(&token, "sub"));
    server.database().unwrap().query(&leave);
    for changes in [&[][..], &[("prompt", "none")], &[("prompt", "consent")]] {
        assert_eq!(Answer::of(&client.get(&ours.request(changes)).await).error(), "access_denied");
    }
    everyones.code(&client, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_of_another_site_leads_to_the_get() {
    let server = crate::server(Engine::Sqlite).await;
    let app = App::own(&server);
    let client = signed_in(&server, &server.people().members[2].clone()).await;
    // It comes without the session's cookie, which the GET has.
    let stranger = server.client();
    let query = app.request(&[]).split_once('?').unwrap().1.to_owned();
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", "http://127.0.0.1:4999"),
        ("sec-fetch-site", "cross-site"),
    ];
    let page = stranger.request("POST", "/oauth2/authorize", &headers, query.into_bytes()).await;
    let to = page.expect_redirect("/oauth2/authorize").location().unwrap();
    assert!(client.get(&to).await.location().unwrap().starts_with(BACK));
    // A HEAD makes no code.
    let page = client.request("HEAD", &to, &[], Vec::new()).await;
    page.expect_redirect("/sign-in");
}
