//! One code, one token, one idempotency key: each is worth one thing, however many ask at once; on both engines.

use super::{Application, problem, register, server, value};
use countersign_testkit::{Engine, Page, burst};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};

const AT_ONCE: usize = 200;

async fn all(
    application: &Arc<Application>,
    count: usize,
    act: impl Fn(usize) -> (String, Value),
) -> Vec<Page> {
    burst(count, |n| {
        let (application, (path, body)) = (Arc::new(application.fork()), act(n));
        async move { application.post(&path, &body).await }
    })
    .await
}

fn with_status(pages: &[Page], status: u16) -> usize {
    pages.iter().filter(|page| page.status == status).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_app_code_at_two_hundred_requests_is_verified_once() {
    for engine in Engine::ALL {
        let server = server(engine).await;
        let application = Arc::new(register(&server, "Brightwater"));
        let (mut app, codes) = application.user_with_app(&server, "mia").await;
        for (method, code) in [("app", app.fresh_code()), ("backup-code", codes[0].clone())] {
            // Half of them for one challenge, half for one each.
            let mut challenges = vec![application.challenge("mia").await; AT_ONCE / 2];
            for _ in 0..AT_ONCE / 2 {
                challenges.push(application.challenge("mia").await);
            }
            let body = json!({"method": method, "code": code});
            let act = |n: usize| (format!("/api/v1/challenges/{}/verify", challenges[n]), body.clone());
            let pages = all(&application, AT_ONCE, act).await;
            assert_eq!(with_status(&pages, 200), 1, "{engine:?} {method}");
            for page in pages.iter().filter(|page| page.status != 200) {
                assert!(matches!(page.status, 404 | 409 | 422 | 429 | 503), "{page}");
            }
            server.advance(std::time::Duration::from_secs(3600));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_challenge_buys_one_token_under_a_burst() {
    for engine in Engine::ALL {
        let server = server(engine).await;
        let application = Arc::new(register(&server, "Brightwater"));
        let (mut app, _) = application.user_with_app(&server, "mia").await;
        let challenge = application.challenge("mia").await;
        application.verify(&challenge, "app", &app.fresh_code()).await.expect_status(200);
        let body = json!({"challenge": challenge});
        let act = |_| ("/api/v1/users/mia/account-holder-tokens".to_owned(), body.clone());
        let pages = all(&application, AT_ONCE, act).await;
        assert_eq!((with_status(&pages, 201), with_status(&pages, 409)), (1, AT_ONCE - 1), "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_requests_with_one_idempotency_key_have_one_effect() {
    for engine in Engine::ALL {
        let server = server(engine).await;
        let application = Arc::new(register(&server, "Brightwater"));
        application.put_user("mia").await.expect_status(201);
        let body = json!({"user": "mia"});
        let pages = burst(50, |_| {
            let (application, body) = (application.fork(), body.clone());
            async move {
                let key = [("idempotency-key", "one")];
                application.ask("POST", "/api/v1/challenges", &key, Some(&body)).await
            }
        })
        .await;
        let made: BTreeSet<String> =
            pages.iter().filter(|page| page.status == 201).map(|page| page.body.clone()).collect();
        assert_eq!(made.len(), 1, "{engine:?}");
        for page in pages.iter().filter(|page| page.status != 201) {
            assert_eq!(problem(page), "request-in-progress", "{page}");
        }
        let first =
            pages.iter().filter(|page| page.status == 201 && page.header("idempotency-replayed").is_none());
        assert_eq!(first.count(), 1, "{engine:?}");
        let again =
            application.ask("POST", "/api/v1/challenges", &[("idempotency-key", "one")], Some(&body)).await;
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert!(made.contains(&again.body));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_belongs_to_one_request_and_ends_after_an_hour() {
    let server = server(Engine::Sqlite).await;
    let (application, other) = (register(&server, "Brightwater"), register(&server, "Harbour"));
    for user in ["mia", "noah"] {
        application.put_user(user).await.expect_status(201);
        other.put_user(user).await.expect_status(201);
    }
    let key = ("idempotency-key", "k-1");
    let post = async |application: &Application, headers: &[(&str, &str)], body: &Value| {
        application.ask("POST", "/api/v1/challenges", headers, Some(body)).await
    };
    let (mia, noah) = (json!({"user": "mia"}), json!({"user": "noah"}));
    let first = post(&application, &[key], &mia).await.expect_status(201);
    for headers in [vec![key], vec![key, ("countersign-actor", "noah")]] {
        let body = if headers.len() == 1 { &noah } else { &mia };
        let refused = post(&application, &headers, body).await.expect_status(422);
        assert_eq!(problem(&refused), "idempotency-key-reused");
    }
    assert_ne!(
        post(&other, &[key], &mia).await.expect_status(201).body,
        first.body,
        "another application's own"
    );
    // What was refused is refused again in the same words, and without a second look.
    let bad = ("idempotency-key", "k-2");
    let unknown = json!({"user": "late"});
    let refused = post(&application, &[bad], &unknown).await.expect_status(404);
    application.put_user("late").await.expect_status(201);
    let again = post(&application, &[bad], &unknown).await.expect_status(404);
    assert_eq!((&again.body, again.header("idempotency-replayed")), (&refused.body, Some("true")));
    // A key that lost its scope learns nothing from what was kept.
    let (_, reader) = super::make_key(&server, &application, &["users:read"], "30");
    post(&application.with_key(&reader), &[key], &mia).await.expect_status(403);
    server.advance(std::time::Duration::from_secs(3601));
    assert_ne!(post(&application, &[key], &mia).await.expect_status(201).body, first.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_new_backup_codes_are_the_same_ten_when_the_answer_was_lost() {
    let server = server(Engine::Sqlite).await;
    let application = register(&server, "Brightwater");
    let (mut app, _) = application.user_with_app(&server, "mia").await;
    let challenge = application.challenge("mia").await;
    application.verify(&challenge, "app", &app.fresh_code()).await.expect_status(200);
    let path = "/api/v1/users/mia/account-holder-tokens";
    let token = value(&application.post(path, &json!({"challenge": challenge})).await.expect_status(201));
    let headers =
        [("countersign-account-holder", token["token"].as_str().unwrap()), ("idempotency-key", "codes")];
    let path = "/api/v1/users/mia/backup-codes";
    let first = application.ask("POST", path, &headers, None).await.expect_status(200);
    let again = application.ask("POST", path, &headers, None).await.expect_status(200);
    assert_eq!(first.body, again.body);
    let fresh = application.ask("POST", path, &headers[..1], None).await.expect_status(200);
    assert_ne!(first.body, fresh.body);
}
