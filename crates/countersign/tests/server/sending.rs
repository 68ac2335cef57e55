//! How many messages leave, over HTTP.

use super::BINARY;
use super::api::{problem, register};
use countersign_testkit::{Engine, Kind, Server, ServerOptions};
use serde_json::json;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn an_eleventh_new_number_is_refused_in_plain_words_and_counted() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[1].clone();
    let (page, confirm) = ("/profile", "/profile/phone/confirm");
    for n in 0..11 {
        let client = server.client();
        client.sign_in_with_email_code(&member).await;
        let number = format!("+44 20 7946 {:04}", n * 37);
        let mut sms = server.mailbox(Kind::Sms, None).await;
        let asked = client.post_from(page, "/profile/phone", &[("phone", &number)]).await;
        if n < 10 {
            asked.expect_redirect(confirm);
            let code = sms.next_code().await;
            client.post_from(confirm, confirm, &[("code", &code)]).await.expect_redirect("/profile");
            // Another sign-in would be asked for a code by text message.
            client.post_from(page, "/profile/phone/remove", &[]).await.expect_redirect(page);
        } else {
            let refused = asked.expect_status(429);
            let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
            assert!((80_000..=90_000).contains(&seconds), "{seconds}");
            assert!(refused.words().contains("too many new numbers or addresses. Try again in"), "{refused}");
        }
    }
    let metrics = server.client().get("/metrics").await.expect_status(200).body;
    for line in [
        "countersign_send_refusals_total{scope=\"unverified-account\"} 1",
        "countersign_sends_total{kind=\"confirm-phone-code\",channel=\"sms\"} 10",
        "countersign_budget_used_ratio{scope=\"sms-country\",country=\"GB\"} 0.01",
        "countersign_channel_up{channel=\"email\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fourth_link_is_not_sent_and_the_first_one_still_works() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        let member = server.people().members[1].clone();
        let mut mailbox = server.mailbox(Kind::Email, Some(&member.email)).await;
        let path = "/forgot-password";
        let mut links = Vec::new();
        for n in 0..6 {
            let client = server.client();
            let answer = client.post_from(path, path, &[("email", &member.email)]).await;
            answer.expect_redirect(path);
            if n < 3 {
                let link = mailbox.next_about("/reset-password/").await.link().unwrap();
                links.push(link.strip_prefix(&server.url()).unwrap().to_owned());
            }
        }
        let shown = server.client().get("/forgot-password?sent=now").await.expect_status(200);
        assert!(shown.words().contains("at most 3 links within an hour"), "{shown}");
        server.advance(Duration::from_secs(59 * 60));
        assert_eq!(mailbox.unread().await.len(), 0, "nothing more was sent");
        for link in &links {
            server.client().get(link).await.expect_status(200);
        }
        let client = server.client();
        let new = [("password", "tulip-ferry-oak-lamp")];
        client.post_from(&links[0], &links[0], &new).await.expect_redirect("/sign-in");
        for link in &links {
            assert!(matches!(client.get(link).await.status, 404 | 410), "all end with the one that was used");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_learns_that_it_has_written_to_too_many_new_mailboxes() {
    let options = ServerOptions::new(Engine::Sqlite, BINARY)
        .with_env("COUNTERSIGN_BUDGET_FIRST_EMAILS_PER_APPLICATION_HOUR", "2")
        .with_env("COUNTERSIGN_BUDGET_EMAIL_PER_MAILBOX_DAY", "1");
    let server = Server::start(options).await;
    let application = register(&server, "Brightwater");
    let send = async |user: &str| {
        application.put_user(user).await;
        let challenge = application.challenge(user).await;
        application.post(&format!("/api/v1/challenges/{challenge}/send"), &json!({"method": "email"})).await
    };
    send("mia").await.expect_status(204);
    let mailbox = send("mia").await.expect_status(429);
    assert_eq!(problem(&mailbox), "send-limit-reached");
    send("ben").await.expect_status(204);
    let application_limit = send("ada").await.expect_status(429);
    assert_eq!(problem(&application_limit), "too-many-first-emails");
    let seconds: u64 = application_limit.header("retry-after").unwrap().parse().unwrap();
    assert!((3_500..=3_600).contains(&seconds), "{seconds}");
}
