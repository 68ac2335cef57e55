//! Browsers in which an account has finished a sign-in.

use crate::harness::{DAY, NOW, later, on_both};
use countersign_store::known_browsers;

#[tokio::test]
async fn a_browser_is_known_to_the_account_that_used_it() {
    on_both(async |w| {
        let (mia, ole) = (w.person("mia@example.com").await, w.person("ole@example.com").await);
        let [browser, other] = [w.handle(), w.handle()];
        let known = |browser, user| w.read(move |tx| known_browsers::is_known(tx, &browser, user));
        for (user, at) in [(mia.user, NOW), (mia.user, later(DAY)), (ole.user, NOW)] {
            w.write(move |tx| known_browsers::know(tx, &browser, user, at)).await;
        }
        assert!(known(browser, mia.user).await && known(browser, ole.user).await);
        assert!(!known(other, mia.user).await);
        w.write(move |tx| known_browsers::forget_all(tx, mia.user)).await;
        assert!(!known(browser, mia.user).await && known(browser, ole.user).await);
    })
    .await;
}
