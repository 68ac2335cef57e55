//! Sign-ins that have passed the password and wait for the second step.

use crate::{Tx, error::StoreResult};
use countersign_core::{
    Timestamp,
    ids::{ChallengeId, UserId},
    secret::StoredHandle,
    sign_in::{ChallengeRecord, Challenged, PasswordVerified},
};

sql! {
    INSERT = "INSERT INTO challenges (id, handle, user_id, return_to, created_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6)";
    BY_HANDLE = "SELECT id, user_id, return_to, expires_at, completed_at FROM challenges WHERE handle = $1";
    COMPLETE = "UPDATE challenges SET completed_at = $1 \
        WHERE id = $2 AND user_id = $3 AND completed_at IS NULL AND expires_at > $1";
    END = "DELETE FROM challenges WHERE id = $1";
    END_OF_USER = "DELETE FROM challenges WHERE user_id = $1";
}

/// Stores a challenge, which the right password buys.
pub fn insert(
    tx: &mut Tx<'_>,
    verified: &PasswordVerified,
    id: ChallengeId,
    handle: &StoredHandle,
    return_to: Option<&str>,
    expires_at: Timestamp,
) -> StoreResult<()> {
    tx.execute(INSERT, values![id, handle, verified.user(), return_to, verified.at(), expires_at]).map(drop)
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
