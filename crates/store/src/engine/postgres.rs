//! PostgreSQL: a small pool of connections, each with its prepared statements.

mod address;
mod connection;

use crate::error::{StoreError, StoreResult};
use crate::store::Tools;
use crate::timing;
use crate::tx::{EngineTx, Tx};
pub use address::PostgresAddress;
use address::PostgresHost;
use connection::Connection;
pub(crate) use connection::{Patience, PgTx, Waits};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};
use std::time::Duration;
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};
use tokio_postgres_rustls::MakeRustlsConnect;

/// A request that would wait longer than this for a connection, while others are answered, had better come back.
const QUEUE: Duration = Duration::from_secs(10);

pub(crate) struct Postgres {
    address: PostgresAddress,
    tls: MakeRustlsConnect,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
    /// The host that the newest connection is to.
    host: AtomicUsize,
    /// Changes whenever an answer does not come in time. Those who wait for a connection then wait no longer.
    silences: watch::Sender<u64>,
}

impl Postgres {
    pub(crate) fn new(url: &str, connections: usize) -> StoreResult<Self> {
        let unreadable = |problem| StoreError::Refused(format!("its address {problem}"));
        Ok(Self {
            address: url.parse().map_err(unreadable)?,
            tls: MakeRustlsConnect::new(tls_config()?),
            idle: Mutex::new(Vec::new()),
            permits: Arc::new(Semaphore::new(connections.max(1))),
            host: AtomicUsize::new(0),
            silences: watch::Sender::new(0),
        })
    }

    pub(crate) async fn run<T, F>(
        self: Arc<Self>,
        tools: Arc<Tools>,
        read_only: bool,
        patience: &'static Patience,
        job: F,
    ) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> StoreResult<T> + Send + 'static,
    {
        let permit = self.permit().await?;
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || {
            // The permit goes with the work, which goes on when the request that waits for it is given up. Every wait in it
            // has an end, so the permit comes back.
            let _permit = permit;
            let mut connection = self.connection(&runtime)?;
            let waits = Waits::new(runtime, patience);
            let ran = catch_unwind(AssertUnwindSafe(|| {
                in_transaction(&mut connection, &waits, &tools, read_only, job)
            }));
            let (sound, result) =
                ran.unwrap_or_else(|_| (false, Err(StoreError::Refused("a closure panicked".into()))));
            self.give_back(connection, &waits, sound);
            result
        })
        .await
        .map_err(|e| StoreError::Away(e.to_string()))?
    }

    /// The right to use one connection.
    async fn permit(&self) -> StoreResult<OwnedSemaphorePermit> {
        let away = |why: &str| StoreError::Away(why.to_owned());
        let mut silences = self.silences.subscribe();
        tokio::select! {
            // A permit that comes free because of the silence is no use: whoever took it would wait once more.
            biased;
            _ = silences.changed() => Err(away("the database does not answer")),
            permit = Arc::clone(&self.permits).acquire_owned() => permit.map_err(|e| away(&e.to_string())),
            () = tokio::time::sleep(QUEUE) => Err(away("every connection is in use")),
        }
    }

    /// An idle connection that still lives, or a new one.
    fn connection(&self, runtime: &Handle) -> StoreResult<Connection> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match idle {
                Some(connection) if connection.is_closed() => {}
                Some(connection) => return Ok(connection),
                None => break,
            }
        }
        // The host that answered last comes first, so that one that is down costs its time once and not at every connection.
        let first = match self.address.spreads() {
            true => self.host.fetch_add(1, Ordering::Relaxed),
            false => self.host.load(Ordering::Relaxed),
        };
        match runtime.block_on(Connection::open(&self.address, &self.tls, first)) {
            Ok((host, connection)) => {
                if !self.address.spreads() && self.host.swap(host, Ordering::Relaxed) != host {
                    tracing::warn!(
                        host = self.address.hosts().get(host).map(PostgresHost::label),
                        "PostgreSQL is on another host now"
                    );
                }
                Ok(connection)
            }
            Err(unreached) => {
                if unreached.silent {
                    self.silences.send_modify(|n| *n = n.wrapping_add(1));
                }
                Err(unreached.error)
            }
        }
    }

    fn give_back(&self, connection: Connection, waits: &Waits, sound: bool) {
        let lost = waits.is_silent() || waits.is_standby() || connection.is_closed();
        if lost {
            // What happened to this connection has happened to those that wait here as well.
            let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
            idle.into_iter().for_each(Connection::abandon);
        }
        if waits.is_silent() {
            tracing::warn!("PostgreSQL does not answer; its connections are given up");
            self.silences.send_modify(|n| *n = n.wrapping_add(1));
        }
        if sound && !lost {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        } else {
            connection.abandon();
        }
    }
}

/// Runs `job` in a transaction: whether the connection is good for another one, and the result.
fn in_transaction<T, F>(
    connection: &mut Connection,
    waits: &Waits,
    tools: &Tools,
    read_only: bool,
    job: F,
) -> (bool, StoreResult<T>)
where
    F: FnOnce(&mut Tx<'_>) -> StoreResult<T>,
{
    let tx = match connection.begin(read_only, waits) {
        Ok(tx) => tx,
        Err(error) => return (false, Err(error)),
    };
    let engine = EngineTx::Postgres(tx);
    let mut tx = Tx {
        engine,
        keyring: &tools.keyring,
        entropy: &*tools.entropy,
        budgets: Arc::default(),
        after_commit: Vec::new(),
    };
    let result = job(&mut tx);
    let after_commit = std::mem::take(&mut tx.after_commit);
    let EngineTx::Postgres(tx) = tx.engine else { return (false, result) };
    match result {
        Ok(value) => match commit(tx, read_only) {
            Ok(()) => {
                after_commit.into_iter().for_each(|then| then());
                (true, Ok(value))
            }
            Err(error) => (false, Err(error)),
        },
        Err(error) => (tx.roll_back(), Err(error)),
    }
}

/// Only commits that write are measured: they wait for the disk.
fn commit(tx: PgTx<'_>, read_only: bool) -> StoreResult<()> {
    if read_only { tx.commit() } else { timing::commit("postgres", || tx.commit()) }
}

/// The system's certificate authorities; the provider is the one that the program installed.
fn tls_config() -> StoreResult<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| StoreError::Away(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
