//! *My Profile*: what an account holder changes, and what each change asks for and ends.

use countersign_testkit::{App, Client, Engine, Kind, Person, Server, ServerOptions};
use std::time::Duration;

async fn signed_in(server: &Server, person: &Person) -> Client {
    let client = server.client();
    client.sign_in_with_email_code(person).await;
    client
}

/// Begins an enrolment and reads the key from the page.
async fn begin(client: &Client, server: &Server) -> App {
    client.post_from("/profile", "/profile/app/begin", &[]).await.expect_redirect("/profile/app/setup");
    let page = client.get("/profile/app/setup").await.expect_status(200);
    App::from_uri(&page.otpauth_uri().unwrap(), server.clock())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_active_before_the_code_is_right_and_the_old_app_works_until_then() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        let member = server.people().members[0].clone();
        let client = signed_in(&server, &member).await;
        let mut old = client.set_up_app(&server).await;
        let other = signed_in(&server, &member).await;
        let mut new = begin(&client, &server).await;
        // Another session of the same person neither sees nor confirms it.
        assert!(other.get("/profile/app/setup").await.otpauth_uri().is_none());
        other.get("/profile").await;
        let page = other.post("/profile/app/confirm", &[("code", &new.code()), ("name", "Theirs")]).await;
        assert!(page.status != 200, "{page}");
        server.client().sign_in_with_app(&member, &mut old).await;
        client.get("/profile/app/setup").await;
        let typed = client.post("/profile/app/confirm", &[("code", "1234"), ("name", "Tablet")]).await;
        assert!(typed.expect_status(422).has("input[name=name][value=Tablet]"), "what was typed stays");
        let done =
            client.post("/profile/app/confirm", &[("code", &new.fresh_code()), ("name", "Tablet")]).await;
        let to = done.expect_status(303).location().unwrap();
        assert_eq!(to, "/profile", "the second app brings no new codes");
        assert_eq!(other.get("/profile").await.status, 303, "other sessions have ended");
        let profile = client.get("/profile").await.expect_status(200).words();
        assert!(profile.contains("Phone") && profile.contains("Tablet"), "{profile}");
        server.client().sign_in_with_app(&member, &mut old).await;
        server.client().sign_in_with_app(&member, &mut new).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_whose_clock_is_off_is_told_by_how_much() {
    let server = super::server(Engine::Sqlite).await;
    let client = signed_in(&server, &server.people().members[0].clone()).await;
    let app = begin(&client, &server).await;
    for (offset, word) in [(7 * 60_i64, "7 minutes"), (-40 * 60, "40 minutes")] {
        let there = server.clock().now().saturating_add_signed(offset);
        let fields = [("code", &*app.code_at(there)), ("name", "Phone")];
        let page = client.post("/profile/app/confirm", &fields).await.expect_status(422).words();
        assert!(page.contains(word) && page.contains(if offset > 0 { "ahead" } else { "behind" }), "{page}");
    }
    let far = app.code_at(server.clock().now() + 3 * 3600);
    let page = client.post("/profile/app/confirm", &[("code", &far), ("name", "Phone")]).await;
    assert!(!page.expect_status(422).words().contains("minutes ahead"));
}

/// Whoever has to find an app and install it is not asked for the password again, within the ten minutes.
#[tokio::test(flavor = "multi_thread")]
async fn an_enrolment_can_be_finished_until_its_last_minute() {
    let server = super::server(Engine::Sqlite).await;
    let client = signed_in(&server, &server.people().members[0].clone()).await;
    let mut app = begin(&client, &server).await;
    server.advance(Duration::from_secs(570));
    let fields = [("code", &*app.fresh_code()), ("name", "Phone")];
    client.post("/profile/app/confirm", &fields).await.expect_redirect("/profile/backup-codes");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enrolment_ends_after_ten_minutes_and_with_its_session() {
    let server = super::server(Engine::Sqlite).await;
    let client = signed_in(&server, &server.people().members[0].clone()).await;
    let app = begin(&client, &server).await;
    server.advance(Duration::from_secs(600));
    let page = client.get("/profile/app/setup").await;
    assert!(page.otpauth_uri().is_none(), "{page}");
    client.confirm_identity(&server.people().members[0].clone(), None).await;
    let fields = [("code", &*app.code_at(server.clock().now())), ("name", "Phone")];
    let page = client.post_from("/profile", "/profile/app/confirm", &fields).await;
    assert!(client.follow(page).await.words().contains("again"), "the page says how to begin again");
    assert!(client.get("/profile").await.expect_status(200).backup_codes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_of_the_ten_codes_ends_the_old_ones() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        let member = server.people().members[0].clone();
        let client = signed_in(&server, &member).await;
        let app = client.set_up_app(&server).await;
        assert_eq!(app.backup_codes.len(), 10);
        let page = client.get("/profile/backup-codes").await.expect_status(200);
        assert_eq!(page.header("cache-control"), Some("no-store"));
        let new = client.reset_backup_codes().await;
        assert!(new.iter().all(|code| !app.backup_codes.contains(code)));
        let other = server.client();
        other.sign_in(&member).await.expect_redirect("/sign-in/verify");
        other.verify("backup-code", &app.backup_codes[0]).await.expect_status(422);
        other.verify("backup-code", &new[0]).await.expect_status(303);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_the_last_app_makes_the_backup_codes_worthless() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    let client = signed_in(&server, &member).await;
    let app = client.set_up_app(&server).await;
    let profile = client.get("/profile").await.expect_status(200);
    let remove =
        profile.actions().into_iter().find(|action| action.ends_with("/remove") && action.contains("/app/"));
    let remove = remove.expect("a remove button");
    // Another member cannot remove it, nor find out that it exists.
    let stranger = signed_in(&server, &server.people().members[1].clone()).await;
    stranger.post_from("/profile", &remove, &[]).await.expect_status(404);
    client.post_from("/profile", &remove, &[]).await.expect_redirect("/profile");
    let waiting = server.client();
    waiting.sign_in(&member).await.expect_redirect("/sign-in/verify");
    waiting.verify("backup-code", &app.backup_codes[0]).await.expect_status(422);
    assert!(client.post_from("/profile", "/profile/backup-codes/reset", &[]).await.status != 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn sensitive_changes_lead_to_the_identity_proof_and_back() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    let client = signed_in(&server, &member).await;
    let mut app = client.set_up_app(&server).await;
    server.advance(Duration::from_secs(301));
    let remove = client.get("/profile").await.actions().into_iter().find(|a| a.ends_with("/remove")).unwrap();
    for action in [
        "/profile/app/begin",
        "/profile/backup-codes/reset",
        "/profile/password",
        "/profile/email",
        "/profile/phone",
        "/profile/phone/confirm",
        "/profile/phone/remove",
        &remove,
    ] {
        client.post_from("/profile", action, &[]).await.expect_redirect("/confirm-identity");
    }
    let before = client.cookie("countersign");
    let page = "/confirm-identity?return_to=%2Fprofile%2Factivity";
    let with = |password: &'static str, code: String| {
        [("password", password.to_owned()), ("method", "app".to_owned()), ("code", code)]
    };
    for fields in [with("wrong-password", app.fresh_code()), with("", String::new())] {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        client.post_from(page, "/confirm-identity", &fields).await.expect_status(422);
    }
    // The password alone is not enough where there is an app.
    let alone = [("password", &*member.password)];
    client.post_from(page, "/confirm-identity", &alone).await.expect_status(422);
    let code = app.fresh_code();
    let fields = [
        ("password", &*member.password),
        ("method", "app"),
        ("code", &*code),
        ("return_to", "/profile/activity"),
    ];
    let done = client.post_from(page, "/confirm-identity", &fields).await.expect_status(303);
    assert_eq!(done.location().as_deref(), Some("/profile/activity"));
    assert_ne!(client.cookie("countersign"), before, "a new handle");
    // The code is spent, for a sign-in as well.
    let other = server.client();
    other.sign_in(&member).await.expect_redirect("/sign-in/verify");
    other.verify("app", &code).await.expect_status(422);
    assert_eq!(client.reset_backup_codes().await.len(), 10);
}

/// What a sign-in to the account asks for, the identity proof asks for, with or without an app.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_an_app_confirms_with_a_code_as_at_its_sign_in() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        let member = server.people().members[1].clone();
        let client = signed_in(&server, &member).await;
        server.advance(Duration::from_secs(301));
        let stale = client.post_from("/profile", "/profile/app/begin", &[]).await;
        let page = stale.expect_redirect("/confirm-identity").location().unwrap();
        let mut mailbox = server.mailbox(Kind::Email, Some(&member.email)).await;
        for page in [&*page, "/confirm-identity?method=email"] {
            let form = client.get(page).await.expect_status(200);
            assert!(form.has("form[action='/confirm-identity/send-code']"), "{form}");
            client.request("HEAD", page, &[], Vec::new()).await;
        }
        let before = client.cookie("countersign");
        for more in
            [&[][..], &[("method", "email"), ("code", "")], &[("method", "email"), ("code", "123456")]]
        {
            let fields = [&[("password", &*member.password)][..], more].concat();
            client.post("/confirm-identity", &fields).await.expect_status(422);
        }
        assert!(mailbox.unread().await.is_empty(), "only a POST to send-code sends");
        let send = [("method", "email"), ("return_to", "/profile")];
        client.post_from(&page, "/confirm-identity/send-code", &send).await.expect_status(303);
        let code = mailbox.next_code().await;
        let right = [("password", &*member.password), ("method", "email"), ("code", &*code)];
        let wrong = [&[("password", "wrong-password")][..], &right[1..]].concat();
        client.post("/confirm-identity", &wrong).await.expect_status(422);
        assert_eq!(client.cookie("countersign"), before);
        client.post_from("/profile", "/profile/app/begin", &[]).await.expect_redirect("/confirm-identity");
        client.post_from(&page, "/confirm-identity", &right).await.expect_redirect("/profile");
        client.post_from("/profile", "/profile/app/begin", &[]).await.expect_redirect("/profile/app/setup");
        server.advance(Duration::from_secs(301));
        client.post_from("/confirm-identity", "/confirm-identity", &right).await.expect_status(422);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn password_email_and_phone_change_with_proof_notice_and_the_end_of_other_sessions() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        let member = server.people().members[1].clone();
        let client = signed_in(&server, &member).await;
        let other = signed_in(&server, &member).await;
        let mut mail = server.mailbox(Kind::Email, None).await;

        let fields = [("current_password", "not-this-one"), ("password", "tulip-ferry-oak-lamp")];
        client.post_from("/profile", "/profile/password", &fields).await.expect_status(422);
        let fields = [("current_password", &*member.password), ("password", "harbour-pine")];
        client.post_from("/profile", "/profile/password", &fields).await.expect_status(422);
        let fields = [("current_password", &*member.password), ("password", "tulip-ferry-oak-lamp")];
        client.post_from("/profile", "/profile/password", &fields).await.expect_redirect("/profile");
        assert!(mail.next().await.subject.unwrap_or_default().to_lowercase().contains("password"));
        assert_eq!(other.get("/profile").await.status, 303);

        let taken = server.people().owner.email.clone();
        client.post_from("/profile", "/profile/email", &[("email", "nonsense")]).await.expect_status(422);
        let answer = client.post_from("/profile", "/profile/email", &[("email", &taken)]).await;
        let location = answer.expect_status(303).location();
        server.advance(Duration::from_secs(31));
        let new = "ben.new@harbour-pine.example";
        let answer = client.post_from("/profile", "/profile/email", &[("email", new)]).await;
        assert_eq!(answer.expect_status(303).location(), location, "a taken address gets the same answer");
        let code = mail.next_code().await;
        let page = "/profile/email/confirm";
        client.post_from(page, page, &[("code", "000000")]).await.expect_status(422);
        client.post_from(page, page, &[("code", &code)]).await.expect_redirect("/profile");
        let member = Person { email: new.into(), password: "tulip-ferry-oak-lamp".into(), ..member };
        let again = signed_in(&server, &member).await;

        let mut sms = server.mailbox(Kind::Sms, None).await;
        for bad in ["", "12345", "+1 555"] {
            client.post_from("/profile", "/profile/phone", &[("phone", bad)]).await.expect_status(422);
        }
        let asked = client.post_from("/profile", "/profile/phone", &[("phone", "+44 7911 123456")]).await;
        asked.expect_redirect("/profile/phone/confirm");
        let first = sms.next_code().await;
        let page = "/profile/phone/confirm";
        // In full, to the session that entered it, with the way to another number and to another code.
        let shown = client.get(page).await.expect_status(200);
        assert!(shown.words().contains("+44 7911 123456"), "{shown}");
        let resend = [("phone", "+447911123456")];
        let early = client.post_from(page, "/profile/phone", &resend).await.expect_status(429);
        assert!(early.has("form[action='/profile/phone/confirm']"), "{early}");
        let change = shown.attribute("main a[href^='/profile?edit']", "href").unwrap();
        let form = client.get(&change).await.expect_status(200);
        assert_eq!(form.attribute("details[open] #phone", "value").as_deref(), Some("+44 7911 123456"));
        server.advance(Duration::from_secs(31));
        client.post_from(page, "/profile/phone", &resend).await.expect_redirect(page);
        let code = sms.next_code().await;
        if first != code {
            client.post_from(page, page, &[("code", &first)]).await.expect_status(422);
        }
        client.post_from(page, page, &[("code", &code)]).await.expect_redirect("/profile");
        assert!(!client.get("/profile").await.words().contains("is waiting for its code"));
        again.sign_out().await;
        server.client().sign_in_with_sms_code(&member).await;
        client.post_from("/profile", "/profile/phone/remove", &[]).await.expect_redirect("/profile");
        let waiting = server.client();
        waiting.sign_in(&member).await.expect_redirect("/sign-in/verify");
        assert!(
            waiting.post_from("/sign-in/verify", "/sign-in/send-code", &[("method", "sms")]).await.status
                != 303
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_and_ended() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    let one = signed_in(&server, &member).await;
    let two = signed_in(&server, &member).await;
    let three = signed_in(&server, &member).await;
    let page = one.get("/profile/sessions").await.expect_status(200);
    let ends: Vec<String> = page.actions().into_iter().filter(|a| a.ends_with("/end")).collect();
    assert!(ends.len() >= 2, "{page}");
    let stranger = signed_in(&server, &server.people().members[1].clone()).await;
    stranger.post_from("/profile", &ends[0], &[]).await.expect_status(404);
    let live = async || {
        let mut live = 0;
        for client in [&two, &three] {
            live += usize::from(client.get("/profile").await.status == 200);
        }
        live
    };
    assert_eq!(live().await, 2);
    let mut ended = 0;
    for end in &ends {
        if live().await == 2 {
            one.post_from("/profile/sessions", end, &[]).await.expect_status(303);
            ended += 1;
        }
    }
    assert!(ended >= 1 && live().await == 1);
    one.post_from("/profile/sessions", "/profile/sessions/end-others", &[]).await.expect_status(303);
    assert_eq!(live().await, 0);
    one.get("/profile").await.expect_status(200);
}

/// Whoever has copied the cookie is out with the change that was made because of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_copied_cookie_does_not_outlive_a_change_of_credentials() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    let client = signed_in(&server, &member).await;
    let copied = client.fork();
    client.set_up_app(&server).await;
    assert_eq!(copied.get("/profile").await.status, 303, "after the app was set up");
    let copied = client.fork();
    let fields = [("current_password", &*member.password), ("password", "tulip-ferry-oak-lamp")];
    client.post_from("/profile", "/profile/password", &fields).await.expect_redirect("/profile");
    assert_eq!(copied.get("/profile").await.status, 303, "after the password was changed");
    let copied = client.fork();
    client.post_from("/profile/sessions", "/profile/sessions/end-others", &[]).await.expect_status(303);
    assert_eq!(copied.get("/profile").await.status, 303, "after the others were ended");
    client.get("/profile").await.expect_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn activity_counts_attempts_and_leads_to_older_pages() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[1].clone();
    // Attempts are counted by the hour: they all come at the beginning of one.
    server.advance(Duration::from_secs(3600 - server.clock().now() % 3600));
    let client = signed_in(&server, &member).await;
    for _ in 0..3 {
        let stranger = server.client();
        let fields = [("email", &*member.email), ("password", "not-this-one")];
        stranger.post_from("/sign-in", "/sign-in", &fields).await.expect_status(422);
    }
    let activity = async |path: &str| client.get(path).await.expect_status(200);
    let page = loop {
        let page = activity("/profile/activity").await;
        // They are recorded after the answer.
        if page.words().contains("3 wrong passwords") {
            break page;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(
        page.words().contains("3 wrong passwords at ") || page.words().contains("3 wrong passwords between ")
    );
    assert!(!page.words().contains("Older activity"));
    for bad in
        ["x", "", "1.2", "%00", "1&before=2", "9999999999999999999999.01890000-0000-7000-8000-000000000000"]
    {
        let first = activity(&format!("/profile/activity?before={bad}")).await;
        assert!(
            first.words().contains("3 wrong passwords") && !first.words().contains("Newest activity"),
            "{bad}"
        );
    }
    let sql = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 60)         INSERT INTO events (id, user_id, kind, detail, address, user_agent, at)         SELECT printf('01890000-0000-7000-8000-%012d', n), u.id, 'session-ended', '{}', '192.0.2.7', '', u.created_at + 1         FROM n, users AS u WHERE u.email = ?1";
    let file = rusqlite::Connection::open(server.data().join("countersign.db")).unwrap();
    assert_eq!(file.execute(sql, [&member.email]).unwrap(), 60);
    let page = activity("/profile/activity").await;
    assert!(
        page.words().contains("3 wrong passwords") && !page.words().contains("Account created"),
        "{page}"
    );
    let links = page.attributes("a[href*='before=']", "href");
    let [older] = links.as_slice() else { panic!("{links:?}") };
    let page = activity(older).await;
    assert!(page.words().contains("Account created") && page.words().contains("Newest activity"), "{page}");
    assert!(!page.words().contains("Older activity"));
    server.client().get("/profile/activity?before=x").await.expect_status(303);
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_find_what_they_look_for_at_fixed_addresses() {
    let options = ServerOptions::new(Engine::Sqlite, super::BINARY)
        .with_env("COUNTERSIGN_SECURITY_CONTACT", "security@harbour.example");
    let server = Server::start(options).await;
    let client = server.client();
    for (icon, kind) in [("/favicon.ico", "image/vnd.microsoft.icon"), ("/apple-touch-icon.png", "image/png")]
    {
        let answer = client.get(icon).await.expect_status(200);
        assert_eq!(answer.header("content-type"), Some(kind));
    }
    let answer = client.get("/.well-known/change-password").await;
    answer.expect_redirect("/profile#change-password");
    client.sign_in_with_email_code(&server.people().admin).await;
    assert!(client.get("/profile").await.has("form#change-password"));
    let policy = client.get("/.well-known/security.txt").await.expect_status(200).body;
    assert!(policy.starts_with("Contact: mailto:security@harbour.example\nExpires: 20"), "{policy}");
    assert!(policy.ends_with("/.well-known/security.txt\n"), "{policy}");
    // Password managers ask for this one to learn whether a server answers 200 to everything.
    client
        .get("/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200")
        .await
        .expect_status(404);
    let plain = super::server(Engine::Sqlite).await;
    plain.client().get("/.well-known/security.txt").await.expect_status(404);
}
