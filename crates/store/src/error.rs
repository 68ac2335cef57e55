//! What can go wrong in the store. A refusal is never an error: it is an outcome, and commits.

/// A fault of the database or of what is in it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or does not answer: worth another try.
    #[error("the database is away: {0}")]
    Away(String),
    /// The database refused a statement.
    #[error("the database refused: {0}")]
    Refused(String),
    /// A row holds what this program never writes.
    #[error("unexpected content in {0}")]
    Corrupt(&'static str),
    /// Something sealed cannot be opened: its key is not in the key file, or it was moved or altered.
    #[error("cannot open sealed data: {0}")]
    Sealed(&'static str),
    /// The key file is another database's.
    #[error(
        "none of the keys in the key file is one that this database was written with; put the right key file back"
    )]
    WrongKeys,
    /// An answer is stored under this idempotency key already: the transaction has no effect, and that answer counts.
    #[error("a request with this idempotency key has been answered")]
    Repeated,
    /// The store's schema is newer than this program.
    #[error("the database has schema version {found}; this program knows {known}. Run the newer version")]
    Newer {
        /// The version found.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
}

/// The result of a store function.
pub type StoreResult<T> = Result<T, StoreError>;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(
                rusqlite::ErrorCode::DatabaseBusy
                | rusqlite::ErrorCode::DatabaseLocked
                | rusqlite::ErrorCode::CannotOpen
                | rusqlite::ErrorCode::DiskFull
                | rusqlite::ErrorCode::SystemIoFailure
                | rusqlite::ErrorCode::ReadOnly,
            ) => Self::Away(error.to_string()),
            _ => Self::Refused(error.to_string()),
        }
    }
}

impl From<postgres::Error> for StoreError {
    fn from(error: postgres::Error) -> Self {
        // Class 08 (connection), 40 (rollback), 53 (resources), 55 (lock not available), 57 (operator intervention).
        let passing = error.code().is_none_or(|code| {
            ["08", "40", "53", "55", "57"].iter().any(|class| code.code().starts_with(class))
        });
        let text = match error.as_db_error() {
            Some(db) => format!("{} ({})", db.message(), db.code().code()),
            None => error.to_string(),
        };
        if passing { Self::Away(text) } else { Self::Refused(text) }
    }
}
