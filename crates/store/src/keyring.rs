//! The keys, and everything that is done with them.
//!
//! Each key of the key file is the root of its own derived keys (HKDF-SHA-256, RFC 5869): one seals, one authenticates
//! codes, others serve a named purpose. What is sealed names its key, so that keys can be replaced while old rows are
//! still there; the first key of the file is the one that new rows get.

use crate::error::{StoreError, StoreResult};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use countersign_core::{Entropy, ambient::random};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

const NONCE: usize = 24;

/// The keys of the key file, the current one first.
pub struct Keyring {
    keys: Vec<Key>,
    database: ExpectedDatabase,
}

/// What is known about the database that the keys belong to, before it is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExpectedDatabase {
    /// Nothing: the keys are new.
    #[default]
    Either,
    /// It was there before, for the keys have been used: a new one in its place is refused.
    Existing,
    /// It is to be a new one: where one is already there, it is refused.
    New,
}

struct Key {
    id: String,
    root: Zeroizing<[u8; 32]>,
    sealing: XChaCha20Poly1305,
    codes: Hmac<Sha256>,
}

/// Where something sealed lives. It opens only there: a row copied into another account, another table or another
/// column is refused (the AEAD's associated data).
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The table.
    pub table: &'a str,
    /// The column.
    pub column: &'a str,
    /// The account, or the recipient of a message that belongs to none.
    pub user: &'a str,
    /// The row's id.
    pub row: &'a str,
}

/// Sealed bytes and the id of their key.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Which key opens it.
    pub key_id: String,
    /// Nonce and ciphertext.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed(by {})", self.key_id)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|k| &k.id)).finish()
    }
}

/// No keys.
#[derive(Debug, thiserror::Error)]
#[error("the key file holds no key")]
pub struct NoKeys;

impl Keyring {
    /// From the key file's ids and secrets, the current one first.
    pub fn new(keys: Vec<(String, Zeroizing<[u8; 32]>)>) -> Result<Self, NoKeys> {
        if keys.is_empty() {
            return Err(NoKeys);
        }
        let keys = keys.into_iter().map(|(id, root)| Key::new(id, root)).collect();
        Ok(Self { keys, database: ExpectedDatabase::default() })
    }

    /// The same keys, for a database of which this is known.
    #[must_use]
    pub fn expecting(self, database: ExpectedDatabase) -> Self {
        Self { database, ..self }
    }

    /// Whether a database may be created for these keys.
    pub(crate) fn may_be_new(&self) -> bool {
        self.database != ExpectedDatabase::Existing
    }

    /// Whether the database may be one that was there before.
    pub(crate) fn may_be_there(&self) -> bool {
        self.database != ExpectedDatabase::New
    }

    fn current(&self) -> &Key {
        // `new` refuses an empty list.
        &self.keys[0]
    }

    fn named(&self, id: &str) -> StoreResult<&Key> {
        self.keys.iter().find(|k| k.id == id).ok_or(StoreError::Sealed("its key is not in the key file"))
    }

    /// Seals `plain` for one place (XChaCha20-Poly1305; a random nonce of 192 bits cannot repeat).
    pub(crate) fn seal(&self, entropy: &dyn Entropy, place: Place<'_>, plain: &[u8]) -> StoreResult<Sealed> {
        let key = self.current();
        let nonce: [u8; NONCE] = random(entropy);
        let aad = associated_data(place, &key.id);
        let sealed = key
            .sealing
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: &aad })
            .map_err(|_| StoreError::Sealed("too long to seal"))?;
        Ok(Sealed { key_id: key.id.clone(), bytes: [nonce.as_slice(), &sealed].concat() })
    }

    /// Opens what was sealed for the same place.
    pub(crate) fn open(&self, place: Place<'_>, sealed: &Sealed) -> StoreResult<Zeroizing<Vec<u8>>> {
        let key = self.named(&sealed.key_id)?;
        let (nonce, bytes) =
            sealed.bytes.split_first_chunk::<NONCE>().ok_or(StoreError::Sealed("too short"))?;
        let aad = associated_data(place, &key.id);
        key.sealing
            .decrypt(&XNonce::from(*nonce), Payload { msg: bytes, aad: &aad })
            .map(Zeroizing::new)
            .map_err(|_| StoreError::Sealed("moved or altered"))
    }

    /// The authenticator of a code: HMAC-SHA-256 under the current key, over parts that cannot run into each other.
    pub(crate) fn mac(&self, parts: &[&[u8]]) -> ([u8; 32], &str) {
        (self.current().mac(parts), &self.current().id)
    }

    /// Whether `mac` is the authenticator of these parts under the key `key_id`; in constant time.
    pub(crate) fn mac_matches(&self, key_id: &str, parts: &[&[u8]], mac: &[u8]) -> StoreResult<bool> {
        use subtle::ConstantTimeEq as _;
        Ok(self.named(key_id)?.mac(parts).ct_eq(mac).into())
    }

    /// A key for another purpose, from the current key.
    pub(crate) fn derived(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        derive(&self.current().root, purpose)
    }
}

impl Key {
    fn new(id: String, root: Zeroizing<[u8; 32]>) -> Self {
        let sealing = XChaCha20Poly1305::new((&*derive(&root, "seal")).into());
        // HMAC pads a short key with zeros to the hash's block (RFC 2104 §2).
        let mut block = Zeroizing::new([0; 64]);
        block[..32].copy_from_slice(&*derive(&root, "codes"));
        let codes = <Hmac<Sha256> as hmac::KeyInit>::new((&*block).into());
        Self { id, root, sealing, codes }
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.codes.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

fn derive(root: &[u8; 32], purpose: &str) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    let info = format!("countersign/v1/{purpose}");
    // HKDF refuses only outputs longer than 255 hashes (RFC 5869 §2.3); this one is one hash long.
    let expanded = Hkdf::<Sha256>::new(None, root).expand(info.as_bytes(), key.as_mut_slice());
    debug_assert!(expanded.is_ok());
    key
}

/// Table, column, user, row and key id, each with its length in front, so that no two places look alike.
fn associated_data(place: Place<'_>, key_id: &str) -> Vec<u8> {
    let mut aad = b"countersign/v1".to_vec();
    for part in [place.table, place.column, place.user, place.row, key_id] {
        aad.extend_from_slice(&(part.len() as u64).to_be_bytes());
        aad.extend_from_slice(part.as_bytes());
    }
    aad
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(std::sync::atomic::AtomicU8);
    impl Entropy for Counting {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    fn ring(ids: &[u8]) -> Keyring {
        Keyring::new(ids.iter().map(|n| (format!("k{n}"), Zeroizing::new([*n; 32]))).collect()).unwrap()
    }

    const HERE: Place<'static> = Place { table: "apps", column: "secret", user: "u1", row: "r1" };

    #[test]
    fn it_opens_in_its_own_place_only() {
        let entropy = Counting(0.into());
        let ring = ring(&[1]);
        let sealed = ring.seal(&entropy, HERE, b"secret").unwrap();
        assert_eq!(ring.open(HERE, &sealed).unwrap().as_slice(), b"secret");
        for elsewhere in [
            Place { table: "enrolments", ..HERE },
            Place { column: "name", ..HERE },
            Place { user: "u2", ..HERE },
            Place { row: "r2", ..HERE },
            Place { table: "app", column: "ssecret", ..HERE },
        ] {
            assert!(ring.open(elsewhere, &sealed).is_err(), "{elsewhere:?}");
        }
        let mut altered = sealed.clone();
        altered.bytes[30] ^= 1;
        assert!(ring.open(HERE, &altered).is_err());
        assert_ne!(ring.seal(&entropy, HERE, b"secret").unwrap(), sealed);
    }

    #[test]
    fn an_old_key_still_opens_and_an_unknown_one_does_not() {
        let entropy = Counting(0.into());
        let sealed = ring(&[1]).seal(&entropy, HERE, b"secret").unwrap();
        let rotated = ring(&[2, 1]);
        assert_eq!(rotated.open(HERE, &sealed).unwrap().as_slice(), b"secret");
        assert_eq!(rotated.seal(&entropy, HERE, b"x").unwrap().key_id, "k2");
        assert!(ring(&[2]).open(HERE, &sealed).is_err());
    }

    #[test]
    fn parts_cannot_run_into_each_other() {
        let ring = ring(&[1]);
        assert_ne!(ring.mac(&[b"ab", b"c"]).0, ring.mac(&[b"a", b"bc"]).0);
        let (mac, id) = ring.mac(&[b"a", b"b"]);
        assert!(ring.mac_matches(id, &[b"a", b"b"], &mac).unwrap());
        assert!(!ring.mac_matches(id, &[b"a", b"c"], &mac).unwrap());
        assert!(!ring.mac_matches(id, &[b"a", b"b"], &mac[..31]).unwrap());
        assert!(ring.mac_matches("k9", &[b"a"], &mac).is_err());
    }
}
