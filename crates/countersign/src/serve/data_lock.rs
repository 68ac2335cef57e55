//! One server for each SQLite database.
//!
//! A server keeps much in its memory that only holds if there is no other server: which requests are under way, how many
//! requests an application has sent, which message is being delivered. Several servers need PostgreSQL.
//!
//! The lock is the kernel's (flock(2)), on the data directory itself: there is no file to leave behind, and it ends with the
//! process, however that ends. The operator's commands don't take it: each is one transaction, beside a server.

use crate::config::{Config, Database};
use crate::wiring::{self, Failure};
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// A supervisor starts the next server while the last one ends: that one may need this long for its last messages.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);

/// Held as long as the server runs.
#[derive(Debug)]
pub(super) struct DataLock {
    _directory: Option<OwnedFd>,
}

/// Takes the lock, or waits a few seconds for it. On PostgreSQL there is nothing to lock.
///
/// # Errors
/// One sentence for the operator where another server has it, or the directory cannot be used.
pub(super) async fn take(config: &Config) -> Result<DataLock, Failure> {
    if !matches!(config.database, Database::Sqlite { .. }) {
        return Ok(DataLock { _directory: None });
    }
    wiring::create_data_dir(config)?;
    let dir = config.data_dir.display();
    let unusable =
        |error: Errno| Failure::Input(format!("the data directory {dir} cannot be locked ({error})."));
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = open(&config.data_dir, flags, Mode::empty()).map_err(unusable)?;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(DataLock { _directory: Some(directory) }),
            Err(Errno::WOULDBLOCK) if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(PAUSE).await;
            }
            Err(Errno::WOULDBLOCK) => {
                return Err(Failure::Input(format!(
                    "another server runs on the data directory {dir} ({}); stop it first, or set database.url, because \
                     several servers need PostgreSQL.",
                    wiring::setting(config)
                )));
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(unusable(error)),
        }
    }
}
