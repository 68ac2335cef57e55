//! SQLite: one writer thread that commits in groups, and a few connections for reading.
//!
//! Durability costs one `fsync` a commit. While one group is being flushed, the next one gathers, so that the cost is
//! shared by all who wait; a closure that fails is rolled back to its savepoint, alone.

mod files;

use crate::error::{StoreError, StoreResult};
use crate::store::Tools;
use crate::timing;
use crate::tx::{AfterCommit, EngineTx, Tx};
use files::Files;
use rusqlite::{Connection, OpenFlags};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
    mpsc,
};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

/// More than this in one transaction would make the first wait for the last.
const GROUP: usize = 128;
const READERS: usize = 4;

/// So many writes may wait: ten seconds' worth of a slow disk. One more is refused at once.
const QUEUE: usize = 4096;

/// A request waits no longer than this for a disk that hangs.
const WAIT: Duration = Duration::from_secs(10);

pub(crate) struct Sqlite {
    jobs: mpsc::SyncSender<Box<dyn Job>>,
    readers: Mutex<Vec<Connection>>,
    reading: Arc<Semaphore>,
    files: Files,
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
    after_commit: AfterCommit,
    answer: oneshot::Sender<StoreResult<T>>,
    /// Set by whoever comes first: the writer that begins, or the request that waits no longer.
    taken: Arc<AtomicBool>,
}

impl<T, F> Job for Waiting<T, F>
where
    T: Send,
    F: FnOnce(&mut Tx<'_>) -> StoreResult<T> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        if self.taken.swap(true, Ordering::SeqCst) {
            return false;
        }
        let Some(job) = self.job.take() else { return false };
        // A panic in one closure must not end the writer, and with it the server.
        let result = catch_unwind(AssertUnwindSafe(|| job(tx)))
            .unwrap_or_else(|_| Err(StoreError::Refused("a closure panicked".into())));
        let keep = result.is_ok();
        self.result = Some(result);
        self.after_commit = std::mem::take(&mut tx.after_commit);
        keep
    }

    fn answer(self: Box<Self>, committed: Result<(), &StoreError>) {
        if committed.is_ok() && matches!(self.result, Some(Ok(_))) {
            self.after_commit.into_iter().for_each(|then| then());
        }
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
        let files = Files::prepare(path, tools.keyring.may_be_new())?;
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
        let (jobs, waiting) = mpsc::sync_channel(QUEUE);
        let tools = Arc::clone(tools);
        std::thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || write_until_closed(&writer, &waiting, &tools))
            .map_err(|e| StoreError::Away(e.to_string()))?;
        Ok(Self { jobs, readers: Mutex::new(readers), reading: Arc::new(Semaphore::new(READERS)), files })
    }

    /// Notes which files are open, once the first write has been committed.
    pub(crate) fn remember_files(&self) -> StoreResult<()> {
        self.files.remember()
    }

    /// Whether the paths still lead to the files that are open. It may wait for the disk.
    pub(crate) fn check_files(&self) -> StoreResult<()> {
        self.files.check()
    }

    /// `patient`: it may take as long as it takes.
    pub(crate) async fn write<T, F>(&self, patient: bool, job: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> StoreResult<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let away = |why: &str| StoreError::Away(why.to_owned());
        let taken = Arc::new(AtomicBool::new(false));
        let waiting = Waiting {
            job: Some(job),
            result: None,
            after_commit: Vec::new(),
            answer,
            taken: Arc::clone(&taken),
        };
        self.jobs.try_send(Box::new(waiting)).map_err(|error| match error {
            mpsc::TrySendError::Full(_) => away("too many writes wait for the disk"),
            mpsc::TrySendError::Disconnected(_) => away("the writer has stopped"),
        })?;
        let answered = async { answered.await.map_err(|_| away("the writer has stopped"))? };
        if patient {
            return answered.await;
        }
        match timeout(WAIT, answered).await {
            Ok(answer) => answer,
            // Begun, it cannot be called back.
            Err(_) if taken.swap(true, Ordering::SeqCst) => {
                Err(StoreError::Unknown("the disk does not answer".into()))
            }
            Err(_) => Err(away("the disk does not answer")),
        }
    }

    pub(crate) async fn read<T, F>(self: Arc<Self>, tools: Arc<Tools>, job: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> StoreResult<T> + Send + 'static,
    {
        let away = |e: &dyn std::fmt::Display| StoreError::Away(e.to_string());
        let read = async {
            let permit = Arc::clone(&self.reading).acquire_owned().await.map_err(|e| away(&e))?;
            let this = Arc::clone(&self);
            tokio::task::spawn_blocking(move || {
                // The permit goes with the work, which goes on when the request that waits for it is given up.
                let _permit = permit;
                this.read_now(&tools, job)
            })
            .await
            .map_err(|e| away(&e))?
        };
        timeout(WAIT, read).await.unwrap_or_else(|_| Err(away(&"the disk does not answer")))
    }

    fn read_now<T, F>(&self, tools: &Tools, job: F) -> StoreResult<T>
    where
        F: FnOnce(&mut Tx<'_>) -> StoreResult<T>,
    {
        let reader = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(reader) = reader else {
            return Err(StoreError::Away("no reader is free".into()));
        };
        let result = catch_unwind(AssertUnwindSafe(|| {
            let snapshot = reader.unchecked_transaction()?;
            job(&mut transaction(&snapshot, tools))
        }));
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
        result.unwrap_or_else(|_| Err(StoreError::Refused("a closure panicked".into())))
    }
}

fn transaction<'a>(connection: &'a Connection, tools: &'a Tools) -> Tx<'a> {
    Tx {
        engine: EngineTx::Sqlite(connection),
        keyring: &tools.keyring,
        entropy: &*tools.entropy,
        budgets: Arc::default(),
        after_commit: Vec::new(),
    }
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
    timing::commit("sqlite", || connection.execute_batch("COMMIT"))?;
    Ok(())
}
