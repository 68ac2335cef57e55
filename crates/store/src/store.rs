//! The store as the rest of the program holds it.

use crate::engine::{postgres::Postgres, sqlite::Sqlite};
use crate::error::StoreResult;
use crate::keyring::Keyring;
use crate::tx::Tx;
use countersign_core::{Clock, Entropy};
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
}

#[derive(Clone)]
enum Engine {
    Sqlite(Arc<Sqlite>),
    Postgres(Arc<Postgres>),
}

impl Store {
    /// Opens or creates an SQLite database in the file `path` (mode 0600), and brings its schema up to date.
    pub async fn open_sqlite(
        path: &Path,
        keyring: Keyring,
        entropy: Arc<dyn Entropy>,
        clock: &dyn Clock,
    ) -> StoreResult<Self> {
        let tools = Arc::new(Tools { keyring, entropy });
        let engine = Engine::Sqlite(Arc::new(Sqlite::open(path, &tools)?));
        Self { engine, tools }.migrated(clock).await
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
        Self { engine, tools }.migrated(clock).await
    }

    async fn migrated(self, clock: &dyn Clock) -> StoreResult<Self> {
        let now = clock.now();
        self.write(move |tx| {
            crate::migrations::run(tx, now)?;
            crate::key_checks::run(tx)
        })
        .await?;
        Ok(self)
    }

    /// Runs `job` in a transaction that may write, and answers after it is committed. `Err` rolls back.
    pub async fn write<T, F>(&self, job: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> StoreResult<T> + Send + 'static,
    {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.write(job).await,
            Engine::Postgres(postgres) => Arc::clone(postgres).run(Arc::clone(&self.tools), false, job).await,
        }
    }

    /// Runs `job` in a transaction that only reads, on one consistent snapshot.
    pub async fn read<T, F>(&self, job: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> StoreResult<T> + Send + 'static,
    {
        match &self.engine {
            Engine::Sqlite(sqlite) => Arc::clone(sqlite).read(Arc::clone(&self.tools), job).await,
            Engine::Postgres(postgres) => Arc::clone(postgres).run(Arc::clone(&self.tools), true, job).await,
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
