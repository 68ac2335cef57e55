//! The key that the server and the authenticator app share.

use std::fmt;

use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::base32::{self, Base32Error};

/// Why bytes or a text cannot be a secret.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum SecretError {
    /// Fewer than 128 bits (RFC 4226, section 4, R6).
    #[error("a secret has at least {} bytes", Secret::MIN_BYTES)]
    TooShort,
    /// More than 1024 bits: nothing is gained by them, and a QR code of them is hard to read.
    #[error("a secret has at most {} bytes", Secret::MAX_BYTES)]
    TooLong,
    /// Not base32.
    #[error(transparent)]
    Base32(#[from] Base32Error),
}

/// A shared secret of 128 to 1024 bits.
///
/// Draw 160 bits ([`Secret::RECOMMENDED_BYTES`]) from the operating system's generator. Longer keys are for the other
/// algorithms, whose hashes are 256 and 512 bits long (RFC 6238, section 5.1); the standards' test vectors use keys of
/// 160, 256 and 512 bits, so that [`Secret::from_bytes`] takes them as they are.
///
/// The bytes are wiped when it is dropped, `Debug` does not show them, and comparison takes constant time. The texts
/// that [`to_base32`](Self::to_base32) and [`grouped`](Self::grouped) return are the caller's to look after.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// The least length: 128 bits, "MUST" in RFC 4226 (section 4, R6).
    pub const MIN_BYTES: usize = 16;
    /// The length to draw: 160 bits, "RECOMMENDED" in the same place.
    pub const RECOMMENDED_BYTES: usize = 20;
    /// The greatest length: one block of SHA-512, beyond which HMAC would hash the key down (RFC 2104, section 3).
    pub const MAX_BYTES: usize = 128;

    /// Takes the key's bytes.
    ///
    /// # Errors
    ///
    /// [`SecretError::TooShort`] and [`SecretError::TooLong`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SecretError> {
        match bytes.len() {
            ..Self::MIN_BYTES => Err(SecretError::TooShort),
            Self::MIN_BYTES..=Self::MAX_BYTES => Ok(Self(bytes.into())),
            _ => Err(SecretError::TooLong),
        }
    }

    /// Reads base32 in any case, with or without spaces, hyphens and padding; see [`base32::decode`].
    ///
    /// # Errors
    ///
    /// Any [`SecretError`].
    pub fn from_base32(text: &str) -> Result<Self, SecretError> {
        Self::from_bytes(&base32::decode(text)?)
    }

    /// The key's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key in base32, upper case, without padding.
    #[must_use]
    pub fn to_base32(&self) -> String {
        base32::encode(&self.0)
    }

    /// The key in base32 for typing by hand: groups of four, divided by a space. Apps ignore the spaces.
    #[must_use]
    pub fn grouped(&self) -> String {
        let text = Zeroizing::new(self.to_base32());
        let mut grouped = String::with_capacity(text.len() * 5 / 4 + 1);
        for (index, c) in text.chars().enumerate() {
            if index > 0 && index % 4 == 0 {
                grouped.push(' ');
            }
            grouped.push(c);
        }
        grouped
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_bounded_on_both_sides() {
        let of_length = |n| Secret::from_bytes(&vec![7; n]).map(|secret| secret.as_bytes().len());
        assert_eq!(of_length(0), Err(SecretError::TooShort));
        assert_eq!(of_length(15), Err(SecretError::TooShort));
        assert_eq!(of_length(16), Ok(16));
        assert_eq!(of_length(128), Ok(128));
        assert_eq!(of_length(129), Err(SecretError::TooLong));
        assert_eq!(Secret::from_base32("JBSWY3DPEHPK3PXP"), Err(SecretError::TooShort));
        assert_eq!(Secret::from_base32("JBSWY3DP!"), Err(SecretError::Base32(Base32Error::Character)));
    }

    #[test]
    fn is_shown_in_groups_of_four_that_read_back() {
        let secret = Secret::from_bytes(b"12345678901234567890").unwrap();
        assert_eq!(secret.to_base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(secret.grouped(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        assert_eq!(Secret::from_base32(&secret.grouped()), Ok(secret));
        let uneven = Secret::from_bytes(&[0; 16]).unwrap();
        assert_eq!(uneven.grouped(), "AAAA AAAA AAAA AAAA AAAA AAAA AA");
    }

    #[test]
    fn debug_shows_nothing_of_it() {
        let secret = Secret::from_bytes(b"12345678901234567890").unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(redacted)");
    }
}
