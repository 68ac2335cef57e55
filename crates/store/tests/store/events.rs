//! What happened on an account.

use crate::harness::{DAY, HOUR, MINUTE, NOW, World, later, on_both, origin};
use countersign_core::{
    Timestamp,
    event::{Detail, EventClass, EventKind, Origin, Retention},
    ids::UserId,
};
use countersign_store::events::{self, Cursor, EventRow, NewEvent, NotACursor};

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

        let recent = |user, limit| w.read(move |tx| events::page(tx, user, None, limit));
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
                let detail = Detail {
                    method: Some("app".into()),
                    text: Some("é|\"'".into()),
                    count: Some(u64::MAX),
                    subject: Some("1".into()),
                };
                events::record(
                    tx,
                    &NewEvent { user, actor: None, kind: *kind, detail, origin: origin() },
                    NOW,
                )?;
            }
            Ok(())
        })
        .await;
        let rows = w.read(move |tx| events::page(tx, user, None, 100)).await;
        assert_eq!(rows.len(), EventKind::ALL.len());
        assert!(rows.iter().all(|row| row.detail.count == Some(u64::MAX)));
    })
    .await;
}

async fn record(w: &World, user: UserId, kind: EventKind, method: &str, address: &str, at: Timestamp) {
    let detail =
        Detail { method: Some(method.into()).filter(|m: &String| !m.is_empty()), ..Detail::default() };
    let origin = Origin { address: address.parse().unwrap(), ..origin() };
    let event = NewEvent { user, actor: None, kind, detail, origin };
    w.write(move |tx| events::record(tx, &event, at)).await;
}

async fn all(w: &World, user: UserId) -> Vec<EventRow> {
    w.read(move |tx| events::page(tx, user, None, 1000)).await
}

/// NOW is 13 minutes after the full hour.
#[tokio::test]
async fn attempts_of_one_hour_are_one_row_whatever_comes_between() {
    on_both(async |w| {
        let (mia, eve) = (w.person("mia@example.com").await.user, w.person("eve@example.com").await.user);
        record(&w, mia, EventKind::AppAdded, "", "192.0.2.1", NOW.minus(HOUR)).await;
        for n in 0..14 {
            let (at, address) = (later(n * MINUTE), format!("198.51.100.{n}"));
            record(&w, mia, EventKind::PasswordWrong, "", &address, at).await;
            record(&w, mia, EventKind::CodeWrong, "app", &address, at).await;
            record(&w, mia, EventKind::CodeWrong, "sms", &address, at).await;
            record(&w, mia, EventKind::SignedIn, "", &address, at).await;
            record(&w, eve, EventKind::PasswordWrong, "", &address, at).await;
        }
        // A node whose clock is a little behind.
        record(&w, mia, EventKind::PasswordWrong, "", "203.0.113.9", later(MINUTE)).await;
        let events = all(&w, mia).await;
        let of = |kind| events.iter().filter(|event| event.kind == kind).collect::<Vec<_>>();
        let [wrong] = of(EventKind::PasswordWrong)[..] else { panic!("not one row") };
        assert_eq!((wrong.times, wrong.first_at, wrong.at), (15, NOW, later(13 * MINUTE)));
        assert_eq!(wrong.address, "203.0.113.9");
        assert_eq!(of(EventKind::CodeWrong).iter().map(|event| event.times).collect::<Vec<_>>(), [14, 14]);
        assert_eq!(of(EventKind::SignedIn).len(), 14, "a sign-in is never collapsed");
        assert!(of(EventKind::SignedIn).iter().all(|event| event.times == 1 && event.first_at == event.at));
        assert_eq!(of(EventKind::AppAdded).len(), 1);
        assert_eq!(all(&w, eve).await.iter().map(|event| event.times).collect::<Vec<_>>(), [14]);

        record(&w, mia, EventKind::PasswordWrong, "", "192.0.2.1", later(HOUR)).await;
        let times: Vec<_> = all(&w, mia)
            .await
            .iter()
            .filter(|e| e.kind == EventKind::PasswordWrong)
            .map(|e| e.times)
            .collect();
        assert_eq!(times, [1, 15], "the next hour is a row of its own");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_attempts_at_once_are_one_row() {
    on_both(async |w| {
        let user = w.person("mia@example.com").await.user;
        let attempt = || {
            let detail = Detail::default();
            let event =
                NewEvent { user, actor: None, kind: EventKind::PasswordWrong, detail, origin: origin() };
            move |tx: &mut countersign_store::Tx<'_>| events::record(tx, &event, NOW)
        };
        w.burst(attempt).await;
        let events = all(&w, user).await;
        assert_eq!(events.iter().map(|event| event.times).collect::<Vec<_>>(), [200]);
    })
    .await;
}

#[tokio::test]
async fn pages_follow_each_other_without_a_gap() {
    on_both(async |w| {
        let (mia, eve) = (w.person("mia@example.com").await.user, w.person("eve@example.com").await.user);
        // Three in each millisecond.
        for n in 0..30_u64 {
            let at = later(std::time::Duration::from_millis(n / 3));
            record(&w, mia, EventKind::SignedIn, "", "192.0.2.7", at).await;
        }
        let everything: Vec<_> = all(&w, mia).await.iter().map(EventRow::cursor).collect();
        assert_eq!(everything.len(), 30);
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page = w.read(move |tx| events::page(tx, mia, before, 7)).await;
            let Some(last) = page.last() else { break };
            before = Some(last.cursor());
            seen.extend(page.iter().map(EventRow::cursor));
            // What happens meanwhile moves nothing.
            record(&w, mia, EventKind::SignedOut, "", "192.0.2.7", later(MINUTE)).await;
        }
        assert_eq!(seen, everything);
        let none = w.read(move |tx| events::page(tx, eve, Some(everything[3]), 7)).await;
        assert!(none.is_empty(), "a cursor shows only the account's own");
    })
    .await;
}

#[test]
fn a_cursor_reads_back_and_nothing_else_is_one() {
    let text = "1700000000000.01890000-0000-7000-8000-000000000000";
    assert_eq!(text.parse::<Cursor>().unwrap().to_string(), text);
    for bad in
        ["", ".", "1", "1.x", "x.01890000-0000-7000-8000-000000000000", "1.2.3", "99999999999999999999.1"]
    {
        assert_eq!(bad.parse::<Cursor>(), Err(NotACursor), "{bad}");
    }
}

#[tokio::test]
async fn each_class_is_kept_for_its_time_and_deleted_in_batches() {
    on_both(async |w| {
        let user = w.person("mia@example.com").await.user;
        for n in 0..20 {
            for kind in [EventKind::PasswordWrong, EventKind::SignedIn, EventKind::PasswordChanged] {
                record(&w, user, kind, "", "192.0.2.7", later(n * HOUR)).await;
            }
        }
        let days = |n: u32| Some(n * DAY);
        let retention = Retention { attempts: days(90), sign_ins: days(365), changes: None };
        let forget = |at, most| w.write(move |tx| events::forget(tx, &retention, at, most));
        let left = async || {
            let events = all(&w, user).await;
            [EventClass::Attempt, EventClass::SignIn, EventClass::Change]
                .map(|class| events.iter().filter(|event| event.kind.class() == class).count())
        };
        assert_eq!(forget(later(90 * DAY - MINUTE), 1000).await, 0);
        assert_eq!(forget(later(90 * DAY), 1000).await, 1);
        assert_eq!(left().await, [19, 20, 20]);
        assert_eq!(forget(later(92 * DAY), 10).await, 10);
        assert_eq!(left().await, [9, 20, 20], "no more at once than it may");
        assert_eq!(forget(later(92 * DAY), 10).await, 9);
        assert_eq!(forget(later(3650 * DAY), 1000).await, 20);
        assert_eq!(left().await, [0, 0, 20], "kept for good");
    })
    .await;
}
