//! Challenges.

use crate::harness::{MINUTE, NOW, later, on_both, verified};
use countersign_core::{ids::ChallengeId, sign_in::Challenged};
use countersign_store::challenges;

#[tokio::test]
async fn a_challenge_is_completed_once_in_time() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let (id, handle) = (ChallengeId::generate(NOW, &*w.entropy), w.handle());
        let end = later(10 * MINUTE);
        w.write(move |tx| {
            challenges::insert(tx, &verified(mia.user), id, &handle, Some("/profile/sessions"), end, None)
        })
        .await;
        let found = || w.read(move |tx| challenges::by_handle(tx, &handle));
        let record = found().await.unwrap();
        assert_eq!((record.id, record.user, record.expires_at), (id, mia.user, end));
        assert_eq!((record.return_to.as_deref(), record.completed_at), (Some("/profile/sessions"), None));

        let complete = |at| {
            let challenge = Challenged::restore(record.clone(), NOW).unwrap();
            w.write(move |tx| challenges::complete(tx, &challenge, at))
        };
        assert!(!complete(end).await);
        assert!(complete(later(MINUTE)).await);
        assert!(!complete(later(MINUTE)).await);
        assert_eq!(found().await.unwrap().completed_at, Some(later(MINUTE)));

        w.write(move |tx| challenges::end(tx, id)).await;
        assert!(found().await.is_none());
    })
    .await;
}

#[tokio::test]
async fn a_sign_in_that_begins_again_in_the_same_browser_goes_on() {
    on_both(async |w| {
        let (mia, ole) = (w.person("mia@example.com").await, w.person("ole@example.com").await);
        let id = ChallengeId::generate(NOW, &*w.entropy);
        let [visitor, first, second, third, stranger] = [(); 5].map(|()| w.handle());
        w.write(move |tx| {
            challenges::insert(tx, &verified(mia.user), id, &first, None, later(MINUTE), Some(&visitor))
        })
        .await;
        let again = |user, browser, new, end| {
            w.write(move |tx| challenges::begin_again(tx, &verified(user), &browser, &new, Some("/x"), end))
        };
        assert!(!again(ole.user, visitor, second, later(MINUTE)).await, "another account's");
        assert!(!again(mia.user, stranger, second, later(MINUTE)).await, "another browser's");
        // The form came twice: with the handle from before. Then once more in another tab: with the new one.
        assert!(again(mia.user, visitor, second, later(10 * MINUTE)).await);
        assert!(w.read(move |tx| challenges::by_handle(tx, &first)).await.is_none());
        assert!(again(mia.user, second, third, later(10 * MINUTE)).await);
        let record = w.read(move |tx| challenges::by_handle(tx, &third)).await.unwrap();
        assert_eq!((record.id, record.expires_at), (id, later(10 * MINUTE)));
        assert_eq!(record.return_to.as_deref(), Some("/x"));
        let challenge = Challenged::restore(record, NOW).unwrap();
        assert!(w.write(move |tx| challenges::complete(tx, &challenge, NOW)).await);
        assert!(!again(mia.user, third, first, later(MINUTE)).await, "it is complete");
    })
    .await;
}

#[tokio::test]
async fn all_of_a_users_challenges_can_be_ended() {
    on_both(async |w| {
        let (mia, ole) = (w.person("mia@example.com").await, w.person("ole@example.com").await);
        for user in [mia.user, mia.user, ole.user] {
            let (id, handle) = (ChallengeId::generate(NOW, &*w.entropy), w.handle());
            w.write(move |tx| {
                challenges::insert(tx, &verified(user), id, &handle, None, later(MINUTE), None)
            })
            .await;
        }
        assert_eq!(w.write(move |tx| challenges::end_of_user(tx, mia.user)).await, 2);
        assert_eq!(w.rows_in("challenges"), 1);
    })
    .await;
}
