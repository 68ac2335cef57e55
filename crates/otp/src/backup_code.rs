//! Backup codes: printed or written down, typed rarely, each worth one sign-in.
//!
//! A code is twenty characters of Crockford's base32, which has no I, L, O and U, shown as four groups of five:
//!
//! ```text
//!  7ZK4M-9QW2D-XH6TB-0ENRV
//!  └┬┘└────────┬────────┘│
//!   │          │         └ check character: tells a typing error from a wrong code
//!   │          └ secret: 16 characters, 80 bits
//!   └ selector: 3 characters, 15 bits; finds the stored row, protects nothing
//! ```
//!
//! Eighty bits are beyond guessing online. Store a hash of the secret under a key that the database does not hold (or a
//! slow, salted one), so that a stolen database is worth nothing; NIST SP 800-63B-4, section 3.1.2, has the rules for
//! such "look-up secrets", single use among them.
//!
//! # The check character
//!
//! The characters are read as elements of the field GF(2⁵) = GF(2)\[α\]/(α⁵+α²+1), and the check character is chosen so
//! that Σ αⁱ·cᵢ = 0, where i counts from 0 at the last character. Mistaking one character for another changes the sum by
//! αⁱ·d with d ≠ 0, which is never zero. Swapping two different characters changes it by (αⁱ−αʲ)·d, which is never zero
//! either, because α has order 31 and the code is shorter: the twenty weights are all different. So every single wrong
//! character is detected, and every transposition, of neighbours or not; of all other errors, 31 of 32.

use std::fmt;

use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::typed;

/// Crockford's alphabet; a character's place is its value.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters that carry entropy; the check character follows them.
const PAYLOAD: usize = BackupCode::LENGTH - 1;
const GROUP: usize = 5;

/// Why what was typed is not a backup code. Every variant is a typing error: no stored code was looked at.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum BackupCodeError {
    /// Nothing but separators.
    #[error("no backup code was entered")]
    Empty,
    /// Characters are missing or too many.
    #[error("a backup code has {expected} characters, and {found} were entered")]
    WrongLength {
        /// How many characters a code has.
        expected: usize,
        /// How many were typed, separators not counted.
        found: usize,
    },
    /// A character that occurs in no backup code, as it was typed.
    #[error("the character {0} occurs in no backup code")]
    UnknownCharacter(char),
    /// The check character does not fit: at least one character is wrong, or two changed places.
    #[error("there is a typing error in the backup code")]
    Mistyped,
}

/// A backup code in canonical form, its check character right.
///
/// `Display` shows it grouped; `Debug` shows its selector alone; it is wiped when dropped, and comparison takes
/// constant time.
///
/// ```
/// use countersign_otp::BackupCode;
///
/// let code = BackupCode::from_entropy(&[0x5a; 12]);
/// assert_eq!(code.to_string(), "B9D5M-PJTB9-D5MPJ-TB9D7");
/// assert_eq!(BackupCode::parse(" b9d5mpjtb9 d5mpjtb9d7"), Ok(code));
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct BackupCode(String);

impl BackupCode {
    /// How many characters a code has, separators not counted.
    pub const LENGTH: usize = 20;
    /// How many of them are the selector.
    pub const SELECTOR_LENGTH: usize = 3;
    /// How many random bytes a code is made of.
    pub const ENTROPY_BYTES: usize = 12;

    /// Makes a code of twelve bytes of the operating system's generator.
    ///
    /// The bytes are read as one big-endian number. Its first 15 bits are the selector, the next 80 the secret; the
    /// last bit (the lowest of the last byte) is not used. Ten codes share a selector once in some 730 sets: draw such
    /// a code again, so that a selector finds at most one code of an account.
    #[must_use]
    pub fn from_entropy(bytes: &[u8; Self::ENTROPY_BYTES]) -> Self {
        let bits = bytes.iter().fold(0u128, |bits, &byte| bits << 8 | u128::from(byte)) >> 1;
        // The capacity is never exceeded, so that no copy stays behind in memory that was given back.
        let mut text = String::with_capacity(Self::LENGTH);
        let mut sum = 0;
        for place in (0..PAYLOAD).rev() {
            let value = (bits >> (place * 5) & 31) as u8;
            text.push(character(value));
            sum = times_alpha(sum ^ value);
        }
        text.push(character(sum));
        Self(text)
    }

    /// Reads what a person typed: any case, any or no separators (spaces, hyphens and dashes, underscores, dots and
    /// other punctuation between groups), O for 0, I and L for 1, full-width letters and digits.
    ///
    /// U is refused, as it occurs in no code and has no single look-alike: guessing V would turn one typing error into
    /// another.
    ///
    /// # Errors
    ///
    /// [`BackupCodeError`], a variant for each kind of typing error.
    pub fn parse(text: &str) -> Result<Self, BackupCodeError> {
        let mut canonical = Self(String::with_capacity(Self::LENGTH));
        let (mut sum, mut found) = (0, 0);
        for typed in text.chars().filter(|&c| !is_separator(c)) {
            let value = value(typed).ok_or(BackupCodeError::UnknownCharacter(typed))?;
            if found < Self::LENGTH {
                canonical.0.push(character(value));
                sum = times_alpha(sum) ^ value;
            }
            found += 1;
        }
        match (found, sum) {
            (0, _) => Err(BackupCodeError::Empty),
            (Self::LENGTH, 0) => Ok(canonical),
            (Self::LENGTH, _) => Err(BackupCodeError::Mistyped),
            _ => Err(BackupCodeError::WrongLength { expected: Self::LENGTH, found }),
        }
    }

    /// The first three characters: what finds the stored code, so that an attempt costs one hash and not ten. It is no
    /// secret and may be stored and indexed as it is.
    #[must_use]
    pub fn selector(&self) -> &str {
        &self.0[..Self::SELECTOR_LENGTH]
    }

    /// The sixteen characters that are to be stored hashed alone, and to be compared in constant time.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.0[Self::SELECTOR_LENGTH..PAYLOAD]
    }
}

fn is_separator(c: char) -> bool {
    typed::is_separator(c)
        || matches!(typed::fold_to_ascii(c), '_' | '.' | ',' | ':' | ';' | '/' | '|' | '·' | '•' | '・')
}

/// The value of a character as typed, look-alikes included.
fn value(typed: char) -> Option<u8> {
    let c = match typed::fold_to_ascii(typed).to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        c => c,
    };
    ALPHABET.iter().zip(0..).find_map(|(&letter, value)| (char::from(letter) == c).then_some(value))
}

/// The character of a value below 32.
fn character(value: u8) -> char {
    char::from(ALPHABET[usize::from(value & 31)])
}

/// Multiplication by α in GF(2⁵) with α⁵ = α² + 1, a primitive polynomial.
const fn times_alpha(element: u8) -> u8 {
    let shifted = element << 1;
    if shifted & 0b10_0000 == 0 { shifted } else { shifted ^ 0b10_0101 }
}

impl PartialEq for BackupCode {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for BackupCode {}

impl fmt::Display for BackupCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for start in (0..Self::LENGTH).step_by(GROUP) {
            if start > 0 {
                f.write_str("-")?;
            }
            f.write_str(&self.0[start..start + GROUP])?;
        }
        Ok(())
    }
}

impl fmt::Debug for BackupCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BackupCode({}, redacted)", self.selector())
    }
}

#[cfg(test)]
mod tests;
