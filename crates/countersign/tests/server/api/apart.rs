//! What is another application's is not there, what is secret is not shown, and a list is read to its end.

use super::{problem, register, server, value};
use countersign_testkit::Engine;
use serde_json::json;
use std::collections::BTreeSet;

#[tokio::test(flavor = "multi_thread")]
async fn another_applications_users_challenges_and_tokens_are_not_there() {
    for engine in Engine::ALL {
        let server = server(engine).await;
        let (mine, other) = (register(&server, "Brightwater"), register(&server, "Harbour"));
        let (mut app, _) = mine.user_with_app(&server, "mia").await;
        let challenge = mine.challenge("mia").await;
        for path in ["", "/authenticators", "/backup-codes"] {
            let page = other.get(&format!("/api/v1/users/mia{path}")).await.expect_status(404);
            assert_eq!(problem(&page), "user-not-found");
        }
        assert_eq!(value(&other.get("/api/v1/users").await)["users"], json!([]));
        other.ask("DELETE", "/api/v1/users/mia", &[], None).await.expect_status(404);
        other.ask("POST", "/api/v1/users/mia/reactivate", &[], None).await.expect_status(404);
        other.post("/api/v1/challenges", &json!({"user": "mia"})).await.expect_status(404);
        other.get(&format!("/api/v1/challenges/{challenge}")).await.expect_status(404);
        let send = format!("/api/v1/challenges/{challenge}/send");
        other.post(&send, &json!({"method": "email"})).await.expect_status(404);
        let code = app.fresh_code();
        other.verify(&challenge, "app", &code).await.expect_status(404);
        let tokens = "/api/v1/users/mia/account-holder-tokens";
        other.post(tokens, &json!({"first_enrolment": true})).await.expect_status(404);
        mine.verify(&challenge, "app", &code).await.expect_status(200);
        other.post(tokens, &json!({"challenge": challenge})).await.expect_status(404);

        // The same id and mailbox in the other application are another person.
        other.put_user("mia").await.expect_status(201);
        assert_eq!(value(&other.get("/api/v1/users/mia").await)["apps"], 0);
        other.post(tokens, &json!({"challenge": challenge})).await.expect_status(409);
        let token = value(&mine.post(tokens, &json!({"challenge": challenge})).await.expect_status(201));
        let token = token["token"].as_str().unwrap();
        let path = "/api/v1/users/mia/authenticators";
        let refused = other.held("POST", path, token, Some(&json!({"type": "app"}))).await.expect_status(403);
        assert_eq!(problem(&refused), "account-holder-token-refused");
        // Nor is it worth anything for another user of its own application.
        mine.put_user("noah").await.expect_status(201);
        let path = "/api/v1/users/noah/authenticators";
        mine.held("POST", path, token, Some(&json!({"type": "app"}))).await.expect_status(403);
        // An authenticator of somebody else's has no id here.
        let app_id =
            value(&mine.get("/api/v1/users/mia/authenticators").await)["authenticators"][0]["id"].clone();
        let noahs = mine.first_token("noah").await;
        let path = format!("/api/v1/users/noah/authenticators/{}", app_id.as_str().unwrap());
        mine.held("DELETE", &path, &noahs, None).await.expect_status(404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_read_shows_a_secret() {
    let server = server(Engine::Sqlite).await;
    let application = register(&server, "Brightwater");
    let (mut app, codes) = application.user_with_app(&server, "mia").await;
    let challenge = application.challenge("mia").await;
    application.verify(&challenge, "app", &app.fresh_code()).await.expect_status(200);
    let path = "/api/v1/users/mia/account-holder-tokens";
    let token = value(&application.post(path, &json!({"challenge": challenge})).await.expect_status(201));
    let token = token["token"].as_str().unwrap();
    let (path, app_wanted) = ("/api/v1/users/mia/authenticators", json!({"type": "app"}));
    let pending = value(&application.held("POST", path, token, Some(&app_wanted)).await.expect_status(201));

    let mut secrets = vec![app.secret.clone(), token.to_owned(), application.key.clone()];
    secrets.push(pending["key"].as_str().unwrap().to_owned());
    secrets.extend(codes);
    let mut read = String::new();
    for path in [
        "/api/v1/users".to_owned(),
        "/api/v1/users/mia".to_owned(),
        "/api/v1/users/mia/authenticators".to_owned(),
        "/api/v1/users/mia/backup-codes".to_owned(),
        format!("/api/v1/challenges/{challenge}"),
    ] {
        read += &application.get(&path).await.expect_status(200).body;
    }
    assert!(read.contains("\"Phone\"") && read.contains("\"left\":10"), "{read}");
    let log = server.log();
    for secret in &secrets {
        assert!(!read.contains(secret.as_str()), "{secret} is in {read}");
        assert!(!log.contains(secret.as_str()), "the log holds {secret}");
    }
    for word in ["\"key\"", "\"uri\"", "\"secret\"", "\"codes\"", "otpauth:"] {
        assert!(!read.contains(word), "{word} is in {read}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_and_fifty_users_are_listed_once_each() {
    for engine in Engine::ALL {
        let server = server(engine).await;
        let application = register(&server, "Brightwater");
        let other = register(&server, "Harbour");
        for n in 0..250 {
            application.put_user(&format!("user/{n:03}")).await.expect_status(201);
        }
        other.put_user("somebody").await.expect_status(201);
        let (mut seen, mut pages, mut cursor) = (Vec::new(), 0, None::<String>);
        loop {
            let query = cursor.as_ref().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let page =
                value(&application.get(&format!("/api/v1/users?limit=100{query}")).await.expect_status(200));
            let users = page["users"].as_array().unwrap();
            seen.extend(users.iter().map(|user| user["id"].as_str().unwrap().to_owned()));
            pages += 1;
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
            if pages == 1 {
                // Who becomes known meanwhile comes last, and moves nobody.
                application.put_user("user/late").await.expect_status(201);
            }
        }
        let distinct: BTreeSet<&String> = seen.iter().collect();
        assert_eq!((pages, seen.len(), distinct.len()), (3, 251, 251), "{engine:?}");
        assert_eq!(seen.last().map(String::as_str), Some("user/late"));
        let usual = value(&application.get("/api/v1/users").await.expect_status(200));
        assert_eq!(usual["users"].as_array().map(Vec::len), Some(50));
        for bad in ["x", "=", "c29tZWJvZHk", "bm9ib2R5"] {
            let page = application.get(&format!("/api/v1/users?cursor={bad}")).await.expect_status(400);
            assert_eq!(problem(&page), "bad-cursor", "{bad}");
        }
    }
}
