//! PostgreSQL: a small pool of blocking connections, each with its prepared statements.

use crate::error::{StoreError, StoreResult};
use crate::store::Tools;
use crate::tx::{EngineTx, Statements, Tx};
use postgres::{Client, Config, IsolationLevel, config::SslMode};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_postgres_rustls::MakeRustlsConnect;

/// A request that would wait longer than this for a connection is better told to come back.
const PATIENCE: Duration = Duration::from_secs(10);

/// No statement and no lock may hold a connection for long; nothing here is slow by nature.
const SETTINGS: &str = "SET statement_timeout = '10s'; SET lock_timeout = '8s'; \
     SET idle_in_transaction_session_timeout = '20s'";

pub(crate) struct Postgres {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

struct Connection {
    client: Client,
    statements: Statements,
}

impl Postgres {
    pub(crate) fn new(url: &str, connections: usize) -> StoreResult<Self> {
        let unreadable =
            |e: postgres::Error| StoreError::Refused(format!("its address cannot be read ({e})"));
        let mut config: Config = url.parse().map_err(unreadable)?;
        config.application_name("countersign").connect_timeout(Duration::from_secs(5));
        // Stricter than libpq: what is encrypted is also verified, whatever the mode.
        let tls = match config.get_ssl_mode() {
            SslMode::Disable => None,
            _ => Some(MakeRustlsConnect::new(tls_config()?)),
        };
        Ok(Self {
            config,
            tls,
            idle: Mutex::new(Vec::new()),
            permits: Arc::new(Semaphore::new(connections.max(1))),
        })
    }

    pub(crate) async fn run<T, F>(
        self: Arc<Self>,
        tools: Arc<Tools>,
        read_only: bool,
        job: F,
    ) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> StoreResult<T> + Send + 'static,
    {
        let permit = tokio::time::timeout(PATIENCE, Arc::clone(&self.permits).acquire_owned())
            .await
            .map_err(|_| StoreError::Away("every connection is in use".into()))?
            .map_err(|e| StoreError::Away(e.to_string()))?;
        tokio::task::spawn_blocking(move || {
            // The permit goes with the work, which goes on when the request that waits for it is given up.
            let _permit = permit;
            let mut connection = self.connection()?;
            let result =
                catch_unwind(AssertUnwindSafe(|| in_transaction(&mut connection, &tools, read_only, job)));
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if connection.client.is_closed() {
                // The server went away, and those that wait here have lost it as well.
                idle.clear();
            } else if result.is_ok() {
                idle.push(connection);
            }
            drop(idle);
            result.unwrap_or_else(|_| Err(StoreError::Refused("a closure panicked".into())))
        })
        .await
        .map_err(|e| StoreError::Away(e.to_string()))?
    }

    /// An idle connection that still lives, or a new one.
    fn connection(&self) -> StoreResult<Connection> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match idle {
                Some(connection) if connection.client.is_closed() => {}
                Some(connection) => return Ok(connection),
                None => break,
            }
        }
        let mut client = match &self.tls {
            Some(tls) => self.config.connect(tls.clone())?,
            None => self.config.connect(postgres::NoTls)?,
        };
        client.batch_execute(SETTINGS)?;
        Ok(Connection { client, statements: Statements::new() })
    }
}

impl Drop for Postgres {
    /// A blocking client must not be dropped on a runtime's thread: it waits for its own.
    fn drop(&mut self) {
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        if !idle.is_empty() {
            std::thread::spawn(move || drop(idle));
        }
    }
}

fn in_transaction<T, F>(connection: &mut Connection, tools: &Tools, read_only: bool, job: F) -> StoreResult<T>
where
    F: FnOnce(&mut Tx<'_>) -> StoreResult<T>,
{
    // Reading: one snapshot for the whole closure, as on SQLite. Writing: every statement sees what is committed, and a
    // condition is looked at again when another transaction held the row; on that the single-use writes rest.
    let isolation = if read_only { IsolationLevel::RepeatableRead } else { IsolationLevel::ReadCommitted };
    let begin = connection.client.build_transaction().read_only(read_only).isolation_level(isolation);
    let engine = EngineTx::Postgres { tx: begin.start()?, statements: &mut connection.statements };
    let mut tx = Tx { engine, keyring: &tools.keyring, entropy: &*tools.entropy };
    let value = job(&mut tx)?;
    if let EngineTx::Postgres { tx, .. } = tx.engine {
        tx.commit()?;
    }
    Ok(value)
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
