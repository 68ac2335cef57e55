//! Why sessions ended, for the browsers that held them.

use crate::harness::{DAY, HOUR, NOW, World, later, on_both};
use countersign_core::{Timestamp, secret::StoredHandle, session::EndReason};
use countersign_store::{ended_sessions, housekeeping, sessions};

async fn reason(w: &World, handle: StoredHandle, at: Timestamp) -> Option<EndReason> {
    w.read(move |tx| ended_sessions::reason(tx, &handle, at)).await
}

#[tokio::test]
async fn the_reason_is_kept_for_the_handles_of_the_sessions_that_end_and_for_a_week() {
    on_both(async |w| {
        let (mia, ole) = (w.person("mia@example.com").await, w.person("ole@example.com").await);
        let (one, two) = (w.sign_in(mia.user).await, w.sign_in(mia.user).await);
        let (user, keep, id) = (mia.user, mia.own.id(), one.own.id());
        w.write(move |tx| ended_sessions::note(tx, ole.user, id, EndReason::Elsewhere, NOW)).await;
        assert_eq!(reason(&w, one.handle, NOW).await, None, "another account's session");
        w.write(move |tx| {
            ended_sessions::note(tx, user, id, EndReason::Elsewhere, NOW)?;
            sessions::end(tx, id)
        })
        .await;
        w.write(move |tx| {
            ended_sessions::note_others(tx, user, keep, EndReason::Password, NOW)?;
            sessions::end_others(tx, user, keep)
        })
        .await;
        assert_eq!(reason(&w, one.handle, NOW).await, Some(EndReason::Elsewhere));
        assert_eq!(reason(&w, two.handle, NOW).await, Some(EndReason::Password));
        assert_eq!((reason(&w, mia.handle, NOW).await, reason(&w, ole.handle, NOW).await), (None, None));
        assert_eq!(reason(&w, w.handle(), NOW).await, None);
        w.write(move |tx| ended_sessions::note_all(tx, user, EndReason::Operator, NOW)).await;
        assert_eq!(reason(&w, mia.handle, NOW).await, Some(EndReason::Operator));
        assert_eq!(reason(&w, mia.handle, later(7 * DAY)).await, None);
    })
    .await;
}

#[tokio::test]
async fn a_session_that_time_has_ended_leaves_its_reason() {
    on_both(async |w| {
        let (idle, old) = (w.person("mia@example.com").await, w.person("ole@example.com").await);
        let (busy, seen) = (old.own.id(), later(DAY));
        w.write(move |tx| sessions::touch(tx, busy, seen)).await;
        w.write(|tx| housekeeping::sweep(tx, later(DAY - HOUR), HOUR)).await;
        assert_eq!(reason(&w, idle.handle, later(DAY)).await, Some(EndReason::Idle));
        assert_eq!(reason(&w, old.handle, later(DAY)).await, None, "it lives");
        w.write(|tx| housekeeping::sweep(tx, later(DAY), HOUR)).await;
        assert_eq!(reason(&w, old.handle, later(DAY)).await, Some(EndReason::Age));
        assert_eq!(w.rows_in("sessions"), 0);
    })
    .await;
}
