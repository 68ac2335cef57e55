//! Where a sign-in leads is named on its pages, and there is a way out.

use super::{Answer, App, signed_in};
use countersign_testkit::{Engine, Kind};

const NAMED: &str = "Sign in to continue to Harbour CRM";

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_a_sign_in_name_the_application_and_lead_back_to_it() {
    let server = crate::server(Engine::Sqlite).await;
    let (app, member) = (App::own(&server), server.people().members[0].clone());
    let client = server.client();
    let asked = client.get(&app.request(&[])).await.expect_redirect("/sign-in").location().unwrap();
    let page = client.get(&asked).await.expect_status(200);
    assert!(page.words().contains(NAMED), "{page}");
    let forgot = page.attribute("a[href^='/forgot-password']", "href").unwrap();
    let out = page.texts("a").into_iter().find(|text| text.contains("go back to Harbour CRM"));
    assert!(out.is_some(), "{page}");
    let out = page.attribute("a[href*='cancelled']", "href").unwrap();
    assert_eq!(Answer::of(&client.get(&out).await).error(), "access_denied");
    // By way of a forgotten password, and after a wrong one.
    let page = client.get(&forgot).await.expect_status(200);
    assert!(page.words().contains("Back to sign-in for Harbour CRM"), "{page}");
    let return_to = page.attribute("input[name=return_to]", "value").unwrap();
    let fields = [("email", member.email.as_str()), ("return_to", return_to.as_str())];
    let sent = client.post("/forgot-password", &fields).await;
    let sent = client.follow(sent).await;
    assert_eq!(sent.attribute("a[href^='/sign-in']", "href").as_deref(), Some(asked.as_str()));
    client.get(&asked).await;
    let wrong = [("email", &*member.email), ("password", "wrong"), ("return_to", &*return_to)];
    let page = client.post("/sign-in", &wrong).await.expect_status(422);
    assert!(page.words().contains(NAMED), "{page}");
    let right = [("email", &*member.email), ("password", &*member.password), ("return_to", &*return_to)];
    client.post("/sign-in", &right).await.expect_redirect("/sign-in/verify");
    let page = client.get("/sign-in/verify").await.expect_status(200);
    assert!(page.words().contains("Signing in to Harbour CRM"), "{page}");
    assert!(page.has("a[href*='cancelled']"), "{page}");
    // Somebody else sits here: the way is kept.
    let other = client.post("/sign-out", &[("return_to", return_to.as_str())]).await;
    let page = client.follow(other).await.expect_status(200);
    assert!(page.words().contains(NAMED), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_named_that_is_not_registered() {
    let server = crate::server(Engine::Sqlite).await;
    let app = App::own(&server);
    let client = server.client();
    let elsewhere = app.request(&[("redirect_uri", "https://evil.example/back")]);
    let unknown = app.request(&[("client_id", "0199a000-0000-7000-8000-000000000000")]);
    let site = "/forward-auth/sign-in?site=https%3A%2F%2Fevil.example&to=%2F&nonce=x".to_owned();
    for return_to in [elsewhere, unknown, site, "/oauth2/authorize?client_name=Your%20bank".to_owned()] {
        let query = super::encoded(&[("return_to", &return_to), ("destination", "Your bank")]);
        for path in ["/sign-in", "/forgot-password"] {
            let page = client.get(&format!("{path}?{query}")).await.expect_status(200);
            let words = page.words();
            assert!(!words.contains("continue to") && !words.contains("sign-in for"), "{page}");
            assert!(!words.contains("evil") && !words.contains("bank"), "{page}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_different_account_can_be_used_for_the_same_request() {
    let server = crate::server(Engine::Sqlite).await;
    let (app, people) = (App::third_party(&server), server.people().clone());
    let client = signed_in(&server, &people.members[0]).await;
    let consent = client.get(&app.request(&[])).await.expect_status(200);
    let address = consent.attribute("form[action='/sign-out'] input[name=return_to]", "value").unwrap();
    // Without the token nothing ends; elsewhere nobody is sent.
    let forged = [("return_to", address.as_str()), ("csrf_token", "forged")];
    client.post("/sign-out", &forged).await.expect_status(403);
    let copy = client.fork();
    let next = client.post("/sign-out", &[("return_to", address.as_str())]).await;
    let page = client.follow(next).await.expect_status(200);
    assert_eq!(copy.get("/profile").await.status, 303, "the session has ended");
    assert!(page.words().contains(NAMED), "{page}");
    let return_to = page.attribute("input[name=return_to]", "value").unwrap();
    let other = &people.members[1];
    let fields = [("email", &*other.email), ("password", &*other.password), ("return_to", &*return_to)];
    let mut mailbox = server.mailbox(Kind::Email, Some(&other.email)).await;
    client.post("/sign-in", &fields).await.expect_redirect("/sign-in/verify");
    let verified = client.verify("email", &mailbox.next_code().await).await;
    let consent = client.follow(verified).await.expect_status(200);
    assert!(consent.words().contains(&other.email), "{consent}");
    copy.get("/sign-in").await;
    let away = copy.post("/sign-out", &[("return_to", "https://evil.example/")]).await;
    assert_eq!(away.location().as_deref(), Some("/sign-in"));
}
