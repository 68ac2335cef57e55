//! Browsers in which an account has finished a sign-in.

use crate::harness::{DAY, MINUTE, NOW, later, on_both, origin};
use countersign_store::known_browsers::{self, Familiarity};
use std::time::Duration;

const MILLISECOND: Duration = Duration::from_millis(1);

#[tokio::test]
async fn a_browser_is_known_to_the_account_that_used_it() {
    on_both(async |w| {
        let (mia, ole) = (w.person("mia@example.com").await, w.person("ole@example.com").await);
        let [browser, other] = [w.handle(), w.handle()];
        let known = |browser, user| w.read(move |tx| known_browsers::is_known(tx, &browser, user));
        for (user, at) in [(mia.user, NOW), (mia.user, later(DAY)), (ole.user, NOW)] {
            w.write(move |tx| known_browsers::know(tx, &browser, user, &origin(), at)).await;
        }
        assert!(known(browser, mia.user).await && known(browser, ole.user).await);
        assert!(!known(other, mia.user).await);
        w.write(move |tx| known_browsers::forget_all(tx, mia.user)).await;
        assert!(!known(browser, mia.user).await && known(browser, ole.user).await);
    })
    .await;
}

#[tokio::test]
async fn a_browser_is_new_once_for_an_account_that_has_signed_in_before() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await.user;
        let [first, second, third] = [w.handle(), w.handle(), w.handle()];
        let know = |browser, after| {
            w.write(move |tx| known_browsers::know(tx, &browser, mia, &origin(), later(after)))
        };
        assert_eq!(know(first, Duration::ZERO).await, Familiarity::FirstEver);
        assert_eq!(know(second, MINUTE - MILLISECOND).await, Familiarity::AnotherTab);
        assert_eq!(know(third, 2 * MINUTE).await, Familiarity::New);
        assert_eq!(know(first, 2 * MINUTE).await, Familiarity::Known);
        w.write(move |tx| known_browsers::forget_all(tx, mia)).await;
        assert_eq!(know(first, 2 * MINUTE).await, Familiarity::New, "only one sign-in is the first");
    })
    .await;
}
