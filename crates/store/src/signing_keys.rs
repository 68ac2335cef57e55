//! Keys that sign ID tokens. Their private part is sealed, and opened by the one function that signs.

use crate::{
    Tx,
    error::{StoreError, StoreResult},
    keyring::{Place, Sealed},
    sql::Row,
};
use countersign_core::{Timestamp, application::SigningAlgorithm, signing::KeyTimes};
use std::fmt;
use zeroize::Zeroizing;

sql! {
    OF_ALGORITHM = "SELECT kid, algorithm, public_jwk, signs_from, withdrawn_at FROM signing_keys \
        WHERE algorithm = $1 ORDER BY signs_from, kid";
    PRIVATE = "SELECT algorithm, private_key, key_id FROM signing_keys WHERE kid = $1";
    INSERT = "INSERT INTO signing_keys (kid, algorithm, private_key, key_id, public_jwk, created_at, signs_from) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    WITHDRAW = "UPDATE signing_keys SET withdrawn_at = $1 \
        WHERE algorithm = $2 AND kid <> $3 AND withdrawn_at IS NULL";
    DELETE = "DELETE FROM signing_keys WHERE kid = $1";
}

/// A key, without its private part.
#[derive(Clone, Debug)]
pub struct SigningKey {
    /// Its name, as tokens and the published list give it.
    pub kid: String,
    /// How it signs.
    pub algorithm: SigningAlgorithm,
    /// The public part: a JWK (RFC 7517).
    pub public_jwk: String,
    /// When it signs.
    pub times: KeyTimes,
}

/// A key that was just made.
pub struct NewSigningKey {
    /// Its name.
    pub kid: String,
    /// How it signs.
    pub algorithm: SigningAlgorithm,
    /// The private part, as PKCS#8.
    pub private: Zeroizing<Vec<u8>>,
    /// The public part: a JWK.
    pub public_jwk: String,
    /// When it begins to sign.
    pub signs_from: Timestamp,
}

impl fmt::Debug for NewSigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

fn place<'a>(algorithm: SigningAlgorithm, kid: &'a str) -> Place<'a> {
    Place { table: "signing_keys", column: "private_key", user: algorithm.as_str(), row: kid }
}

fn read(mut row: Row) -> StoreResult<SigningKey> {
    Ok(SigningKey {
        kid: row.text()?,
        algorithm: row.parsed()?,
        public_jwk: row.text()?,
        times: KeyTimes { signs_from: row.time()?, withdrawn_at: row.maybe_time()? },
    })
}

/// Lets the makers of keys pass one after the other: the second one sees the first one's key.
pub fn take_turn(tx: &mut Tx<'_>, algorithm: SigningAlgorithm) -> StoreResult<()> {
    tx.take_turns(&format!("signing_keys.{algorithm}"))
}

/// Every key of an algorithm, the first to sign in front.
pub fn of_algorithm(tx: &mut Tx<'_>, algorithm: SigningAlgorithm) -> StoreResult<Vec<SigningKey>> {
    tx.rows(OF_ALGORITHM, values![algorithm])?.into_iter().map(read).collect()
}

/// The private part of a key, as PKCS#8.
pub fn private(tx: &mut Tx<'_>, kid: &str) -> StoreResult<Option<Zeroizing<Vec<u8>>>> {
    let Some(mut row) = tx.row(PRIVATE, values![kid])? else { return Ok(None) };
    let algorithm = row.parsed()?;
    let sealed = Sealed { bytes: row.bytes()?, key_id: row.text()? };
    tx.keyring.open(place(algorithm, kid), &sealed).map(Some)
}

/// Stores a key.
pub fn insert(tx: &mut Tx<'_>, key: &NewSigningKey, now: Timestamp) -> StoreResult<()> {
    let sealed = tx.keyring.seal(tx.entropy, place(key.algorithm, &key.kid), &key.private)?;
    let params =
        values![&key.kid, key.algorithm, sealed.bytes, sealed.key_id, &key.public_jwk, now, key.signs_from];
    if tx.changes_one(INSERT, params)? { Ok(()) } else { Err(StoreError::Corrupt("signing_keys")) }
}

/// Withdraws every key of an algorithm but `keep`, at once and for good: how many.
pub fn withdraw_others(
    tx: &mut Tx<'_>,
    algorithm: SigningAlgorithm,
    keep: &str,
    now: Timestamp,
) -> StoreResult<u32> {
    tx.counts(WITHDRAW, values![now, algorithm, keep])
}

/// Deletes a key that nobody asks for any more.
pub fn delete(tx: &mut Tx<'_>, kid: &str) -> StoreResult<bool> {
    tx.changes_one(DELETE, values![kid])
}
