//! Links that confirm a browser, and the browsers that they confirm.

use crate::harness::{HOUR, MINUTE, NOW, later, on_both};
use countersign_store::{Tx, browser_links, confirmed_browsers};

#[tokio::test]
async fn a_browser_link_is_redeemed_once_and_in_time() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let (link, later_link, unknown) = (w.handle(), w.handle(), w.handle());
        for link in [link, later_link] {
            w.write(move |tx| {
                browser_links::insert(tx, &link, mia.user, later(HOUR), &browser_links::Cause::default())
            })
            .await;
        }
        let peek = |link, at| w.read(move |tx| browser_links::peek(tx, &link, at));
        let redeem = |link, at| w.write(move |tx| browser_links::redeem(tx, &link, at));
        assert_eq!(peek(link, NOW).await, Some(mia.user));
        assert_eq!(peek(link, later(HOUR)).await, None);
        assert!(peek(unknown, NOW).await.is_none() && redeem(unknown, NOW).await.is_none());
        assert!(redeem(link, later(HOUR)).await.is_none());
        let redeemed = redeem(link, later(MINUTE)).await;
        assert_eq!(redeemed.map(|(user, _)| user), Some(mia.user));
        assert!(redeem(link, later(MINUTE)).await.is_none());
        assert_eq!(
            peek(later_link, later(MINUTE)).await,
            Some(mia.user),
            "a new link leaves the others valid"
        );
        w.write(move |tx| browser_links::end_of_user(tx, mia.user)).await;
        assert_eq!(w.rows_in("browser_links"), 0);
    })
    .await;
}

#[tokio::test]
async fn a_browser_link_keeps_what_caused_it() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let (link, browser) = (w.handle(), w.handle());
        let cause =
            browser_links::Cause { browser: Some(browser), return_to: Some("/profile/activity".into()) };
        w.write(move |tx| browser_links::insert(tx, &link, mia.user, later(HOUR), &cause)).await;
        let (user, cause) = w.write(move |tx| browser_links::redeem(tx, &link, NOW)).await.unwrap();
        assert_eq!((user, cause.browser), (mia.user, Some(browser)));
        assert_eq!(cause.return_to.as_deref(), Some("/profile/activity"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_redeem_a_browser_link_one_does() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let link = w.handle();
        w.write(move |tx| {
            browser_links::insert(tx, &link, mia.user, later(HOUR), &browser_links::Cause::default())
        })
        .await;
        let redeem = move |tx: &mut Tx<'_>| browser_links::redeem(tx, &link, NOW);
        let answers = w.burst(|| redeem).await;
        assert_eq!(answers.into_iter().flatten().count(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_browser_is_confirmed_for_one_account_and_a_while() {
    on_both(async |w| {
        let (mia, ole) = (w.person("mia@example.com").await, w.person("ole@example.com").await);
        let [browser, other] = [w.handle(), w.handle()];
        w.write(move |tx| confirmed_browsers::confirm(tx, &browser, mia.user, later(MINUTE))).await;
        w.write(move |tx| confirmed_browsers::confirm(tx, &browser, mia.user, later(HOUR))).await;
        let confirmed =
            |browser, user, at| w.read(move |tx| confirmed_browsers::is_confirmed(tx, &browser, user, at));
        assert!(confirmed(browser, mia.user, later(MINUTE)).await);
        assert!(!confirmed(browser, mia.user, later(HOUR)).await);
        assert!(!confirmed(browser, ole.user, NOW).await && !confirmed(other, mia.user, NOW).await);
        w.write(move |tx| confirmed_browsers::forget_all(tx, mia.user)).await;
        assert!(!confirmed(browser, mia.user, NOW).await);
    })
    .await;
}
