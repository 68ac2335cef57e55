//! HOTP (RFC 4226) and TOTP (RFC 6238).

use std::fmt;

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::{Algorithm, Code, Digits, Period, Secret, TimeStep, Window, keyed::KeyedHmac};

/// The code of one counter value (RFC 4226, section 5).
///
/// ```
/// use countersign_otp::{Algorithm, Digits, Secret, hotp};
///
/// let secret = Secret::from_bytes(b"12345678901234567890")?;
/// assert_eq!(hotp(&secret, 0, Algorithm::Sha1, Digits::SIX).to_string(), "755224");
/// # Ok::<(), countersign_otp::SecretError>(())
/// ```
#[must_use]
pub fn hotp(secret: &Secret, counter: u64, algorithm: Algorithm, digits: Digits) -> Code {
    KeyedHmac::new(secret, algorithm).code(counter, digits)
}

/// An authenticator: a secret and how its codes are made.
#[derive(Clone)]
pub struct Totp {
    secret: Secret,
    algorithm: Algorithm,
    digits: Digits,
    period: Period,
    keyed: KeyedHmac,
}

impl Totp {
    /// An authenticator with parameters of its own. Many apps know the [standard](Self::standard) ones alone.
    #[must_use]
    pub fn new(secret: Secret, algorithm: Algorithm, digits: Digits, period: Period) -> Self {
        let keyed = KeyedHmac::new(&secret, algorithm);
        Self { secret, algorithm, digits, period, keyed }
    }

    /// SHA-1, six digits, thirty seconds: what every authenticator app computes.
    #[must_use]
    pub fn standard(secret: Secret) -> Self {
        Self::new(secret, Algorithm::Sha1, Digits::SIX, Period::THIRTY)
    }

    /// The code that the app shows during a time step.
    #[must_use]
    pub fn code_at(&self, step: TimeStep) -> Code {
        self.keyed.code(step.get(), self.digits)
    }

    /// Checks a code against every step of the window around `now`, given in seconds since the Unix epoch, and returns
    /// the step that it belongs to. Should two steps of the window have the same code, the newest is returned, so that
    /// a caller who refuses steps up to the last accepted one refuses as much as possible.
    ///
    /// The time taken depends on the window and not on whether, or where, the code matched. That a step is accepted
    /// only once is the caller's duty: see [`TimeStep`].
    #[must_use]
    pub fn verify(&self, code: &Code, now_unix_seconds: u64, window: Window) -> Option<TimeStep> {
        let present = TimeStep::at(now_unix_seconds, self.period).get();
        let first = present.saturating_sub(window.past.into());
        let last = present.saturating_add(window.future.into());
        let (mut found, mut matched) = (Choice::from(0), 0);
        for step in first..=last {
            let equal = code.ct_eq(&self.code_at(TimeStep::new(step)));
            matched = u64::conditional_select(&matched, &step, equal);
            found |= equal;
        }
        bool::from(found).then_some(TimeStep::new(matched))
    }

    /// By how much the phone's clock is off, if that alone explains why [`verify`](Self::verify) refused a code: the
    /// nearest step within `reach_seconds` (an hour, say) either side of `now` that has this code.
    ///
    /// The answer is right to about one period, and may be a coincidence. With six digits, thirty seconds and an hour,
    /// some 240 steps are looked at, so that a code that is simply wrong is explained by a clock in 240 of 1,000,000
    /// cases: good enough for advice, far too many for acceptance. Never accept a code on its account, and ask only
    /// while an app is being set up, where the person has the secret before their eyes: at a sign-in the answer would
    /// tell a stranger that a guess was near. The time taken is not constant, since the answer is shown anyway.
    ///
    /// No more than 3,600 steps are searched either side, however short the period.
    #[must_use]
    pub fn search_offset(
        &self,
        code: &Code,
        now_unix_seconds: u64,
        reach_seconds: u64,
    ) -> Option<ClockOffset> {
        let present = TimeStep::at(now_unix_seconds, self.period).get();
        let period = self.period.seconds();
        let reach = (reach_seconds / u64::from(period)).min(MAX_SEARCH_STEPS);
        let shows = |step: Option<u64>| step.is_some_and(|step| *code == self.code_at(TimeStep::new(step)));
        (0..=reach).zip(0i64..).find_map(|(steps, signed)| {
            let seconds = signed * i64::from(period);
            if shows(present.checked_sub(steps)) {
                Some(ClockOffset { seconds: -seconds })
            } else if shows(present.checked_add(steps)) {
                Some(ClockOffset { seconds })
            } else {
                None
            }
        })
    }

    /// The shared secret.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The hash beneath the HMAC.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The length of its codes.
    #[must_use]
    pub const fn digits(&self) -> Digits {
        self.digits
    }

    /// How long a code lasts.
    #[must_use]
    pub const fn period(&self) -> Period {
        self.period
    }
}

/// An hour of one-second steps: bounds the work that one refused code can cause.
const MAX_SEARCH_STEPS: u64 = 3600;

impl PartialEq for Totp {
    fn eq(&self, other: &Self) -> bool {
        self.secret == other.secret
            && (self.algorithm, self.digits, self.period) == (other.algorithm, other.digits, other.period)
    }
}

impl Eq for Totp {}

impl fmt::Debug for Totp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Totp")
            .field("secret", &self.secret)
            .field("algorithm", &self.algorithm)
            .field("digits", &self.digits)
            .field("period", &self.period)
            .finish()
    }
}

/// How far a phone's clock is from the server's, a whole number of periods.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ClockOffset {
    seconds: i64,
}

impl ClockOffset {
    /// Seconds; positive when the phone is ahead, negative when it is behind.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.seconds
    }
}

#[cfg(test)]
mod tests;
