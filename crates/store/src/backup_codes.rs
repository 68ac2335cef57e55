//! Backup codes: one set of ten a user at most, and the way of new ones to the page that shows them once.
//!
//! A code's selector finds its row and is no secret. Its verifier is a MAC, under a key of the key file, of a salted
//! Argon2id hash: a stolen database without the keys gives nothing to guess against.

use crate::{
    Tx,
    error::{StoreError, StoreResult},
    failures,
    keyring::{Place, Sealed},
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
    LEFT = "SELECT count(*), count(used_at) FROM backup_codes WHERE user_id = $1";
    SET_OF = "SELECT set_id FROM backup_codes WHERE user_id = $1 LIMIT 1";
    REMOVE_ALL = "DELETE FROM backup_codes WHERE user_id = $1";
    PUT_REVEAL = "INSERT INTO backup_code_reveals (session_id, user_id, codes, key_id, expires_at) \
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (session_id) DO UPDATE SET user_id = excluded.user_id, \
        codes = excluded.codes, key_id = excluded.key_id, expires_at = excluded.expires_at";
    TAKE_REVEAL = "DELETE FROM backup_code_reveals WHERE session_id = $1 AND user_id = $2 \
        RETURNING expires_at, key_id, codes";
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

/// How many codes are unspent; `None` if the user has no set.
pub fn left(tx: &mut Tx<'_>, user: UserId) -> StoreResult<Option<u32>> {
    let Some(mut row) = tx.row(LEFT, values![user])? else { return Ok(None) };
    let (all, used) = (row.count()?, row.count()?);
    Ok((all > 0).then(|| all.saturating_sub(used)))
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
    failures::clear_method(tx, user, Method::BackupCode)
}

/// Lays new codes, sealed, ready for the page that shows them once to this session.
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

/// Takes the codes that are laid ready, once; `None` if there are none, or it is too late for them.
pub fn take_reveal(
    tx: &mut Tx<'_>,
    session: SessionId,
    user: UserId,
    now: Timestamp,
) -> StoreResult<Option<Vec<String>>> {
    let Some(mut row) = tx.row(TAKE_REVEAL, values![session, user])? else { return Ok(None) };
    if row.time()? <= now {
        return Ok(None);
    }
    let sealed = Sealed { key_id: row.text()?, bytes: row.bytes()? };
    let json = tx.keyring.open(place(&user.to_string(), &session.to_string()), &sealed)?;
    serde_json::from_slice(&json).map(Some).map_err(|_| StoreError::Corrupt("backup_code_reveals"))
}
