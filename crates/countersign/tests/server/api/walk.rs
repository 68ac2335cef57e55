//! From a user who is made known to an app that is removed, without one of our pages.

use super::{Application, NOBODY, problem, register, server, value};
use countersign_testkit::{App, Engine, Kind};
use serde_json::json;

async fn the_whole_way(engine: Engine) {
    let server = server(engine).await;
    let application = register(&server, "Brightwater");
    let user = "/api/v1/users/team%2F42";
    application.put_user("team/42").await.expect_status(201);
    let again = value(&application.put_user("team/42").await.expect_status(200));
    assert_eq!((&again["id"], &again["methods"]), (&json!("team/42"), &json!(["email"])));

    // The first app, on the application's word.
    let token = application.first_token("team%2F42").await;
    let authenticators = format!("{user}/authenticators");
    let app = json!({"type": "app"});
    let pending =
        value(&application.held("POST", &authenticators, &token, Some(&app)).await.expect_status(201));
    let mut phone = App::from_uri(pending["uri"].as_str().unwrap(), server.clock());
    assert_eq!(pending["key"], phone.secret.as_str());
    assert!(pending["uri"].as_str().unwrap().contains("Brightwater"), "{pending}");
    let none = value(&application.get(&authenticators).await);
    assert_eq!(none, json!({"authenticators": []}), "nothing is active before the code is right");
    let confirm = format!("{authenticators}/{}/confirm", pending["id"].as_str().unwrap());
    let wrong = json!({"code": "12345", "name": "Phone"});
    let refused = application.held("POST", &confirm, &token, Some(&wrong)).await.expect_status(422);
    assert_eq!(
        (problem(&refused), &value(&refused)["reason"]),
        ("code-refused".into(), &json!("wrong-length"))
    );
    let off = json!({"code": phone.code_at(server.clock().now() + 600), "name": "Phone"});
    let refused = value(&application.held("POST", &confirm, &token, Some(&off)).await.expect_status(422));
    assert!((570..=630).contains(&refused["phone_off_by_seconds"].as_i64().unwrap()), "{refused}");
    let right = json!({"code": phone.fresh_code(), "name": "Phone"});
    let done = value(&application.held("POST", &confirm, &token, Some(&right)).await.expect_status(200));
    let codes: Vec<&str> =
        done["backup_codes"].as_array().unwrap().iter().filter_map(|c| c.as_str()).collect();
    assert_eq!(codes.len(), 10);
    assert_eq!(done["authenticator"]["id"], pending["id"], "the app keeps the id of its enrolment");
    assert_eq!(value(&application.get(&authenticators).await)["authenticators"][0], done["authenticator"]);

    // From now on a token takes a second step.
    let tokens = format!("{user}/account-holder-tokens");
    let refused = application.post(&tokens, &json!({"first_enrolment": true})).await.expect_status(409);
    assert_eq!(problem(&refused), "not-first-enrolment");
    let made =
        value(&application.post("/api/v1/challenges", &json!({"user": "team/42"})).await.expect_status(201));
    assert_eq!((&made["status"], &made["methods"][0]["method"]), (&json!("pending"), &json!("app")));
    let challenge = made["id"].as_str().unwrap();
    let early = application.post(&tokens, &json!({"challenge": challenge})).await.expect_status(409);
    assert_eq!(problem(&early), "challenge-not-usable");
    let wrong = application.verify(challenge, "app", &right["code"].as_str().unwrap().replace(' ', "")).await;
    assert_eq!(value(&wrong.expect_status(422))["reason"], "already-used", "confirming has spent it");
    let verified = value(&application.verify(challenge, "app", &phone.fresh_code()).await.expect_status(200));
    assert_eq!(verified["amr"], json!(["otp", "mfa"]));
    assert_eq!(
        (&verified["user"], &verified["method"], &verified["actor"]),
        (&json!("team/42"), &json!("app"), &json!(null))
    );
    let shown = value(&application.get(&format!("/api/v1/challenges/{challenge}")).await);
    assert_eq!((&shown["status"], &shown["verified"]), (&json!("verified"), &verified));
    let over = application.verify(challenge, "app", &phone.fresh_code()).await.expect_status(409);
    assert_eq!(problem(&over), "challenge-already-answered");
    let send = format!("/api/v1/challenges/{challenge}/send");
    let over = application.post(&send, &json!({"method": "email"})).await.expect_status(409);
    assert_eq!(problem(&over), "challenge-already-answered");

    let app = done["authenticator"]["id"].as_str().unwrap();
    what_a_token_buys(&application, challenge, app, codes[0]).await;
}

/// For the user "team/42", who has answered this challenge, and has this app and this older backup code.
async fn what_a_token_buys(application: &Application, challenge: &str, app: &str, older: &str) {
    let user = "/api/v1/users/team%2F42";
    let (tokens, backup) = (format!("{user}/account-holder-tokens"), format!("{user}/backup-codes"));
    // The challenge buys one token, and the token what is the account holder's.
    let basis = json!({"challenge": challenge});
    let token = value(&application.post(&tokens, &basis).await.expect_status(201));
    let token = token["token"].as_str().unwrap();
    application.post(&tokens, &basis).await.expect_status(409);
    let fresh = value(&application.held("POST", &backup, token, None).await.expect_status(200));
    assert_eq!(fresh["backup_codes"].as_array().map(Vec::len), Some(10));
    assert_eq!(value(&application.get(&backup).await), json!({"left": 10}));
    let challenge = application.challenge("team/42").await;
    application.verify(&challenge, "backup-code", older).await.expect_status(422);
    let code = fresh["backup_codes"][0].as_str().unwrap();
    let verified = value(&application.verify(&challenge, "backup-code", code).await.expect_status(200));
    assert_eq!(verified["backup_codes_left"], 9);
    let app = format!("{user}/authenticators/{app}");
    application.held("DELETE", &app, token, None).await.expect_status(204);
    let gone = application.held("DELETE", &app, token, None).await.expect_status(404);
    assert_eq!(problem(&gone), "authenticator-not-found");
    let refused = application.held("POST", &backup, token, None).await.expect_status(409);
    assert_eq!(problem(&refused), "no-app");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_step_from_set_up_to_removal_without_a_page() {
    for engine in Engine::ALL {
        the_whole_way(engine).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_by_email_is_sent_once_at_a_time_and_verified() {
    let server = server(Engine::Sqlite).await;
    let application = register(&server, "Brightwater");
    application.put_user("mia").await.expect_status(201);
    let challenge = application.challenge("mia").await;
    let send = format!("/api/v1/challenges/{challenge}/send");
    let mut mailbox = server.mailbox(Kind::Email, Some("mia@users.example")).await;
    let none = application.verify(&challenge, "email", "123456").await.expect_status(422);
    assert_eq!(value(&none)["reason"], "not-sent");
    application.post(&send, &json!({"method": "email"})).await.expect_status(204);
    let code = mailbox.next_code().await;
    let soon = application.post(&send, &json!({"method": "email"})).await.expect_status(429);
    assert_eq!(problem(&soon), "code-sent-recently");
    let never = application.post(&send, &json!({"method": "sms"})).await.expect_status(422);
    assert_eq!(problem(&never), "method-unavailable");
    let verified = value(&application.verify(&challenge, "email", &code).await.expect_status(200));
    assert_eq!((&verified["method"], &verified["enrolled"]), (&json!("email"), &json!(false)));
    assert_eq!(verified["amr"], json!([]), "a step, and no factor");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hosted_challenge_goes_only_to_a_registered_address() {
    let server = server(Engine::Sqlite).await;
    let application = register(&server, "Brightwater");
    application.put_user("mia").await.expect_status(201);
    let body = json!({"user": "mia", "return_to": super::RETURN_ADDRESS, "state": "s"});
    let made = value(&application.post("/api/v1/challenges", &body).await.expect_status(201));
    let url = made["url"].as_str().unwrap();
    assert!(url.starts_with(&format!("{}/second-step/", server.url())), "{made}");
    let shown = application.get(&format!("/api/v1/challenges/{}", made["id"].as_str().unwrap())).await;
    assert_eq!(value(&shown)["url"], json!(null), "its address is said once");
    // Its code is typed on our pages alone.
    let id = made["id"].as_str().unwrap();
    application.verify(id, "email", "123456").await.expect_status(404);
    for (return_to, status) in [
        ("https://crm.example.com/back/", 403),
        ("https://crm.example.com/back?x=1", 403),
        ("https://CRM.example.com/back", 403),
        ("https://evil.example/", 403),
        ("javascript:alert(1)", 403),
    ] {
        let body = json!({"user": "mia", "return_to": return_to});
        let page = application.post("/api/v1/challenges", &body).await.expect_status(status);
        assert_eq!(problem(&page), "return-address-not-registered", "{return_to}");
    }
    let lonely = application.post("/api/v1/challenges", &json!({"user": "mia", "state": "s"})).await;
    assert_eq!(value(&lonely.expect_status(422))["field"], "/state");
    let lonely = application.post("/api/v1/challenges", &json!({"user": "mia", "set_up": true})).await;
    assert_eq!(value(&lonely.expect_status(422))["field"], "/set_up");
    for nonsense in ["", "nonsense", &"A".repeat(43)] {
        let page = application.post("/api/v1/challenges/redeem", &json!({"result": nonsense})).await;
        assert_eq!(problem(&page.expect_status(404)), "result-not-found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_holder_token_ends_after_five_minutes() {
    let server = server(Engine::Sqlite).await;
    let application = register(&server, "Brightwater");
    application.put_user("mia").await.expect_status(201);
    let token = application.first_token("mia").await;
    let path = "/api/v1/users/mia/authenticators";
    application.held("POST", path, &token, Some(&json!({"type": "app"}))).await.expect_status(201);
    application.put_user("noah").await.expect_status(201);
    let unused = application.first_token("noah").await;
    server.advance(std::time::Duration::from_secs(301));
    let begin = async |path: &str, token: &str| {
        application.held("POST", path, token, Some(&json!({"type": "app"}))).await
    };
    let late = begin("/api/v1/users/noah/authenticators", &unused).await.expect_status(403);
    assert_eq!(problem(&late), "account-holder-token-refused");
    // What was begun in time can be confirmed for its ten minutes, and the token does nothing else.
    assert_eq!(problem(&begin(path, &token).await.expect_status(409)), "proof-too-old");
    server.advance(std::time::Duration::from_secs(300));
    assert_eq!(problem(&begin(path, &token).await.expect_status(403)), "account-holder-token-refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_enrolment_takes_a_key_that_may_declare_it() {
    let server = server(Engine::Sqlite).await;
    let application = register(&server, "Brightwater");
    application.put_user("mia").await.expect_status(201);
    let tokens = "/api/v1/users/mia/account-holder-tokens";
    let (_, key) = super::make_key(&server, &application, &["authenticators"], "30");
    let refused = application.with_key(&key).post(tokens, &json!({"first_enrolment": true})).await;
    assert_eq!(problem(&refused.expect_status(403)), "scope-missing");
    let (_, key) = super::make_key(&server, &application, &["first-enrolments"], "30");
    let refused = application.with_key(&key).post(tokens, &json!({"first_enrolment": true})).await;
    assert_eq!(value(&refused.expect_status(403))["scope"], "authenticators", "beside it, not in its place");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_is_switched_off_keeps_the_second_step() {
    let server = server(Engine::Sqlite).await;
    let application = register(&server, "Brightwater");
    let (mut app, _) = application.user_with_app(&server, "mia").await;
    let challenge = application.challenge("mia").await;
    application.ask("DELETE", "/api/v1/users/mia", &[], None).await.expect_status(204);
    application.ask("DELETE", "/api/v1/users/nobody", &[], None).await.expect_status(404);
    assert_eq!(value(&application.get("/api/v1/users/mia").await)["active"], false);
    application.verify(&challenge, "app", &app.fresh_code()).await.expect_status(404);
    let refused = application.post("/api/v1/challenges", &json!({"user": "mia"})).await.expect_status(409);
    assert_eq!(problem(&refused), "user-inactive");
    assert_eq!(problem(&application.put_user("mia").await.expect_status(409)), "user-inactive");
    let on = application.ask("POST", "/api/v1/users/mia/reactivate", &[], None).await.expect_status(200);
    assert_eq!((&value(&on)["active"], &value(&on)["apps"]), (&json!(true), &json!(1)));
    let challenge = application.challenge("mia").await;
    application.verify(&challenge, "app", &app.fresh_code()).await.expect_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_go_to_another_address_only_with_a_token_that_a_second_step_bought() {
    let server = server(Engine::Sqlite).await;
    let application = register(&server, "Brightwater");
    application.put_user("mia").await.expect_status(201);
    let change = json!({"email": "new@users.example", "name": "Mia"});
    let put = async |headers: &[(&str, &str)]| {
        application.ask("PUT", "/api/v1/users/mia", headers, Some(&change)).await
    };
    assert_eq!(problem(&put(&[]).await.expect_status(403)), "account-holder-token-refused");
    let first = application.first_token("mia").await;
    let held = [("countersign-account-holder", first.as_str())];
    assert_eq!(problem(&put(&held).await.expect_status(403)), "account-holder-token-refused");
    // The name alone is nobody's secret.
    let name = json!({"email": "mia@users.example", "name": "Mia Q. Lund"});
    application.ask("PUT", "/api/v1/users/mia", &[], Some(&name)).await.expect_status(200);

    let challenge = application.challenge("mia").await;
    let mut mailbox = server.mailbox(Kind::Email, Some("mia@users.example")).await;
    let send = format!("/api/v1/challenges/{challenge}/send");
    application.post(&send, &json!({"method": "email"})).await.expect_status(204);
    application.verify(&challenge, "email", &mailbox.next_code().await).await.expect_status(200);
    let path = "/api/v1/users/mia/account-holder-tokens";
    let token = value(&application.post(path, &json!({"challenge": challenge})).await.expect_status(201));
    let held = [("countersign-account-holder", token["token"].as_str().unwrap())];
    let with_actor = [held[0], ("countersign-actor", "ada")];
    assert_eq!(problem(&put(&with_actor).await.expect_status(403)), "actor-may-not-change");
    assert_eq!(value(&put(&held).await.expect_status(200))["email"], "new@users.example");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_login_as_the_actor_shows_the_second_step_and_gets_no_token() {
    let server = server(Engine::Sqlite).await;
    let application = register(&server, "Brightwater");
    application.put_user("mia").await.expect_status(201);
    let (mut ada, _) = application.user_with_app(&server, "ada").await;
    let body = json!({"user": "mia", "actor": "ada"});
    let made = value(&application.post("/api/v1/challenges", &body).await.expect_status(201));
    let challenge = made["id"].as_str().unwrap();
    let verified = value(&application.verify(challenge, "app", &ada.fresh_code()).await.expect_status(200));
    assert_eq!((&verified["user"], &verified["actor"]), (&json!("mia"), &json!("ada")));
    for user in ["mia", "ada"] {
        let path = format!("/api/v1/users/{user}/account-holder-tokens");
        let refused = application.post(&path, &json!({"challenge": challenge})).await.expect_status(409);
        assert_eq!(problem(&refused), "challenge-not-usable");
    }
    // The header says the same as the member, and both must say the same.
    let header = [("countersign-actor", "ada")];
    let made = application.ask("POST", "/api/v1/challenges", &header, Some(&json!({"user": "mia"}))).await;
    assert_eq!(value(&made.expect_status(201))["actor"], "ada");
    for (body, status) in [
        (json!({"user": "mia", "actor": "mia"}), 422),
        (json!({"user": "ada"}), 422),
        (json!({"user": "nobody"}), 404),
    ] {
        application.ask("POST", "/api/v1/challenges", &header, Some(&body)).await.expect_status(status);
    }
    let unknown = application.post("/api/v1/challenges", &json!({"user": "mia", "actor": "nobody"})).await;
    assert_eq!(value(&unknown.expect_status(404))["field"], "/actor");
    let missing = application.get(&format!("/api/v1/challenges/{NOBODY}")).await.expect_status(404);
    assert_eq!(problem(&missing), "challenge-not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_codes_pause_the_second_step_over_all_challenges() {
    let server = server(Engine::Sqlite).await;
    let application = register(&server, "Brightwater");
    let (mut app, _) = application.user_with_app(&server, "mia").await;
    let wrong = if app.fresh_code() == "000000" { "111111" } else { "000000" };
    for _ in 0..10 {
        let challenge = application.challenge("mia").await;
        let page = application.verify(&challenge, "app", wrong).await.expect_status(422);
        assert_eq!(value(&page)["reason"], "wrong");
    }
    let challenge = application.challenge("mia").await;
    let paused = application.verify(&challenge, "app", &app.fresh_code()).await.expect_status(429);
    assert_eq!(problem(&paused), "second-step-paused");
    assert!(value(&paused)["retry_after"].as_u64().unwrap() > 600, "{paused}");
}
