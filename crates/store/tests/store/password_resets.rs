//! Links to choose a new password.

use crate::harness::{HOUR, MINUTE, NOW, later, on_both};
use countersign_store::password_resets;

#[tokio::test]
async fn a_link_is_spent_once_in_time() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let (link, unknown) = (w.handle(), w.handle());
        w.write(move |tx| password_resets::insert(tx, &link, mia.user, later(HOUR))).await;
        let peek = |link, at| w.read(move |tx| password_resets::peek(tx, &link, at));
        let spend = |link, at| w.write(move |tx| password_resets::spend(tx, &link, at));
        assert_eq!(peek(link, NOW).await, Some(mia.user));
        assert_eq!(peek(link, later(HOUR)).await, None);
        assert_eq!(peek(unknown, NOW).await, None);
        assert!(spend(unknown, NOW).await.is_none());
        assert!(spend(link, later(HOUR)).await.is_none());
        assert_eq!(spend(link, later(MINUTE)).await.unwrap().user(), mia.user);
        assert!(spend(link, later(MINUTE)).await.is_none());
        assert_eq!(peek(link, NOW).await, None);
    })
    .await;
}

#[tokio::test]
async fn all_links_of_an_account_can_be_made_worthless() {
    on_both(async |w| {
        let (mia, ole) = (w.person("mia@example.com").await, w.person("ole@example.com").await);
        let links = [w.handle(), w.handle(), w.handle()];
        for (link, user) in links.into_iter().zip([mia.user, mia.user, ole.user]) {
            w.write(move |tx| password_resets::insert(tx, &link, user, later(HOUR))).await;
        }
        w.write(move |tx| password_resets::end_of_user(tx, mia.user)).await;
        assert_eq!(w.rows_in("password_resets"), 1);
        assert_eq!(w.read(move |tx| password_resets::peek(tx, &links[2], NOW)).await, Some(ole.user));
    })
    .await;
}
