//! A page that wants two steps, for somebody whose session has shown one.

use super::{Sites, path_at, signed_in, visit, way_out};
use countersign_testkit::{Client, Engine, Kind, Page, ServerOptions};

/// Confirms identity on the page to which a way in has led, by a code that is sent; the answer.
async fn confirm(
    sites: &Sites,
    session: &Client,
    confirm: &str,
    way: &str,
    password: &str,
    method: &str,
) -> Page {
    let kind = if method == "sms" { Kind::Sms } else { Kind::Email };
    let mut mailbox = sites.server.mailbox(kind, None).await;
    let fields = [("method", method), ("return_to", way)];
    session.post_from(confirm, "/confirm-identity/send-code", &fields).await.expect_status(303);
    let code = mailbox.next_code().await;
    let fields = [&fields[..], &[("password", password), ("code", &code)]].concat();
    session.post_from(confirm, "/confirm-identity", &fields).await
}

/// A code by email is a step, and counts for `two-steps`; it is no factor, and does not count for `two-factor`.
#[tokio::test(flavor = "multi_thread")]
async fn email_counts_for_two_steps_and_never_for_two_factor() {
    let sites = Sites::start(Engine::Sqlite).await;
    let (server, people) = (&sites.server, sites.server.people());
    // A mailbox and nothing else.
    let (site, session) = (sites.application(), signed_in(server, &people.members[1]).await);
    let page = visit(&site, server, &session, "/a").await.expect_status(200);
    assert!(page.body.contains("amr=pwd;"), "{page}");
    let way = way_out(&site, server, "/vault/a").await;
    let none = session.get(&way).await.expect_status(403);
    assert!(none.words().contains("a code by email isn’t enough here"), "{none}");
    // A phone as well: it is asked for, and email is not offered.
    let member = &people.members[0];
    let (site, session) = (sites.application(), signed_in(server, member).await);
    visit(&site, server, &session, "/a").await.expect_status(200);
    let way = way_out(&site, server, "/vault/a").await;
    let asked = session.get(&way).await.expect_status(303);
    let to = path_at(&asked, &server.url(), &server.url());
    let form = session.get(&to).await.expect_status(200);
    assert!(form.words().contains("A code by email isn’t enough for this."), "{form}");
    assert!(!form.has("a[href*='method=email']"), "{form}");
    let send = [("method", "email"), ("return_to", &*way)];
    session.post_from(&to, "/confirm-identity/send-code", &send).await.expect_status(422);
    confirm(&sites, &session, &to, &way, &member.password, "sms").await.expect_status(303);
    let page = visit(&site, server, &session, "/vault/a").await.expect_status(200);
    assert!(page.body.contains("amr=pwd,sms,mfa;"), "{page}");
}

/// The reset link and the code went to the same mailbox.
#[tokio::test(flavor = "multi_thread")]
async fn a_reset_link_and_a_code_by_email_are_one_step() {
    let sites = Sites::start(Engine::Postgres).await;
    let (server, mut member) = (&sites.server, sites.server.people().members[2].clone());
    let (stranger, mut mailbox) = (server.client(), server.mailbox(Kind::Email, Some(&member.email)).await);
    stranger.post_from("/forgot-password", "/forgot-password", &[("email", &*member.email)]).await;
    let link = mailbox.next().await.link().unwrap();
    let path = link.strip_prefix(&server.url()).unwrap();
    member.password = "tulip-ferry-oak-lamp".into();
    stranger.post_from(path, path, &[("password", &*member.password)]).await.expect_status(303);
    let (site, session) = (sites.application(), signed_in(server, &member).await);
    let way = way_out(&site, server, "/a").await;
    let none = session.get(&way).await.expect_status(403);
    assert!(none.words().contains("a code by email isn’t enough here"), "{none}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_second_step_an_account_has_is_taken_and_none_is_to_be_set_up() {
    let options = ServerOptions::new(Engine::Sqlite, super::super::BINARY);
    let sites = Sites::with(options.with_env("COUNTERSIGN_SECOND_STEP_METHODS", "app,sms,backup-code")).await;
    let (server, site, admin) = (&sites.server, sites.application(), &sites.server.people().admin);
    let session = server.client();
    session.sign_in(admin).await.expect_status(303);

    let way = way_out(&site, server, "/a").await;
    let none = session.get(&way).await.expect_status(403);
    assert!(none.words().contains("has none yet"), "{none}");

    let mut sms = server.mailbox(Kind::Sms, None).await;
    let phone = [("phone", "+44 7911 123456")];
    let asked = session.post_from("/profile", "/profile/phone", &phone).await;
    asked.expect_redirect("/profile/phone/confirm");
    let code = sms.next_code().await;
    let page = "/profile/phone/confirm";
    session.post_from(page, page, &[("code", &*code)]).await.expect_status(303);

    let way = way_out(&site, server, "/a").await;
    let asked = session.get(&way).await.expect_status(303);
    let confirm = path_at(&asked, &server.url(), &server.url());
    assert!(confirm.starts_with("/confirm-identity?return_to="), "{confirm}");
    let page = session.get(&confirm).await.expect_status(200);
    let words = page.words();
    assert!(words.contains("needs you to confirm your identity with a verification code"), "{page}");
    assert!(words.contains(site.base().trim_start_matches("http://")), "{page}");
    assert_eq!(page.attributes("main form.stack a", "href"), ["/profile"], "Cancel leads out of it");

    let fields = [("method", "sms"), ("return_to", &*way)];
    session.post_from(&confirm, "/confirm-identity/send-code", &fields).await.expect_status(303);
    let code = sms.next_code().await;
    let fields = [("method", "sms"), ("return_to", &*way), ("password", &*admin.password), ("code", &*code)];
    let proven = session.post_from(&confirm, "/confirm-identity", &fields).await.expect_status(303);
    let ticket = session.get(&path_at(&proven, &server.url(), &server.url())).await.expect_status(303);
    let finished = site.get(&path_at(&ticket, site.base(), &server.url())).await;
    assert_eq!(finished.location().as_deref(), Some("/a"), "{finished}");
    let page = site.get("/a").await.expect_status(200);
    assert!(page.body.contains("amr=pwd,sms,mfa;"), "{page}");
}
