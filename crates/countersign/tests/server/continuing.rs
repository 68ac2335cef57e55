//! What someone was doing goes on after they have confirmed who they are.

use countersign_testkit::{App, Client, Engine, Page, Person, Server, burst};
use std::time::Duration;

const CONTINUE: &str = "/confirm-identity/continue";

/// A person with an app, whose proof of identity is too old by now.
async fn stale(server: &Server, person: &Person) -> (Client, App) {
    let client = server.client();
    client.sign_in_with_email_code(person).await;
    let app = client.set_up_app(server).await;
    server.advance(Duration::from_secs(301));
    (client, app)
}

/// Sends a form that needs a fresh proof, and opens the page that asks for it.
async fn asked(client: &Client, page: &str, action: &str, fields: &[(&str, &str)]) -> Page {
    let sent = client.post_from(page, action, fields).await.expect_redirect("/confirm-identity");
    client.follow(sent).await.expect_status(200)
}

/// Enters password and code on that page, with what it keeps.
async fn confirm(client: &Client, person: &Person, app: &mut App, form: &Page) -> Page {
    let back = form.attribute("input[name=return_to]", "value").unwrap();
    let code = app.fresh_code();
    let fields =
        [("password", &*person.password), ("method", "app"), ("code", &*code), ("return_to", &*back)];
    client.post("/confirm-identity", &fields).await
}

/// The fields of the page that asks before something ends.
fn waits(page: &Page) -> [(&'static str, String); 2] {
    ["form", "return_to"].map(|name| {
        (name, page.attribute(&format!("form[action='{CONTINUE}'] input[name={name}]"), "value").unwrap())
    })
}

async fn go_on(client: &Client, fields: &[(&'static str, String); 2]) -> Page {
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    client.post(CONTINUE, &fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_up_begins_as_soon_as_the_identity_is_confirmed() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        let member = server.people().members[0].clone();
        let (client, mut app) = stale(&server, &member).await;
        let form = asked(&client, "/profile", "/profile/app/begin", &[]).await;
        assert!(form.words().contains("to set up your authenticator app"), "{form}");
        assert_eq!(form.attribute("a.button", "href").as_deref(), Some("/profile"), "Cancel leads back");
        let before = client.cookie("countersign");
        let begun = confirm(&client, &member, &mut app, &form).await.expect_redirect("/profile/app/setup");
        assert_ne!(client.cookie("countersign"), before, "a new handle");
        client.follow(begun).await.expect_status(200).otpauth_uri().unwrap();
    }
}

/// Nothing that was entered is lost: neither over a wrong password nor a wrong code, nor where the form is rejected.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_entered_is_kept_through_every_detour() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[1].clone();
    let (client, mut app) = stale(&server, &member).await;
    let form = asked(&client, "/profile", "/profile/email", &[("email", "mia.lund+new@example.com")]).await;
    let back = form.attribute("input[name=return_to]", "value").unwrap();
    for password in ["not-the-password", &member.password] {
        let fields = [("password", password), ("method", "app"), ("code", "000000"), ("return_to", &back)];
        let again = client.post("/confirm-identity", &fields).await.expect_status(422);
        assert_eq!(again.attribute("input[name=return_to]", "value").as_ref(), Some(&back));
        assert!(again.words().contains("change your email address"), "{again}");
    }
    let other_way = form.attribute(".other-ways a[href*='method=email']", "href").unwrap();
    let email = client.get(&other_way).await.expect_status(200);
    let send = [("method", "email"), ("return_to", &*back)];
    let sent = client.post("/confirm-identity/send-code", &send).await.expect_redirect("/confirm-identity");
    for page in [email, client.follow(sent).await.expect_status(200)] {
        assert_eq!(page.attribute("input[name=return_to]", "value").as_ref(), Some(&back));
    }
    let going = confirm(&client, &member, &mut app, &form).await.expect_redirect("/profile/email/confirm");
    let page = client.follow(going).await.expect_status(200).words();
    assert!(page.contains("mia.lund+new@example.com"), "{page}");

    server.advance(Duration::from_secs(301));
    let phone = [("phone", "12345 without a country")];
    let form = asked(&client, "/profile", "/profile/phone", &phone).await;
    let rejected = confirm(&client, &member, &mut app, &form).await.expect_status(422);
    assert!(rejected.has("input[name=phone][value='12345 without a country']"), "{rejected}");

    server.advance(Duration::from_secs(301));
    let new = "four unrelated words, new";
    let change = [("current_password", &*member.password), ("password", new)];
    let form = asked(&client, "/profile", "/profile/password", &change).await;
    assert!(!form.body.contains(new), "a password is never shown");
    confirm(&client, &member, &mut app, &form).await.expect_redirect("/profile");
    let changed = Person { password: new.to_owned(), ..member };
    server.client().sign_in(&changed).await.expect_redirect("/sign-in/verify");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_something_is_asked_about_first_and_done_once() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        let member = server.people().members[0].clone();
        let (client, mut app) = stale(&server, &member).await;
        let action = client.get("/profile").await.attribute("form[action$='/remove']", "action").unwrap();
        let form = asked(&client, "/profile", &action, &[]).await;
        let to = confirm(&client, &member, &mut app, &form).await.expect_redirect(CONTINUE);
        // Looking changes nothing, and nor does Cancel.
        let to = to.location().unwrap();
        for _ in 0..2 {
            let page = client.get(&to).await.expect_status(200);
            assert_eq!(page.text("h1").as_deref(), Some("Remove “Phone”?"), "{page}");
            assert_eq!(page.attribute("a.button", "href").as_deref(), Some("/profile"));
        }
        assert!(client.get("/profile").await.has(&format!("form[action='{action}']")));
        let fields = waits(&client.get(&to).await);

        let foreign = server.client();
        foreign.sign_in_with_email_code(&server.people().members[1].clone()).await;
        foreign.get("/profile").await;
        let nothing = go_on(&foreign, &fields).await.expect_redirect("/profile");
        assert!(foreign.follow(nothing).await.words().contains("expired or was already carried out"));
        assert!(client.get("/profile").await.has(&format!("form[action='{action}']")), "not by a stranger");

        client.get(&to).await;
        let answers = burst(20, |_| {
            let (client, fields) = (client.fork(), fields.clone());
            async move {
                let page = go_on(&client, &fields).await;
                (page.status, page.set_cookies().iter().any(|line| line.starts_with("countersign=")))
            }
        })
        .await;
        let renewed = answers.iter().filter(|(status, renewed)| *status == 303 && *renewed).count();
        assert_eq!(renewed, 1, "carried out once: {answers:?}");
        let profile = server.client();
        profile.sign_in_with_email_code(&member).await;
        assert!(!profile.get("/profile").await.has(&format!("form[action='{action}']")), "and it is gone");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_waits_five_minutes_and_two_tabs_each_go_on_with_their_own() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    let (client, mut app) = stale(&server, &member).await;
    let first = asked(&client, "/profile", "/profile/app/begin", &[]).await;
    let second = asked(&client, "/profile", "/profile/email", &[("email", "new@example.com")]).await;
    client.get("/profile").await;
    confirm(&client, &member, &mut app, &second).await.expect_redirect("/profile/email/confirm");
    client.get("/profile").await;
    confirm(&client, &member, &mut app, &first).await.expect_redirect("/profile/app/setup");

    server.advance(Duration::from_secs(301));
    let late = asked(&client, "/profile", "/profile/email", &[("email", "late@example.com")]).await;
    server.advance(Duration::from_secs(301));
    let to = confirm(&client, &member, &mut app, &late).await.expect_redirect(CONTINUE);
    let page = client.follow(to).await.expect_status(200).words();
    assert!(page.contains("expired or was already carried out"), "{page}");
    for nonsense in ["", "?form=x", "?form=01890000-0000-7000-8000-00000000000g"] {
        client.get(&format!("{CONTINUE}{nonsense}")).await.expect_status(404);
    }
    let unknown =
        format!("{CONTINUE}?form=01890000-0000-7000-8000-000000000000&return_to=https://evil.example/");
    client.get(&unknown).await.expect_redirect("/profile");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_as_and_an_applications_changes_go_on_with_what_was_entered() {
    let server = super::server(Engine::Sqlite).await;
    let (admin, owner) = (server.people().admin.clone(), server.people().owner.clone());
    let (client, mut app) = stale(&server, &admin).await;
    let members = client.get("/members").await.attributes("a.row-link", "href");
    let names: Vec<_> = client.get("/members").await.texts("a.row-link strong");
    let mia = names.iter().position(|name| name.contains("Mia")).unwrap();
    let path = &members[mia];
    let reason = "Ticket 4711: an invoice & a “missing” line";
    let form = asked(&client, path, &format!("{path}/login-as"), &[("reason", reason)]).await;
    let begun = confirm(&client, &admin, &mut app, &form).await.expect_redirect("/login-as");
    let landing = client.follow(begun).await.expect_status(200).words();
    assert!(landing.contains(reason), "{landing}");
    client.get(CONTINUE).await.expect_status(403);

    let (client, mut app) = stale(&server, &owner).await;
    let list = "/organization/applications";
    let form = asked(&client, list, list, &[("name", "Tidewater staff")]).await;
    let made = confirm(&client, &owner, &mut app, &form).await.expect_status(303).location().unwrap();
    let page = client.get(&made).await.expect_status(200);
    assert!(page.words().contains("Tidewater staff"), "{page}");

    server.advance(Duration::from_secs(301));
    let path = made.split('?').next().unwrap();
    let form = asked(&client, path, &format!("{path}/switch-off"), &[]).await;
    let to = confirm(&client, &owner, &mut app, &form).await.expect_redirect(CONTINUE);
    let page = client.follow(to).await.expect_status(200);
    assert_eq!(page.text("h1").as_deref(), Some("Turn off “Tidewater staff”?"));
    go_on(&client, &waits(&page)).await.expect_redirect(path);
    assert!(client.get(path).await.has("form[action$='/switch-on']"));
}
