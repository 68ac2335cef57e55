//! Pending enrolments of authenticator apps: one a session at most, which ends with it.

use crate::{
    Tx,
    error::StoreResult,
    keyring::{Place, Sealed},
};
use countersign_core::{
    Timestamp,
    authority::CredentialAuthority,
    enrolment::EnrolmentRecord,
    ids::{EnrolmentId, SessionId},
};
use zeroize::Zeroizing;

sql! {
    BEGIN = "INSERT INTO enrolments (id, session_id, user_id, secret, key_id, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (session_id) DO UPDATE SET id = excluded.id, \
        user_id = excluded.user_id, secret = excluded.secret, key_id = excluded.key_id, \
        expires_at = excluded.expires_at";
    OF_SESSION = "SELECT id, user_id, session_id, expires_at, key_id, secret FROM enrolments WHERE session_id = $1";
    TAKE = "DELETE FROM enrolments WHERE id = $1 AND user_id = $2 AND session_id = $3";
    CANCEL = "DELETE FROM enrolments WHERE session_id = $1";
}

fn place<'a>(user: &'a str, row: &'a str) -> Place<'a> {
    Place { table: "enrolments", column: "secret", user, row }
}

/// Begins an enrolment. It replaces the one that this session may have pending, and nothing that is active.
pub fn begin(
    tx: &mut Tx<'_>,
    authority: &CredentialAuthority,
    id: EnrolmentId,
    secret: &[u8],
    expires_at: Timestamp,
) -> StoreResult<()> {
    let user = authority.user();
    let sealed = tx.keyring.seal(tx.entropy, place(&user.to_string(), &id.to_string()), secret)?;
    let params = values![id, authority.session(), user, sealed.bytes, sealed.key_id, expires_at];
    tx.execute(BEGIN, params).map(drop)
}

/// What a session has pending, over or not, with its secret: see
/// [`Pending::restore`](countersign_core::enrolment::Pending::restore).
pub fn of_session(
    tx: &mut Tx<'_>,
    session: SessionId,
) -> StoreResult<Option<(EnrolmentRecord, Zeroizing<Vec<u8>>)>> {
    let Some(mut row) = tx.row(OF_SESSION, values![session])? else { return Ok(None) };
    let record = EnrolmentRecord {
        id: row.parsed()?,
        user: row.parsed()?,
        session: row.parsed()?,
        expires_at: row.time()?,
    };
    let sealed = Sealed { key_id: row.text()?, bytes: row.bytes()? };
    let secret = tx.keyring.open(place(&record.user.to_string(), &record.id.to_string()), &sealed)?;
    Ok(Some((record, secret)))
}

/// Takes a pending enrolment away, to make it an active app; `false` if it is gone, or another session's.
pub fn take(tx: &mut Tx<'_>, authority: &CredentialAuthority, id: EnrolmentId) -> StoreResult<bool> {
    tx.changes_one(TAKE, values![id, authority.user(), authority.session()])
}

/// Forgets what a session has pending.
pub fn cancel(tx: &mut Tx<'_>, session: SessionId) -> StoreResult<()> {
    tx.execute(CANCEL, values![session]).map(drop)
}
