//! Pending enrolments of authenticator apps: one a session at most, which ends with it. A cancelled one leaves its row
//! behind, without the secret.

use crate::{
    Tx,
    error::StoreResult,
    keyring::{Place, Sealed},
};
use countersign_core::{
    Timestamp,
    authority::CredentialAuthority,
    enrolment::EnrolmentRecord,
    ids::{AuthenticatorId, EnrolmentId, SessionId},
};
use zeroize::Zeroizing;

sql! {
    BEGIN = "INSERT INTO enrolments (id, session_id, user_id, secret, key_id, expires_at, replaces) \
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (session_id) DO UPDATE SET id = excluded.id, \
        user_id = excluded.user_id, secret = excluded.secret, key_id = excluded.key_id, \
        expires_at = excluded.expires_at, replaces = excluded.replaces, cancelled_at = NULL";
    EXTEND = "UPDATE enrolments SET expires_at = $1 \
        WHERE id = $2 AND user_id = $3 AND session_id = $4 AND cancelled_at IS NULL";
    OF_SESSION = "SELECT id, user_id, session_id, expires_at, replaces, cancelled_at, key_id, secret FROM enrolments \
        WHERE session_id = $1";
    TAKE = "DELETE FROM enrolments WHERE id = $1 AND user_id = $2 AND session_id = $3 AND cancelled_at IS NULL";
    CANCEL = "UPDATE enrolments SET cancelled_at = $1, secret = $2 WHERE id = $3 AND session_id = $4";
}

fn place<'a>(user: &'a str, row: &'a str) -> Place<'a> {
    Place { table: "enrolments", column: "secret", user, row }
}

/// Begins an enrolment with a new secret, which is to replace the app `replaces` when it is confirmed. It takes the place
/// of the one that this session may have pending, and of nothing that is active.
pub fn begin(
    tx: &mut Tx<'_>,
    authority: &CredentialAuthority,
    id: EnrolmentId,
    secret: &[u8],
    expires_at: Timestamp,
    replaces: Option<AuthenticatorId>,
) -> StoreResult<()> {
    let user = authority.user();
    let sealed = tx.keyring.seal(tx.entropy, place(&user.to_string(), &id.to_string()), secret)?;
    let params = values![id, authority.session(), user, sealed.bytes, sealed.key_id, expires_at, replaces];
    tx.execute(BEGIN, params).map(drop)
}

/// Lets a pending enrolment live until `expires_at`; `false` if it is gone, cancelled, or another session's.
pub fn extend(
    tx: &mut Tx<'_>,
    authority: &CredentialAuthority,
    id: EnrolmentId,
    expires_at: Timestamp,
) -> StoreResult<bool> {
    tx.changes_one(EXTEND, values![expires_at, id, authority.user(), authority.session()])
}

/// The enrolment of a session, over or not, with its secret (empty if it was cancelled): see
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
        replaces: row.maybe_parsed()?,
        cancelled: row.maybe_time()?.is_some(),
    };
    if record.cancelled {
        return Ok(Some((record, Zeroizing::default())));
    }
    let sealed = Sealed { key_id: row.text()?, bytes: row.bytes()? };
    let secret = tx.keyring.open(place(&record.user.to_string(), &record.id.to_string()), &sealed)?;
    Ok(Some((record, secret)))
}

/// Takes a pending enrolment away, to make it an active app; `false` if it is gone, cancelled, or another
/// session's.
pub fn take(tx: &mut Tx<'_>, authority: &CredentialAuthority, id: EnrolmentId) -> StoreResult<bool> {
    tx.changes_one(TAKE, values![id, authority.user(), authority.session()])
}

/// Cancels an enrolment of this session, and erases its secret.
pub fn cancel(tx: &mut Tx<'_>, session: SessionId, id: EnrolmentId, now: Timestamp) -> StoreResult<()> {
    tx.execute(CANCEL, values![now, Vec::<u8>::new(), id, session]).map(drop)
}
