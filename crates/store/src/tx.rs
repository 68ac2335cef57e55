//! A transaction, on either engine.

use crate::engine::postgres::PgTx;
use crate::error::{StoreError, StoreResult};
use crate::keyring::Keyring;
use crate::sql::{Row, Value};
use countersign_core::{Entropy, Timestamp, budget::Budgets};
use std::sync::Arc;

/// An open transaction, as the tables' functions see it.
pub struct Tx<'a> {
    pub(crate) engine: EngineTx<'a>,
    pub(crate) keyring: &'a Keyring,
    pub(crate) entropy: &'a dyn Entropy,
    /// How much may be sent.
    pub(crate) budgets: Arc<Budgets>,
    /// What runs once the transaction is committed.
    pub(crate) after_commit: AfterCommit,
}

/// Runs after the commit, in order.
pub(crate) type AfterCommit = Vec<Box<dyn FnOnce() + Send>>;

pub(crate) enum EngineTx<'a> {
    Sqlite(&'a rusqlite::Connection),
    Postgres(PgTx<'a>),
}

impl Tx<'_> {
    /// Runs `then` once the transaction is committed, in the current span, even if the request that began it was given up
    /// meanwhile. It does not run after a rollback, or where the outcome of the commit is unknown. It must not block.
    pub fn after_commit(&mut self, then: impl FnOnce() + Send + 'static) {
        let span = tracing::Span::current();
        self.after_commit.push(Box::new(move || span.in_scope(then)));
    }

    /// Runs a statement; the number of rows that it changed.
    pub(crate) fn execute(&mut self, sql: &'static str, params: &[Value]) -> StoreResult<u64> {
        match &mut self.engine {
            EngineTx::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(sql)?;
                bind(&mut statement, params)?;
                Ok(statement.raw_execute()? as u64)
            }
            EngineTx::Postgres(tx) => tx.execute(sql, &as_sql(params)),
        }
    }

    /// Runs a statement whose condition may hold for one row at most: whether it did.
    pub(crate) fn changes_one(&mut self, sql: &'static str, params: &[Value]) -> StoreResult<bool> {
        Ok(self.execute(sql, params)? == 1)
    }

    /// The same, where the number is told to people.
    pub(crate) fn counts(&mut self, sql: &'static str, params: &[Value]) -> StoreResult<u32> {
        Ok(u32::try_from(self.execute(sql, params)?).unwrap_or(u32::MAX))
    }

    /// Lets transactions that name the same thing pass one after the other, where one conditional write is not enough:
    /// the next one sees what this one committed. SQLite has one writer anyway.
    pub(crate) fn take_turns(&mut self, thing: &str) -> StoreResult<()> {
        const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
        match &self.engine {
            EngineTx::Sqlite(_) => Ok(()),
            EngineTx::Postgres(_) => self.execute(LOCK, values![thing]).map(drop),
        }
    }

    /// What the database's own clock shows. SQLite has none: it reads this machine's.
    pub(crate) fn database_time(&mut self) -> StoreResult<Option<Timestamp>> {
        const NOW: &str = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";
        match &self.engine {
            EngineTx::Sqlite(_) => Ok(None),
            EngineTx::Postgres(_) => self.row(NOW, &[])?.map(|mut row| row.time()).transpose(),
        }
    }

    /// The rows of a query.
    pub(crate) fn rows(&mut self, sql: &'static str, params: &[Value]) -> StoreResult<Vec<Row>> {
        match &mut self.engine {
            EngineTx::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(sql)?;
                let columns = statement.column_count();
                bind(&mut statement, params)?;
                let mut rows = statement.raw_query();
                let mut found = Vec::new();
                while let Some(row) = rows.next()? {
                    let values = (0..columns).map(|i| from_sqlite(row, i)).collect::<StoreResult<_>>()?;
                    found.push(Row::new(sql, values));
                }
                Ok(found)
            }
            EngineTx::Postgres(tx) => {
                let rows = tx.query(sql, &as_sql(params))?;
                rows.iter()
                    .map(|row| {
                        let values =
                            (0..row.len()).map(|i| from_postgres(row, i)).collect::<StoreResult<_>>()?;
                        Ok(Row::new(sql, values))
                    })
                    .collect()
            }
        }
    }

    /// The one row of a query, if there is one.
    pub(crate) fn row(&mut self, sql: &'static str, params: &[Value]) -> StoreResult<Option<Row>> {
        Ok(self.rows(sql, params)?.into_iter().next())
    }

    /// Lets the engine parse a statement, without running it.
    pub(crate) fn prepare(&mut self, sql: &'static str) -> StoreResult<()> {
        match &mut self.engine {
            EngineTx::Sqlite(connection) => connection.prepare(sql).map(drop).map_err(Into::into),
            EngineTx::Postgres(tx) => tx.prepare(sql).map(drop),
        }
    }

    /// Runs several statements without parameters: migrations.
    pub(crate) fn batch(&mut self, sql: &str) -> StoreResult<()> {
        match &mut self.engine {
            EngineTx::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
            EngineTx::Postgres(tx) => tx.batch(sql),
        }
    }
}

/// SQLite takes `$1` for a *name*, numbered by its first appearance; so parameters are bound by that name.
fn bind(statement: &mut rusqlite::Statement<'_>, params: &[Value]) -> StoreResult<()> {
    const NAMES: [&str; 20] = [
        "$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15",
        "$16", "$17", "$18", "$19", "$20",
    ];
    for (name, value) in NAMES.iter().zip(params) {
        let index =
            statement.parameter_index(name)?.ok_or(StoreError::Corrupt("a statement's parameters"))?;
        statement.raw_bind_parameter(index, value)?;
    }
    Ok(())
}

fn as_sql(params: &[Value]) -> Vec<&(dyn tokio_postgres::types::ToSql + Sync)> {
    params.iter().map(|value| value as _).collect()
}

fn from_sqlite(row: &rusqlite::Row<'_>, i: usize) -> StoreResult<Value> {
    use rusqlite::types::ValueRef;
    Ok(match row.get_ref(i)? {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(v) => Value::Int(v),
        ValueRef::Text(v) => {
            Value::Text(String::from_utf8(v.to_vec()).map_err(|_| StoreError::Corrupt("a text column"))?)
        }
        ValueRef::Blob(v) => Value::Bytes(v.to_vec()),
        ValueRef::Real(_) => return Err(StoreError::Corrupt("a floating-point column")),
    })
}

fn from_postgres(row: &tokio_postgres::Row, i: usize) -> StoreResult<Value> {
    use tokio_postgres::types::Type;
    let column = row.columns().get(i).map(tokio_postgres::Column::type_);
    Ok(match column {
        Some(&Type::INT8) => row.try_get::<_, Option<i64>>(i)?.into(),
        Some(&Type::TEXT) => row.try_get::<_, Option<String>>(i)?.into(),
        Some(&Type::BYTEA) => row.try_get::<_, Option<Vec<u8>>>(i)?.into(),
        _ => return Err(StoreError::Corrupt("a column's type")),
    })
}
