//! Browsers in which an account has finished a sign-in: strangers' failures do not slow these down.

use crate::{Tx, error::StoreResult};
use countersign_core::{Timestamp, ids::UserId, secret::StoredHandle};

sql! {
    KNOW = "INSERT INTO known_browsers (handle, user_id, last_seen_at) VALUES ($1, $2, $3) \
        ON CONFLICT (handle, user_id) DO UPDATE SET last_seen_at = excluded.last_seen_at";
    IS_KNOWN = "SELECT last_seen_at FROM known_browsers WHERE handle = $1 AND user_id = $2";
    FORGET_ALL = "DELETE FROM known_browsers WHERE user_id = $1";
}

/// Remembers that the account finished a sign-in in this browser.
pub fn know(tx: &mut Tx<'_>, browser: &StoredHandle, user: UserId, now: Timestamp) -> StoreResult<()> {
    tx.execute(KNOW, values![browser, user, now]).map(drop)
}

/// Whether the account has finished a sign-in in this browser.
pub fn is_known(tx: &mut Tx<'_>, browser: &StoredHandle, user: UserId) -> StoreResult<bool> {
    Ok(tx.row(IS_KNOWN, values![browser, user])?.is_some())
}

/// Forgets all browsers of an account.
pub fn forget_all(tx: &mut Tx<'_>, user: UserId) -> StoreResult<()> {
    tx.execute(FORGET_ALL, values![user]).map(drop)
}
