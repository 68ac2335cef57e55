//! The files of a database: readable by their owner only, and still the ones that were opened.

use crate::error::{StoreError, StoreResult};
use std::fs::{self, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// What SQLite keeps beside the database, and what it kept there before it used a write-ahead log.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Device and inode: which file it is, whatever its name.
type Identity = (u64, u64);

pub(super) struct Files {
    path: PathBuf,
    database: Identity,
    /// Of the database, its log and its index, once all of them exist.
    open: OnceLock<Vec<(PathBuf, Identity)>>,
}

impl Files {
    /// Makes sure that there is a file, with mode 0600 (the log inherits that), before SQLite opens it. An existing one that
    /// others than its owner may read or write is refused, as the key file is: others may have read it already.
    ///
    /// It is looked at and not opened: to close a file ends all locks that this process has on it (POSIX, `fcntl`), and another
    /// connection of this process may have some.
    pub(super) fn prepare(path: &Path, may_create: bool) -> StoreResult<Self> {
        let unusable =
            |error: io::Error| StoreError::Away(format!("cannot open {}: {error}", path.display()));
        match fs::metadata(path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound && !may_create => {
                return Err(StoreError::Missing);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
                match made.map(drop) {
                    // Another process was faster.
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    made => made.map_err(unusable)?,
                }
            }
            Err(error) => return Err(unusable(error)),
        }
        let metadata = fs::metadata(path).map_err(unusable)?;
        if !metadata.is_file() {
            return Err(StoreError::Refused(format!("{} is not a file", path.display())));
        }
        private(path, &metadata)?;
        for path in beside(path).map_err(unusable)? {
            match fs::metadata(&path) {
                Ok(metadata) => private(&path, &metadata)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(unusable(error)),
            }
        }
        Ok(Self { path: path.to_owned(), database: identity(&metadata), open: OnceLock::new() })
    }

    /// Notes which files are open now. From here on they are not to change: SQLite keeps its log while a connection is open.
    pub(super) fn remember(&self) -> StoreResult<()> {
        let mut open = vec![(self.path.clone(), self.database)];
        for path in beside(&self.path).map_err(|error| self.gone(&error))? {
            if let Ok(metadata) = fs::metadata(&path) {
                open.push((path, identity(&metadata)));
            }
        }
        drop(self.open.set(open));
        self.check()
    }

    /// Whether every path still leads to the file that is open. Where it does not, all that is written is lost with the process.
    pub(super) fn check(&self) -> StoreResult<()> {
        for (path, known) in self.open.get().into_iter().flatten() {
            let is_there = fs::metadata(path).is_ok_and(|metadata| identity(&metadata) == *known);
            if !is_there {
                return Err(StoreError::Replaced(path.display().to_string()));
            }
        }
        Ok(())
    }

    fn gone(&self, error: &io::Error) -> StoreError {
        StoreError::Replaced(format!("{} ({error})", self.path.display()))
    }
}

/// The other files' paths. SQLite puts them beside the file that a symbolic link leads to.
fn beside(path: &Path) -> io::Result<Vec<PathBuf>> {
    let path = path.canonicalize()?.into_os_string();
    let with = |suffix: &str| {
        let mut path = path.clone();
        path.push(suffix);
        PathBuf::from(path)
    };
    Ok(BESIDE.into_iter().map(with).collect())
}

fn identity(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}

fn private(path: &Path, metadata: &Metadata) -> StoreResult<()> {
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(StoreError::Mode { path: path.display().to_string(), mode }) }
}
