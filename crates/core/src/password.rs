//! What a password must be (NIST SP 800-63B-4 §3.1.1; ASVS 5.0 V6.2): long enough, not guessable, and nothing else.
//! No composition rules, no expiry, every printable character of every script.

use std::fmt;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The shortest password, in characters. It is always used with a second step (NIST SP 800-63B-4 §3.1.1.2 asks for 8
/// there, and 15 where it stands alone).
pub const SHORTEST: usize = 8;

/// The longest password, in characters.
pub const LONGEST: usize = 256;

/// Passwords that can be guessed in fewer than 10^6 tries are refused. zxcvbn's estimate knows the tens of thousands of
/// most common passwords, words, names, dates, keyboard runs, and the person's own name and address.
const GUESSES_LOG10: f64 = 6.0;

/// A password as somebody typed it, in NFC (RFC 8265 §4.2.2), erased from memory when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct PlainPassword(String);

impl fmt::Debug for PlainPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainPassword(…)")
    }
}

/// Why a password cannot be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Nothing was typed.
    #[error("empty")]
    Empty,
    /// Fewer than [`SHORTEST`] characters.
    #[error("too short")]
    TooShort,
    /// More than [`LONGEST`] characters.
    #[error("too long")]
    TooLong,
    /// Among the first million that an attacker would try.
    #[error("too easy to guess")]
    Guessable,
}

impl PlainPassword {
    /// A password typed to sign in: only bounded, because it may have been chosen under other rules.
    pub fn typed(raw: &str) -> Result<Self, PasswordError> {
        if raw.is_empty() {
            return Err(PasswordError::Empty);
        }
        // Normalising and hashing megabytes is work that a stranger must not be able to order.
        if raw.len() > LONGEST * 8 {
            return Err(PasswordError::TooLong);
        }
        let mut normalised = String::with_capacity(raw.len() * 3);
        normalised.extend(raw.nfc());
        let password = Self(normalised);
        if password.0.chars().count() > LONGEST { Err(PasswordError::TooLong) } else { Ok(password) }
    }

    /// A password that somebody wants to choose. `context` holds what an attacker would try first: the person's name
    /// and address, the organization, the service.
    pub fn chosen(raw: &str, context: &[&str]) -> Result<Self, PasswordError> {
        let password = Self::typed(raw)?;
        if password.0.chars().count() < SHORTEST {
            return Err(PasswordError::TooShort);
        }
        let words = context_words(context);
        let dictionary: Vec<&str> = words.iter().map(String::as_str).collect();
        // zxcvbn counts the separators of "harbour-pine" as guesswork; an attacker does not.
        let bare = alphanumeric(&password.0).trim_end_matches(|c: char| c.is_ascii_digit()).to_lowercase();
        let estimate = zxcvbn::zxcvbn(&password.0, &dictionary).guesses_log10();
        if estimate < GUESSES_LOG10 || words.contains(&bare) {
            return Err(PasswordError::Guessable);
        }
        Ok(password)
    }

    /// The bytes to hash.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// The whole texts, the words in them, and the words run together.
fn context_words(context: &[&str]) -> Vec<String> {
    context
        .iter()
        .flat_map(|text| {
            let parts = text.split(|c: char| !c.is_alphanumeric()).filter(|part| part.chars().count() >= 3);
            [(*text).to_owned(), alphanumeric(text)].into_iter().chain(parts.map(str::to_owned))
        })
        .map(|word| word.to_lowercase())
        .collect()
}

fn alphanumeric(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: &[&str] = &["mia.lund@harbour-pine.example", "Mia Lund", "Harbour & Pine", "Countersign"];

    fn chosen(raw: &str) -> Result<(), PasswordError> {
        PlainPassword::chosen(raw, CONTEXT).map(drop)
    }

    #[test]
    fn long_enough_and_hard_to_guess_is_all_it_takes() {
        for good in [
            "tulip-ferry-oak-lamp",
            "correct horse battery staple",
            "zq8#vT!p",
            "пароль-лодка-июль-42",
            "🦊🌲🚲☕🎻🧭🪁🥖",
        ] {
            assert_eq!(chosen(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_an_attacker_tries_first_is_refused() {
        for bad in [
            "password",
            "Password1",
            "12345678",
            "qwertyuiop",
            "aaaaaaaaaaaa",
            "mialund1",
            "Harbour1",
            "countersign",
            "harbour-pine",
            "mia.lund@harbour-pine.example",
        ] {
            assert_eq!(chosen(bad), Err(PasswordError::Guessable), "{bad}");
        }
    }

    #[test]
    fn lengths_are_counted_in_characters_after_normalising() {
        assert_eq!(chosen("zq8#vT!"), Err(PasswordError::TooShort));
        assert_eq!(chosen(""), Err(PasswordError::Empty));
        assert!(PlainPassword::typed(&"é".repeat(256)).is_ok());
        assert!(PlainPassword::typed(&"e\u{301}".repeat(256)).is_ok());
        assert_eq!(PlainPassword::typed(&"é".repeat(257)).map(drop), Err(PasswordError::TooLong));
        let composed = PlainPassword::typed("café").unwrap();
        assert_eq!(composed.as_bytes(), PlainPassword::typed("cafe\u{301}").unwrap().as_bytes());
        assert_eq!(format!("{composed:?}"), "PlainPassword(…)");
    }
}
