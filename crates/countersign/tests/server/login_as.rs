//! "Log in as": who may, what it cannot touch, how it ends.

use countersign_testkit::{Client, Engine, Kind, Person, Server};
use std::time::Duration;

async fn signed_in(server: &Server, person: &Person) -> Client {
    let client = server.client();
    client.sign_in_with_email_code(person).await;
    client
}

/// The member's id, from the administrator's page of members.
async fn id_of(client: &Client, person: &Person) -> String {
    let page = client.get("/members").await.expect_status(200);
    for path in page.attributes("a[href^='/members/']", "href") {
        let member = client.get(&path).await.expect_status(200);
        if member.words().contains(&person.email) {
            return path.trim_start_matches("/members/").to_owned();
        }
    }
    panic!("{} is not among the members: {page}", person.email)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_looks_in_and_can_touch_nothing() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        let (admin, member) = (server.people().admin.clone(), server.people().members[0].clone());
        let mut mailbox = server.mailbox(Kind::Email, Some(&member.email)).await;
        let client = signed_in(&server, &admin).await;
        let id = id_of(&client, &member).await;
        let (path, back) = (format!("/members/{id}"), client.cookie("countersign"));
        client.post_from(&path, &format!("{path}/login-as"), &[("reason", "  ")]).await.expect_status(422);
        let reason = "Ticket 4711: the pipeline looks empty";
        let begun = client.post(&format!("{path}/login-as"), &[("reason", reason)]).await;
        let landing = client.follow(begun.expect_status(303)).await.expect_status(200);
        let notice = mailbox.next_about("4711").await;
        assert!(notice.text.contains("Harbour & Pine"), "{}", notice.text);
        assert_ne!(client.cookie("countersign"), back, "another handle");
        for page in [landing, client.get("/profile").await.expect_status(403)] {
            let banner = page.words();
            assert!(page.has("form[action='/login-as/stop']"), "{page}");
            assert!(banner.contains("Adam Berg") && banner.contains("Mia Lund"), "{page}");
        }
        client.get("/confirm-identity").await.expect_status(403);
        for action in
            ["/profile/app/begin", "/profile/backup-codes/reset", "/profile/password", "/confirm-identity"]
        {
            client.post(action, &[]).await.expect_status(403);
        }
        // Not nested, and not after an hour.
        client.post(&format!("{path}/login-as"), &[("reason", "again")]).await.expect_status(403);
        let stopped = client.post_from("/login-as", "/login-as/stop", &[]).await.expect_status(303);
        client.follow(stopped).await.expect_status(200);
        let own = client.get("/profile").await.expect_status(200);
        assert!(own.words().contains("Adam Berg"), "{own}");

        let member_client = signed_in(&server, &member).await;
        let activity = member_client.get("/profile/activity").await.expect_status(200).words();
        assert!(activity.contains("Adam Berg") && activity.contains("4711"), "{activity}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_downwards_only_with_a_fresh_proof_and_for_an_hour_at_most() {
    let server = super::server(Engine::Sqlite).await;
    let people = server.people().clone();
    let admin = signed_in(&server, &people.admin).await;
    let (member, owner) = (id_of(&admin, &people.members[0]).await, id_of(&admin, &people.owner).await);
    let own = id_of(&admin, &people.admin).await;
    for id in [&owner, &own] {
        let path = format!("/members/{id}/login-as");
        admin.post_from("/members", &path, &[("reason", "because")]).await.expect_status(403);
    }
    let nobody = "01890000-0000-7000-8000-000000000000";
    admin.post(&format!("/members/{nobody}/login-as"), &[("reason", "because")]).await.expect_status(404);
    admin.get(&format!("/members/{nobody}")).await.expect_status(404);
    admin.get("/members/nonsense").await.expect_status(404);

    let plain = signed_in(&server, &people.members[1]).await;
    plain.get("/members").await.expect_status(403);
    plain.get(&format!("/members/{member}")).await.expect_status(403);
    plain
        .post_from("/profile", &format!("/members/{member}/login-as"), &[("reason", "because")])
        .await
        .expect_status(403);

    server.advance(Duration::from_secs(301));
    let path = format!("/members/{member}");
    let stale = admin.post_from(&path, &format!("{path}/login-as"), &[("reason", "because")]).await;
    let stale = stale.expect_redirect("/confirm-identity");
    assert!(stale.location().unwrap().contains("members"), "the page leads back: {stale}");
    admin.confirm_identity(&people.admin, None).await;
    let begun = admin.post_from(&path, &format!("{path}/login-as"), &[("reason", "because")]).await;
    admin.follow(begun.expect_status(303)).await.expect_status(200);
    server.advance(Duration::from_secs(3601));
    let over = admin.get("/login-as").await;
    assert_eq!(over.status, 303, "{over}");
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_of_it_leaves_nothing_open() {
    let server = super::server(Engine::Sqlite).await;
    let people = server.people().clone();
    let admin = signed_in(&server, &people.admin).await;
    let before = admin.fork();
    let path = format!("/members/{}", id_of(&admin, &people.members[0]).await);
    let begun = admin.post_from(&path, &format!("{path}/login-as"), &[("reason", "because")]).await;
    admin.follow(begun.expect_status(303)).await.expect_status(200);
    let impersonated = admin.fork();
    admin.post_from("/login-as", "/sign-out", &[]).await.expect_status(303);
    for gone in [admin, before, impersonated] {
        assert_eq!(gone.get("/profile").await.status, 303);
    }
}

/// One browser has one session, in all its tabs: each of them says what happened, and what to do.
#[tokio::test(flavor = "multi_thread")]
async fn other_tabs_say_what_happened_and_the_end_is_summed_up() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        let (admin, member) = (server.people().admin.clone(), server.people().members[0].clone());
        let client = signed_in(&server, &admin).await;
        let path = format!("/members/{}", id_of(&client, &member).await);
        let before = client.get("/profile").await.expect_status(200).csrf_token().unwrap();
        let reason = "Ticket 4711: the pipeline looks empty";
        let begun = client.post_from(&path, &format!("{path}/login-as"), &[("reason", reason)]).await;
        client.follow(begun.expect_status(303)).await.expect_status(200);

        // Forms and pages of the administrator's own session, after it began.
        let stale = [("csrf_token", before.as_str())];
        for page in [
            client.post("/sign-out", &stale).await.expect_status(403),
            client.post("/profile/app/begin", &stale).await.expect_status(403),
            client.get("/profile").await.expect_status(403),
        ] {
            let words = page.words();
            assert!(
                words.contains("you’re now logged in as Mia Lund")
                    || words.contains("You’re now logged in as Mia Lund"),
                "{page}"
            );
            assert!(words.contains("Nothing was changed") || words.contains("nothing was changed"), "{page}");
            assert!(page.has("main form[action='/login-as/stop']"), "{page}");
            assert_eq!(
                page.text("main form[action='/login-as/stop'] button").unwrap().trim(),
                "End and go on as Adam Berg"
            );
        }
        server.advance(Duration::from_secs(12 * 60 + 30));
        let during = client.get("/login-as").await.expect_status(200).csrf_token().unwrap();
        let stopped = client.post("/login-as/stop", &[]).await.expect_status(303);
        let page = client.follow(stopped).await.expect_status(200);
        let summed_up = |page: &str| {
            page.contains("You were logged in as Mia Lund for 12 minutes")
                && page.contains(reason)
                && page.contains("No applications")
        };
        assert!(summed_up(&page.words()), "{page}");

        // Forms and pages of both sessions, after it ended.
        let stale = [("csrf_token", during.as_str())];
        client.post("/login-as/stop", &stale).await.expect_redirect(&path);
        client.get("/login-as").await.expect_redirect(&path);
        for token in [before, during] {
            let page = client
                .post("/profile/sessions/end-others", &[("csrf_token", token.as_str())])
                .await
                .expect_status(403);
            let words = page.words();
            assert!(
                words.contains("You’re back in your own account")
                    && words.contains("no longer logged in as Mia Lund"),
                "{page}"
            );
        }
        let activity = client.get("/profile/activity").await.expect_status(200).words();
        assert!(activity.contains("Logged in as Mia Lund"), "{activity}");
        assert!(activity.contains("No longer logged in as Mia Lund after 12 minutes"), "{activity}");
        // It is about that member only, and only for a while.
        let other = format!("/members/{}", id_of(&client, &server.people().members[1].clone()).await);
        assert!(!client.get(&other).await.expect_status(200).words().contains("You were logged in"));
        server.advance(Duration::from_secs(16 * 60));
        assert!(!client.get(&path).await.expect_status(200).words().contains("You were logged in"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_its_hour_the_administrator_is_led_back_and_not_to_the_sign_in() {
    let server = super::server(Engine::Sqlite).await;
    let (admin, member) = (server.people().admin.clone(), server.people().members[0].clone());
    let client = signed_in(&server, &admin).await;
    let path = format!("/members/{}", id_of(&client, &member).await);
    let begun = client.post_from(&path, &format!("{path}/login-as"), &[("reason", "because")]).await;
    client.follow(begun.expect_status(303)).await.expect_status(200);
    for _ in 0..2 {
        server.advance(Duration::from_secs(29 * 60));
        client.get("/login-as").await.expect_status(200);
    }
    server.advance(Duration::from_secs(3 * 60));
    for page in ["/", "/profile", "/members", "/confirm-identity"] {
        client.get(page).await.expect_redirect("/login-as");
    }
    let page = client.get("/login-as").await.expect_status(200);
    assert!(page.words().contains("You’re no longer logged in as Mia Lund"), "{page}");
    client.post("/login-as/stop", &[("csrf_token", "nonsense")]).await.expect_status(403);
    let stranger = client.fork();
    let back = client.post_from("/login-as", "/login-as/stop", &[]).await.expect_redirect(&path);
    let page = client.follow(back).await.expect_status(200);
    assert!(page.words().contains("You were logged in as Mia Lund for an hour"), "{page}");
    assert!(client.get("/profile").await.expect_status(200).words().contains("Adam Berg"));
    // The old handle opened the way once.
    stranger.get("/login-as").await.expect_redirect("/sign-in");
}
