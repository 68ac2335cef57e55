//! Access tokens. They are opaque: what one is worth is looked up whenever it is shown, and so ends at once.

use crate::{Tx, error::StoreResult, grants::Spent};
use countersign_core::{Timestamp, ids::GrantId, oauth::ScopeSet, secret::StoredHandle};

sql! {
    INSERT = "INSERT INTO access_tokens (handle, grant_id, scope, issued_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5)";
    FIND = "SELECT grant_id, scope, issued_at, expires_at FROM access_tokens WHERE handle = $1 AND expires_at > $2";
    REVOKE = "DELETE FROM access_tokens WHERE handle = $1";
}

/// An access token as it is stored.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// What it stands for.
    pub grant: GrantId,
    /// What it covers: all of the grant's scope, or less where less was asked for.
    pub scope: ScopeSet,
    /// When it was made.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Stores the token that was bought.
pub fn insert(
    tx: &mut Tx<'_>,
    spent: &Spent,
    handle: &StoredHandle,
    scope: &ScopeSet,
    now: Timestamp,
    expires_at: Timestamp,
) -> StoreResult<()> {
    tx.execute(INSERT, values![handle, spent.grant(), scope.to_string(), now, expires_at]).map(drop)
}

/// The token of a handle, unless it is too old. Whether its grant still holds is another question.
pub fn find(tx: &mut Tx<'_>, handle: &StoredHandle, now: Timestamp) -> StoreResult<Option<AccessToken>> {
    let Some(mut row) = tx.row(FIND, values![handle, now])? else { return Ok(None) };
    let (grant, scope) = (row.parsed()?, row.parsed()?);
    Ok(Some(AccessToken { grant, scope, issued_at: row.time()?, expires_at: row.time()? }))
}

/// Makes one token worthless; the grant goes on.
pub fn revoke(tx: &mut Tx<'_>, handle: &StoredHandle) -> StoreResult<bool> {
    tx.changes_one(REVOKE, values![handle])
}
