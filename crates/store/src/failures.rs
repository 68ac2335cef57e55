//! Wrong codes in a row against one authenticator, and since when it is off (NIST SP 800-63B-4 §3.2.2: no more than 100
//! consecutive failed attempts).
//!
//! An authenticator is named by the id of the app or phone, the e-mail address, or the id of the set of backup codes: what
//! is enrolled anew has another name, and starts without failures.

use crate::{
    Tx,
    error::{StoreError, StoreResult},
};
use countersign_core::{Timestamp, ids::UserId, second_step::Method};

sql! {
    COUNT = "INSERT INTO failures (user_id, method, authenticator, failures) VALUES ($1, $2, $3, 1) \
        ON CONFLICT (user_id, method, authenticator) DO UPDATE SET failures = failures.failures + 1";
    DISABLE = "UPDATE failures SET disabled_at = $1 WHERE user_id = $2 AND method = $3 AND authenticator = $4 \
        AND failures >= $5 AND disabled_at IS NULL";
    CLEAR = "DELETE FROM failures WHERE user_id = $1 AND method = $2 AND authenticator = $3";
    CLEAR_METHOD = "DELETE FROM failures WHERE user_id = $1 AND method = $2";
    CLEAR_ALL = "DELETE FROM failures WHERE user_id = $1";
    DISABLED = "SELECT method, authenticator FROM failures WHERE user_id = $1 AND disabled_at IS NOT NULL \
        ORDER BY disabled_at, method, authenticator";
}

/// Counts one more failure in a row, and disables the authenticator at the `limit`-th. Whether this one disabled it.
pub fn record(
    tx: &mut Tx<'_>,
    user: UserId,
    method: Method,
    authenticator: &str,
    limit: u32,
    now: Timestamp,
) -> StoreResult<bool> {
    if tx.execute(COUNT, values![user, method, authenticator])? != 1 {
        return Err(StoreError::Corrupt("failures"));
    }
    tx.changes_one(DISABLE, values![now, user, method, authenticator, limit])
}

/// Forgets the failures of an authenticator: a right code breaks the row.
pub fn clear(tx: &mut Tx<'_>, user: UserId, method: Method, authenticator: &str) -> StoreResult<()> {
    tx.execute(CLEAR, values![user, method, authenticator]).map(drop)
}

/// Forgets the failures of all authenticators of a kind.
pub fn clear_method(tx: &mut Tx<'_>, user: UserId, method: Method) -> StoreResult<()> {
    tx.execute(CLEAR_METHOD, values![user, method]).map(drop)
}

/// Forgets all failures of an account.
pub fn clear_all(tx: &mut Tx<'_>, user: UserId) -> StoreResult<()> {
    tx.execute(CLEAR_ALL, values![user]).map(drop)
}

/// The authenticators that are off.
pub fn disabled(tx: &mut Tx<'_>, user: UserId) -> StoreResult<Vec<(Method, String)>> {
    tx.rows(DISABLED, values![user])?.into_iter().map(|mut row| Ok((row.parsed()?, row.text()?))).collect()
}
