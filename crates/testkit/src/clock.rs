//! The clock of a server under test: the real one, moved forward on demand.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A handle on the file that `--clock-file` names. Clones move the same clock.
#[derive(Debug, Clone)]
pub struct Clock {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    file: PathBuf,
    offset: Mutex<i64>,
}

impl Clock {
    /// Writes an offset of zero to `file` and returns the handle on it.
    ///
    /// # Panics
    /// When the file cannot be written.
    #[must_use]
    pub fn new(file: impl Into<PathBuf>) -> Self {
        let clock = Self { shared: Arc::new(Shared { file: file.into(), offset: Mutex::new(0) }) };
        clock.set_offset(0);
        clock
    }

    /// Moves the clock forward by whole seconds; a fraction is dropped.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn advance(&self, by: Duration) {
        let seconds = i64::try_from(by.as_secs()).expect("a test does not move by aeons");
        let mut offset = self.shared.offset.lock().unwrap_or_else(PoisonError::into_inner);
        *offset += seconds;
        self.write(*offset);
    }

    /// Sets how many seconds the clock is ahead of (or, negative, behind) the real one.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn set_offset(&self, seconds: i64) {
        let mut offset = self.shared.offset.lock().unwrap_or_else(PoisonError::into_inner);
        *offset = seconds;
        self.write(seconds);
    }

    /// Whether it is not the real one.
    pub(crate) fn is_moved(&self) -> bool {
        *self.shared.offset.lock().unwrap_or_else(PoisonError::into_inner) != 0
    }

    /// What the server's clock shows: whole seconds since the Unix epoch.
    ///
    /// # Panics
    /// When the machine's clock is before 1970.
    #[must_use]
    pub fn now(&self) -> u64 {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is after 1970").as_secs();
        let offset = *self.shared.offset.lock().unwrap_or_else(PoisonError::into_inner);
        real.checked_add_signed(offset).expect("a time after 1970")
    }

    /// By rename, so that the server reads the old offset or the new one and never half of one.
    fn write(&self, seconds: i64) {
        let file = &self.shared.file;
        let next = file.with_extension("next");
        fs::write(&next, seconds.to_string())
            .and_then(|()| fs::rename(&next, file))
            .unwrap_or_else(|error| panic!("the clock file {} cannot be written: {error}", file.display()));
    }
}
