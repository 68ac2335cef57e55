//! The keys that sign: published before, withdrawn at once where it matters.

use super::{App, beside, json, signed_in, text};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use countersign_testkit::{Engine, Server, burst};
use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;
use std::time::Duration;

/// The list is whole from the first moment on.
async fn published(server: &Server) -> Vec<Value> {
    let keys = json(&server.client().get("/oauth2/jwks").await.expect_status(200));
    keys["keys"].as_array().unwrap().clone()
}

fn kid(token: &str) -> String {
    let header = token.split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&BASE64URL_NOPAD.decode(header.as_bytes()).unwrap()).unwrap();
    text(&header, "kid").to_owned()
}

/// Verified here by the library alone, without a line of the server's.
fn verifies(token: &str, keys: &[Value]) -> bool {
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
    let Some(key) = keys.iter().find(|key| key["kid"] == kid(token).as_str()) else { return false };
    let bytes = |name: &str| BASE64URL_NOPAD.decode(text(key, name).as_bytes()).unwrap();
    let message = message.as_bytes();
    match text(key, "alg") {
        "RS256" => RsaPublicKeyComponents { n: bytes("n"), e: bytes("e") }
            .verify(&RSA_PKCS1_2048_8192_SHA256, message, &signature)
            .is_ok(),
        "ES256" => {
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, [vec![4], bytes("x"), bytes("y")].concat())
                .verify(message, &signature)
                .is_ok()
        }
        "EdDSA" => UnparsedPublicKey::new(&ED25519, bytes("x")).verify(message, &signature).is_ok(),
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_were_made_before_the_first_start_leave_no_day_without_one() {
    let mut server = crate::server(Engine::Postgres).await;
    server.stop();
    server.database().unwrap().query("DELETE FROM signing_keys");
    beside(&server, &["keys", "rotate-signing"]);
    server.restart().await;
    let (app, member) = (App::own(&server), server.people().members[0].clone());
    let client = signed_in(&server, &member).await;
    let token = text(&app.tokens(&server, &client, &[]).await, "id_token").to_owned();
    let keys = published(&server).await;
    assert_eq!(keys.len(), 6, "those that sign now, and those that will");
    assert!(verifies(&token, &keys));
    server.advance(Duration::from_secs(24 * 3600 + 60));
    let client = signed_in(&server, &member).await;
    let next = text(&app.tokens(&server, &client, &[]).await, "id_token").to_owned();
    assert!(kid(&next) != kid(&token) && verifies(&next, &keys));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_ask_in_the_first_moments_each_key_is_made_once() {
    for engine in Engine::ALL {
        let server = crate::server(engine).await;
        let client = server.client();
        let seen = burst(60, |_| {
            let client = client.fork();
            async move { json(&client.get("/oauth2/jwks").await)["keys"].as_array().unwrap().len() }
        })
        .await;
        assert!(seen.iter().all(|keys| *keys == 3), "{engine:?}: {seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_opened_spends_neither_code_nor_refresh_token() {
    let server = crate::server(Engine::Postgres).await;
    let app = App::own(&server);
    let client = signed_in(&server, &server.people().members[0].clone()).await;
    let tokens = app.tokens(&server, &client, &[]).await;
    let code = app.code(&client, &[]).await;
    let database = server.database().unwrap();
    database.query("CREATE TABLE kept AS SELECT kid, private_key FROM signing_keys");
    database.query(r"UPDATE signing_keys SET private_key = '\x00'");
    for page in
        [app.exchange(&server, &code).await, app.refresh(&server, text(&tokens, "refresh_token")).await]
    {
        assert_eq!((page.status, json(&page)["error"].as_str()), (500, Some("server_error")), "{page}");
    }
    database.query(
        "UPDATE signing_keys SET private_key = kept.private_key FROM kept WHERE kept.kid = signing_keys.kid",
    );
    app.exchange(&server, &code).await.expect_status(200);
    app.refresh(&server, text(&tokens, "refresh_token")).await.expect_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_published_before_they_sign_and_withdrawn_in_an_emergency() {
    for engine in Engine::ALL {
        let server = crate::server(engine).await;
        let first = published(&server).await;
        assert_eq!(first.len(), 3);
        assert!(first.iter().all(|key| key.get("d").is_none() && key["use"] == "sig"), "{first:?}");
        let member = server.people().members[0].clone();
        let client = signed_in(&server, &member).await;
        let mut apps = Vec::new();
        for algorithm in ["RS256", "ES256", "EdDSA"] {
            let app =
                App::register(&server, &["--first-party", "--client", "none", "--id-token-alg", algorithm]);
            let token = text(&app.tokens(&server, &client, &[]).await, "id_token").to_owned();
            assert!(verifies(&token, &first), "{algorithm}");
            apps.push((app, token));
        }
        beside(&server, &["keys", "rotate-signing"]);
        let both = published(&server).await;
        assert_eq!(both.len(), 6);
        for (app, old) in &apps {
            let token = text(&app.tokens(&server, &client, &[]).await, "id_token").to_owned();
            assert_eq!(kid(&token), kid(old), "not before a day has passed");
        }
        server.advance(Duration::from_secs(24 * 3600 + 60));
        let client = signed_in(&server, &member).await;
        for (app, old) in &apps {
            let token = text(&app.tokens(&server, &client, &[]).await, "id_token").to_owned();
            assert_ne!(kid(&token), kid(old));
            let keys = published(&server).await;
            assert!(verifies(&token, &both) && verifies(old, &keys), "nothing is cut off");
        }
        beside(&server, &["keys", "rotate-signing", "--now"]);
        let last = published(&server).await;
        assert_eq!(last.len(), 3, "all others are withdrawn");
        let token = text(&apps[0].0.tokens(&server, &client, &[]).await, "id_token").to_owned();
        assert!(verifies(&token, &last) && !verifies(&apps[0].1, &last));
    }
}
