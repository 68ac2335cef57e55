//! How sure it is who somebody is: `prompt`, `max_age`, `acr_values`, and where nobody may be asked.

use super::{Answer, App, claims, json, signed_in, text};
use countersign_testkit::{Client, Engine, Kind, Page, Person, Server, ServerOptions};
use serde_json::json;
use std::time::Duration;

const TWO: &str = "urn:countersign:acr:two-factor";
const ONE: &str = "urn:countersign:acr:one-factor";

/// A server on which only an app is a second step: people without one sign in by their password.
async fn with_apps_alone() -> Server {
    let options = ServerOptions::new(Engine::Sqlite, crate::BINARY);
    Server::start(options.with_env("COUNTERSIGN_SECOND_STEP_METHODS", "app,backup-code")).await
}

/// Follows a step-up: the page says who asks; the person enters password and code; the way on.
async fn step_up(client: &Client, to: &str, person: &Person, method: &str, code: Option<&str>) -> Page {
    let form = client.get(to).await.expect_status(200);
    assert!(
        form.words().contains("needs you to confirm your identity") && form.words().contains("Harbour CRM"),
        "{form}"
    );
    let return_to = form.attribute("input[name=return_to]", "value").unwrap();
    let sent;
    let code = match code {
        Some(code) => code,
        None => {
            let kind = if method == "sms" { Kind::Sms } else { Kind::Email };
            let mut mailbox = countersign_testkit::Mailbox::open(client.base(), kind, None).await;
            let fields = [("method", method), ("return_to", &*return_to)];
            client.post("/confirm-identity/send-code", &fields).await.expect_status(303);
            sent = mailbox.next_code().await;
            &sent
        }
    };
    let fields =
        [("password", &*person.password), ("return_to", &*return_to), ("method", method), ("code", code)];
    let page = client.post("/confirm-identity", &fields).await.expect_redirect("/oauth2/authorize");
    client.get(&page.location().unwrap()).await
}

/// The ID token of the code in an answer.
async fn told(server: &Server, app: &App, back: &Page) -> serde_json::Value {
    claims(text(&json(&app.exchange(server, &Answer::of(back).code()).await.expect_status(200)), "id_token"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_that_is_not_there_is_asked_for_or_is_an_error() {
    let server = with_apps_alone().await;
    let (app, member) = (App::own(&server), server.people().members[0].clone());
    let client = server.client();
    client.sign_in(&member).await.expect_status(303);
    let token = claims(text(&app.tokens(&server, &client, &[]).await, "id_token"));
    assert_eq!((text(&token, "acr"), &token["amr"]), (ONE, &json!(["pwd"])));
    // No second step, no unknown class: an error, and never a lower one.
    for wanted in [TWO, "urn:other", "2"] {
        let page = client.get(&app.request(&[("acr_values", wanted)])).await;
        assert_eq!(Answer::of(&page).error(), "unmet_authentication_requirements", "{wanted}");
    }
    let essential = format!(r#"{{"id_token":{{"acr":{{"essential":true,"values":["{TWO}"]}}}}}}"#);
    let page = client.get(&app.request(&[("claims", &essential)])).await;
    assert_eq!(Answer::of(&page).error(), "unmet_authentication_requirements");
    let either = format!("{TWO} {ONE}");
    let token = claims(text(&app.tokens(&server, &client, &[("acr_values", &either)]).await, "id_token"));
    assert_eq!(text(&token, "acr"), ONE, "the second choice, where the first cannot be met");

    let mut phone = client.set_up_app(&server).await;
    let request = app.request(&[("acr_values", TWO)]);
    let silent = client.get(&app.request(&[("acr_values", TWO), ("prompt", "none")])).await;
    assert_eq!(Answer::of(&silent).error(), "unmet_authentication_requirements");
    let to = client.get(&request).await.expect_redirect("/confirm-identity").location().unwrap();
    let back = step_up(&client, &to, &member, "app", Some(&phone.fresh_code())).await;
    let code = Answer::of(&back).code();
    let token = claims(text(&json(&app.exchange(&server, &code).await.expect_status(200)), "id_token"));
    assert_eq!((text(&token, "acr"), &token["amr"]), (TWO, &json!(["pwd", "otp", "mfa"])));
    // The session has it from now on.
    app.code(&client, &[("acr_values", TWO), ("prompt", "none")]).await;
    // Whoever gives up sends the application away, and not in circles.
    let to = client.get(&app.request(&[("prompt", "login")])).await.location().unwrap();
    let form = client.get(&to).await.expect_status(200);
    let cancel = form.attribute("form[action='/confirm-identity'] a", "href").unwrap();
    assert_eq!(Answer::of(&client.get(&cancel).await).error(), "access_denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_password_does_not_make_an_old_second_step_fresh() {
    let server = crate::server(Engine::Sqlite).await;
    let (app, member) = (App::own(&server), server.people().members[1].clone());
    let client = signed_in(&server, &member).await;
    let mut phone = client.set_up_app(&server).await;
    client.sign_out().await;
    client.sign_in_with_app(&member, &mut phone).await;
    let began = server.clock().now();
    server.advance(Duration::from_secs(900));
    client.get("/profile").await.expect_status(200);
    // A code by email is enough here, and one factor is what the application is told.
    let limit = app.request(&[("max_age", "600")]);
    let to = client.get(&limit).await.expect_redirect("/confirm-identity").location().unwrap();
    let token = told(&server, &app, &step_up(&client, &to, &member, "email", None).await).await;
    assert_eq!((text(&token, "acr"), &token["amr"]), (ONE, &json!(["pwd"])));
    assert!(token["auth_time"].as_u64().unwrap() >= began + 890, "{token}");
    // Without a limit both factors count, and are as old as the older one.
    let token = claims(text(&app.tokens(&server, &client, &[]).await, "id_token"));
    assert!(text(&token, "acr") == TWO && token["auth_time"].as_u64().unwrap() < began + 60, "{token}");
    // Both, and fresh: the page offers factors only, and takes nothing else.
    let fresh = [("max_age", "600"), ("acr_values", TWO)];
    let to = client.get(&app.request(&fresh)).await.expect_redirect("/confirm-identity").location().unwrap();
    let form = client.get(&to).await.expect_status(200);
    assert!(form.words().contains("A code by email isn’t enough for this."), "{form}");
    assert!(!form.has("a[href*='method=email']"), "{form}");
    let return_to = form.attribute("input[name=return_to]", "value").unwrap();
    let send = [("method", "email"), ("return_to", &*return_to)];
    client.post("/confirm-identity/send-code", &send).await.expect_status(422);
    let alone = [("password", &*member.password), ("return_to", &*return_to)];
    client.post("/confirm-identity", &alone).await.expect_status(422);
    let back = step_up(&client, &to, &member, "app", Some(&phone.fresh_code())).await;
    let token = told(&server, &app, &back).await;
    assert!(text(&token, "acr") == TWO && token["auth_time"].as_u64().unwrap() >= began + 890, "{token}");
}

/// Sets a new password by a link to the mailbox.
async fn reset(server: &Server, person: &Person) -> Person {
    let (client, mut mailbox) = (server.client(), server.mailbox(Kind::Email, Some(&person.email)).await);
    let fields = [("email", &*person.email)];
    client.post_from("/forgot-password", "/forgot-password", &fields).await;
    let link = mailbox.next().await.link().unwrap();
    let path = link.strip_prefix(&server.url()).unwrap();
    let password = "tulip-ferry-oak-lamp";
    client.post_from(path, path, &[("password", password)]).await.expect_status(303);
    Person { password: password.into(), ..person.clone() }
}

/// NIST SP 800-63B-4 §3.1.3.1: a mailbox is not an authenticator.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_by_email_is_a_step_and_never_a_factor() {
    for engine in Engine::ALL {
        let server = crate::server(engine).await;
        let app = App::own(&server);
        let by_email = (ONE.to_owned(), json!(["pwd"]), json!(["password", "email"]));
        let by_sms = (TWO.to_owned(), json!(["pwd", "sms", "mfa"]), json!(["password", "sms"]));
        let by_link = (ONE.to_owned(), json!(["pwd"]), json!(["email"]));
        let said = |value: &serde_json::Value| {
            (text(value, "acr").to_owned(), value["amr"].clone(), value["countersign_steps"].clone())
        };
        // Somebody who has a mailbox and nothing else: two factors cannot be had.
        let member = server.people().members[1].clone();
        let client = signed_in(&server, &member).await;
        let tokens = app.tokens(&server, &client, &[]).await;
        assert_eq!(said(&claims(text(&tokens, "id_token"))), by_email);
        assert_eq!(said(&app.introspect(&server, text(&tokens, "access_token")).await), by_email);
        for more in [&[][..], &[("prompt", "login")], &[("prompt", "none")], &[("max_age", "0")]] {
            let page = client.get(&app.request(&[more, &[("acr_values", TWO)]].concat())).await;
            assert_eq!(Answer::of(&page).error(), "unmet_authentication_requirements", "{more:?}");
        }
        // Fresh, by the same two steps.
        server.advance(Duration::from_secs(31));
        let to = client.get(&app.request(&[("prompt", "login")])).await.location().unwrap();
        let back = step_up(&client, &to, &member, "email", None).await;
        assert_eq!(said(&told(&server, &app, &back).await), by_email);
        // Whoever has a phone as well is asked for that, and is not offered email.
        let member = server.people().members[0].clone();
        let client = signed_in(&server, &member).await;
        assert_eq!(said(&claims(text(&app.tokens(&server, &client, &[]).await, "id_token"))), by_email);
        let to = client.get(&app.request(&[("acr_values", TWO)])).await.location().unwrap();
        let form = client.get(&to).await.expect_status(200);
        assert!(!form.has("a[href*='method=email']"), "{form}");
        let back = step_up(&client, &to, &member, "sms", None).await;
        assert_eq!(said(&told(&server, &app, &back).await), by_sms);
        // After a reset link, a code to the same mailbox adds nothing.
        let member = reset(&server, &server.people().members[2].clone()).await;
        let client = signed_in(&server, &member).await;
        let tokens = app.tokens(&server, &client, &[]).await;
        assert_eq!(said(&claims(text(&tokens, "id_token"))), by_link);
        assert_eq!(said(&app.introspect(&server, text(&tokens, "access_token")).await), by_link);
    }
    let server = crate::server(Engine::Sqlite).await;
    let discovered = json(&server.client().get("/.well-known/openid-configuration").await);
    assert_eq!(discovered["acr_values_supported"], json!([ONE, TWO]));
    assert!(discovered["claims_supported"].as_array().unwrap().contains(&json!("countersign_steps")));
}

#[tokio::test(flavor = "multi_thread")]
async fn prompt_login_wants_a_proof_that_is_younger_than_the_request() {
    let server = crate::server(Engine::Sqlite).await;
    let (app, member) = (App::own(&server), server.people().members[0].clone());
    let client = signed_in(&server, &member).await;
    for changes in [[("prompt", "login")], [("prompt", "select_account")], [("max_age", "0")]] {
        server.advance(Duration::from_secs(2));
        let request = app.request(&changes);
        let to = client.get(&request).await.expect_redirect("/confirm-identity").location().unwrap();
        let forged = format!("{request}&asked_at=0&asked_mac=AAAA");
        client.get(&forged).await.expect_redirect("/confirm-identity");
        server.advance(Duration::from_secs(31));
        let token = told(&server, &app, &step_up(&client, &to, &member, "email", None).await).await;
        assert!(server.clock().now() - token["auth_time"].as_u64().unwrap() < 30, "{token}");
        // The same request once more is another one.
        server.advance(Duration::from_secs(2));
        client.get(&request).await.expect_redirect("/confirm-identity");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_where_nobody_may_be() {
    let server = crate::server(Engine::Sqlite).await;
    let (app, third) = (App::own(&server), App::third_party(&server));
    let none = [("prompt", "none")];
    let page = server.client().get(&app.request(&none)).await;
    assert_eq!(Answer::of(&page).error(), "login_required");
    let client = signed_in(&server, &server.people().members[0].clone()).await;
    app.code(&client, &none).await;
    assert_eq!(Answer::of(&client.get(&third.request(&none)).await).error(), "consent_required");
    server.advance(Duration::from_secs(100));
    let old = client.get(&app.request(&[("prompt", "none"), ("max_age", "60")])).await;
    assert_eq!(Answer::of(&old).error(), "login_required");
}
