//! Backup codes: one set of ten a user at most, and the copy of new ones for the page that shows them (decision 0033).
//!
//! A code's selector finds its row and is no secret. Its verifier is a MAC, under a key of the key file, of a salted
//! Argon2id hash: a stolen database without the keys gives nothing to guess against.

use crate::{
    Tx,
    error::{StoreError, StoreResult},
    failures,
    keyring::{Place, Sealed},
    sql::Row,
};
use countersign_core::{
    Timestamp,
    authority::{CredentialAuthority, OperatorAuthority},
    ids::{BackupCodeId, BackupCodeSetId, SessionId, UserId},
    second_step::{Evidence, Method},
};
use std::fmt;
use zeroize::Zeroizing;

sql! {
    INSERT = "INSERT INTO backup_codes (id, set_id, user_id, selector, salt, verifier, key_id, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    BY_SELECTOR = "SELECT id, set_id, user_id, salt, used_at, verifier, key_id FROM backup_codes \
        WHERE user_id = $1 AND selector = $2";
    CLAIM = "UPDATE backup_codes SET used_at = $1 WHERE id = $2 AND user_id = $3 AND used_at IS NULL";
    STATUS = "SELECT set_id, created_at, count(*), count(used_at), count(saved_at) FROM backup_codes \
        WHERE user_id = $1 GROUP BY set_id, created_at";
    MARK_SAVED = "UPDATE backup_codes SET saved_at = $1 WHERE user_id = $2 AND set_id = $3 AND saved_at IS NULL";
    SET_OF = "SELECT set_id FROM backup_codes WHERE user_id = $1 LIMIT 1";
    REMOVE_ALL = "DELETE FROM backup_codes WHERE user_id = $1";
    PUT_REVEAL = "INSERT INTO backup_code_reveals (session_id, user_id, codes, key_id, expires_at) \
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (session_id) DO UPDATE SET user_id = excluded.user_id, \
        codes = excluded.codes, key_id = excluded.key_id, expires_at = excluded.expires_at";
    REVEAL = "SELECT expires_at, key_id, codes FROM backup_code_reveals WHERE session_id = $1 AND user_id = $2";
    REVEALED_UNTIL = "SELECT expires_at FROM backup_code_reveals WHERE session_id = $1 AND user_id = $2";
    TAKE_REVEAL = "DELETE FROM backup_code_reveals WHERE session_id = $1 AND user_id = $2 \
        RETURNING expires_at, key_id, codes";
    REMOVE_REVEALS = "DELETE FROM backup_code_reveals WHERE user_id = $1";
}

/// A code that is about to be stored.
pub struct NewCode {
    /// Its id.
    pub id: BackupCodeId,
    /// The part that finds its row.
    pub selector: String,
    /// The salt of its hash.
    pub salt: [u8; 16],
    /// The Argon2id hash of its secret part.
    pub hash: Zeroizing<[u8; 32]>,
}

/// A code as it is stored.
#[derive(Clone)]
pub struct Stored {
    /// Its id.
    pub id: BackupCodeId,
    /// The set of ten to which it belongs.
    pub set: BackupCodeSetId,
    /// Whose code it is.
    pub user: UserId,
    /// The salt of its hash.
    pub salt: Vec<u8>,
    /// Whether it has been spent.
    pub used: bool,
    verifier: Vec<u8>,
    key_id: String,
}

/// A set of codes, without the codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetStatus {
    /// Its id, which is no secret.
    pub set: BackupCodeSetId,
    /// When it was created.
    pub created_at: Timestamp,
    /// How many of its codes are unspent.
    pub left: u32,
    /// The account holder has said that they keep the codes, or has used one, which shows it.
    pub saved: bool,
}

/// New codes, for the page that shows them.
#[derive(Clone, PartialEq, Eq)]
pub struct Reveal {
    /// The codes, grouped for reading.
    pub codes: Vec<String>,
    /// From when on they can't be shown any more.
    pub expires_at: Timestamp,
}

impl fmt::Debug for Reveal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reveal").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl fmt::Debug for NewCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewCode").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored").field("id", &self.id).field("used", &self.used).finish_non_exhaustive()
    }
}

fn place<'a>(user: &'a str, row: &'a str) -> Place<'a> {
    Place { table: "backup_code_reveals", column: "codes", user, row }
}

/// Stores a new set, in place of every older code.
pub fn replace(
    tx: &mut Tx<'_>,
    authority: &CredentialAuthority,
    set: BackupCodeSetId,
    codes: &[NewCode],
    now: Timestamp,
) -> StoreResult<()> {
    let user = authority.user();
    // Two resets at once: the second must see, and delete, the codes of the first.
    tx.take_turns(&format!("backup_codes.{user}"))?;
    remove_all(tx, authority)?;
    for code in codes {
        let (user_text, id_text) = (user.to_string(), code.id.to_string());
        let (verifier, key_id) = tx.keyring.mac(&parts(&user_text, &id_text, &code.hash));
        let params = values![code.id, set, user, &code.selector, &code.salt, &verifier, key_id, now];
        tx.execute(INSERT, params)?;
    }
    Ok(())
}

/// What a verifier vouches for: this hash, of this code, of this user.
fn parts<'a>(user: &'a str, code: &'a str, hash: &'a [u8; 32]) -> [&'a [u8]; 4] {
    [b"backup-code", user.as_bytes(), code.as_bytes(), hash]
}

/// The user's code with this selector, spent or not.
pub fn by_selector(tx: &mut Tx<'_>, user: UserId, selector: &str) -> StoreResult<Option<Stored>> {
    let Some(mut row) = tx.row(BY_SELECTOR, values![user, selector])? else { return Ok(None) };
    Ok(Some(Stored {
        id: row.parsed()?,
        set: row.parsed()?,
        user: row.parsed()?,
        salt: row.bytes()?,
        used: row.maybe_time()?.is_some(),
        verifier: row.bytes()?,
        key_id: row.text()?,
    }))
}

/// Whether `hash` is the hash of this code; in constant time.
pub fn matches(tx: &mut Tx<'_>, stored: &Stored, hash: &[u8; 32]) -> StoreResult<bool> {
    let (user, id) = (stored.user.to_string(), stored.id.to_string());
    tx.keyring.mac_matches(&stored.key_id, &parts(&user, &id, hash), &stored.verifier)
}

/// Spends a code, once; `None` if it was spent before, or replaced.
pub fn claim(
    tx: &mut Tx<'_>,
    user: UserId,
    id: BackupCodeId,
    now: Timestamp,
) -> StoreResult<Option<Evidence>> {
    let claimed = tx.changes_one(CLAIM, values![now, id, user])?;
    Ok(claimed.then(|| Evidence::of_claim(user, Method::BackupCode)))
}

/// The user's set; `None` if there is none.
pub fn status(tx: &mut Tx<'_>, user: UserId) -> StoreResult<Option<SetStatus>> {
    let Some(mut row) = tx.row(STATUS, values![user])? else { return Ok(None) };
    let (set, created_at) = (row.parsed()?, row.time()?);
    let (all, used, saved) = (row.count()?, row.count()?, row.count()?);
    Ok(Some(SetStatus { set, created_at, left: all.saturating_sub(used), saved: saved > 0 || used > 0 }))
}

/// How many codes are unspent; `None` if the user has no set.
pub fn left(tx: &mut Tx<'_>, user: UserId) -> StoreResult<Option<u32>> {
    Ok(status(tx, user)?.map(|status| status.left))
}

/// Remembers that the account holder keeps the codes of this set; `false` if it is not the account's set any more.
/// Saying so a second time changes nothing.
pub fn mark_saved(tx: &mut Tx<'_>, user: UserId, set: BackupCodeSetId, now: Timestamp) -> StoreResult<bool> {
    tx.execute(MARK_SAVED, values![now, user, set])?;
    Ok(set_of(tx, user)? == Some(set))
}

/// The user's set.
pub fn set_of(tx: &mut Tx<'_>, user: UserId) -> StoreResult<Option<BackupCodeSetId>> {
    tx.row(SET_OF, values![user])?.map(|mut row| row.parsed()).transpose()
}

/// Removes the user's codes, and the failures against them.
pub fn remove_all(tx: &mut Tx<'_>, authority: &CredentialAuthority) -> StoreResult<()> {
    remove_all_of(tx, authority.user())
}

/// Removes the codes of an account, for the operator, as [`remove_all`] does for its holder.
pub fn remove_all_by_operator(tx: &mut Tx<'_>, _: &OperatorAuthority, user: UserId) -> StoreResult<()> {
    remove_all_of(tx, user)
}

fn remove_all_of(tx: &mut Tx<'_>, user: UserId) -> StoreResult<()> {
    tx.execute(REMOVE_ALL, values![user])?;
    // A copy that waits for its page is one of codes that no longer work.
    tx.execute(REMOVE_REVEALS, values![user])?;
    failures::clear_method(tx, user, Method::BackupCode)
}

/// Keeps a copy of new codes, sealed, for the page that shows them to this session until `expires_at`.
pub fn put_reveal(
    tx: &mut Tx<'_>,
    authority: &CredentialAuthority,
    codes: &[String],
    expires_at: Timestamp,
) -> StoreResult<()> {
    let (user, session) = (authority.user(), authority.session());
    let json =
        serde_json::to_vec(codes).map(Zeroizing::new).map_err(|e| StoreError::Refused(e.to_string()))?;
    let sealed = tx.keyring.seal(tx.entropy, place(&user.to_string(), &session.to_string()), &json)?;
    tx.execute(PUT_REVEAL, values![session, user, sealed.bytes, sealed.key_id, expires_at]).map(drop)
}

/// The copy of the codes that this session generated; `None` if there is none, or its time is over. It stays where it is.
pub fn reveal(
    tx: &mut Tx<'_>,
    session: SessionId,
    user: UserId,
    now: Timestamp,
) -> StoreResult<Option<Reveal>> {
    let found = tx.row(REVEAL, values![session, user])?;
    open_reveal(tx, found, session, user, now)
}

/// Until when this session can see the codes that it generated; `None` if it can't.
pub fn revealed_until(
    tx: &mut Tx<'_>,
    session: SessionId,
    user: UserId,
    now: Timestamp,
) -> StoreResult<Option<Timestamp>> {
    let Some(mut row) = tx.row(REVEALED_UNTIL, values![session, user])? else { return Ok(None) };
    Ok(Some(row.time()?).filter(|until| now < *until))
}

/// Takes that copy away, for an application's program, which gets the codes once; `None` as for [`reveal`].
pub fn take_reveal(
    tx: &mut Tx<'_>,
    session: SessionId,
    user: UserId,
    now: Timestamp,
) -> StoreResult<Option<Reveal>> {
    let found = tx.row(TAKE_REVEAL, values![session, user])?;
    open_reveal(tx, found, session, user, now)
}

fn open_reveal(
    tx: &mut Tx<'_>,
    found: Option<Row>,
    session: SessionId,
    user: UserId,
    now: Timestamp,
) -> StoreResult<Option<Reveal>> {
    let Some(mut row) = found else { return Ok(None) };
    let expires_at = row.time()?;
    if expires_at <= now {
        return Ok(None);
    }
    let sealed = Sealed { key_id: row.text()?, bytes: row.bytes()? };
    let json = tx.keyring.open(place(&user.to_string(), &session.to_string()), &sealed)?;
    let codes = serde_json::from_slice(&json).map_err(|_| StoreError::Corrupt("backup_code_reveals"))?;
    Ok(Some(Reveal { codes, expires_at }))
}
