//! Phone numbers for SMS. A number is validated against its country's numbering plan, and its country against the
//! operator's list, because a text message costs money and toll fraud lives from servers that send anywhere.

use std::{fmt, str::FromStr};

/// A phone number in E.164 form (`+4915112345678`): valid in its country's numbering plan.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber {
    e164: String,
    country: Option<String>,
}

/// Why a text is not a phone number that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// Nothing was typed.
    #[error("empty")]
    Empty,
    /// No `+` and country code in front.
    #[error("the country code is missing")]
    NoCountryCode,
    /// Not a number that exists in that country.
    #[error("not a valid phone number")]
    Invalid,
}

impl FromStr for PhoneNumber {
    type Err = PhoneError;

    fn from_str(raw: &str) -> Result<Self, PhoneError> {
        let text = raw.trim();
        if text.is_empty() {
            return Err(PhoneError::Empty);
        }
        if text.len() > 64 {
            return Err(PhoneError::Invalid);
        }
        let international =
            text.strip_prefix("00").map_or_else(|| text.to_owned(), |rest| format!("+{rest}"));
        if !international.starts_with('+') {
            return Err(PhoneError::NoCountryCode);
        }
        let number = phonenumber::parse(None, &international).map_err(|_| PhoneError::Invalid)?;
        if !number.is_valid() {
            return Err(PhoneError::Invalid);
        }
        Ok(Self {
            e164: number.format().mode(phonenumber::Mode::E164).to_string(),
            country: number.country().id().map(|id| id.as_ref().to_owned()),
        })
    }
}

impl PhoneNumber {
    /// The number in E.164 form.
    pub fn as_str(&self) -> &str {
        &self.e164
    }

    /// Whether the number belongs to one of `countries` (ISO 3166-1 alpha-2, upper case).
    pub fn is_in(&self, countries: &[String]) -> bool {
        self.country.as_ref().is_some_and(|own| countries.iter().any(|c| c == own))
    }

    /// The country (ISO 3166-1 alpha-2); `None` for a number that belongs to none, such as one of a satellite network.
    pub fn country(&self) -> Option<&str> {
        self.country.as_deref()
    }

    /// The number without its last four digits: what it has in common with the ten thousand numbers around it.
    pub fn prefix(&self) -> &str {
        self.e164.get(..self.e164.len().saturating_sub(4)).unwrap_or(&self.e164)
    }

    /// All but the last two digits hidden, for somebody who has not finished signing in.
    pub fn masked(&self) -> String {
        mask(&self.e164)
    }
}

/// [`PhoneNumber::masked`] for a number that comes from the database and was validated when it went in.
pub fn mask(e164: &str) -> String {
    let tail = e164.get(e164.len().saturating_sub(2)..).unwrap_or("");
    format!("••• ••{tail}")
}

/// A validated number in groups as its country writes them, with the country code: `+44 7911 123456`. For its owner only.
pub fn display(e164: &str) -> String {
    let number = phonenumber::parse(None, e164);
    number.map_or_else(
        |_| e164.to_owned(),
        |number| number.format().mode(phonenumber::Mode::International).to_string(),
    )
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.e164)
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({})", self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_type() {
        for text in ["+44 20 7946 0018", "0044 (20) 7946-0018", " +442079460018 "] {
            let number: PhoneNumber = text.parse().unwrap();
            assert_eq!(number.as_str(), "+442079460018");
            assert_eq!(number.masked(), "••• ••18");
            assert!(number.is_in(&["DE".into(), "GB".into()]));
            assert!(!number.is_in(&["DE".into()]));
            assert_eq!((number.country(), number.prefix()), (Some("GB"), "+44207946"));
        }
    }

    #[test]
    fn a_number_is_shown_to_its_owner_as_its_country_writes_it() {
        assert_eq!(display("+447911123456"), "+44 7911 123456");
        assert_eq!(display("nonsense"), "nonsense");
    }

    #[test]
    fn refuses_the_rest() {
        assert_eq!("".parse::<PhoneNumber>(), Err(PhoneError::Empty));
        assert_eq!("020 7946 0018".parse::<PhoneNumber>(), Err(PhoneError::NoCountryCode));
        for bad in ["+44 1", "+999 123456789", "+44 20 7946 0018 ext. 5555555555555", "hello", "+"] {
            assert!(bad.parse::<PhoneNumber>().is_err(), "{bad:?}");
        }
    }
}
