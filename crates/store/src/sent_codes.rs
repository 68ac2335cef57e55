//! Codes sent by e-mail or SMS: one live code for each thing that asked for one.

use crate::{Tx, error::StoreResult};
use countersign_core::{
    Timestamp,
    ids::{SentCodeId, UserId},
    second_step::{Evidence, Method},
};
use std::{fmt, time::Duration};

sql! {
    PUT = "INSERT INTO sent_codes \
        (purpose, owner_id, id, user_id, method, target, authenticator, mac, key_id, sent_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
        ON CONFLICT (purpose, owner_id) DO UPDATE SET id = excluded.id, user_id = excluded.user_id, \
        method = excluded.method, target = excluded.target, authenticator = excluded.authenticator, \
        mac = excluded.mac, key_id = excluded.key_id, sent_at = excluded.sent_at, \
        expires_at = excluded.expires_at, used_at = NULL \
        WHERE sent_codes.sent_at <= $12";
    OF = "SELECT id, user_id, method, target, authenticator, sent_at, expires_at, used_at, mac, key_id \
        FROM sent_codes WHERE purpose = $1 AND owner_id = $2";
    CLAIM = "UPDATE sent_codes SET used_at = $1 \
        WHERE id = $2 AND user_id = $3 AND used_at IS NULL AND expires_at > $1";
    END_OF_USER = "DELETE FROM sent_codes WHERE user_id = $1";
}

/// What a code is for. A code for one thing is no code for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The second step of a sign-in; the owner is the challenge.
    SignIn,
    /// A step-up; the owner is the session.
    ConfirmIdentity,
    /// A new phone; the owner is the session.
    ConfirmPhone,
    /// A mailbox: of a new address, and the owner is the session; or before the set-up of a first app, and the owner is the
    /// application's challenge.
    ConfirmEmail,
}

impl Purpose {
    /// The word for the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::ConfirmIdentity => "confirm-identity",
            Self::ConfirmPhone => "confirm-phone",
            Self::ConfirmEmail => "confirm-email",
        }
    }
}

/// A code that is about to be sent.
pub struct NewSentCode<'a> {
    /// What it is for.
    pub purpose: Purpose,
    /// The id of what asked for it: a challenge's or a session's.
    pub owner: String,
    /// Its id.
    pub id: SentCodeId,
    /// Whose account it is for.
    pub user: UserId,
    /// How it is sent.
    pub method: Method,
    /// To which address or number.
    pub target: String,
    /// What it belongs to, for the row of failures: a phone's id, or an address.
    pub authenticator: String,
    /// The code itself, of which only a MAC is stored.
    pub code: &'a str,
    /// The present moment.
    pub now: Timestamp,
    /// When it can no longer be used.
    pub expires_at: Timestamp,
}

/// A code that was sent.
#[derive(Clone)]
pub struct SentCode {
    purpose: Purpose,
    owner: String,
    /// Its id.
    pub id: SentCodeId,
    /// Whose account it is for.
    pub user: UserId,
    /// How it was sent.
    pub method: Method,
    /// To which address or number.
    pub target: String,
    /// What it belongs to, for the row of failures: a phone's id, or an address.
    pub authenticator: String,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// When it can no longer be used.
    pub expires_at: Timestamp,
    /// Whether it has been spent.
    pub used: bool,
    mac: Vec<u8>,
    key_id: String,
}

impl fmt::Debug for NewSentCode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSentCode").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for SentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentCode").field("id", &self.id).field("used", &self.used).finish_non_exhaustive()
    }
}

/// What the MAC of a code covers besides the code: everything that decides whom it signs in, what for, and until when.
/// Someone who can write in the database, and has a code of their own, cannot turn it into another account's by moving rows or
/// columns.
type Covered = [String; 7];

impl NewSentCode<'_> {
    fn covered(&self) -> Covered {
        covered(self.purpose, &self.owner, self.id, self.user, self.method, &self.target, self.expires_at)
    }
}

impl SentCode {
    fn covered(&self) -> Covered {
        covered(self.purpose, &self.owner, self.id, self.user, self.method, &self.target, self.expires_at)
    }
}

fn covered(
    purpose: Purpose,
    owner: &str,
    id: SentCodeId,
    user: UserId,
    method: Method,
    target: &str,
    expires_at: Timestamp,
) -> Covered {
    [
        purpose.as_str().to_owned(),
        owner.to_owned(),
        id.to_string(),
        user.to_string(),
        method.as_str().to_owned(),
        target.to_owned(),
        expires_at.millis().to_string(),
    ]
}

/// The MAC's parts; the keyring puts the length of each in front of it.
fn parts<'a>(covered: &'a Covered, code: &'a str) -> Vec<&'a [u8]> {
    let covered = covered.iter().map(String::as_bytes);
    std::iter::once(b"sent-code".as_slice()).chain(covered).chain([code.as_bytes()]).collect()
}

/// Stores a new code in place of the one before it, unless that one was sent less than `cool_down` ago: then nothing
/// changes, and the answer is when one may ask again. Whoever is told `Ok` sends the code, and nobody else.
pub fn put(
    tx: &mut Tx<'_>,
    new: &NewSentCode<'_>,
    cool_down: Duration,
) -> StoreResult<Result<(), Timestamp>> {
    let (mac, key_id) = tx.keyring.mac(&parts(&new.covered(), new.code));
    let params = values![
        new.purpose.as_str(),
        &new.owner,
        new.id,
        new.user,
        new.method,
        &new.target,
        &new.authenticator,
        &mac,
        key_id,
        new.now,
        new.expires_at,
        new.now.minus(cool_down),
    ];
    if tx.changes_one(PUT, params)? {
        return Ok(Ok(()));
    }
    let sent_at = of(tx, new.purpose, &new.owner)?.map(|earlier| earlier.sent_at);
    Ok(Err(sent_at.map_or(new.now, |at| at.plus(cool_down))))
}

/// The code that was last sent for this, spent, expired or neither.
pub fn of(tx: &mut Tx<'_>, purpose: Purpose, owner: &str) -> StoreResult<Option<SentCode>> {
    let Some(mut row) = tx.row(OF, values![purpose.as_str(), owner])? else { return Ok(None) };
    Ok(Some(SentCode {
        purpose,
        owner: owner.to_owned(),
        id: row.parsed()?,
        user: row.parsed()?,
        method: row.parsed()?,
        target: row.text()?,
        authenticator: row.text()?,
        sent_at: row.time()?,
        expires_at: row.time()?,
        used: row.maybe_time()?.is_some(),
        mac: row.bytes()?,
        key_id: row.text()?,
    }))
}

/// Whether `code` is this code, sent for this purpose to this target of this user; in constant time.
pub fn matches(tx: &mut Tx<'_>, sent: &SentCode, code: &str) -> StoreResult<bool> {
    tx.keyring.mac_matches(&sent.key_id, &parts(&sent.covered(), code), &sent.mac)
}

/// Spends a code, once; `None` if it was spent before, replaced by another, or is too old.
pub fn claim(tx: &mut Tx<'_>, sent: &SentCode, now: Timestamp) -> StoreResult<Option<Evidence>> {
    let claimed = tx.changes_one(CLAIM, values![now, sent.id, sent.user])?;
    Ok(claimed.then(|| Evidence::of_claim(sent.user, sent.method)))
}

/// Forgets every code of an account: its mailbox or phone is another one now.
pub fn end_of_user(tx: &mut Tx<'_>, user: UserId) -> StoreResult<()> {
    tx.execute(END_OF_USER, values![user]).map(drop)
}
