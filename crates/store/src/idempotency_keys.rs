//! Answers to requests that an application may send again (Idempotency-Key).

use crate::{
    Tx,
    error::{StoreError, StoreResult},
    keyring::{Place, Sealed},
};
use countersign_core::{Timestamp, ids::ApplicationId, secret::StoredHandle};
use data_encoding::HEXLOWER;
use std::time::Duration;
use zeroize::Zeroizing;

/// How long an answer is kept. Long enough for every program that tries again, short for what was shown once.
pub const KEPT: Duration = Duration::from_secs(3600);

/// A request that has not been answered after this is given up: its node is gone.
const GIVEN_UP: Duration = Duration::from_secs(60);

sql! {
    FORGET_OLD = "DELETE FROM idempotency_keys WHERE application_id = $1 AND handle = $2 AND created_at <= $3";
    BEGIN = "INSERT INTO idempotency_keys (application_id, handle, request, created_at) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (application_id, handle) DO NOTHING";
    TAKE_OVER = "UPDATE idempotency_keys SET created_at = $1 \
        WHERE application_id = $2 AND handle = $3 AND request = $4 AND status IS NULL AND created_at <= $5";
    READ = "SELECT request, status, key_id, answer FROM idempotency_keys WHERE application_id = $1 AND handle = $2";
    FINISH = "UPDATE idempotency_keys SET status = $1, key_id = $2, answer = $3 \
        WHERE application_id = $4 AND handle = $5 AND status IS NULL AND created_at = $6";
    ABANDON = "DELETE FROM idempotency_keys WHERE application_id = $1 AND handle = $2 AND status IS NULL \
        AND created_at = $3";
}

/// What is known about a key.
pub enum Begun {
    /// Nothing: this request is the first, and is to be answered.
    Fresh,
    /// The answer that was given.
    Answered {
        /// Its status.
        status: u32,
        /// Its body.
        body: Zeroizing<Vec<u8>>,
    },
    /// The first request has not been answered yet.
    InProgress,
    /// The key came with another request.
    OtherRequest,
}

fn place<'a>(application: &'a str, row: &'a str) -> Place<'a> {
    Place { table: "idempotency_keys", column: "answer", user: application, row }
}

/// Begins a request under a key, once.
pub fn begin(
    tx: &mut Tx<'_>,
    application: ApplicationId,
    key: &StoredHandle,
    request: &[u8; 32],
    now: Timestamp,
) -> StoreResult<Begun> {
    tx.execute(FORGET_OLD, values![application, key, now.minus(KEPT)])?;
    if tx.changes_one(BEGIN, values![application, key, request, now])? {
        return Ok(Begun::Fresh);
    }
    if tx.changes_one(TAKE_OVER, values![now, application, key, request, now.minus(GIVEN_UP)])? {
        return Ok(Begun::Fresh);
    }
    // The one that was in the way may just have been abandoned.
    let Some(mut row) = tx.row(READ, values![application, key])? else { return Ok(Begun::InProgress) };
    if row.bytes()? != request {
        return Ok(Begun::OtherRequest);
    }
    let Some(status) = row.maybe_int()? else { return Ok(Begun::InProgress) };
    let sealed = Sealed { key_id: row.text()?, bytes: row.bytes()? };
    let status = u32::try_from(status).map_err(|_| StoreError::Corrupt("idempotency_keys.status"))?;
    let (application, row) = (application.to_string(), HEXLOWER.encode(key.as_bytes()));
    let body = tx.keyring.open(place(&application, &row), &sealed)?;
    Ok(Begun::Answered { status, body })
}

/// Keeps the answer, sealed. Not that of a request that was given up: what began at `begun` has been taken over then.
pub fn finish(
    tx: &mut Tx<'_>,
    application: ApplicationId,
    key: &StoredHandle,
    begun: Timestamp,
    status: u32,
    body: &[u8],
) -> StoreResult<()> {
    let row = HEXLOWER.encode(key.as_bytes());
    let sealed = tx.keyring.seal(tx.entropy, place(&application.to_string(), &row), body)?;
    tx.execute(FINISH, values![status, sealed.key_id, sealed.bytes, application, key, begun]).map(drop)
}

/// Forgets a request that came to nothing, so that it can be sent again.
pub fn abandon(
    tx: &mut Tx<'_>,
    application: ApplicationId,
    key: &StoredHandle,
    begun: Timestamp,
) -> StoreResult<()> {
    tx.execute(ABANDON, values![application, key, begun]).map(drop)
}
