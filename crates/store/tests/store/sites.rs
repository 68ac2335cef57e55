//! Tickets and cookies of protected sites.

use crate::harness::{MINUTE, NOW, World, later, on_both};
use countersign_core::{ids::SessionId, secret::StoredHandle, session::Session};
use countersign_store::{sessions, sites};

const SITE: &str = "https://wiki.example.org";

/// A ticket for a browser whose nonce is the ticket's own hash.
async fn ticket(w: &World, session: SessionId) -> StoredHandle {
    let ticket = w.handle();
    let insert = w.write(move |tx| {
        let record = sessions::by_id(tx, session)?.unwrap();
        let session = Session::restore(record, NOW, MINUTE).unwrap();
        sites::insert_ticket(tx, &session, &ticket, SITE, &ticket, later(MINUTE))
    });
    assert!(insert.await);
    ticket
}

#[tokio::test]
async fn what_is_forgotten_are_cookies_and_tickets() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let (session, cookie, other) = (mia.own.id(), w.handle(), w.handle());
        let (spent, drawn) = (ticket(&w, session).await, ticket(&w, session).await);
        assert!(w.write(move |tx| sites::enter(tx, &spent, SITE, &spent, &cookie, NOW)).await);
        assert!(w.read(move |tx| sites::session(tx, &cookie, SITE)).await.is_some());
        w.write(move |tx| sites::forget(tx, session)).await;
        assert!(w.read(move |tx| sites::session(tx, &cookie, SITE)).await.is_none());
        assert!(!w.write(move |tx| sites::enter(tx, &drawn, SITE, &drawn, &other, NOW)).await);
    })
    .await;
}

/// Whoever signs out takes the session's row first and then, by the cascade, the tickets'.
#[tokio::test(flavor = "multi_thread")]
async fn to_enter_and_to_sign_out_at_once_do_not_wait_for_each_other() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        for _ in 0..40 {
            let session = w.sign_in(mia.user).await.own.id();
            let (first, second) = (ticket(&w, session).await, ticket(&w, session).await);
            let enter = |ticket: StoredHandle| {
                let cookie = w.handle();
                w.store.write(move |tx| sites::enter(tx, &ticket, SITE, &ticket, &cookie, NOW))
            };
            let forget = w.store.write(move |tx| sites::forget(tx, session));
            let end = w.store.write(move |tx| sessions::end(tx, session));
            let (one, end, other, forgotten) = tokio::join!(enter(first), end, enter(second), forget);
            assert!(one.is_ok() && other.is_ok() && forgotten.is_ok(), "{one:?} {other:?} {forgotten:?}");
            assert!(end.unwrap());
        }
        assert_eq!(w.rows_in("site_sessions"), 0);
    })
    .await;
}
