//! What someone was doing goes on after they have confirmed who they are.

use countersign_testkit::{App, Browser, BrowserOptions, Client, Engine, Kind, Page, Person, Server, burst};
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

#[tokio::test(flavor = "multi_thread")]
async fn new_backup_codes_are_asked_about_first() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    let (client, mut app) = stale(&server, &member).await;
    let form = asked(&client, "/profile/backup-codes", "/profile/backup-codes/reset", &[]).await;
    assert!(form.words().contains("to generate new backup codes"), "{form}");
    let to = confirm(&client, &member, &mut app, &form).await.expect_redirect(CONTINUE);
    let page = client.follow(to).await.expect_status(200);
    assert_eq!(page.text("h1").as_deref(), Some("Generate new backup codes?"));
    let old = app.backup_codes[0].clone();
    server.client().sign_in_with_backup_code(&member, &old).await;
    client.get("/profile").await;
    go_on(&client, &waits(&page)).await.expect_redirect("/profile/backup-codes");
    let other = server.client();
    other.sign_in(&member).await.expect_redirect("/sign-in/verify");
    other.verify("backup-code", &app.backup_codes[1]).await.expect_status(422);
}

/// Someone who has a copy of the cookie leaves a form, and sends the account holder a link to confirm it.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_of_someone_elses_leads_to_no_form_and_the_page_says_what_is_confirmed() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    let (client, mut app) = stale(&server, &member).await;
    let thief = client.fork();
    let left = thief.post_from("/profile", "/profile/email", &[("email", "eve@example.com")]).await;
    let link = left.expect_redirect("/confirm-identity").location().unwrap();
    for site in ["cross-site", "same-site", "none"] {
        let page = client.request("GET", &link, &[("sec-fetch-site", site)], Vec::new()).await;
        let page = client.follow(page.expect_redirect("/profile")).await.words();
        assert!(page.contains("expired or was already carried out"), "{site}: {page}");
    }
    let form = client.request("GET", &link, &[("sec-fetch-site", "same-origin")], Vec::new()).await;
    let form = form.expect_status(200);
    assert!(form.words().contains("to change your email address to eve@example.com"), "{form}");

    // After the owner has confirmed something else, neither the thief nor a link to the page that goes on gets further.
    let own = asked(&client, "/profile", "/profile/app/begin", &[]).await;
    confirm(&client, &member, &mut app, &own).await.expect_redirect("/profile/app/setup");
    assert!(thief.get("/profile").await.expect_redirect("/sign-in").location().is_some());
    let back = form.attribute("input[name=return_to]", "value").unwrap();
    let page = client.request("GET", &back, &[("sec-fetch-site", "cross-site")], Vec::new()).await;
    page.expect_redirect("/profile");
}

/// A change of credentials ends what waits in the session, and another session of the same person never has it.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_its_own_sessions_and_a_change_of_credentials_ends_it() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    let (client, mut app) = stale(&server, &member).await;
    let email = [("email", "new@example.com")];
    let first = asked(&client, "/profile", "/profile/email", &email).await;
    let elsewhere = server.client();
    elsewhere.sign_in_with_app(&member, &mut app).await;
    let back = first.attribute("input[name=return_to]", "value").unwrap();
    let over = elsewhere.get(&back).await.expect_redirect("/profile");
    assert!(elsewhere.follow(over).await.words().contains("expired or was already carried out"));
    elsewhere.get("/profile").await;
    let over = confirm(&elsewhere, &member, &mut app, &first).await;
    assert!(over.status == 303 && !over.location().unwrap().contains("/email"), "{over}");

    let new = "four unrelated words, new";
    let change = [("current_password", &*member.password), ("password", new)];
    let second = asked(&client, "/profile", "/profile/password", &change).await;
    confirm(&client, &member, &mut app, &second).await.expect_redirect("/profile");
    client.get(&back).await.expect_redirect("/profile");
    assert!(!client.get("/profile").await.words().contains("new@example.com"));
    client.get("/profile/email/confirm").await.expect_redirect("/profile");
}

/// The pages of two tabs, as they are: what the first one confirms makes the token in the second one stale.
#[tokio::test(flavor = "multi_thread")]
async fn the_second_tab_goes_on_without_asking_again() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    let (client, mut app) = stale(&server, &member).await;
    let second = asked(&client, "/profile", "/profile/email", &[("email", "new@example.com")]).await;
    let token = second.csrf_token().unwrap();
    let back = second.attribute("input[name=return_to]", "value").unwrap();
    let first = asked(&client, "/profile", "/profile/app/begin", &[]).await;
    confirm(&client, &member, &mut app, &first).await.expect_redirect("/profile/app/setup");

    let fields = [("csrf_token", &*token), ("password", &*member.password), ("return_to", &*back)];
    let refused = client.post("/confirm-identity", &fields).await.expect_status(403);
    let again = refused.attribute("main a[href^='/confirm-identity']", "href").unwrap();
    let to = client.get(&again).await.expect_redirect(CONTINUE);
    let page = client.follow(to).await.expect_status(200);
    assert!(page.words().contains("change your email address to new@example.com"), "{page}");
    let waiting = waits(&page);
    let stale = [("csrf_token", &*token), ("form", &*waiting[0].1), ("return_to", &*waiting[1].1)];
    let refused = client.post(CONTINUE, &stale).await.expect_status(403);
    let again = refused.attribute(&format!("main a[href^='{CONTINUE}']"), "href").unwrap();
    let page = client.get(&again).await.expect_status(200);
    go_on(&client, &waits(&page)).await.expect_redirect("/profile/email/confirm");
    client.get("/profile").await;
    let twice = go_on(&client, &waiting).await.expect_redirect("/profile");
    assert!(client.follow(twice).await.words().contains("expired or was already carried out"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_arrived_damaged_or_is_too_long_does_not_wait() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    let (client, _app) = stale(&server, &member).await;
    let token = client.get("/profile").await.csrf_token().unwrap();
    let long = format!("csrf_token={token}&email={}", "x".repeat(20_000));
    for body in [format!("csrf_token={token}&email=a&email=b"), format!("csrf_token={token}&email=%FF"), long]
    {
        let sent = client.post_raw("/profile/email", body).await.expect_redirect("/confirm-identity");
        assert_eq!(sent.location().as_deref(), Some("/confirm-identity?return_to=/profile"));
    }
}

/// Chromium says of each request where it comes from: the redirect to the proof, a reload and the way on are our own, and an
/// address that was entered is not.
async fn in_chromium(options: BrowserOptions) {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    let browser = Browser::start(options).await;
    let mut mailbox = server.mailbox(Kind::Email, Some(&member.email)).await;
    browser.open(&format!("{}/sign-in", server.url())).await;
    browser.fill("input[name=email]", &member.email).await;
    browser.fill("input[name=password]", &member.password).await;
    browser.follow("main form button.primary").await;
    browser.wait_for_path("/sign-in/verify").await;
    if browser.has(".other-ways a[href*='method=email']").await {
        browser.follow(".other-ways a[href*='method=email']").await;
    }
    browser.follow("form[action='/sign-in/send-code'] button").await;
    let verify = "form[action='/sign-in/verify'] button";
    browser.enter_code(&mailbox.next_code().await, verify).await;
    browser.wait_for_path("/profile").await;

    server.advance(Duration::from_secs(301));
    browser.follow("form[action='/profile/app/begin'] button").await;
    browser.wait_for_path("/confirm-identity").await;
    assert!(browser.text("main").await.contains("to set up your authenticator app"));
    browser.driver().refresh().await.unwrap();
    assert!(browser.text("main").await.contains("to set up your authenticator app"), "after a reload");
    if browser.has(".other-ways a[href*='method=email']").await {
        browser.follow(".other-ways a[href*='method=email']").await;
    }
    let entered = browser.url().await;
    browser.follow("form[action='/confirm-identity/send-code'] button").await;
    let code = mailbox.next_code().await;
    browser.fill("input[name=password]", &member.password).await;
    browser.enter_code(&code, "form[action='/confirm-identity'] button.primary").await;
    browser.wait_for_path("/profile/app/setup").await;

    server.advance(Duration::from_secs(301));
    browser.open(&format!("{}/profile", server.url())).await;
    browser.follow("form[action='/profile/app/begin'] button").await;
    browser.wait_for_path("/confirm-identity").await;
    let waits = browser.url().await;
    assert_ne!(waits, entered);
    browser.open("about:blank").await;
    browser.open(&waits).await;
    browser.wait_for_path("/profile").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_up_goes_on_in_chromium() {
    in_chromium(BrowserOptions::default()).await;
}
