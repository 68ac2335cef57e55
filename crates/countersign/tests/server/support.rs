//! What pages say to someone who is stuck, and that it is true for them: whom to contact, what is left, what is asked for.

use super::BINARY;
use crate::api::{RETURN_ADDRESS, register, value};
use countersign_testkit::{Client, Engine, Person, Server, ServerOptions};
use serde_json::json;

/// A server whose operator has named whom to contact.
async fn with_contacts(engine: Engine) -> Server {
    let options = ServerOptions::new(engine, BINARY)
        .with_env("COUNTERSIGN_SUPPORT_URL", "https://help.harbour-pine.example/sign-in")
        .with_env("COUNTERSIGN_SUPPORT_EMAIL", "help@harbour-pine.example");
    Server::start(options).await
}

/// A code that is not one of the app's for some minutes.
fn wrong_code(number: usize) -> String {
    format!("{number:06}")
}

async fn owner_name(server: &Server, owner: &Person) -> String {
    let client = server.client();
    client.sign_in_with_email_code(owner).await;
    let footer = client.get("/profile").await.text("footer p").unwrap();
    footer.split(" · ").next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_can_use_no_method_reads_whom_to_contact_and_a_stranger_no_names() {
    for engine in Engine::ALL {
        let server = with_contacts(engine).await;
        let (owner, member) = (server.people().owner.clone(), server.people().members[0].clone());
        let name = owner_name(&server, &owner).await;
        let contacts = async |client: &Client, path: &str| {
            let page = client.get(path).await.expect_status(200);
            assert!(page.has("a[href='https://help.harbour-pine.example/sign-in']"), "{page}");
            assert!(page.has("a[href='mailto:help@harbour-pine.example']"), "{page}");
            page
        };

        let client = server.client();
        let page = contacts(&client, "/support").await;
        assert!(!page.words().contains(&name) && !page.words().contains("reset"), "{page}");
        assert!(client.get("/forgot-password").await.has("a[href='/support']"));
        // A wrong password shows no more than no password.
        let wrong = Person { password: "not-the-password".into(), ..member.clone() };
        client.sign_in(&wrong).await.expect_status(422);
        assert!(!contacts(&client, "/support").await.words().contains(&name));

        client.sign_in(&member).await.expect_redirect("/sign-in/verify");
        let verify = client.get("/sign-in/verify").await.expect_status(200);
        let href = verify.attributes(".other-ways li:last-child a", "href");
        assert_eq!(href, ["/support"], "{verify}");
        // Neither app nor backup codes: they are not offered.
        let offered = verify.attributes(".other-ways a[href*='method=']", "href").join(" ");
        assert!(!offered.contains("app") && !offered.contains("backup-code"), "{verify}");
        let page = contacts(&client, "/support").await;
        assert!(page.words().contains(&name) && page.words().contains("reset"), "{page}");
        assert!(!page.words().contains("backup codes. Each"), "there are none: {page}");
        assert!(page.has("a[href='/sign-in/verify']"));

        let own = server.client();
        own.sign_in_with_email_code(&member).await;
        let page = contacts(&own, "/support").await;
        assert!(page.words().contains(&name), "{page}");
        let confirm = own.get("/confirm-identity").await.expect_status(200);
        let href = confirm.attributes(".other-ways li:last-child a", "href").remove(0);
        assert!(contacts(&own, &href).await.has(".below a[href^='/confirm-identity?return_to=']"));
        for elsewhere in ["//evil.example/", "https://evil.example/", "/sign-out"] {
            let page = own.get(&format!("/support?return_to={elsewhere}")).await;
            assert!(page.has(".below a[href='/profile']"), "{page}");
        }
        own.set_up_app(&server).await;
        let page = own.get("/support").await;
        assert!(page.has("a[href*='method=backup-code']"), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_seventh_wrong_code_on_the_page_counts_down() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[1].clone();
    let client = server.client();
    client.sign_in_with_email_code(&member).await;
    client.set_up_app(&server).await;
    let stranger = server.client();
    stranger.sign_in(&member).await.expect_redirect("/sign-in/verify");
    for number in 1..=10 {
        let page = stranger.verify("app", &wrong_code(number)).await.expect_status(422);
        let words = page.words();
        let expected = match number {
            7 => "3 attempts left before a 15-minute pause.",
            8 => "2 attempts left before a 15-minute pause.",
            9 => "1 attempt left before a 15-minute pause.",
            10 => "you can’t use any code for the next 15 minutes.",
            _ => {
                assert!(!words.contains("left before"), "{number}: {page}");
                continue;
            }
        };
        assert!(words.contains(expected), "{number}: {page}");
    }
    let closed = stranger.verify("app", &wrong_code(11)).await.expect_status(429);
    assert!(closed.has("a[href='/support']"), "{closed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn members_and_profiles_say_what_a_sign_in_asks_for() {
    let server = super::server(Engine::Sqlite).await;
    let (owner, member) = (server.people().owner.clone(), server.people().members[0].clone());
    let client = server.client();
    client.sign_in_with_email_code(&owner).await;
    let status = async |client: &Client| client.get("/profile").await.text("#two-factor-status").unwrap();
    let before = status(&client).await;
    assert!(before.contains("is off.") && before.contains("a code sent to"), "{before}");
    client.set_up_app(&server).await;
    let after = status(&client).await;
    assert!(after.contains("is on.") && after.contains("a code from “Phone”"), "{after}");
    let listed = client.get("/members").await;
    let steps = listed.texts(".row-facts span:last-child");
    assert!(steps.contains(&"Authenticator app".to_owned()), "{listed}");
    assert!(steps.contains(&"Text message".to_owned()) && steps.contains(&"Email".to_owned()), "{listed}");

    // Only apps are permitted: the first member's phone is no second step.
    let options =
        ServerOptions::new(Engine::Sqlite, BINARY).with_env("COUNTERSIGN_SECOND_STEP_METHODS", "app");
    let strict = Server::start(options).await;
    let client = strict.client();
    client.sign_in(&strict.people().owner.clone()).await.expect_redirect("/profile");
    let off = status(&client).await;
    assert!(off.contains("is off.") && off.contains("only be asked for your password"), "{off}");
    let listed = client.get("/members").await;
    let steps = listed.texts(".row-facts span:last-child");
    assert!(!steps.is_empty() && steps.iter().all(|step| step == "Password only"), "{listed}");
    for path in listed.attributes("a[href^='/members/']", "href") {
        let page = client.get(&path).await.expect_status(200);
        assert!(page.words().contains("Password only"), "{} {page}", member.email);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_login_as_a_page_for_administrators_is_not_said_to_be_the_members() {
    // Without text messages: a phone is nothing that she could add.
    let options = ServerOptions::new(Engine::Sqlite, BINARY)
        .with_env("COUNTERSIGN_SECOND_STEP_METHODS", "app, email, backup-code");
    let server = Server::start(options).await;
    let (admin, member) = (server.people().admin.clone(), server.people().members[0].clone());
    let client = server.client();
    client.sign_in_with_email_code(&admin).await;
    let list = client.get("/members").await.expect_status(200);
    let mut path = None;
    for href in list.attributes("a[href^='/members/']", "href") {
        if client.get(&href).await.words().contains(&member.email) {
            path = Some(href);
        }
    }
    let path = path.unwrap();
    client.post_from(&path, &format!("{path}/login-as"), &[("reason", "ticket")]).await.expect_status(303);
    for page in ["/members", "/organization/applications"] {
        let refused = client.get(page).await.expect_status(403);
        assert!(!refused.words().contains("Only Mia Lund can"), "{refused}");
        assert!(refused.words().contains("isn’t an administrator"), "{refused}");
    }
    let refused = client.post("/profile/phone", &[("phone", "+4591234567")]).await.expect_status(403);
    assert!(!refused.words().contains("Only Mia Lund can"), "{refused}");
    let refused = client.get("/profile").await.expect_status(403);
    assert!(refused.words().contains("Only Mia Lund can"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_an_applications_pages_too_and_without_names() {
    let server = with_contacts(Engine::Sqlite).await;
    let name = owner_name(&server, &server.people().owner.clone()).await;
    let crm = register(&server, "Harbour CRM");
    let (_app, _codes) = crm.user_with_app(&server, "mia").await;
    let body = json!({"user": "mia", "return_to": RETURN_ADDRESS});
    let challenge = value(&crm.post("/api/v1/challenges", &body).await.expect_status(201));
    let path = challenge["url"].as_str().unwrap().strip_prefix(&server.url()).unwrap().to_owned();
    let person = server.client();
    let page = person.get(&path).await.expect_status(200);
    let help = page.attributes(".other-ways li:last-child a", "href").remove(0);
    assert_eq!(help, format!("{path}/support"));
    let page = person.get(&help).await.expect_status(200);
    assert!(page.has("a[href='mailto:help@harbour-pine.example']"), "{page}");
    assert!(page.words().contains("the support of Harbour CRM") && !page.words().contains(&name), "{page}");
    assert!(page.has(&format!("a[href='{path}']")), "{page}");
    for number in 1..=7 {
        let fields = [("method", "app"), ("code", &*wrong_code(number))];
        let page = person.post_from(&path, &format!("{path}/verify"), &fields).await.expect_status(422);
        let near = page.words().contains("3 attempts left before a 15-minute pause.");
        assert_eq!(near, number == 7, "{number}: {page}");
    }
    // The application's server reads the number.
    let verify = format!("/api/v1/challenges/{}/verify", crm.challenge("mia").await);
    let refused =
        crm.post(&verify, &json!({"method": "app", "code": wrong_code(8)})).await.expect_status(422);
    assert_eq!(value(&refused)["attempts_left"], 2, "{refused}");
}
