//! How applications show who they are, and how others try to.

use super::{App, BACK, VERIFIER, encoded, json, signed_in};
use aws_lc_rs::{
    hmac,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use countersign_testkit::{Engine, Page, Server};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::{Value, json};
use std::time::Duration;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Asks for tokens with nonsense for a code: an authentic client learns that the code is nonsense, and nobody else does.
async fn knock(server: &Server, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Page {
    let code = [
        ("grant_type", "authorization_code"),
        ("code", "x"),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
    ];
    let body = encoded(&[&code[..], form].concat());
    server.client().request("POST", "/oauth2/token", &[&[FORM], headers].concat(), body.into_bytes()).await
}

fn error(page: &Page) -> (u16, String) {
    (page.status, json(page)["error"].as_str().unwrap_or_default().to_owned())
}

fn admitted() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

fn refused() -> (u16, String) {
    (401, "invalid_client".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_shows_who_it_is_in_its_registered_way_and_no_other() {
    let server = crate::server(Engine::Sqlite).await;
    let (app, public) = (App::own(&server), App::register(&server, &["--first-party", "--client", "none"]));
    let secret = app.secret.clone().unwrap();
    let basic =
        |id: &str, secret: &str| format!("Basic {}", BASE64.encode(format!("{id}:{secret}").as_bytes()));
    let (right, wrong) = (basic(&app.id, &secret), basic(&app.id, &"A".repeat(43)));
    let (id, public_id) = (("client_id", &*app.id), ("client_id", &*public.id));
    assert_eq!(error(&knock(&server, &[("authorization", &right)], &[]).await), admitted());
    assert_eq!(error(&knock(&server, &[], &[id, ("client_secret", &secret)]).await), admitted());
    assert_eq!(error(&knock(&server, &[], &[public_id]).await), admitted());
    let page = knock(&server, &[("authorization", &wrong)], &[]).await;
    assert_eq!((error(&page), page.header("www-authenticate")), (refused(), Some("Basic realm=\"oauth2\"")));
    for (headers, form) in [
        (&[][..], &[id][..]),
        (&[], &[id, ("client_secret", "wrong")]),
        (&[], &[public_id, ("client_secret", &secret)]),
        (&[("authorization", "Basic nonsense")], &[]),
        (&[("authorization", &*basic(&public.id, ""))], &[]),
        (&[], &[("client_id", "01890000-0000-7000-8000-000000000000")]),
        (&[], &[("client_id", "x")]),
        (&[], &[]),
    ] {
        let page = knock(&server, headers, form).await;
        assert_eq!(error(&page), refused(), "{form:?}");
        assert_eq!(page.header("www-authenticate"), Some("Basic realm=\"oauth2\""), "{form:?}");
    }
    // Two ways at once are none.
    let both = knock(&server, &[("authorization", &right)], &[id, ("client_secret", &secret)]).await;
    assert_eq!(error(&both), (400, "invalid_request".to_owned()));
    // Tokens are told to who can keep a secret, and to the application for which they were made.
    let client = signed_in(&server, &server.people().members[0].clone()).await;
    let tokens = app.tokens(&server, &client, &[]).await;
    let access = super::text(&tokens, "access_token");
    assert_eq!(App::own(&server).introspect(&server, access).await, json!({ "active": false }));
    let page = public.post(&server, "/oauth2/introspect", &[("token", access)]).await;
    assert_eq!((error(&page), page.header("www-authenticate")), (refused(), Some("Basic realm=\"oauth2\"")));
    let page = server.client().get("/oauth2/userinfo").await.expect_status(401);
    assert_eq!(page.header("www-authenticate"), Some("Bearer realm=\"oauth2\""));
    let page = super::userinfo(&server, "x").await.expect_status(401);
    assert_eq!(page.header("www-authenticate"), Some("Bearer realm=\"oauth2\", error=\"invalid_token\""));
    App::own(&server).post(&server, "/oauth2/revoke", &[("token", access)]).await.expect_status(200);
    assert_eq!(
        app.introspect(&server, access).await["active"],
        json!(true),
        "another application revokes nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_of_wrong_secrets_is_slowed_down_and_the_application_is_not() {
    let server = crate::server(Engine::Sqlite).await;
    let (app, public) = (App::own(&server), App::register(&server, &["--first-party", "--client", "none"]));
    for app in [&app, &public] {
        let form = [("client_id", &*app.id), ("client_secret", "wrong")];
        let mut statuses = Vec::new();
        for _ in 0..60 {
            statuses.push(knock(&server, &[], &form).await.status);
        }
        assert!(statuses[..49].iter().all(|status| *status == 401), "{statuses:?}");
        assert!(statuses[52..].iter().all(|status| *status == 429), "{statuses:?}");
        let closed = knock(&server, &[], &form).await;
        assert!(closed.header("retry-after").is_some(), "{closed}");
    }
    // From the very same address, who shows the right secret is admitted, and so is who has none to show, however often.
    let right = [("client_id", &*app.id), ("client_secret", app.secret.as_deref().unwrap())];
    assert_eq!(error(&knock(&server, &[], &right).await), admitted());
    for _ in 0..60 {
        assert_eq!(error(&knock(&server, &[], &[("client_id", &public.id)]).await), admitted());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_of_wrong_assertions_is_refused_before_it_is_checked() {
    let server = crate::server(Engine::Sqlite).await;
    let signer = Signer::register(&server);
    let (id, now) = (signer.app.id.clone(), server.clock().now());
    let claims = json!({ "iss": id, "sub": id, "aud": server.url(), "jti": "1", "exp": now + 240 });
    let right = signer.assertion(&json!({ "alg": "EdDSA" }), &claims);
    let wrong = Signer::register(&server).assertion(&json!({ "alg": "EdDSA" }), &claims);
    // Wrong secrets for a client that has none are counted by themselves.
    for _ in 0..60 {
        knock(&server, &[], &[("client_id", &*id), ("client_secret", "wrong")]).await;
    }
    for number in 0..53 {
        let answer = show(&server, &wrong).await;
        assert!(number >= 49 || answer == refused(), "{number}: {answer:?}");
    }
    assert_eq!(show(&server, &right).await.0, 429);
    server.advance(Duration::from_secs(60));
    assert_eq!(show(&server, &right).await, admitted());
}

/// A client with an Ed25519 key of its own.
struct Signer {
    app: App,
    pair: Ed25519KeyPair,
    jwk: Value,
}

impl Signer {
    fn register(server: &Server) -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let x = BASE64URL_NOPAD.encode(pair.public_key().as_ref());
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": "one" });
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), json!({ "keys": [jwk] }).to_string()).unwrap();
        let options =
            ["--first-party", "--client", "private-key-jwt", "--client-keys", file.path().to_str().unwrap()];
        Self { app: App::register(server, &options), pair, jwk }
    }

    fn assertion(&self, header: &Value, claims: &Value) -> String {
        let message = Self::message(header, claims);
        let signature = BASE64URL_NOPAD.encode(self.pair.sign(message.as_bytes()).as_ref());
        format!("{message}.{signature}")
    }

    fn message(header: &Value, claims: &Value) -> String {
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        format!("{}.{}", part(header), part(claims))
    }
}

async fn show(server: &Server, assertion: &str) -> (u16, String) {
    let kind = ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    error(&knock(server, &[], &[kind, ("client_assertion", assertion)]).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_counts_once_in_time_and_under_its_own_key() {
    for engine in Engine::ALL {
        let server = crate::server(engine).await;
        let signer = Signer::register(&server);
        let (id, now) = (signer.app.id.clone(), server.clock().now());
        let header = json!({ "alg": "EdDSA", "kid": "one" });
        let good = |jti: &str| json!({ "iss": id, "sub": id, "aud": server.url(), "jti": jti, "exp": now + 60, "iat": now });
        let with = |jti: &str, name: &str, value: Value| {
            let mut claims = good(jti);
            claims[name] = value;
            claims
        };
        let first = signer.assertion(&header, &good("1"));
        assert_eq!(show(&server, &first).await, admitted());
        assert_eq!(show(&server, &first).await, refused(), "a second time");
        assert_eq!(show(&server, &signer.assertion(&header, &good("1"))).await, refused(), "the same jti");
        let endpoint = format!("{}/oauth2/token", server.url());
        let both = json!([endpoint, server.url()]);
        assert_eq!(show(&server, &signer.assertion(&header, &with("2", "aud", both))).await, admitted());
        for (name, value) in [
            ("exp", json!(now - 1)),
            ("exp", json!(now + 3600)),
            ("exp", json!("soon")),
            ("exp", json!(null)),
            ("nbf", json!(now + 300)),
            ("iat", json!(now + 300)),
            ("aud", json!("https://other.example")),
            ("aud", json!([endpoint, "https://other.example"])),
            ("aud", json!([])),
            ("aud", json!(null)),
            ("iss", json!("somebody")),
            ("sub", json!("01890000-0000-7000-8000-000000000000")),
            ("jti", json!("")),
            ("jti", json!(null)),
        ] {
            let claims = with("3", name, value.clone());
            assert_eq!(
                show(&server, &signer.assertion(&header, &claims)).await,
                refused(),
                "{name}: {value}"
            );
        }
        // No signature, the public key as a shared secret, another algorithm, another key.
        let none = format!("{}.", Signer::message(&json!({ "alg": "none" }), &good("4")));
        assert_eq!(show(&server, &none).await, refused());
        for secret in [signer.jwk.to_string(), signer.jwk["x"].as_str().unwrap().to_owned()] {
            let message = Signer::message(&json!({ "alg": "HS256" }), &good("4"));
            let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), message.as_bytes());
            let confused = format!("{message}.{}", BASE64URL_NOPAD.encode(mac.as_ref()));
            assert_eq!(show(&server, &confused).await, refused());
        }
        for header in [
            json!({ "alg": "RS256" }),
            json!({ "alg": "EdDSA", "kid": "two" }),
            json!({ "alg": "EdDSA", "crit": ["x"] }),
        ] {
            assert_eq!(show(&server, &signer.assertion(&header, &good("4"))).await, refused(), "{header}");
        }
        let stranger = Signer::register(&server);
        assert_eq!(show(&server, &stranger.assertion(&header, &good("4"))).await, refused());
        // The name alone, and somebody else's name beside it, are not enough.
        assert_eq!(error(&knock(&server, &[], &[("client_id", &*id)]).await), refused());
        assert_eq!(show(&server, &signer.assertion(&header, &good("4"))).await, admitted());
    }
}
