//! A page that wants two steps, for somebody whose session has shown one.

use super::{Sites, path_at, way_out};
use countersign_testkit::{Engine, Kind, ServerOptions};

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
    assert!(words.contains("asks to be sure that it is you, with a second step"), "{page}");
    assert!(words.contains(site.base()), "{page}");
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
