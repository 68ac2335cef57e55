//! Pending enrolments.

use crate::harness::{MINUTE, NOW, later, on_both};
use countersign_core::ids::EnrolmentId;
use countersign_store::enrolments;

#[tokio::test]
async fn a_session_has_one_enrolment_which_it_alone_can_take() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let elsewhere = w.sign_in(mia.user).await;
        let [first, second] = [1, 2].map(|_| EnrolmentId::generate(NOW, &*w.entropy));
        let begin = |id, secret: [u8; 20], authority, end| {
            w.write(move |tx| enrolments::begin(tx, &authority, id, &secret, end, None))
        };
        let pending = || {
            let session = mia.own.id();
            w.read(move |tx| enrolments::of_session(tx, session))
        };
        let take = |id, authority| w.write(move |tx| enrolments::take(tx, &authority, id));

        begin(first, [1; 20], mia.authority(), later(MINUTE)).await;
        begin(second, [2; 20], mia.authority(), later(2 * MINUTE)).await;
        let (record, secret) = pending().await.unwrap();
        assert_eq!((record.id, record.user, record.session), (second, mia.user, mia.own.id()));
        assert_eq!((record.expires_at, secret.as_slice()), (later(2 * MINUTE), [2; 20].as_slice()));

        assert!(!take(first, mia.authority()).await, "replaced");
        assert!(!take(second, elsewhere.authority()).await, "another session's");
        assert!(take(second, mia.authority()).await);
        assert!(!take(second, mia.authority()).await, "taken");
        assert!(pending().await.is_none());

        begin(first, [1; 20], mia.authority(), later(MINUTE)).await;
        let session = mia.own.id();
        w.write(move |tx| enrolments::cancel(tx, session, second, NOW)).await;
        assert!(!pending().await.unwrap().0.cancelled, "another one");
        let (authority, stranger) = (mia.authority(), elsewhere.authority());
        assert!(!w.write(move |tx| enrolments::extend(tx, &stranger, first, later(3 * MINUTE))).await);
        assert!(w.write(move |tx| enrolments::extend(tx, &authority, first, later(3 * MINUTE))).await);
        assert_eq!(pending().await.unwrap().0.expires_at, later(3 * MINUTE));
        w.write(move |tx| enrolments::cancel(tx, session, first, NOW)).await;
        let (record, secret) = pending().await.unwrap();
        assert!(record.cancelled && secret.is_empty(), "the row stays, and its secret is gone");
        assert!(!take(first, mia.authority()).await, "cancelled");
        let authority = mia.authority();
        assert!(!w.write(move |tx| enrolments::extend(tx, &authority, first, later(4 * MINUTE))).await);
        begin(second, [2; 20], mia.authority(), later(MINUTE)).await;
        assert!(!pending().await.unwrap().0.cancelled, "begun again");
        assert!(take(second, mia.authority()).await);
    })
    .await;
}
