//! Why sessions ended, for the browsers that still hold their handles.
//!
//! The functions that begin with `note` are called just before the sessions are deleted, in the same transaction. A session of
//! an administrator in someone else's account ends with the one it was opened from, and its reason is its own.

use crate::{Tx, error::StoreResult};
use countersign_core::{
    Timestamp,
    ids::{SessionId, UserId},
    secret::StoredHandle,
    session::EndReason,
};
use std::time::Duration;

/// Long enough for someone who comes back after a weekend.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

sql! {
    NOTE_ONE = "INSERT INTO ended_sessions (handle, reason, expires_at) \
        SELECT handle, CASE WHEN actor_id IS NULL THEN CAST($1 AS TEXT) ELSE 'login-as' END, CAST($2 AS BIGINT) FROM sessions \
        WHERE application_id IS NULL AND ((user_id = $3 AND id = $4) OR (actor_id = $3 AND actor_session_id = $4)) \
        ON CONFLICT (handle) DO NOTHING";
    NOTE_OTHERS = "INSERT INTO ended_sessions (handle, reason, expires_at) \
        SELECT handle, CASE WHEN actor_id IS NULL THEN CAST($1 AS TEXT) ELSE 'login-as' END, CAST($2 AS BIGINT) FROM sessions \
        WHERE application_id IS NULL AND ((user_id = $3 AND id <> $4) OR (actor_id = $3 AND actor_session_id <> $4)) \
        ON CONFLICT (handle) DO NOTHING";
    NOTE_ALL = "INSERT INTO ended_sessions (handle, reason, expires_at) \
        SELECT handle, CASE WHEN actor_id IS NULL THEN CAST($1 AS TEXT) ELSE 'login-as' END, CAST($2 AS BIGINT) FROM sessions \
        WHERE application_id IS NULL AND (user_id = $3 OR actor_id = $3) \
        ON CONFLICT (handle) DO NOTHING";
    NOTE_OVER = "INSERT INTO ended_sessions (handle, reason, expires_at) \
        SELECT handle, CASE WHEN actor_id IS NOT NULL THEN 'login-as' WHEN expires_at <= $1 THEN 'age' ELSE 'idle' END, \
        CAST($3 AS BIGINT) FROM sessions WHERE application_id IS NULL AND (expires_at <= $1 OR last_seen_at <= $2) \
        ON CONFLICT (handle) DO NOTHING";
    REASON = "SELECT reason FROM ended_sessions WHERE handle = $1 AND expires_at > $2";
    EXPIRED = "DELETE FROM ended_sessions WHERE expires_at <= $1";
}

/// For one session of the user.
pub fn note(
    tx: &mut Tx<'_>,
    user: UserId,
    id: SessionId,
    reason: EndReason,
    now: Timestamp,
) -> StoreResult<()> {
    tx.execute(NOTE_ONE, values![reason.as_str(), now.plus(KEPT), user, id]).map(drop)
}

/// For all of the user's sessions but `keep`.
pub fn note_others(
    tx: &mut Tx<'_>,
    user: UserId,
    keep: SessionId,
    reason: EndReason,
    now: Timestamp,
) -> StoreResult<()> {
    tx.execute(NOTE_OTHERS, values![reason.as_str(), now.plus(KEPT), user, keep]).map(drop)
}

/// For all of the user's sessions.
pub fn note_all(tx: &mut Tx<'_>, user: UserId, reason: EndReason, now: Timestamp) -> StoreResult<()> {
    tx.execute(NOTE_ALL, values![reason.as_str(), now.plus(KEPT), user]).map(drop)
}

/// For the sessions that time has ended by `now`, `idle` being how long one lives without a request.
pub(crate) fn note_over(tx: &mut Tx<'_>, now: Timestamp, idle: Duration) -> StoreResult<()> {
    tx.execute(NOTE_OVER, values![now, now.minus(idle), now.plus(KEPT)]).map(drop)
}

/// Why the session of a handle ended; `None` if nothing is known about it.
pub fn reason(tx: &mut Tx<'_>, handle: &StoredHandle, now: Timestamp) -> StoreResult<Option<EndReason>> {
    tx.row(REASON, values![handle, now])?.map(|mut row| row.parsed()).transpose()
}

/// Deletes what has been kept long enough: how many.
pub(crate) fn delete_expired(tx: &mut Tx<'_>, now: Timestamp) -> StoreResult<u32> {
    tx.counts(EXPIRED, values![now])
}
