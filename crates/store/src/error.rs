//! What can go wrong in the store. A refusal is never an error: it is an outcome, and commits.

/// A fault of the database or of what is in it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or does not answer: worth another try.
    #[error("the database is away: {0}")]
    Away(String),
    /// It is not known whether the write has happened: its commit was not confirmed in time. Whoever tries again must be
    /// able to find it done already.
    #[error("the database did not confirm a write: {0}")]
    Unknown(String),
    /// PostgreSQL cannot be reached as safely as its address demands.
    #[error("no safe connection to the database: {0}")]
    Tls(String),
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
    /// The database is new or empty, and the keys have been used with another one.
    #[error("there is no database for the keys in the key file")]
    Missing,
    /// The database was to be a new one, and is not.
    #[error("there is a database already")]
    AlreadyThere,
    /// The database's file can be read or written by other users.
    #[error("{path} has mode {mode:04o}, which lets others at the database; run `chmod 600 {path}`")]
    Mode {
        /// The file.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// The path of the database leads to another file than the one that is open, or to none.
    #[error("{0} is not the file that was opened: it was moved, deleted or replaced; restart the server")]
    Replaced(String),
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

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::of_postgres(&error)
    }
}

impl StoreError {
    /// A fault of PostgreSQL: class 08 (connection), 40 (rollback), 53 (resources), 55 (lock not available) and 57 (operator
    /// intervention) pass, and so does what the server did not say itself.
    pub(crate) fn of_postgres(error: &tokio_postgres::Error) -> Self {
        let passing = error.code().is_none_or(|code| {
            ["08", "40", "53", "55", "57"].iter().any(|class| code.code().starts_with(class))
        });
        if passing { Self::Away(in_words(error)) } else { Self::Refused(in_words(error)) }
    }

    /// What went wrong, without the words that say what kind of fault it is.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Away(text) | Self::Unknown(text) | Self::Tls(text) | Self::Refused(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

/// What PostgreSQL says, with its code; or what the driver says, with its cause.
pub(crate) fn in_words(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{} ({})", db.message(), db.code().code()),
        None => match std::error::Error::source(error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        },
    }
}
