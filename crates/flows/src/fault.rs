//! What goes wrong without being anybody's mistake.

use countersign_store::StoreError;

/// A fault. The web answers it with 503 or 500 and shows nothing of it; the log has all of it.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The database does not answer: worth another try in a moment.
    #[error("the database is away: {0}")]
    Away(StoreError),
    /// The database did not confirm a write: it may have happened, and must not be reported as undone.
    #[error("{0}")]
    Unconfirmed(StoreError),
    /// Too many passwords wait to be checked: worth another try in a moment.
    #[error("the password queue is full")]
    Busy,
    /// Another request with the same idempotency key was answered meanwhile, and this one has had no effect.
    #[error("a request with this idempotency key has been answered")]
    Repeated,
    /// A defect, of this program or of what is stored.
    #[error("internal: {0}")]
    Internal(String),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Away(_) | StoreError::Tls(_) => Self::Away(error),
            StoreError::Unknown(_) => Self::Unconfirmed(error),
            StoreError::Repeated => Self::Repeated,
            other => Self::Internal(other.to_string()),
        }
    }
}
