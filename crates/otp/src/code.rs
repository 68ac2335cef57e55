//! A one-time code, computed or typed.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{Digits, typed};

/// Why what was typed is not a code.
///
/// Any of these is a slip at the keyboard and says nothing about the secret.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum CodeError {
    /// Nothing but white space and hyphens.
    #[error("no code was entered")]
    Empty,
    /// Something other than digits, spaces and hyphens.
    #[error("a code consists of digits alone")]
    NotDigits,
    /// Too few or too many digits.
    #[error("a code has {expected} digits, and {found} were entered")]
    WrongLength {
        /// How many digits the code has.
        expected: u8,
        /// How many digits were typed.
        found: usize,
    },
}

/// A code of 6 to 8 digits in canonical form, leading zeros included.
///
/// `Display` shows the digits; `Debug` does not; comparison takes constant time.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Code {
    // Value and length determine the digits, so that comparing two numbers compares two codes.
    value: u32,
    #[zeroize(skip)]
    digits: Digits,
}

impl Code {
    /// The decimal digits at the end of a truncated HMAC (RFC 4226, section 5.3, step 3).
    pub(crate) const fn from_truncated(truncated: u32, digits: Digits) -> Self {
        // A constant divisor in each arm compiles to a multiplication; the time of a division by a variable would
        // depend on the secret number divided.
        let value = match digits {
            Digits::SEVEN => truncated % 10_000_000,
            Digits::EIGHT => truncated % 100_000_000,
            _ => truncated % 1_000_000,
        };
        Self { value, digits }
    }

    /// Reads what a person typed or pasted.
    ///
    /// White space (no-break and thin spaces too), hyphens, dashes and invisible marks count for nothing, wherever they
    /// stand; decimal digits of every script, full-width ones included, count as what they mean.
    ///
    /// # Errors
    ///
    /// [`CodeError`], a variant for each kind of slip.
    pub fn parse(text: &str, digits: Digits) -> Result<Self, CodeError> {
        let expected = digits.get();
        let (mut value, mut found) = (0, 0);
        for c in text.chars().filter(|&c| !typed::is_separator(c)) {
            let digit = typed::decimal_digit(c).ok_or(CodeError::NotDigits)?;
            if found < usize::from(expected) {
                value = value * 10 + u32::from(digit);
            }
            found += 1;
        }
        match found {
            0 => Err(CodeError::Empty),
            _ if found == usize::from(expected) => Ok(Self { value, digits }),
            _ => Err(CodeError::WrongLength { expected, found }),
        }
    }

    /// How many digits it has.
    #[must_use]
    pub const fn digits(&self) -> Digits {
        self.digits
    }
}

impl ConstantTimeEq for Code {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.value.ct_eq(&other.value) & self.digits.get().ct_eq(&other.digits.get())
    }
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for Code {}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0width$}", self.value, width = usize::from(self.digits.get()))
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, CodeError> {
        Code::parse(text, Digits::SIX).map(|code| code.to_string())
    }

    #[test]
    fn reads_what_people_type_and_paste() {
        for text in [
            "012345",
            " 012 345\n",
            "012-345",
            "012\u{a0}345",
            "0 1\u{2009}2\u{202f}3–4—5",
            "０１２３４５",
            "٠١٢٣٤٥",
            "०१२३४५",
            "\u{feff}\u{200e}012345\u{202c}",
        ] {
            assert_eq!(parse(text).as_deref(), Ok("012345"), "{text:?}");
        }
    }

    #[test]
    fn tells_each_slip_apart() {
        for text in ["", "   ", "\u{a0}\t", "- -"] {
            assert_eq!(parse(text), Err(CodeError::Empty), "{text:?}");
        }
        for text in ["12345a", "o12345", "1234.5", "+12345", "12345²", "1e5", "123456\0", "①②③④⑤⑥"]
        {
            assert_eq!(parse(text), Err(CodeError::NotDigits), "{text:?}");
        }
        assert_eq!(parse("12345"), Err(CodeError::WrongLength { expected: 6, found: 5 }));
        let long = "9".repeat(100_000);
        assert_eq!(parse(&long), Err(CodeError::WrongLength { expected: 6, found: 100_000 }));
        assert_eq!(
            Code::parse("123456", Digits::EIGHT),
            Err(CodeError::WrongLength { expected: 8, found: 6 })
        );
    }

    #[test]
    fn codes_of_different_length_differ() {
        let six = Code::parse("123456", Digits::SIX).unwrap();
        let seven = Code::parse("0123456", Digits::SEVEN).unwrap();
        assert_ne!(six, seven);
        assert_eq!(seven.to_string(), "0123456");
    }

    #[test]
    fn debug_shows_nothing_of_it() {
        assert_eq!(format!("{:?}", Code::parse("123456", Digits::SIX)), "Ok(Code(redacted))");
    }
}
