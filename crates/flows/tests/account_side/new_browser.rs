//! The notice about a sign-in in a browser that the account doesn't know.

use crate::world::{GOOD, MINUTE, Person, notices, on_both_with, origin, rules};
use countersign_core::{event::Origin, message::Notice, secret::StoredHandle};
use countersign_flows::{
    Rules, Services, password_change,
    sign_in::{self, PasswordOutcome},
};

/// With no second step, so that a sign-in is one call.
fn password_only() -> Rules {
    Rules { methods: Vec::new(), ..rules() }
}

fn firefox() -> Origin {
    Origin { user_agent: "Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/143.0".into(), ..origin() }
}

/// Signs in, and returns the known-browser cookie afterwards.
async fn sign_in(
    s: &Services,
    person: &Person,
    password: &str,
    origin: &Origin,
    browser: Option<StoredHandle>,
) -> StoredHandle {
    let email = &person.email;
    let attempt = sign_in::Attempt { email, password, return_to: None, origin, browser, replaces: None };
    let signed_in = match sign_in::password(s, attempt).await.unwrap() {
        PasswordOutcome::SignedIn(signed_in) => signed_in,
        other => panic!("not signed in: {other:?}"),
    };
    browser.unwrap_or_else(|| signed_in.browser.unwrap().stored())
}

#[tokio::test]
async fn a_new_browser_is_announced_once_and_the_first_of_all_is_not() {
    on_both_with(&password_only(), async |world| {
        let (s, mia) = (&world.s, world.mia());
        let first = sign_in(s, &mia, &mia.password, &origin(), None).await;
        assert!(world.mail().await.is_empty(), "there was no other browser");
        sign_in(s, &mia, &mia.password, &origin(), Some(first)).await;
        assert!(world.mail().await.is_empty(), "it is known");

        let second = sign_in(s, &mia, &mia.password, &firefox(), None).await;
        let mail = world.mail().await;
        assert_eq!(mail[0].origin, Some(firefox()));
        assert_eq!(notices(mail), [(mia.email.clone(), Notice::NewBrowser)]);
        for browser in [first, second] {
            sign_in(s, &mia, &mia.password, &firefox(), Some(browser)).await;
        }
        assert!(world.mail().await.is_empty(), "both are known");

        // Without its cookie it can't be told from another one.
        world.advance(2 * MINUTE);
        sign_in(s, &mia, &mia.password, &firefox(), None).await;
        assert_eq!(world.notice().await.1, Notice::NewBrowser);
        // Of another account it knows nothing.
        let ben = world.ben();
        sign_in(s, &ben, &ben.password, &firefox(), Some(second)).await;
        assert!(world.mail().await.is_empty(), "Ben's first");
    })
    .await;
}

/// Tabs that were opened before the browser had a cookie bring none, or the same one.
#[tokio::test]
async fn several_tabs_of_a_new_browser_at_once_are_announced_once() {
    on_both_with(&password_only(), async |world| {
        let (s, mia) = (&world.s, world.mia());
        let known = sign_in(s, &mia, &mia.password, &origin(), None).await;
        let new = sign_in(s, &world.ben(), &world.ben().password, &firefox(), None).await;
        let elsewhere = Origin { address: [203, 0, 113, 9].into(), ..firefox() };
        for (from, browser) in [(firefox(), None), (elsewhere, Some(new))] {
            let tabs: Vec<_> = (0..4)
                .map(|_| {
                    let (s, mia, from) = (s.clone(), mia.clone(), from.clone());
                    tokio::spawn(async move { sign_in(&s, &mia, &mia.password, &from, browser).await })
                })
                .collect();
            for tab in tabs {
                tab.await.unwrap();
            }
            assert_eq!(world.notice().await, (mia.email.clone(), Notice::NewBrowser), "{from:?}");
        }
        sign_in(s, &mia, &mia.password, &origin(), Some(known)).await;
        assert!(world.mail().await.is_empty());
    })
    .await;
}

/// Someone who knew the old password may have been in a browser that was known.
#[tokio::test]
async fn after_a_new_password_every_browser_is_new() {
    on_both_with(&password_only(), async |world| {
        let (s, mia) = (&world.s, world.mia());
        let browser = sign_in(s, &mia, &mia.password, &origin(), None).await;
        let (session, _) = world.session(&mia).await;
        let authority = world.authority(&session);
        password_change::change(s, authority, &mia.password, GOOD, &firefox()).await.unwrap();
        let mail = world.mail().await;
        assert_eq!(mail[0].origin, Some(firefox()), "the notice says from where");
        assert_eq!(notices(mail), [(mia.email.clone(), Notice::PasswordChanged)]);
        sign_in(s, &mia, GOOD, &origin(), Some(browser)).await;
        assert_eq!(world.notice().await.1, Notice::NewBrowser, "not the first sign-in ever");
    })
    .await;
}
