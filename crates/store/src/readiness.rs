//! One row that is written to see whether anything can be.

use crate::{Tx, error::StoreResult};
use countersign_core::Timestamp;

sql! {
    WRITE = "INSERT INTO readiness (id, written_at) VALUES (1, $1) \
        ON CONFLICT (id) DO UPDATE SET written_at = excluded.written_at";
}

/// Writes `now` into the one row, as durably as everything else is written.
pub fn write(tx: &mut Tx<'_>, now: Timestamp) -> StoreResult<()> {
    tx.execute(WRITE, values![now]).map(drop)
}

/// What the database's own clock shows; `None` on SQLite, which has none but this machine's.
pub fn database_time(tx: &mut Tx<'_>) -> StoreResult<Option<Timestamp>> {
    tx.database_time()
}
