//! Requests that are not as they should be.

use super::{Answer, App, BACK, VERIFIER, assert_invalid_grant, encoded, signed_in};
use countersign_testkit::{Engine, Server, ServerOptions};
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_sent_to_an_address_that_is_not_registered() {
    let server = crate::server(Engine::Sqlite).await;
    let app = App::own(&server);
    let client = signed_in(&server, &server.people().members[0].clone()).await;
    let near = [
        format!("{BACK}/"),
        format!("{BACK}?x=1"),
        format!("{BACK}#x"),
        format!("{BACK}/../back"),
        BACK[..BACK.len() - 1].to_owned(),
        BACK.to_uppercase(),
        BACK.replace("127.0.0.1", "localhost"),
        BACK.replace("4999", "4998"),
        BACK.replace("http:", "https:"),
        BACK.replace("http://", "http://evil@"),
        "https://evil.example/".to_owned(),
        "//evil.example/".to_owned(),
        "javascript:alert(1)".to_owned(),
        super::BYE.to_owned(),
        String::new(),
    ];
    for address in near {
        let page = client.get(&app.request(&[("redirect_uri", &address)])).await.expect_status(400);
        assert_eq!(page.location(), None, "{address}");
        assert!(page.words().contains("was not") || page.words().contains("were not"), "{page}");
    }
    for id in ["", "x", "01890000-0000-7000-8000-000000000000"] {
        let page = client.get(&app.request(&[("client_id", id)])).await.expect_status(400);
        assert_eq!(page.location(), None, "{id}");
    }
    // Twice is not once, though both are the same.
    let twice = format!("{}&{}", app.request(&[]), encoded(&[("redirect_uri", BACK)]));
    assert_eq!(client.get(&twice).await.expect_status(400).location(), None);
    let long = "x".repeat(7000);
    assert_eq!(client.get(&app.request(&[("login_hint", &long)])).await.expect_status(400).location(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_native_app_waits_at_any_port_of_this_machine_and_nobody_else_does() {
    let server = crate::server(Engine::Sqlite).await;
    let native = ["--first-party", "--client", "none", "--redirect-uri", "http://[::1]/back"];
    let (public, app) = (App::register(&server, &native), App::own(&server));
    let client = signed_in(&server, &server.people().members[0].clone()).await;
    for address in [BACK.replace("4999", "51004"), "http://[::1]:51004/back".to_owned()] {
        let request = public.request(&[("redirect_uri", &address)]);
        let page = client.get(&request).await.expect_status(200);
        let carried = page.attribute("input[name=request]", "value").unwrap();
        let to = super::pressed(&client, &carried, "allow").await.expect_status(303).location().unwrap();
        let code = to.strip_prefix(&format!("{address}?code=")).unwrap_or_else(|| panic!("{to}"));
        let code = code.split('&').next().unwrap();
        // The code is bound to the address that was used, and not to the registered one.
        assert_invalid_grant(&public.exchange(&server, code).await);
        let form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", &address)];
        let form = [&form[..], &[("code_verifier", VERIFIER)]].concat();
        public.post(&server, "/oauth2/token", &form).await.expect_status(200);
        // And so is the policy of the pages on the way, which has no word for an IPv6 address (`browser.rs` goes there).
        let stranger = server.client();
        let sign_in = stranger.get(&request).await.expect_redirect("/sign-in").location().unwrap();
        let page = stranger.get(&sign_in).await.expect_status(200);
        let policy = page.header("content-security-policy").unwrap();
        let named = if address.contains("[::1]") { "http:" } else { address.strip_suffix("/back").unwrap() };
        assert!(policy.contains(&format!("form-action 'self' {named};")), "{policy}");
        // An application that runs elsewhere is registered as it is.
        let page = client.get(&app.request(&[("redirect_uri", &address)])).await.expect_status(400);
        assert_eq!(page.location(), None);
    }
    for address in [
        "http://127.0.0.1:51004/back/",
        "http://127.0.0.1:51004/back?x=1",
        "http://127.0.0.2:4999/back",
        "http://localhost:4999/back",
        "https://127.0.0.1:4999/back",
        "http://127.0.0.1:4999@evil.example/back",
        "http://127.0.0.1.evil.example:4999/back",
    ] {
        let page = client.get(&public.request(&[("redirect_uri", address)])).await.expect_status(400);
        assert_eq!(page.location(), None, "{address}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_told_in_json_whatever_is_wrong() {
    let server = crate::server(Engine::Sqlite).await;
    let app = App::own(&server);
    let long = "x".repeat(100 * 1024);
    let too_long = app.post(&server, "/oauth2/token", &[("code", &long)]).await;
    let by = async |method: &str, path: &str| server.client().request(method, path, &[], Vec::new()).await;
    for (page, status) in [
        (too_long, 413),
        (by("GET", "/oauth2/token").await, 405),
        (by("DELETE", "/oauth2/userinfo").await, 405),
        (by("POST", "/oauth2/jwks").await, 405),
        (by("PUT", "/.well-known/openid-configuration").await, 405),
    ] {
        assert_eq!((page.status, page.header("content-type")), (status, Some("application/json")), "{page}");
        assert_eq!(super::json(&page)["error"], "invalid_request", "{page}");
        assert_eq!(page.header("access-control-allow-origin"), Some("*"), "{page}");
        let exposed = page.header("access-control-expose-headers").unwrap();
        assert!(exposed.contains("Retry-After"), "{exposed}");
        assert_eq!(page.header("allow").is_some(), status == 405, "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_stops_in_the_middle_is_told_in_json_as_well() {
    let options =
        ServerOptions::new(Engine::Sqlite, crate::BINARY).with_env("COUNTERSIGN_HTTP_BODY_SECONDS", "1");
    let server = Server::start(options).await;
    let address = server.url().strip_prefix("http://").unwrap().to_owned();
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(50))).unwrap();
        let kind = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100";
        let head = format!(
            "POST /oauth2/token HTTP/1.1\r\nHost: {address}\r\n{kind}\r\nConnection: close\r\n\r\ncode="
        );
        stream.write_all(head.as_bytes()).unwrap();
        let (mut answer, mut part) = (Vec::new(), [0; 4096]);
        while let Ok(length @ 1..) = stream.read(&mut part) {
            answer.extend_from_slice(&part[..length]);
        }
        String::from_utf8_lossy(&answer).to_lowercase()
    })
    .await
    .unwrap();
    assert!(answer.starts_with("http/1.1 408"), "{answer}");
    assert!(answer.ends_with(r#"{"error":"invalid_request"}"#), "{answer}");
    for header in ["access-control-allow-origin: *", "content-type: application/json"] {
        assert!(answer.contains(&format!("\r\n{header}")), "{header}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_request_goes_back_by_its_name() {
    let server = crate::server(Engine::Sqlite).await;
    let app = App::own(&server);
    let client = signed_in(&server, &server.people().members[0].clone()).await;
    for (changes, error) in [
        (&[("response_type", "")][..], "invalid_request"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_type", "code id_token")], "unsupported_response_type"),
        (&[("response_mode", "fragment")], "invalid_request"),
        (&[("scope", "")], "invalid_scope"),
        (&[("scope", "email")], "invalid_scope"),
        (&[("code_challenge", "")], "invalid_request"),
        (&[("code_challenge", "short")], "invalid_request"),
        (&[("code_challenge_method", "")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("prompt", "create")], "invalid_request"),
        (&[("prompt", "none login")], "invalid_request"),
        (&[("max_age", "-1")], "invalid_request"),
        (&[("max_age", "soon")], "invalid_request"),
        (&[("claims", "{")], "invalid_request"),
        (&[("id_token_hint", "x.y.z")], "invalid_request"),
        (&[("request", "x")], "request_not_supported"),
        (&[("request_uri", "https://crm.example/")], "request_uri_not_supported"),
        (&[("registration", "{}")], "registration_not_supported"),
    ] {
        let page = client.get(&app.request(changes)).await;
        assert_eq!(Answer::of(&page).error(), error, "{changes:?}");
    }
    for doubled in ["nonce", "scope", "code_challenge", "prompt", "x"] {
        let path = format!("{}&{doubled}=a&{doubled}=a", app.request(&[("nonce", ""), ("prompt", "")]));
        assert_eq!(Answer::of(&client.get(&path).await).error(), "invalid_request", "{doubled}");
    }
    app.code(&client, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_are_answered_from_any_origin_and_look_at_no_cookie() {
    let server = crate::server(Engine::Sqlite).await;
    let client = signed_in(&server, &server.people().members[0].clone()).await;
    let foreign = [("origin", "https://spa.example"), ("sec-fetch-site", "cross-site")];
    for path in [
        "/oauth2/token",
        "/oauth2/userinfo",
        "/oauth2/revoke",
        "/oauth2/jwks",
        "/.well-known/openid-configuration",
    ] {
        let page = client.request("OPTIONS", path, &foreign, Vec::new()).await.expect_status(204);
        assert_eq!(page.header("access-control-allow-origin"), Some("*"), "{path}");
        assert_eq!(page.header("access-control-allow-credentials"), None, "{path}");
    }
    let page = client.request("POST", "/oauth2/token", &foreign, Vec::new()).await.expect_status(401);
    assert_eq!(page.header("access-control-allow-origin"), Some("*"));
    client.request("GET", "/oauth2/userinfo", &foreign, Vec::new()).await.expect_status(401);
    // The pages stay as closed as they were.
    client.request("OPTIONS", "/profile", &foreign, Vec::new()).await.expect_status(403);
    client.request("POST", "/oauth2/consent", &foreign, Vec::new()).await.expect_status(403);
    let discovered = super::json(&client.get("/.well-known/openid-configuration").await.expect_status(200));
    assert_eq!(super::text(&discovered, "issuer"), server.url());
    for name in
        ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint"]
    {
        assert!(super::text(&discovered, name).starts_with(&format!("{}/oauth2/", server.url())), "{name}");
    }
    assert_eq!(discovered, super::json(&client.get("/.well-known/oauth-authorization-server").await));
}
