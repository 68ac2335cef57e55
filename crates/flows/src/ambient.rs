//! The real clock and the real randomness: the only place where the program asks the world for either.

use countersign_core::{Clock, Entropy, Timestamp};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the one clock that all others stand on")]
        let now = SystemTime::now();
        let millis = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis();
        Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
    }
}

/// The system's clock, off by the seconds that a file says (development only): the file is read at every look, so that
/// expiry can be tried without waiting. No file, or one without a number, is no offset.
#[derive(Debug, Clone)]
pub struct FileClock(PathBuf);

impl FileClock {
    /// A clock that follows the file `path`.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }
}

impl Clock for FileClock {
    fn now(&self) -> Timestamp {
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        let offset = text.trim().parse::<i64>().unwrap_or(0);
        let by = Duration::from_secs(offset.unsigned_abs());
        let now = SystemClock.now();
        if offset < 0 { now.minus(by) } else { now.plus(by) }
    }
}

/// The operating system's random number generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, out: &mut [u8]) {
        #[expect(clippy::disallowed_methods, reason = "this is the one source that all others stand on")]
        let filled = getrandom::fill(out);
        if filled.is_err() {
            tracing::error!("the operating system gives no randomness; there is no safe way to go on");
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_moves_the_clock_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("clock");
        let clock = FileClock::new(path.clone());
        let close = |a: Timestamp, b: Timestamp| a.since(b).max(b.since(a)) < Duration::from_secs(60);
        assert!(close(clock.now(), SystemClock.now()));
        std::fs::write(&path, "86400\n").unwrap();
        assert!(close(clock.now(), SystemClock.now().plus(Duration::from_secs(86_400))));
        std::fs::write(&path, "-86400").unwrap();
        assert!(close(clock.now(), SystemClock.now().minus(Duration::from_secs(86_400))));
        std::fs::write(&path, "soon").unwrap();
        assert!(close(clock.now(), SystemClock.now()));
    }
}
