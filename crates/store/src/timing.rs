//! How long the database takes, as histograms. A transaction waits first (for the writer or for a connection), then it runs,
//! and at its end it is committed.

use tokio::time::Instant;

const DURATION: &str = "countersign_store_duration_seconds";
const WAIT: &str = "countersign_store_wait_seconds";
const COMMIT: &str = "countersign_store_commit_seconds";

/// What a transaction is for.
#[derive(Clone, Copy)]
pub(crate) enum Operation {
    Read,
    Write,
    /// Migrations and housekeeping.
    Background,
}

impl Operation {
    fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Background => "background",
        }
    }
}

/// One transaction, from the moment at which it was asked for.
#[derive(Clone, Copy)]
pub(crate) struct Timing {
    engine: &'static str,
    operation: Operation,
    asked: Instant,
}

impl Timing {
    pub(crate) fn new(engine: &'static str, operation: Operation) -> Self {
        Self { engine, operation, asked: Instant::now() }
    }

    /// The transaction is open, and its work begins.
    pub(crate) fn begun(self) {
        self.record(WAIT);
    }

    /// The transaction is over, with whatever outcome.
    pub(crate) fn ended(self) {
        self.record(DURATION);
    }

    fn record(self, name: &'static str) {
        let labels = [("engine", self.engine), ("operation", self.operation.as_str())];
        metrics::histogram!(name, &labels).record(self.asked.elapsed().as_secs_f64());
    }
}

/// Measures a commit.
pub(crate) fn commit<T>(engine: &'static str, commit: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let done = commit();
    metrics::histogram!(COMMIT, "engine" => engine).record(began.elapsed().as_secs_f64());
    done
}
