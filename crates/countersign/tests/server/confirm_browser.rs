//! Too many wrong passwords for one account, over all networks: a browser that the account doesn't know is confirmed
//! through the mailbox first.

use countersign_testkit::{Client, Engine, Kind, Page, Person, Server, ServerOptions};
use std::{collections::BTreeSet, time::Duration};

async fn server(engine: Engine) -> Server {
    let options = ServerOptions::new(engine, super::BINARY)
        .with_env("COUNTERSIGN_PASSWORD_WRONG_BEFORE_CONFIRMATION", "12")
        .with_env("COUNTERSIGN_TRUSTED_PROXIES", "127.0.0.1/32");
    Server::start(options).await
}

fn from(server: &Server, n: u8) -> Client {
    server.client().with_header("X-Forwarded-For", &format!("198.51.100.{n}"))
}

async fn twelve_wrong(server: &Server, person: &Person) {
    let wrong = Person { password: "not-the-password".into(), ..person.clone() };
    for n in 0..12 {
        from(server, n).sign_in(&wrong).await.expect_status(422);
    }
}

fn path(link: &str, server: &Server) -> String {
    link.strip_prefix(&server.url()).unwrap_or_else(|| panic!("{link}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_browser_is_confirmed_through_the_mailbox_and_a_known_one_goes_on() {
    for engine in Engine::ALL {
        let server = server(engine).await;
        let member = server.people().members[0].clone();
        let nobody = Person { email: "nobody@harbour-pine.example".into(), ..member.clone() };
        let home = server.client();
        home.sign_in_with_email_code(&member).await;
        home.sign_out().await;
        twelve_wrong(&server, &member).await;
        twelve_wrong(&server, &nobody).await;
        let mut mailbox = server.mailbox(Kind::Email, Some(&member.email)).await;

        // Right, wrong, or no such account: one page, and nothing else that differs.
        let wrong = Person { password: "not-the-password".into(), ..member.clone() };
        let mut pages: Vec<Page> = Vec::new();
        for (n, person) in [(50, &member), (51, &wrong), (52, &nobody)] {
            let page = from(&server, n).sign_in(person).await.expect_status(422);
            assert_eq!(page.text("h1").as_deref(), Some("Check your email"), "{page}");
            assert!(page.location().is_none() && page.set_cookies().is_empty(), "{page}");
            pages.push(page);
        }
        assert!(pages.iter().all(|page| page.words() == pages[0].words()));

        // The link shows a button; looking, however often, confirms nothing.
        let message = mailbox.next_about("Is it you").await;
        let link = path(&message.link().unwrap(), &server);
        let mine = from(&server, 60);
        for _ in 0..2 {
            let page = mine.get(&link).await.expect_status(200);
            assert!(page.words().contains(&member.email), "{page}");
        }
        let page = mine.sign_in(&member).await.expect_status(422);
        assert_eq!(page.text("h1").as_deref(), Some("Check your email"), "{page}");
        mine.post_from(&link, &link, &[]).await.expect_status(303);
        mine.get(&link).await.expect_status(404);
        from(&server, 61).post_from("/sign-in", &link, &[]).await.expect_status(404);
        mine.sign_in(&wrong).await.expect_status(422);
        let other = from(&server, 62).sign_in(&member).await.expect_status(422);
        assert_eq!(other.text("h1").as_deref(), Some("Check your email"), "{other}");
        // The owner's own browser never noticed; and then the confirmed one signs in, which breaks the run.
        home.sign_in(&member).await.expect_redirect("/sign-in/verify");
        mine.sign_in_with_email_code(&member).await;
        from(&server, 63).sign_in(&member).await.expect_redirect("/sign-in/verify");
        let unknown = from(&server, 64).sign_in(&nobody).await.expect_status(422);
        assert_eq!(unknown.text("h1").as_deref(), Some("Check your email"), "{unknown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_of_the_sign_in_is_kept_in_its_own_browser_only() {
    let server = server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    twelve_wrong(&server, &member).await;
    let wanted = "/profile/activity";
    let fields = [("email", &*member.email), ("password", &*member.password), ("return_to", wanted)];
    for (n, same) in [(70, true), (72, false)] {
        let mut mailbox = server.mailbox(Kind::Email, Some(&member.email)).await;
        let (client, other) = (from(&server, n), from(&server, n + 1));
        client.post_from("/sign-in", "/sign-in", &fields).await.expect_status(422);
        let link = path(&mailbox.next_about("Is it you").await.link().unwrap(), &server);
        let confirming = if same { &client } else { &other };
        let page = confirming.post_from(&link, &link, &[]).await.expect_redirect("/sign-in");
        let expected = if same { "/sign-in?return_to=/profile/activity" } else { "/sign-in" };
        assert_eq!(page.location().as_deref(), Some(expected));
        let page = confirming.follow(page).await.expect_status(200);
        assert!(page.words().contains("This browser is confirmed"), "{page}");
        assert_eq!(page.has("input[name=return_to][value='/profile/activity']"), same);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_to_confirm_a_browser_are_few() {
    let server = server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    twelve_wrong(&server, &member).await;
    let mut mailbox = server.mailbox(Kind::Email, Some(&member.email)).await;
    for hour in 0..24 {
        for n in 0..5 {
            from(&server, 5 * hour + n).sign_in(&member).await.expect_status(422);
        }
        server.advance(Duration::from_secs(3600));
    }
    // One more message to this mailbox comes after all that were caused before.
    server.client().post_from("/forgot-password", "/forgot-password", &[("email", &member.email)]).await;
    mailbox.next_about("Reset your").await;
    // A message may be handed over twice where the clock runs past its lease meanwhile: count the links.
    let links: BTreeSet<String> = mailbox
        .all()
        .await
        .iter()
        .filter_map(|message| message.link())
        .filter(|link| link.contains("/sign-in/confirm-browser/"))
        .collect();
    assert!((3..=8).contains(&links.len()), "{} links in a day", links.len());
}
