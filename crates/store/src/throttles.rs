//! Counters of guesses and of sends: core's [`Counter`], one row each, under a key that says whose and of what.

use crate::{
    Tx,
    error::{StoreError, StoreResult},
    sql::Row,
};
use countersign_core::{
    Timestamp,
    throttle::{Closed, Counter, Limits, Ticket, Verdict},
};

sql! {
    LOCK = "INSERT INTO throttles (key, failures) VALUES ($1, 0) \
        ON CONFLICT (key) DO UPDATE SET key = excluded.key RETURNING failures, closed_until, charged_at";
    CHARGED = "UPDATE throttles SET failures = $1, closed_until = $2, charged_at = $3, forgotten_at = $4 \
        WHERE key = $5";
    PEEK = "SELECT failures, closed_until, charged_at FROM throttles WHERE key = $1";
    FORGET = "DELETE FROM throttles WHERE key = $1";
    SETTLED = "UPDATE throttles SET failures = $1, closed_until = $2 WHERE key = $3";
}

fn read(mut row: Row) -> StoreResult<Counter> {
    Ok(Counter { failures: row.count()?, closed_until: row.maybe_time()?, charged_at: row.maybe_time()? })
}

/// The counter, which until the end of this transaction is nobody else's to read for a change: the upsert locks the row
/// on PostgreSQL, and on SQLite there is one writer.
fn lock(tx: &mut Tx<'_>, key: &str) -> StoreResult<Counter> {
    tx.row(LOCK, values![key])?.ok_or(StoreError::Corrupt("throttles")).and_then(read)
}

/// Charges one guess. Commit it before the guess is looked at.
pub fn charge(
    tx: &mut Tx<'_>,
    key: &str,
    now: Timestamp,
    limits: &Limits,
) -> StoreResult<Result<Ticket, Closed>> {
    let (counter, ticket) = match lock(tx, key)?.charge(now, limits) {
        Ok(charged) => charged,
        Err(closed) => return Ok(Err(closed)),
    };
    let forgotten_at = limits.forgotten_after.map(|quiet| now.plus(quiet));
    tx.execute(
        CHARGED,
        values![counter.failures, counter.closed_until, counter.charged_at, forgotten_at, key],
    )?;
    Ok(Ok(ticket))
}

/// Charges several counters, or none of them: where one is closed, what was charged before it is taken back. Callers name
/// their counters in one order, or two of them at once could wait for each other.
pub fn charge_all<'a>(
    tx: &mut Tx<'_>,
    counters: impl Iterator<Item = (&'a str, &'a Limits)>,
    now: Timestamp,
) -> StoreResult<Result<Vec<Ticket>, Closed>> {
    let mut charged = Vec::new();
    for (key, limits) in counters {
        match charge(tx, key, now, limits)? {
            Ok(ticket) => charged.push((key, ticket)),
            Err(closed) => {
                for (key, ticket) in charged {
                    settle(tx, key, ticket, Verdict::NotAGuess)?;
                }
                return Ok(Err(closed));
            }
        }
    }
    Ok(Ok(charged.into_iter().map(|(_, ticket)| ticket).collect()))
}

/// Whether a guess would be admitted, without charging it.
pub fn peek(tx: &mut Tx<'_>, key: &str, now: Timestamp) -> StoreResult<Result<(), Closed>> {
    let counter = tx.row(PEEK, values![key])?.map(read).transpose()?.unwrap_or_default();
    Ok(counter.check(now))
}

/// Takes back what `verdict` takes back of the charge `ticket`.
pub fn settle(tx: &mut Tx<'_>, key: &str, ticket: Ticket, verdict: Verdict) -> StoreResult<()> {
    let counter = lock(tx, key)?.settle(ticket, verdict);
    tx.execute(SETTLED, values![counter.failures, counter.closed_until, key]).map(drop)
}

/// Forgets a counter altogether.
pub fn forget(tx: &mut Tx<'_>, key: &str) -> StoreResult<()> {
    tx.execute(FORGET, values![key]).map(drop)
}
