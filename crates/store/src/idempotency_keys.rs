//! Responses to requests that an application may send again (Idempotency-Key).
//!
//! A row is written once, by [`put`], in the transaction that has the request's effect. No row says that a request has begun.

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

// Rows without a status are of earlier versions, which wrote one when a request began: they say nothing.
sql! {
    GET = "SELECT request, status, key_id, answer FROM idempotency_keys \
        WHERE application_id = $1 AND handle = $2 AND created_at > $3 AND status IS NOT NULL";
    PUT = "INSERT INTO idempotency_keys (application_id, handle, request, status, key_id, answer, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7) \
        ON CONFLICT (application_id, handle) DO UPDATE SET request = excluded.request, status = excluded.status, \
        key_id = excluded.key_id, answer = excluded.answer, created_at = excluded.created_at \
        WHERE idempotency_keys.created_at <= $8 OR idempotency_keys.status IS NULL";
}

/// What is known about a key.
pub enum Known {
    /// The answer that was given.
    Answered {
        /// Its status.
        status: u32,
        /// Its body.
        body: Zeroizing<Vec<u8>>,
    },
    /// The key came with another request.
    OtherRequest,
}

fn place<'a>(application: &'a str, row: &'a str) -> Place<'a> {
    Place { table: "idempotency_keys", column: "answer", user: application, row }
}

/// The answer that was given under a key, unless that was [`KEPT`] ago or longer.
pub fn get(
    tx: &mut Tx<'_>,
    application: ApplicationId,
    key: &StoredHandle,
    request: &[u8; 32],
    now: Timestamp,
) -> StoreResult<Option<Known>> {
    let Some(mut row) = tx.row(GET, values![application, key, now.minus(KEPT)])? else { return Ok(None) };
    if row.bytes()? != request {
        return Ok(Some(Known::OtherRequest));
    }
    let status = u32::try_from(row.int()?).map_err(|_| StoreError::Corrupt("idempotency_keys.status"))?;
    let sealed = Sealed { key_id: row.text()?, bytes: row.bytes()? };
    let (application, row) = (application.to_string(), HEXLOWER.encode(key.as_bytes()));
    let body = tx.keyring.open(place(&application, &row), &sealed)?;
    Ok(Some(Known::Answered { status, body }))
}

/// Stores the answer, sealed, in the transaction that has the request's effect. `began_at` is when the request began.
///
/// # Errors
/// [`StoreError::Repeated`] if there is an answer under this key already. The caller passes it on, so that the transaction
/// rolls back and the effect does not happen a second time.
pub fn put(
    tx: &mut Tx<'_>,
    application: ApplicationId,
    key: &StoredHandle,
    request: &[u8; 32],
    status: u32,
    body: &[u8],
    began_at: Timestamp,
) -> StoreResult<()> {
    let row = HEXLOWER.encode(key.as_bytes());
    let sealed = tx.keyring.seal(tx.entropy, place(&application.to_string(), &row), body)?;
    let params = values![
        application,
        key,
        request,
        status,
        sealed.key_id,
        sealed.bytes,
        began_at,
        began_at.minus(KEPT),
    ];
    if tx.changes_one(PUT, params)? { Ok(()) } else { Err(StoreError::Repeated) }
}
