//! `countersign user`, beside a running server: what an operator does with a locked-out person on the phone.

use crate::application_commands::{done, refused};
use countersign_testkit::{Engine, Kind, Person};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_found_shown_disabled_and_enabled() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        let mia = &server.people().members[0];
        let client = server.client();
        client.sign_in_with_email_code(mia).await;

        let all = done(&server, &["user", "list"]);
        assert_eq!(all.lines().count(), 6, "a header and five people: {all}");
        let found = done(&server, &["user", "list", "--search", "MIA"]);
        assert!(found.contains(&mia.email) && found.contains("Harbour & Pine"), "{found}");
        assert!(!found.contains("adam.berg"), "{found}");
        assert!(done(&server, &["user", "list", "--search", "%"]).contains("No account matches."));

        let shown = done(&server, &["user", "show", &mia.email]);
        for fact in ["Mia Lund", "active", "Harbour & Pine (member)", "Open sessions      1", "signed-in"] {
            assert!(shown.contains(fact), "{fact}: {shown}");
        }
        assert!(!shown.contains(&mia.password) && !shown.contains("argon2"), "{shown}");

        let mut mail = server.mailbox(Kind::Email, Some(&mia.email)).await;
        let disabled = done(&server, &["user", "disable", &mia.email]);
        assert!(disabled.contains("signed out everywhere"), "{disabled}");
        client.get("/profile").await.expect_status(303);
        server.client().sign_in(mia).await.expect_status(422);
        mail.next_about("Your account was disabled").await;
        assert!(done(&server, &["user", "disable", &mia.email]).contains("disabled already"));

        assert!(done(&server, &["user", "enable", &mia.email]).contains("can sign in"));
        mail.next_about("Your account was enabled again").await;
        client.sign_in_with_email_code(mia).await;
        let activity = client.get("/profile/activity").await.expect_status(200).words();
        assert!(activity.contains("Account disabled") && activity.contains("The operator"), "{activity}");

        assert!(done(&server, &["user", "end-sessions", &mia.email]).contains("Sessions ended: 1."));
        client.get("/profile").await.expect_status(303);
        mail.next_about("You were signed out everywhere").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_link_opens_once_and_keeps_the_second_step() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        let mia = &server.people().members[0];
        let client = server.client();
        client.sign_in_with_email_code(mia).await;
        let mut app = client.set_up_app(&server).await;

        let mut mail = server.mailbox(Kind::Email, Some(&mia.email)).await;
        let printed = done(&server, &["user", "reset-password", &mia.email]);
        // The command was not told on which port this demonstration listens.
        let path = &printed.trim()[printed.find("/reset-password/").unwrap()..];
        let notice = mail.next_about("A password reset link was created").await;
        assert!(!notice.text.contains(path), "the link is the operator's to hand over: {}", notice.text);

        let other = server.client();
        let password = "a lamp beside the harbour wall";
        other.post_from(path, path, &[("password", password)]).await.expect_status(303);
        assert_ne!(other.get(path).await.status, 200, "spent");
        client.get("/profile").await.expect_status(303);
        let changed = Person { password: password.to_owned(), ..mia.clone() };
        server.client().sign_in(mia).await.expect_status(422);
        other.sign_in_with_app(&changed, &mut app).await;

        done(&server, &["user", "disable", &mia.email]);
        let sentence = refused(&server, &["user", "reset-password", &mia.email]);
        assert!(sentence.contains("cannot sign in here"), "{sentence}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_second_step_is_reset_with_a_reason() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        let mia = &server.people().members[0];
        let client = server.client();
        client.sign_in_with_email_code(mia).await;
        let app = client.set_up_app(&server).await;
        // Ten wrong codes: the second step is paused as well.
        let wrong = server.client();
        wrong.sign_in(mia).await.expect_redirect("/sign-in/verify");
        for _ in 0..10 {
            wrong.verify("app", "000000").await.expect_status(422);
        }
        let shown = done(&server, &["user", "show", &mia.email]);
        assert!(shown.contains("paused until") && shown.contains("10 left"), "{shown}");

        let mut mail = server.mailbox(Kind::Email, Some(&mia.email)).await;
        let reset =
            &["user", "reset-second-step", &mia.email, "--reason", "Called from the office, passport shown"];
        let printed = done(&server, reset);
        assert!(printed.contains("Removed: 1 authenticator app, the phone, all backup codes."), "{printed}");
        let notice = mail.next_about("Two-factor authentication was reset").await;
        assert!(notice.text.contains("passport shown"), "{}", notice.text);

        client.get("/profile").await.expect_status(303);
        let again = server.client();
        again.sign_in(mia).await.expect_redirect("/sign-in/verify");
        again.verify("backup-code", &app.backup_codes[0]).await.expect_status(422);
        server.client().sign_in_with_email_code(mia).await;
        let shown = done(&server, &["user", "show", &mia.email]);
        assert!(!shown.contains("paused until") && shown.contains("Authenticator app  none"), "{shown}");

        let sentence = refused(&server, &["user", "reset-second-step", &mia.email, "--reason", " "]);
        assert!(sentence.contains("--reason cannot be used"), "{sentence}");
        let sentence = refused(&server, &["user", "show", "no.one@example.com"]);
        assert!(sentence.contains("there is no account no.one@example.com"), "{sentence}");
    }
}
