//! What happened on an account.

use crate::harness::{MINUTE, NOW, later, on_both, origin};
use countersign_core::event::{Detail, EventKind};
use countersign_store::events::{self, NewEvent};

#[tokio::test]
async fn the_newest_events_come_first_with_whoever_did_them() {
    on_both(async |w| {
        let (mia, ann) = (w.person("mia@example.com").await, w.person("ann@example.com").await);
        w.sql("UPDATE users SET name = 'Ann Berg' WHERE email = 'ann@example.com'");
        let record = |actor, kind, detail, at| {
            let event = NewEvent { user: mia.user, actor, kind, detail, origin: origin() };
            w.write(move |tx| events::record(tx, &event, at))
        };
        let reason = Detail { text: Some("a lost invoice".into()), ..Detail::default() };
        record(None, EventKind::SignedIn, Detail::default(), NOW).await;
        record(Some(ann.user), EventKind::LoginAsBegun, reason.clone(), later(2 * MINUTE)).await;
        record(None, EventKind::SignedOut, Detail::default(), later(MINUTE)).await;

        let recent = |user, limit| w.read(move |tx| events::recent(tx, user, limit));
        let rows = recent(mia.user, 10).await;
        let kinds: Vec<_> = rows.iter().map(|row| row.kind).collect();
        assert_eq!(kinds, [EventKind::LoginAsBegun, EventKind::SignedOut, EventKind::SignedIn]);
        assert_eq!((rows[0].actor, rows[0].actor_name.as_deref()), (Some(ann.user), Some("Ann Berg")));
        assert_eq!((&rows[0].detail, rows[0].at), (&reason, later(2 * MINUTE)));
        assert_eq!((rows[1].actor, &rows[1].actor_name), (None, &None));
        assert_eq!((rows[1].address.as_str(), rows[1].user_agent.as_str()), ("192.0.2.7", "Firefox"));
        assert_eq!(recent(mia.user, 2).await.len(), 2);
        assert!(recent(ann.user, 10).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn every_kind_reads_back() {
    on_both(async |w| {
        let user = w.person("mia@example.com").await.user;
        w.write(move |tx| {
            for kind in EventKind::ALL {
                let detail =
                    Detail { method: Some("app".into()), text: Some("é|\"'".into()), count: Some(u64::MAX) };
                events::record(
                    tx,
                    &NewEvent { user, actor: None, kind: *kind, detail, origin: origin() },
                    NOW,
                )?;
            }
            Ok(())
        })
        .await;
        let rows = w.read(move |tx| events::recent(tx, user, 100)).await;
        assert_eq!(rows.len(), EventKind::ALL.len());
        assert!(rows.iter().all(|row| row.detail.count == Some(u64::MAX)));
    })
    .await;
}
