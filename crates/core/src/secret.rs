//! Bearer secrets. What a browser holds and what the database holds are different types: a [`PlainHandle`] cannot be
//! stored by mistake, and a [`StoredHandle`] signs nobody in.

use crate::ambient::{Entropy, random};
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// An opaque handle of 256 random bits, as a browser or a link carries it (NIST SP 800-63B-4 §5.1 asks for 64 bits;
/// ASVS 5.0 V7.2.3 for 128).
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct PlainHandle([u8; 32]);

impl PlainHandle {
    /// A new handle.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(random(entropy))
    }

    /// Reads a handle as a cookie or a link carries it: 43 characters of base64url (RFC 4648 §5), nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// The text for the cookie or link. The caller hands it to its one recipient and keeps no copy.
    pub fn to_text(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }

    /// What the database keeps in its place: SHA-256, which is enough for a value that cannot be guessed.
    pub fn stored(&self) -> StoredHandle {
        StoredHandle(Sha256::digest(self.0).into())
    }
}

impl fmt::Debug for PlainHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainHandle(…)")
    }
}

/// The SHA-256 of a [`PlainHandle`]: finds the row, and is useless to a thief of the database.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StoredHandle([u8; 32]);

impl StoredHandle {
    /// From the bytes of a database row.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes for a database row.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What the database keeps in place of a text that somebody else made up.
pub fn hashed(text: &[u8]) -> StoredHandle {
    StoredHandle(Sha256::digest(text).into())
}

impl fmt::Debug for StoredHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredHandle(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_survives_the_cookie_and_hides_in_debug() {
        let handle = PlainHandle([9; 32]);
        let text = handle.to_text();
        assert_eq!(text.len(), 43);
        let again = PlainHandle::parse(&text).unwrap();
        assert_eq!(again.stored(), handle.stored());
        assert!(!format!("{handle:?}{:?}", handle.stored()).contains(&text[..6]));
    }

    #[test]
    fn nothing_but_the_one_encoding_is_a_handle() {
        let text = PlainHandle([9; 32]).to_text();
        for bad in ["", &text[1..], &format!("{text}="), &format!(" {text}"), &text.replace('C', "+")] {
            assert!(PlainHandle::parse(bad).is_none(), "{bad:?}");
        }
    }
}
