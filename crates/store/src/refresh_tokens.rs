//! Refresh tokens: each is good once, and buys the next one.

use crate::{Tx, error::StoreResult, grants::Spent};
use countersign_core::{Timestamp, ids::GrantId, secret::StoredHandle};

sql! {
    INSERT = "INSERT INTO refresh_tokens (handle, grant_id, expires_at) VALUES ($1, $2, $3)";
    FIND = "SELECT grant_id, expires_at, used_at FROM refresh_tokens WHERE handle = $1";
    CLAIM = "UPDATE refresh_tokens SET used_at = $1 \
        WHERE handle = $2 AND used_at IS NULL AND expires_at > $1 RETURNING grant_id";
}

/// A refresh token as it is stored.
#[derive(Clone, Copy, Debug)]
pub struct RefreshToken {
    /// What it stands for.
    pub grant: GrantId,
    /// When it ends unused.
    pub expires_at: Timestamp,
    /// Whether it is used already.
    pub used: bool,
}

/// Stores the token that was bought.
pub fn insert(
    tx: &mut Tx<'_>,
    spent: &Spent,
    handle: &StoredHandle,
    expires_at: Timestamp,
) -> StoreResult<()> {
    tx.execute(INSERT, values![handle, spent.grant(), expires_at]).map(drop)
}

/// The token of a handle.
pub fn find(tx: &mut Tx<'_>, handle: &StoredHandle) -> StoreResult<Option<RefreshToken>> {
    let Some(mut row) = tx.row(FIND, values![handle])? else { return Ok(None) };
    let (grant, expires_at) = (row.parsed()?, row.time()?);
    Ok(Some(RefreshToken { grant, expires_at, used: row.maybe_time()?.is_some() }))
}

/// Spends a token, once; `None` if it is used or too old.
pub fn claim(tx: &mut Tx<'_>, handle: &StoredHandle, now: Timestamp) -> StoreResult<Option<Spent>> {
    let grant = tx.row(CLAIM, values![now, handle])?.map(|mut row| row.parsed()).transpose()?;
    Ok(grant.map(Spent::of))
}
