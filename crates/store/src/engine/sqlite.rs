//! SQLite: one writer thread that commits in groups, and a few connections for reading.
//!
//! Durability costs one `fsync` a commit. While one group is being flushed, the next one gathers, so that the cost is
//! shared by all who wait; a closure that fails is rolled back to its savepoint, alone.

use crate::error::{StoreError, StoreResult};
use crate::store::Tools;
use crate::tx::{EngineTx, Tx};
use rusqlite::{Connection, OpenFlags};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

/// More than this in one transaction would make the first wait for the last.
const GROUP: usize = 128;
const READERS: usize = 4;

pub(crate) struct Sqlite {
    jobs: mpsc::Sender<Box<dyn Job>>,
    readers: Mutex<Vec<Connection>>,
    reading: Arc<Semaphore>,
}

/// A closure that waits for its transaction, and for the commit.
trait Job: Send {
    /// Runs inside a savepoint; whether to keep what it wrote.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// After the commit, or with the reason why there was none.
    fn answer(self: Box<Self>, committed: Result<(), &StoreError>);
}

struct Waiting<T, F> {
    job: Option<F>,
    result: Option<StoreResult<T>>,
    answer: oneshot::Sender<StoreResult<T>>,
}

impl<T, F> Job for Waiting<T, F>
where
    T: Send,
    F: FnOnce(&mut Tx<'_>) -> StoreResult<T> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        let Some(job) = self.job.take() else { return false };
        // A panic in one closure must not end the writer, and with it the server.
        let result = catch_unwind(AssertUnwindSafe(|| job(tx)))
            .unwrap_or_else(|_| Err(StoreError::Refused("a closure panicked".into())));
        let keep = result.is_ok();
        self.result = Some(result);
        keep
    }

    fn answer(self: Box<Self>, committed: Result<(), &StoreError>) {
        let result = match (self.result, committed) {
            (Some(Ok(_)) | None, Err(error)) => Err(StoreError::Away(error.to_string())),
            (Some(result), _) => result,
            (None, Ok(())) => Err(StoreError::Refused("the closure did not run".into())),
        };
        // Nobody waits any more: the request was given up. What is committed stays.
        drop(self.answer.send(result));
    }
}

impl Sqlite {
    pub(crate) fn open(path: &Path, tools: &Arc<Tools>) -> StoreResult<Self> {
        create_private(path)?;
        let writer = Connection::open(path)?;
        configure(&writer)?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        writer.pragma_update(None, "synchronous", "FULL")?;
        let readers = (0..READERS)
            .map(|_| {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let reader = Connection::open_with_flags(path, flags)?;
                configure(&reader)?;
                Ok(reader)
            })
            .collect::<StoreResult<Vec<_>>>()?;
        let (jobs, waiting) = mpsc::channel();
        let tools = Arc::clone(tools);
        std::thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || write_until_closed(&writer, &waiting, &tools))
            .map_err(|e| StoreError::Away(e.to_string()))?;
        Ok(Self { jobs, readers: Mutex::new(readers), reading: Arc::new(Semaphore::new(READERS)) })
    }

    pub(crate) async fn write<T, F>(&self, job: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> StoreResult<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let gone = || StoreError::Away("the writer has stopped".into());
        self.jobs.send(Box::new(Waiting { job: Some(job), result: None, answer })).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    pub(crate) async fn read<T, F>(self: Arc<Self>, tools: Arc<Tools>, job: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> StoreResult<T> + Send + 'static,
    {
        let away = |e: &dyn std::fmt::Display| StoreError::Away(e.to_string());
        let permit = Arc::clone(&self.reading).acquire_owned().await.map_err(|e| away(&e))?;
        tokio::task::spawn_blocking(move || {
            // The permit goes with the work, which goes on when the request that waits for it is given up.
            let _permit = permit;
            let reader = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(reader) = reader else {
                return Err(StoreError::Away("no reader is free".into()));
            };
            let result = catch_unwind(AssertUnwindSafe(|| {
                let snapshot = reader.unchecked_transaction()?;
                job(&mut transaction(&snapshot, &tools))
            }));
            self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
            result.unwrap_or_else(|_| Err(StoreError::Refused("a closure panicked".into())))
        })
        .await
        .map_err(|e| away(&e))?
    }
}

fn transaction<'a>(connection: &'a Connection, tools: &'a Tools) -> Tx<'a> {
    Tx { engine: EngineTx::Sqlite(connection), keyring: &tools.keyring, entropy: &*tools.entropy }
}

fn configure(connection: &Connection) -> StoreResult<()> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // What is deleted is overwritten: spent codes and ended sessions leave no copy in free pages.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.set_prepared_statement_cache_capacity(256);
    Ok(())
}

/// The file exists with mode 0600 before SQLite opens it; its journal inherits that.
fn create_private(path: &Path) -> StoreResult<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let opened = std::fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    opened.map(drop).map_err(|e| StoreError::Away(format!("cannot open {}: {e}", path.display())))
}

fn write_until_closed(connection: &Connection, waiting: &mpsc::Receiver<Box<dyn Job>>, tools: &Tools) {
    while let Ok(first) = waiting.recv() {
        let mut group = vec![first];
        group.extend(waiting.try_iter().take(GROUP - 1));
        let committed = commit(connection, &mut group, tools);
        if let Err(error) = &committed {
            tracing::error!(%error, jobs = group.len(), "a group of writes was not committed");
            if !connection.is_autocommit() {
                drop(connection.execute_batch("ROLLBACK"));
            }
        }
        for job in group {
            job.answer(committed.as_ref().copied());
        }
    }
}

fn commit(connection: &Connection, group: &mut [Box<dyn Job>], tools: &Tools) -> StoreResult<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    for job in group {
        connection.execute_batch("SAVEPOINT job")?;
        let keep = job.run(&mut transaction(connection, tools));
        connection.execute_batch(if keep { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" })?;
    }
    connection.execute_batch("COMMIT")?;
    Ok(())
}
