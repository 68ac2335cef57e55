//! The schema, one text a version, rendered for each engine.
//!
//! `{int}`, `{bytes}` and `{strict}` are the only differences: everything else is portable SQL. A version that has been
//! released is never edited; the next one is added below it.

use crate::error::{StoreError, StoreResult};
use crate::tx::{EngineTx, Tx};
use countersign_core::Timestamp;

const VERSIONS: &[&str] = &[
    include_str!("migrations/0001_beginning.sql"),
    include_str!("migrations/0002_applications.sql"),
    include_str!("migrations/0003_openid_connect.sql"),
    include_str!("migrations/0004_forward_auth.sql"),
    include_str!("migrations/0005_reveals.sql"),
    include_str!("migrations/0006_shown_before_set_up.sql"),
    include_str!("migrations/0007_guessing.sql"),
    include_str!("migrations/0008_sending.sql"),
    include_str!("migrations/0009_readiness.sql"),
    include_str!("migrations/0010_assurance.sql"),
    include_str!("migrations/0011_applications.sql"),
    include_str!("migrations/0012_records.sql"),
    include_str!("migrations/0013_pending_forms.sql"),
    include_str!("migrations/0014_sign_in.sql"),
    include_str!("migrations/0015_codes.sql"),
    include_str!("migrations/0016_notices.sql"),
];

/// Any number will do, so long as every node uses the same one.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7226371463)";

/// The version of a database's schema, and the newest that this program knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schema {
    /// The database's.
    pub found: i64,
    /// This program's.
    pub known: i64,
}

/// Reads the versions; an error where this was never one of our databases.
pub(crate) fn schema(tx: &mut Tx<'_>) -> StoreResult<Schema> {
    let found = tx.row("SELECT COALESCE(MAX(version), 0) FROM schema_versions", &[])?;
    let found = found.ok_or(StoreError::Corrupt("schema_versions"))?.int()?;
    Ok(Schema { found, known: known() })
}

fn known() -> i64 {
    i64::try_from(VERSIONS.len()).unwrap_or(i64::MAX)
}

/// Brings the schema up to date, inside one transaction.
pub(crate) fn run(tx: &mut Tx<'_>, now: Timestamp) -> StoreResult<()> {
    let postgres = matches!(tx.engine, EngineTx::Postgres(_));
    if postgres {
        tx.batch(LOCK)?;
    }
    tx.batch(&render(
        "CREATE TABLE IF NOT EXISTS schema_versions (version {int} PRIMARY KEY, applied_at {int} NOT NULL){strict};",
        postgres,
    ))?;
    let found = tx
        .row("SELECT COALESCE(MAX(version), 0) FROM schema_versions", &[])?
        .ok_or(StoreError::Corrupt("schema_versions"))?
        .int()?;
    if found == 0 && !tx.keyring.may_be_new() {
        return Err(StoreError::Missing);
    }
    let known = known();
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for (version, text) in (1_i64..).zip(VERSIONS).filter(|(version, _)| *version > found) {
        tx.batch(&render(text, postgres))?;
        tx.execute(
            "INSERT INTO schema_versions (version, applied_at) VALUES ($1, $2)",
            values![version, now],
        )?;
        tracing::info!(version, "schema migrated");
    }
    Ok(())
}

fn render(text: &str, postgres: bool) -> String {
    let [int, bytes, strict] =
        if postgres { ["BIGINT", "BYTEA", ""] } else { ["INTEGER", "BLOB", " STRICT"] };
    text.replace("{int}", int).replace("{bytes}", bytes).replace("{strict}", strict)
}
