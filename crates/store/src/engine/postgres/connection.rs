//! One connection, on which every answer has a deadline.
//!
//! A network that goes silent reports nothing: neither an error nor the end of the connection. So each wait for the database
//! ends after [`Patience::answer`]. The connection is then abandoned (its socket is closed, and nothing of it is used again),
//! and the thread that waited goes on at once. No thread is ever left behind with a connection that does not answer.

use super::address::{PostgresAddress, PostgresHost};
use crate::error::{StoreError, StoreResult};
use std::{cell::Cell, collections::HashMap, future::Future, time::Duration};
use tokio::{
    runtime::Handle,
    task::AbortHandle,
    time::{Instant, timeout, timeout_at},
};
use tokio_postgres::{
    Client, Error, IsolationLevel, Row, Statement, Transaction, error::SqlState, types::ToSql,
};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long a connection may take, over all hosts, and any answer after that.
const SILENCE: Duration = Duration::from_millis(2_500);

/// The server gives up on its own before we do, so that a silence on our side means that the network or the server hangs.
/// `statement_timeout` is not in force during COMMIT. The rest bounds how long a session that we have abandoned lives on, where
/// the server does not see the end of the connection: in a transaction five seconds, otherwise about twenty.
const SETTINGS: &str = "SET statement_timeout = '2s'; SET lock_timeout = '1500ms'; \
     SET idle_in_transaction_session_timeout = '5s'; SET tcp_keepalives_idle = 10; \
     SET tcp_keepalives_interval = 3; SET tcp_keepalives_count = 3";

/// How long a transaction waits for the database.
pub(crate) struct Patience {
    /// For each answer.
    answer: Duration,
    /// For the whole of the transaction.
    whole: Duration,
    /// What the server is told, where it differs from [`SETTINGS`].
    settings: Option<&'static str>,
}

impl Patience {
    /// For a request, which a person waits for.
    pub(crate) const REQUEST: Self = Self { answer: SILENCE, whole: Duration::from_secs(10), settings: None };

    /// For migrations and housekeeping, whose statements may go through whole tables.
    pub(crate) const BACKGROUND: Self = Self {
        answer: Duration::from_secs(305),
        whole: Duration::from_secs(3600),
        settings: Some("SET LOCAL statement_timeout = '300s'; SET LOCAL lock_timeout = '60s'"),
    };
}

/// Why there is no connection.
pub(crate) struct Unreached {
    /// Whether a host gave no answer at all.
    pub(crate) silent: bool,
    pub(crate) error: StoreError,
}

/// Prepared statements of one connection.
pub(crate) type Statements = HashMap<&'static str, Statement>;

pub(crate) struct Connection {
    client: Client,
    statements: Statements,
    /// The task that reads and writes the socket. It ends by itself when `client` is dropped, if the socket lets it.
    driver: AbortHandle,
}

impl Connection {
    /// Connects to the first of the hosts that answers, beginning with number `first`: its number, and the connection.
    pub(crate) async fn open(
        address: &PostgresAddress,
        tls: &MakeRustlsConnect,
        first: usize,
    ) -> Result<(usize, Self), Unreached> {
        let hosts = address.hosts();
        let share = SILENCE / u32::try_from(hosts.len()).unwrap_or(u32::MAX).max(1);
        let (mut failed, mut silent) = (Vec::new(), false);
        let turned = hosts.iter().enumerate().cycle().skip(first % hosts.len().max(1)).take(hosts.len());
        for (at, host) in turned {
            match timeout(share, Self::to(host, tls)).await {
                Ok(Ok(connection)) => return Ok((at, connection)),
                Ok(Err(error)) => failed.push(error),
                Err(_) => {
                    silent = true;
                    failed.push(StoreError::Away(format!("{} does not answer", host.label())));
                }
            }
        }
        Err(Unreached { silent, error: together(failed) })
    }

    async fn to(host: &PostgresHost, tls: &MakeRustlsConnect) -> StoreResult<Self> {
        let connected = host.config.connect(tls.clone()).await;
        let (client, driver) = connected.map_err(|error| unconnected(host, &error))?;
        let driver = tokio::spawn(async move {
            // Whoever waits for an answer gets the error as well.
            drop(driver.await);
        });
        let connection = Self { client, statements: Statements::new(), driver: driver.abort_handle() };
        connection.client.batch_execute(SETTINGS).await.map_err(|error| unconnected(host, &error))?;
        Ok(connection)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Closes the socket without waiting for anything.
    pub(crate) fn abandon(self) {
        self.driver.abort();
    }

    /// Begins a transaction. `waits` is for this one alone.
    pub(crate) fn begin<'a>(&'a mut self, read_only: bool, waits: &'a Waits) -> StoreResult<PgTx<'a>> {
        // Reading: one snapshot for the whole closure, as on SQLite. Writing: every statement sees what is committed, and a
        // condition is looked at again when another transaction held the row; on that the single-use writes rest.
        let isolation =
            if read_only { IsolationLevel::RepeatableRead } else { IsolationLevel::ReadCommitted };
        let begin = self.client.build_transaction().read_only(read_only).isolation_level(isolation);
        let tx = waits.until(SILENCE, begin.start())?;
        if let Some(settings) = waits.patience.settings {
            waits.until(SILENCE, tx.batch_execute(settings))?;
        }
        Ok(PgTx { tx, statements: &mut self.statements, waits, read_only })
    }
}

/// The waits of one transaction, and what has come of them.
pub(crate) struct Waits {
    runtime: Handle,
    patience: &'static Patience,
    end: Instant,
    silent: Cell<bool>,
    failed: Cell<bool>,
    standby: Cell<bool>,
}

impl Waits {
    pub(crate) fn new(runtime: Handle, patience: &'static Patience) -> Self {
        let end = Instant::now() + patience.whole;
        let [silent, failed, standby] = [(); 3].map(|()| Cell::new(false));
        Self { runtime, patience, end, silent, failed, standby }
    }

    /// Whether an answer did not come in time: the connection cannot be used any more.
    pub(crate) fn is_silent(&self) -> bool {
        self.silent.get()
    }

    /// Whether the server said that it takes no writes: another one is the primary now.
    pub(crate) fn is_standby(&self) -> bool {
        self.standby.get()
    }

    fn answer<T>(&self, answer: impl Future<Output = Result<T, Error>>) -> StoreResult<T> {
        self.until(self.patience.answer, answer)
    }

    fn until<T>(&self, most: Duration, answer: impl Future<Output = Result<T, Error>>) -> StoreResult<T> {
        let silent = || StoreError::Away("the database does not answer".into());
        if self.silent.get() {
            return Err(silent());
        }
        let end = self.end.min(Instant::now() + most);
        let answered = self.runtime.block_on(async { timeout_at(end, answer).await });
        answered
            .map_err(|_| {
                self.silent.set(true);
                silent()
            })?
            .map_err(|error| {
                self.failed.set(true);
                self.standby.set(error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION));
                error.into()
            })
    }
}

/// An open transaction.
pub(crate) struct PgTx<'a> {
    tx: Transaction<'a>,
    statements: &'a mut Statements,
    waits: &'a Waits,
    read_only: bool,
}

impl PgTx<'_> {
    pub(crate) fn execute(&mut self, sql: &'static str, params: &[&(dyn ToSql + Sync)]) -> StoreResult<u64> {
        let statement = self.prepared(sql)?;
        self.waits.answer(self.tx.execute(&statement, params)).map_err(|error| self.demoted(error))
    }

    pub(crate) fn query(
        &mut self,
        sql: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> StoreResult<Vec<Row>> {
        let statement = self.prepared(sql)?;
        self.waits.answer(self.tx.query(&statement, params)).map_err(|error| self.demoted(error))
    }

    /// Lets the server parse a statement, without running it.
    pub(crate) fn prepare(&self, sql: &'static str) -> StoreResult<Statement> {
        self.waits.answer(self.tx.prepare(sql))
    }

    pub(crate) fn batch(&self, sql: &str) -> StoreResult<()> {
        self.waits.answer(self.tx.batch_execute(sql)).map_err(|error| self.demoted(error))
    }

    /// Commits. An error that the server did not report itself leaves open whether it has happened.
    pub(crate) fn commit(self) -> StoreResult<()> {
        // PostgreSQL answers COMMIT with a rollback, and no error, where a statement has failed.
        if self.waits.silent.get() {
            return Err(StoreError::Away("the database does not answer".into()));
        }
        if self.waits.failed.get() {
            return Err(StoreError::Refused("a statement failed, and nothing was kept".into()));
        }
        let mut answered = false;
        let committed = self.waits.answer(async {
            let result = self.tx.commit().await;
            answered = result.as_ref().is_err_and(|error| error.code().is_some());
            result
        });
        committed.map_err(|error| if answered { error } else { StoreError::Unknown(error.to_string()) })
    }

    /// Rolls back, and says whether the connection is good for another transaction.
    pub(crate) fn roll_back(self) -> bool {
        self.waits.until(SILENCE, self.tx.rollback()).is_ok()
    }

    fn prepared(&mut self, sql: &'static str) -> StoreResult<Statement> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.prepare(sql)?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    /// A primary that became a standby refuses what it took before: worth another try, on another connection.
    fn demoted(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Refused(text) if self.waits.is_standby() && !self.read_only => StoreError::Away(text),
            error => error,
        }
    }
}

/// What went wrong at every host. One that is away may come back, whatever the others say.
fn together(mut failed: Vec<StoreError>) -> StoreError {
    match (failed.pop(), failed.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            failed.extend(last);
            let texts: Vec<String> = failed.iter().map(StoreError::reason).collect();
            StoreError::Away(texts.join("; "))
        }
    }
}

/// Why there is no connection, in words that name the host and, where TLS is at fault, the remedy.
fn unconnected(host: &PostgresHost, error: &Error) -> StoreError {
    let label = host.label();
    let why = crate::error::in_words(error);
    if error.to_string().contains("TLS") {
        return StoreError::Tls(if why.contains("does not support TLS") {
            format!(
                "{label} offers no TLS, which every host but this machine needs; set ssl = on in its postgresql.conf, or, if \
                 you trust the network, add sslmode=disable to the address"
            )
        } else {
            format!(
                "{label} cannot prove who it is ({why}); give it a certificate for that name from an authority in this \
                 system's store, or name the authority's file in SSL_CERT_FILE"
            )
        });
    }
    match StoreError::of_postgres(error) {
        StoreError::Away(_) => StoreError::Away(format!("{label}: {why}")),
        _ => StoreError::Refused(format!("{label}: {why}")),
    }
}
