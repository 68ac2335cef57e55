//! What the rules need from the world: the time, and randomness. Both are handed in, so that expiry is tested
//! without waiting and nothing secret is ever drawn from a second-rate source.

use std::time::Duration;

/// A moment, in milliseconds since the Unix epoch: the one representation of time in the program and the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// A moment from milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, as RFC 6238 §4.2 counts them; 0 for moments before it.
    pub fn unix_seconds(self) -> u64 {
        u64::try_from(self.0.div_euclid(1000)).unwrap_or(0)
    }

    /// The moment `by` later. Saturates instead of overflowing.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The moment `by` earlier. Saturates instead of overflowing.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this moment is; zero if it is not after it (a clock that was set back).
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// The time of day. Everything that expires asks this and nothing else.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// A cryptographically secure source of random bytes (NIST SP 800-63B-4 §3.2.12; ASVS 5.0 V11.5.1).
///
/// An implementation that cannot deliver must end the process: there is no safe way to go on without randomness.
pub trait Entropy: Send + Sync {
    /// Fills `out` with random bytes.
    fn fill(&self, out: &mut [u8]);
}

/// `N` random bytes.
pub fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

/// For the tests of this crate: bytes that are known.
#[cfg(test)]
pub(crate) mod testing {
    use super::Entropy;

    /// Every byte is this one.
    pub(crate) struct Fill(pub(crate) u8);

    impl Entropy for Fill {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_saturates_and_never_runs_backwards() {
        let t = Timestamp::from_millis(1_500);
        assert_eq!(t.unix_seconds(), 1);
        assert_eq!(t.since(Timestamp::from_millis(2_000)), Duration::ZERO);
        assert_eq!(t.plus(Duration::MAX).millis(), i64::MAX);
        assert_eq!(Timestamp::from_millis(-1).unix_seconds(), 0);
    }
}
