//! What a code is computed from besides its secret: hash, length, period, time step.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// A parameter that the standards, or every known authenticator app, do not know.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ParameterError {
    /// The hash is none of SHA-1, SHA-256 and SHA-512 (RFC 6238, section 1.2).
    #[error("the algorithm must be SHA1, SHA256 or SHA512")]
    Algorithm,
    /// The length lies outside 6 to 8 digits (RFC 4226, section 5.3).
    #[error("a code has 6 to 8 digits")]
    Digits,
    /// The period is zero or not a number of seconds.
    #[error("the period is a whole number of seconds from 1")]
    Period,
}

/// The hash beneath the HMAC (RFC 6238, section 1.2).
///
/// SHA-1 is the default of every authenticator app. Its collisions do not weaken HMAC
/// (RFC 4226, appendix B.2), and several apps compute SHA-1 whatever they are told.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Algorithm {
    /// HMAC-SHA-1, the only one of RFC 4226.
    #[default]
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

impl Algorithm {
    /// The name that the Key URI Format uses: `SHA1`, `SHA256` or `SHA512`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = ParameterError;

    /// Reads the name in any case, also as `SHA-1` and `HmacSHA1`: exporting apps write all of these.
    fn from_str(text: &str) -> Result<Self, ParameterError> {
        let mut name = text.trim().to_ascii_uppercase();
        name.retain(|c| c != '-' && c != '_');
        match name.strip_prefix("HMAC").unwrap_or(&name) {
            "SHA1" => Ok(Self::Sha1),
            "SHA256" => Ok(Self::Sha256),
            "SHA512" => Ok(Self::Sha512),
            _ => Err(ParameterError::Algorithm),
        }
    }
}

/// The length of a code: 6, 7 or 8 digits.
///
/// RFC 4226 (section 5.3) asks for at least 6; more than 8 gains little, since the truncated value has 31 bits.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Digits(u8);

impl Digits {
    /// Six digits, what every authenticator app shows by default.
    pub const SIX: Self = Self(6);
    /// Seven digits.
    pub const SEVEN: Self = Self(7);
    /// Eight digits.
    pub const EIGHT: Self = Self(8);

    /// Takes a number of digits.
    ///
    /// # Errors
    ///
    /// [`ParameterError::Digits`] outside 6 to 8.
    pub const fn new(digits: u8) -> Result<Self, ParameterError> {
        match digits {
            6..=8 => Ok(Self(digits)),
            _ => Err(ParameterError::Digits),
        }
    }

    /// The number of digits.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Default for Digits {
    fn default() -> Self {
        Self::SIX
    }
}

/// How long one code lasts, in whole seconds: "X" of RFC 6238, section 4.1.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Period(u32);

impl Period {
    /// Thirty seconds, which RFC 6238 (section 5.2) recommends.
    pub const THIRTY: Self = Self(30);

    /// Takes a number of seconds.
    ///
    /// # Errors
    ///
    /// [`ParameterError::Period`] for zero.
    pub const fn new(seconds: u32) -> Result<Self, ParameterError> {
        match seconds {
            0 => Err(ParameterError::Period),
            _ => Ok(Self(seconds)),
        }
    }

    /// The period in seconds.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        self.0
    }
}

impl Default for Period {
    fn default() -> Self {
        Self::THIRTY
    }
}

/// The number of whole periods since the Unix epoch: "T" of RFC 6238, section 4.2, with T0 = 0.
///
/// It is what a verifier has to remember, since a code must not be accepted a second time (RFC 6238, section 5.2;
/// NIST SP 800-63B-4, section 3.1.4.2): accept a step only if it is greater than the last one accepted.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TimeStep(u64);

impl TimeStep {
    /// The step of this number.
    #[must_use]
    pub const fn new(step: u64) -> Self {
        Self(step)
    }

    /// The step in which a moment lies, given in seconds since the Unix epoch.
    #[must_use]
    pub fn at(unix_seconds: u64, period: Period) -> Self {
        Self(unix_seconds / u64::from(period.0))
    }

    /// The step's number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// Which time steps around the present one are accepted.
///
/// RFC 6238 (section 5.2) recommends one step backwards for the way of a code from the screen to the server.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Window {
    /// Steps before the present one: slow typing, slow networks, clocks that run behind.
    pub past: u8,
    /// Steps after the present one: clocks that run ahead.
    pub future: u8,
}

impl Window {
    /// The present step, the one before and the one after: with 30-second steps, clocks may be off by 30 seconds.
    pub const ONE_EITHER_SIDE: Self = Self { past: 1, future: 1 };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_are_read_as_apps_write_them() {
        for (text, algorithm) in [
            ("SHA1", Algorithm::Sha1),
            ("sha-1", Algorithm::Sha1),
            ("HmacSHA1", Algorithm::Sha1),
            (" Sha256 ", Algorithm::Sha256),
            ("SHA_512", Algorithm::Sha512),
        ] {
            assert_eq!(text.parse(), Ok(algorithm), "{text}");
        }
        for text in ["", "MD5", "SHA", "SHA3-256", "SHA224", "STEAM"] {
            assert_eq!(text.parse::<Algorithm>(), Err(ParameterError::Algorithm), "{text}");
        }
    }

    #[test]
    fn algorithms_are_written_as_the_key_uri_format_has_them() {
        for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512] {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
        }
        assert_eq!(Algorithm::Sha512.to_string(), "SHA512");
    }

    #[test]
    fn only_six_to_eight_digits_and_whole_periods_exist() {
        let accepted: Vec<u8> = (0..=u8::MAX).filter(|&n| Digits::new(n).is_ok()).collect();
        assert_eq!(accepted, [6, 7, 8]);
        assert_eq!(Period::new(0), Err(ParameterError::Period));
        assert_eq!(Period::new(u32::MAX).unwrap().seconds(), u32::MAX);
    }

    #[test]
    fn a_step_changes_exactly_at_its_first_second() {
        let at = |seconds| TimeStep::at(seconds, Period::THIRTY).get();
        assert_eq!((at(0), at(29), at(30), at(59), at(60)), (0, 0, 1, 1, 2));
    }
}
