//! Sign-ins that have passed the password and wait for the second step.

use crate::{Tx, error::StoreResult};
use countersign_core::{
    Timestamp,
    ids::{ChallengeId, UserId},
    secret::StoredHandle,
    sign_in::{ChallengeRecord, Challenged, PasswordVerified},
};

sql! {
    INSERT = "INSERT INTO challenges (id, handle, user_id, return_to, created_at, expires_at, began_from) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    BEGIN_AGAIN = "UPDATE challenges SET handle = $1, return_to = $2, created_at = $3, expires_at = $4, began_from = $5 \
        WHERE id = (SELECT id FROM challenges WHERE user_id = $6 AND completed_at IS NULL AND expires_at > $3 \
        AND (handle = $5 OR began_from = $5) ORDER BY created_at DESC, id DESC LIMIT 1)";
    BY_HANDLE = "SELECT id, user_id, return_to, expires_at, completed_at FROM challenges WHERE handle = $1";
    COMPLETE = "UPDATE challenges SET completed_at = $1 \
        WHERE id = $2 AND user_id = $3 AND completed_at IS NULL AND expires_at > $1";
    END = "DELETE FROM challenges WHERE id = $1";
    END_OF_USER = "DELETE FROM challenges WHERE user_id = $1";
}

/// Stores a challenge, which the right password buys. `browser` is the handle with which the password came.
pub fn insert(
    tx: &mut Tx<'_>,
    verified: &PasswordVerified,
    id: ChallengeId,
    handle: &StoredHandle,
    return_to: Option<&str>,
    expires_at: Timestamp,
    browser: Option<&StoredHandle>,
) -> StoreResult<()> {
    let params = values![id, handle, verified.user(), return_to, verified.at(), expires_at, browser];
    tx.execute(INSERT, params).map(drop)
}

/// Continues the waiting sign-in of the same account that this browser began, or is in, under a new handle: the form was sent
/// twice, or again in another tab. What was sent for it stays good. `false` if there is none.
pub fn begin_again(
    tx: &mut Tx<'_>,
    verified: &PasswordVerified,
    browser: &StoredHandle,
    handle: &StoredHandle,
    return_to: Option<&str>,
    expires_at: Timestamp,
) -> StoreResult<bool> {
    let params = values![handle, return_to, verified.at(), expires_at, browser, verified.user()];
    tx.changes_one(BEGIN_AGAIN, params)
}

/// The challenge of a handle, over or not: see [`Challenged::restore`].
pub fn by_handle(tx: &mut Tx<'_>, handle: &StoredHandle) -> StoreResult<Option<ChallengeRecord>> {
    let Some(mut row) = tx.row(BY_HANDLE, values![handle])? else { return Ok(None) };
    Ok(Some(ChallengeRecord {
        id: row.parsed()?,
        user: row.parsed()?,
        return_to: row.maybe_text()?,
        expires_at: row.time()?,
        completed_at: row.maybe_time()?,
    }))
}

/// Completes a challenge, once; `false` if it was completed before, has ended or is over.
pub fn complete(tx: &mut Tx<'_>, challenge: &Challenged, now: Timestamp) -> StoreResult<bool> {
    tx.changes_one(COMPLETE, values![now, challenge.id(), challenge.user()])
}

/// Ends a challenge.
pub fn end(tx: &mut Tx<'_>, id: ChallengeId) -> StoreResult<()> {
    tx.execute(END, values![id]).map(drop)
}

/// Ends all of a user's challenges: how many.
pub fn end_of_user(tx: &mut Tx<'_>, user: UserId) -> StoreResult<u32> {
    tx.counts(END_OF_USER, values![user])
}
