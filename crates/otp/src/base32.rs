//! Base32 as authenticator apps know it (RFC 4648, section 6): written without padding, read with patience.

use data_encoding::BASE32_NOPAD;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::typed::is_separator;

/// Why a text is not base32.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Base32Error {
    /// A character that is not of the alphabet `A–Z 2–7`. Its value is left out: it may be a character of a secret.
    #[error("only the letters A to Z and the digits 2 to 7 belong here")]
    Character,
    /// A length that no sequence of bytes has: characters are missing or too many.
    #[error("characters are missing or too many")]
    Length,
}

/// Encodes without padding, which the Key URI Format wants omitted.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes)
}

/// Decodes what a person types or an app exports: any case, with spaces, hyphens and padding anywhere.
///
/// Bits beyond the last whole byte are dropped, as the apps drop them: some issuers draw a key as random *characters*
/// (26 of them hold 130 bits), and such a key must give here what it gives on the phone.
///
/// # Errors
///
/// [`Base32Error`] for a foreign character or an impossible length.
pub fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, Base32Error> {
    let mut symbols = Zeroizing::new(Vec::with_capacity(text.len()));
    for c in text.chars().filter(|&c| c != '=' && !is_separator(c)) {
        match c.to_ascii_uppercase() {
            symbol @ ('A'..='Z' | '2'..='7') => symbols.push(symbol as u8),
            _ => return Err(Base32Error::Character),
        }
    }
    drop_trailing_bits(&mut symbols);
    BASE32_NOPAD.decode(&symbols).map(Zeroizing::new).map_err(|_| Base32Error::Length)
}

/// Clears the bits of the last symbol that belong to no whole byte; the decoder would refuse them.
fn drop_trailing_bits(symbols: &mut [u8]) {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let surplus = symbols.len() * 5 % 8;
    if let Some(last) = symbols.last_mut()
        && surplus < 5
    {
        let value = match *last {
            letter @ b'A'..=b'Z' => letter - b'A',
            digit => digit - b'2' + 26,
        };
        *last = ALPHABET[usize::from(value >> surplus << surplus)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_4648_section_10() {
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).unwrap().as_slice(), bytes.as_bytes());
        }
    }

    #[test]
    fn reads_lower_case_spaces_hyphens_and_padding() {
        for text in ["MZXW6YTBOI======", "mzxw 6ytb oi", "mzxw-6ytb-oi", "\u{a0}MzXw\u{2009}6YtB\nOI "] {
            assert_eq!(decode(text).unwrap().as_slice(), b"foobar", "{text:?}");
        }
    }

    #[test]
    fn drops_bits_that_make_no_byte() {
        // The last symbol of 26 holds two surplus bits: A, B, C and D differ in nothing else.
        let keys =
            ["A", "B", "C", "D", "E"].map(|last| decode(&format!("{}{last}", "Q".repeat(25))).unwrap());
        assert!(keys[..4].iter().all(|key| *key == keys[0] && key.len() == 16));
        assert_ne!(keys[4], keys[0]);
        // Every number of surplus bits, all of them set: 3, 1, 4 and 2.
        for (text, bytes) in [("MZXW6YX", "foob"), ("MZXW7", "foo"), ("MZX7", "fo"), ("MP", "c")] {
            assert_eq!(decode(text).unwrap().as_slice(), bytes.as_bytes(), "{text}");
        }
    }

    #[test]
    fn refuses_foreign_characters_and_impossible_lengths() {
        for text in ["MZXW0", "MZXW1", "MZXW8", "MZXW9", "MZXWé", "MZXW+", "ＭＺＸＷ", "ı"] {
            assert_eq!(decode(text), Err(Base32Error::Character), "{text}");
        }
        for length in [1, 3, 6, 9, 11, 14] {
            assert_eq!(decode(&"A".repeat(length)), Err(Base32Error::Length), "{length}");
        }
    }
}
