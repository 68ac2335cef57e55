//! Links by which a browser that an account doesn't know may try its password again.

use crate::{Tx, error::StoreResult};
use countersign_core::{Timestamp, ids::UserId, secret::StoredHandle};

sql! {
    INSERT = "INSERT INTO browser_links (handle, user_id, expires_at, browser, return_to) VALUES ($1, $2, $3, $4, $5)";
    PEEK = "SELECT user_id FROM browser_links WHERE handle = $1 AND used_at IS NULL AND expires_at > $2";
    REDEEM = "UPDATE browser_links SET used_at = $1 \
        WHERE handle = $2 AND used_at IS NULL AND expires_at > $1 RETURNING user_id, browser, return_to";
    END_OF_USER = "DELETE FROM browser_links WHERE user_id = $1";
}

/// The sign-in that caused a link.
#[derive(Clone, Debug, Default)]
pub struct Cause {
    /// The handle of the browser.
    pub browser: Option<StoredHandle>,
    /// Where it wanted to go: a path on this server.
    pub return_to: Option<String>,
}

/// Stores a link. Earlier links of the account stay valid: someone else may have caused this one.
pub fn insert(
    tx: &mut Tx<'_>,
    link: &StoredHandle,
    user: UserId,
    expires_at: Timestamp,
    cause: &Cause,
) -> StoreResult<()> {
    let params = values![link, user, expires_at, cause.browser.as_ref(), cause.return_to.as_deref()];
    tx.execute(INSERT, params).map(drop)
}

/// The account of a link, without redeeming it; `None` if it is used, expired or unknown.
pub fn peek(tx: &mut Tx<'_>, link: &StoredHandle, now: Timestamp) -> StoreResult<Option<UserId>> {
    tx.row(PEEK, values![link, now])?.map(|mut row| row.parsed()).transpose()
}

/// Redeems a link, once; `None` if it was used before, is expired or unknown.
pub fn redeem(tx: &mut Tx<'_>, link: &StoredHandle, now: Timestamp) -> StoreResult<Option<(UserId, Cause)>> {
    let Some(mut row) = tx.row(REDEEM, values![now, link])? else { return Ok(None) };
    Ok(Some((row.parsed()?, Cause { browser: row.maybe_handle()?, return_to: row.maybe_text()? })))
}

/// Deletes all links of an account.
pub fn end_of_user(tx: &mut Tx<'_>, user: UserId) -> StoreResult<()> {
    tx.execute(END_OF_USER, values![user]).map(drop)
}
