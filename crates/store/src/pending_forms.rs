//! Forms that wait until the account holder has confirmed who they are. Each belongs to one session, is carried out once,
//! and is sealed: it may hold a new password.

use crate::{
    Tx,
    error::StoreResult,
    keyring::{Place, Sealed},
    sessions,
    sql::Row,
};
use countersign_core::{
    Timestamp,
    ids::{PendingFormId, SessionId, UserId},
};
use std::fmt;
use zeroize::Zeroizing;

/// A session keeps this many; the one that expires first makes room. More than anyone has tabs open for.
const MOST: i64 = 8;

sql! {
    // An application's session and a "login as" have no form to wait for.
    PUT = "INSERT INTO pending_forms (id, session_id, user_id, path, fields, key_id, expires_at) \
        SELECT $1, s.id, s.user_id, $4, $5, $6, $7 FROM sessions AS s \
        WHERE s.id = $2 AND s.user_id = $3 AND s.actor_id IS NULL AND s.application_id IS NULL";
    MAKE_ROOM = "DELETE FROM pending_forms WHERE session_id = $1 AND id NOT IN (SELECT id FROM pending_forms \
        WHERE session_id = $1 ORDER BY expires_at DESC, id DESC LIMIT $2)";
    PEEK = "SELECT path, key_id, fields FROM pending_forms \
        WHERE id = $1 AND session_id = $2 AND user_id = $3 AND expires_at > $4";
    TAKE = "DELETE FROM pending_forms WHERE id = $1 AND session_id = $2 AND user_id = $3 AND expires_at > $4 \
        RETURNING path, key_id, fields";
    FORGET = "DELETE FROM pending_forms WHERE session_id = $1";
}

/// A form: where it was sent, and what was entered.
#[derive(Clone, PartialEq, Eq)]
pub struct PendingForm {
    /// The path that it was posted to.
    pub path: String,
    /// Its fields, `application/x-www-form-urlencoded`.
    pub fields: Zeroizing<String>,
}

impl fmt::Debug for PendingForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingForm").field("path", &self.path).finish_non_exhaustive()
    }
}

/// It opens only as this form, of this session, for this path.
fn row(id: PendingFormId, session: SessionId, path: &str) -> String {
    format!("{session}/{id}{path}")
}

fn place<'a>(user: &'a str, row: &'a str) -> Place<'a> {
    Place { table: "pending_forms", column: "fields", user, row }
}

/// Keeps a form for a session of this user until `expires_at`. `false` if the session has ended, or isn't the account
/// holder's own in a browser.
pub fn put(
    tx: &mut Tx<'_>,
    id: PendingFormId,
    (user, session): (UserId, SessionId),
    form: &PendingForm,
    expires_at: Timestamp,
) -> StoreResult<bool> {
    // Those who store and those who end the session pass one after the other.
    if !sessions::hold(tx, session)? {
        return Ok(false);
    }
    let (user_text, row) = (user.to_string(), row(id, session, &form.path));
    let sealed = tx.keyring.seal(tx.entropy, place(&user_text, &row), form.fields.as_bytes())?;
    let params = values![id, session, user, form.path.as_str(), sealed.bytes, sealed.key_id, expires_at];
    let kept = tx.changes_one(PUT, params)?;
    tx.execute(MAKE_ROOM, values![session, MOST])?;
    Ok(kept)
}

/// The form, which stays; `None` if it was carried out, has expired, or isn't this session's.
pub fn peek(
    tx: &mut Tx<'_>,
    id: PendingFormId,
    (user, session): (UserId, SessionId),
    now: Timestamp,
) -> StoreResult<Option<PendingForm>> {
    let found = tx.row(PEEK, values![id, session, user, now])?;
    found.map(|row| open(tx, row, id, user, session)).transpose()
}

/// Takes the form to carry it out, once; `None` as in [`peek`].
pub fn take(
    tx: &mut Tx<'_>,
    id: PendingFormId,
    (user, session): (UserId, SessionId),
    now: Timestamp,
) -> StoreResult<Option<PendingForm>> {
    let found = tx.row(TAKE, values![id, session, user, now])?;
    found.map(|row| open(tx, row, id, user, session)).transpose()
}

/// Deletes what a session has waiting, after a change of credentials in it.
pub fn forget(tx: &mut Tx<'_>, session: SessionId) -> StoreResult<()> {
    sessions::hold(tx, session)?;
    tx.execute(FORGET, values![session]).map(drop)
}

fn open(
    tx: &Tx<'_>,
    mut found: Row,
    id: PendingFormId,
    user: UserId,
    session: SessionId,
) -> StoreResult<PendingForm> {
    let path = found.text()?;
    let sealed = Sealed { key_id: found.text()?, bytes: found.bytes()? };
    let (user, row) = (user.to_string(), row(id, session, &path));
    let opened = tx.keyring.open(place(&user, &row), &sealed)?;
    let fields = std::str::from_utf8(&opened).map_err(|_| crate::StoreError::Corrupt("pending_forms"))?;
    Ok(PendingForm { path, fields: Zeroizing::new(fields.to_owned()) })
}
