//! The store as the rest of the program holds it.

use crate::engine::{
    postgres::{Patience, Postgres},
    sqlite::Sqlite,
};
use crate::error::{StoreError, StoreResult};
use crate::keyring::{ExpectedDatabase, Keyring};
use crate::migrations::{self, Schema};
use crate::timing::{Operation, Timing};
use crate::tx::Tx;
use countersign_core::{Clock, Entropy, budget::Budgets};
use std::{path::Path, sync::Arc};

/// What both engines need besides a database.
pub(crate) struct Tools {
    pub(crate) keyring: Keyring,
    pub(crate) entropy: Arc<dyn Entropy>,
}

/// A database with its keys. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    engine: Engine,
    tools: Arc<Tools>,
    budgets: Arc<Budgets>,
}

#[derive(Clone)]
enum Engine {
    Sqlite(Arc<Sqlite>),
    Postgres(Arc<Postgres>),
}

impl Store {
    /// Opens or creates an SQLite database in the file `path` (mode 0600), and brings its schema up to date.
    ///
    /// # Errors
    /// Also when the file, or one that SQLite keeps beside it, can be read or written by other users, and when it is new
    /// or old against what the keyring expects.
    pub async fn open_sqlite(
        path: &Path,
        keyring: Keyring,
        entropy: Arc<dyn Entropy>,
        clock: &dyn Clock,
    ) -> StoreResult<Self> {
        let tools = Arc::new(Tools { keyring, entropy });
        let engine = Engine::Sqlite(Arc::new(Sqlite::open(path, &tools)?));
        Self { engine, tools, budgets: Arc::default() }.migrated(clock).await
    }

    /// Connects to PostgreSQL with at most `connections` connections, and brings its schema up to date.
    pub async fn open_postgres(
        url: &str,
        connections: usize,
        keyring: Keyring,
        entropy: Arc<dyn Entropy>,
        clock: &dyn Clock,
    ) -> StoreResult<Self> {
        let tools = Arc::new(Tools { keyring, entropy });
        let engine = Engine::Postgres(Arc::new(Postgres::new(url, connections)?));
        Self { engine, tools, budgets: Arc::default() }.migrated(clock).await
    }

    /// The versions of the schema of the SQLite database in the file `path`. Nothing is created and nothing is changed.
    ///
    /// # Errors
    /// Also when there is no such file, or others can read it.
    pub async fn schema_of_sqlite(
        path: &Path,
        keyring: Keyring,
        entropy: Arc<dyn Entropy>,
    ) -> StoreResult<Schema> {
        let tools = Arc::new(Tools { keyring: keyring.expecting(ExpectedDatabase::Existing), entropy });
        let engine = Engine::Sqlite(Arc::new(Sqlite::open(path, &tools)?));
        Self { engine, tools, budgets: Arc::default() }.read(migrations::schema).await
    }

    /// The same of a PostgreSQL database.
    pub async fn schema_of_postgres(
        url: &str,
        keyring: Keyring,
        entropy: Arc<dyn Entropy>,
    ) -> StoreResult<Schema> {
        let tools = Arc::new(Tools { keyring, entropy });
        let engine = Engine::Postgres(Arc::new(Postgres::new(url, 1)?));
        Self { engine, tools, budgets: Arc::default() }.read(migrations::schema).await
    }

    /// The same store with these budgets of sends, instead of the defaults.
    #[must_use]
    pub fn with_budgets(self, budgets: Budgets) -> Self {
        Self { budgets: Arc::new(budgets), ..self }
    }

    async fn migrated(self, clock: &dyn Clock) -> StoreResult<Self> {
        let now = clock.now();
        self.write_in_background(move |tx| {
            migrations::run(tx, now)?;
            crate::key_checks::run(tx)
        })
        .await?;
        if let Engine::Sqlite(sqlite) = &self.engine {
            sqlite.remember_files()?;
        }
        Ok(self)
    }

    /// Runs `job` in a transaction that may write, and answers after it is committed. `Err` rolls back.
    ///
    /// # Errors
    /// [`StoreError::Away`] within 3 s of the moment from which PostgreSQL no longer answers, and after 10 s where a disk
    /// hangs or every connection is in use: nothing was written. [`StoreError::Unknown`] likewise, where the commit was under
    /// way and may have happened.
    pub async fn write<T, F>(&self, job: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> StoreResult<T> + Send + 'static,
    {
        let timing = self.timing(Operation::Write);
        let job = self.prepared(timing, job);
        let done = match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.write(false, job).await,
            Engine::Postgres(postgres) => {
                Arc::clone(postgres).run(Arc::clone(&self.tools), false, &Patience::REQUEST, job).await
            }
        };
        timing.ended();
        done
    }

    /// The same for migrations and housekeeping, which nobody waits for and which may go through whole tables: a statement
    /// may take five minutes.
    pub async fn write_in_background<T, F>(&self, job: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> StoreResult<T> + Send + 'static,
    {
        let timing = self.timing(Operation::Background);
        let job = self.prepared(timing, job);
        let done = match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.write(true, job).await,
            Engine::Postgres(postgres) => {
                Arc::clone(postgres).run(Arc::clone(&self.tools), false, &Patience::BACKGROUND, job).await
            }
        };
        timing.ended();
        done
    }

    /// Runs `job` in a transaction that only reads, on one consistent snapshot.
    pub async fn read<T, F>(&self, job: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> StoreResult<T> + Send + 'static,
    {
        let timing = self.timing(Operation::Read);
        let job = self.prepared(timing, job);
        let done = match &self.engine {
            Engine::Sqlite(sqlite) => Arc::clone(sqlite).read(Arc::clone(&self.tools), job).await,
            Engine::Postgres(postgres) => {
                Arc::clone(postgres).run(Arc::clone(&self.tools), true, &Patience::REQUEST, job).await
            }
        };
        timing.ended();
        done
    }

    /// Whether the database is still the one that was opened: whether the paths of SQLite's files still lead to them. What is
    /// written into a file that was moved or deleted is lost when the server stops.
    ///
    /// # Errors
    /// [`StoreError::Replaced`]. It waits for the disk as long as that takes.
    pub async fn is_in_place(&self) -> StoreResult<()> {
        let Engine::Sqlite(sqlite) = &self.engine else { return Ok(()) };
        let sqlite = Arc::clone(sqlite);
        let checked = tokio::task::spawn_blocking(move || sqlite.check_files()).await;
        checked.map_err(|e| StoreError::Away(e.to_string()))?
    }

    fn timing(&self, operation: Operation) -> Timing {
        let engine = match &self.engine {
            Engine::Sqlite(_) => "sqlite",
            Engine::Postgres(_) => "postgres",
        };
        Timing::new(engine, operation)
    }

    /// The job with its budgets, in the span of the request that asks for it.
    fn prepared<T, F>(
        &self,
        timing: Timing,
        job: F,
    ) -> impl FnOnce(&mut Tx<'_>) -> StoreResult<T> + Send + 'static + use<T, F>
    where
        F: FnOnce(&mut Tx<'_>) -> StoreResult<T> + Send + 'static,
    {
        let (budgets, span) = (Arc::clone(&self.budgets), tracing::Span::current());
        move |tx: &mut Tx<'_>| {
            timing.begun();
            tx.budgets = budgets;
            span.in_scope(|| job(tx))
        }
    }

    /// Prepares every statement of every table: whether this engine understands them all.
    pub async fn prepare_all(&self) -> StoreResult<()> {
        self.read(|tx| {
            for (_, _, text) in crate::sql::all_statements() {
                tx.prepare(text)?;
            }
            Ok(())
        })
        .await
    }

    /// A key of 32 bytes derived for `purpose`, from the current key of the key file.
    pub fn derived_key(&self, purpose: &str) -> zeroize::Zeroizing<[u8; 32]> {
        self.tools.keyring.derived(purpose)
    }
}
