//! Browsers in which someone has used a link from an account's mailbox: for a while they may try its password.

use crate::{Tx, error::StoreResult};
use countersign_core::{Timestamp, ids::UserId, secret::StoredHandle};

sql! {
    CONFIRM = "INSERT INTO confirmed_browsers (handle, user_id, expires_at) VALUES ($1, $2, $3) \
        ON CONFLICT (handle, user_id) DO UPDATE SET expires_at = excluded.expires_at";
    IS_CONFIRMED = "SELECT expires_at FROM confirmed_browsers \
        WHERE handle = $1 AND user_id = $2 AND expires_at > $3";
    FORGET_ALL = "DELETE FROM confirmed_browsers WHERE user_id = $1";
}

/// Confirms a browser for an account, until `expires_at`.
pub fn confirm(
    tx: &mut Tx<'_>,
    browser: &StoredHandle,
    user: UserId,
    expires_at: Timestamp,
) -> StoreResult<()> {
    tx.execute(CONFIRM, values![browser, user, expires_at]).map(drop)
}

/// Whether a browser is confirmed for an account.
pub fn is_confirmed(
    tx: &mut Tx<'_>,
    browser: &StoredHandle,
    user: UserId,
    now: Timestamp,
) -> StoreResult<bool> {
    Ok(tx.row(IS_CONFIRMED, values![browser, user, now])?.is_some())
}

/// Forgets all confirmed browsers of an account.
pub fn forget_all(tx: &mut Tx<'_>, user: UserId) -> StoreResult<()> {
    tx.execute(FORGET_ALL, values![user]).map(drop)
}
