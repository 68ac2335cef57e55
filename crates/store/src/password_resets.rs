//! Links to choose a new password.

use crate::{Tx, error::StoreResult};
use countersign_core::{Timestamp, authority::RecoveryAuthority, ids::UserId, secret::StoredHandle};

sql! {
    INSERT = "INSERT INTO password_resets (handle, user_id, expires_at) VALUES ($1, $2, $3)";
    PEEK = "SELECT user_id FROM password_resets WHERE handle = $1 AND used_at IS NULL AND expires_at > $2";
    SPEND = "UPDATE password_resets SET used_at = $1 \
        WHERE handle = $2 AND used_at IS NULL AND expires_at > $1 RETURNING user_id";
    END_OF_USER = "DELETE FROM password_resets WHERE user_id = $1";
}

/// Stores a link.
pub fn insert(tx: &mut Tx<'_>, link: &StoredHandle, user: UserId, expires_at: Timestamp) -> StoreResult<()> {
    tx.execute(INSERT, values![link, user, expires_at]).map(drop)
}

/// Whose password the link would set, without spending it; `None` if it is spent, too old or unknown.
pub fn peek(tx: &mut Tx<'_>, link: &StoredHandle, now: Timestamp) -> StoreResult<Option<UserId>> {
    tx.row(PEEK, values![link, now])?.map(|mut row| row.parsed()).transpose()
}

/// Spends the link, once; `None` if it was spent before, is too old or unknown.
pub fn spend(tx: &mut Tx<'_>, link: &StoredHandle, now: Timestamp) -> StoreResult<Option<RecoveryAuthority>> {
    let user = tx.row(SPEND, values![now, link])?.map(|mut row| row.parsed()).transpose()?;
    Ok(user.map(RecoveryAuthority::of_spent_link))
}

/// Makes all links of an account worthless.
pub fn end_of_user(tx: &mut Tx<'_>, user: UserId) -> StoreResult<()> {
    tx.execute(END_OF_USER, values![user]).map(drop)
}
