//! What people have agreed that an application may learn. Given by the account holder's own session alone.

use crate::{Tx, error::StoreResult};
use countersign_core::{
    Timestamp,
    ids::{ApplicationId, UserId},
    oauth::ScopeSet,
    session::OwnSession,
};

sql! {
    OF = "SELECT scope, at FROM consents WHERE user_id = $1 AND application_id = $2";
    GIVE = "INSERT INTO consents (user_id, application_id, scope, at) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (user_id, application_id) DO UPDATE SET scope = excluded.scope, at = excluded.at";
    WITHDRAW = "DELETE FROM consents WHERE user_id = $1 AND application_id = $2";
    LIST = "SELECT application_id, scope, at FROM consents WHERE user_id = $1 ORDER BY at DESC, application_id";
}

/// What somebody agreed to.
#[derive(Clone, Debug)]
pub struct Consent {
    /// The application.
    pub application: ApplicationId,
    /// What it may learn.
    pub scope: ScopeSet,
    /// When they last said so.
    pub at: Timestamp,
}

/// What this account has agreed to for an application.
pub fn of(tx: &mut Tx<'_>, user: UserId, application: ApplicationId) -> StoreResult<Option<Consent>> {
    let Some(mut row) = tx.row(OF, values![user, application])? else { return Ok(None) };
    Ok(Some(Consent { application, scope: row.parsed()?, at: row.time()? }))
}

/// Writes down that the account holder agrees to `scope`, in place of what they had agreed to.
pub fn give(
    tx: &mut Tx<'_>,
    session: &OwnSession,
    application: ApplicationId,
    scope: &ScopeSet,
    now: Timestamp,
) -> StoreResult<()> {
    tx.execute(GIVE, values![session.user(), application, scope.to_string(), now]).map(drop)
}

/// Forgets it; `false` if there was nothing.
pub fn withdraw(tx: &mut Tx<'_>, session: &OwnSession, application: ApplicationId) -> StoreResult<bool> {
    tx.changes_one(WITHDRAW, values![session.user(), application])
}

/// All that this account has agreed to, the newest first.
pub fn list(tx: &mut Tx<'_>, user: UserId) -> StoreResult<Vec<Consent>> {
    tx.rows(LIST, values![user])?
        .into_iter()
        .map(|mut row| Ok(Consent { application: row.parsed()?, scope: row.parsed()?, at: row.time()? }))
        .collect()
}
