//! What somebody reads who is not shown a page.

use super::{Sites, path_at, signed_in, visit};
use countersign_testkit::{Client, Engine, Page, Server};

/// From a page of the site to the words about it.
async fn led_on(site: &Client, server: &Server, page: &str) -> String {
    let refused = site.get(page).await.expect_status(302);
    assert_eq!(refused.location(), Some(format!("/.countersign/refused?to={page}")));
    let to = site.get(&path_at(&refused, site.base(), site.base())).await.expect_status(303);
    let to = path_at(&to, &server.url(), site.base());
    assert!(to.starts_with("/forward-auth/refused?site="), "{to}");
    to
}

fn says(page: &Page, words: &[&str]) {
    assert!(page.headers.get("location").is_none(), "it leads nowhere of itself: {page}");
    for word in words {
        assert!(page.words().contains(word), "{word}: {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_see_a_page_reads_why_and_can_sign_out() {
    let sites = Sites::start(Engine::Sqlite).await;
    let (server, site) = (&sites.server, sites.site());
    let session = signed_in(server, &server.people().members[0]).await;
    visit(&site, server, &session, "/").await.expect_status(200);

    let words = led_on(&site, server, "/team/?x=1&y=2").await;
    let page = session.get(&words).await.expect_status(403);
    says(&page, &["not for your account", "You are signed in as Mia Lund", "Sign out", site.base()]);
    session.post_from(&words, "/sign-out", &[]).await.expect_status(303);

    // Whoever comes here without a session, or in one that may see the page.
    let start = format!("{}/.countersign/start?to=/team/?x=1&y=2", site.base());
    let page = server.client().get(&words).await.expect_status(403);
    says(&page, &["cannot be opened", "Nobody is signed in"]);
    assert_eq!(page.attributes("main a.primary", "href"), [&*start], "{page}");
    let admin = signed_in(server, &server.people().admin).await;
    let page = admin.get(&words).await.expect_status(403);
    says(&page, &["cannot be opened", "You may see the page", "ask whoever looks after the site"]);
    assert_eq!(page.attributes("main a.primary", "href"), [&*start], "{page}");

    let nowhere = words.replace("localhost", "evil.example");
    assert_eq!(admin.get(&nowhere).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_could_mean_two_pages_is_told_and_so_is_what_nginx_itself_refuses() {
    let sites = Sites::start(Engine::Sqlite).await;
    let (server, site) = (&sites.server, sites.site());
    let session = signed_in(server, &server.people().members[0]).await;
    visit(&site, server, &session, "/").await.expect_status(200);
    let page = session.get(&led_on(&site, server, "/TEAM/").await).await.expect_status(403);
    says(&page, &["could mean more than one page", "capital letters count"]);
    assert!(page.attributes("main a", "href").is_empty(), "{page}");
    // A folder without a start page.
    let page = session.get(&led_on(&site, server, "/public/assets/").await).await.expect_status(403);
    says(&page, &["cannot be opened", "the site itself did not show it"]);
    let nobody =
        server.client().get(&led_on(&sites.site(), server, "/public/assets/").await).await.expect_status(403);
    says(&nobody, &["cannot be opened", "the site itself did not show it"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_in_is_never_asked_about() {
    let sites = Sites::start(Engine::Sqlite).await;
    let (_, host) = sites.site().base().split_once("//").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let proxy = sites.server.client();
    let asks = async |uri: &str| {
        let headers = [
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", &*host),
            ("x-forwarded-uri", uri),
            ("x-forwarded-method", "GET"),
            ("accept", "text/html"),
        ];
        proxy.request("GET", "/forward-auth", &headers, Vec::new()).await
    };
    assert_eq!(asks("/").await.status, 303);
    let nested = asks("/.countersign/start?to=/").await.expect_status(404);
    assert!(nested.body.contains("pass /.countersign/ on to Countersign unasked"), "{nested}");
}
