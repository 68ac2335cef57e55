//! The same request, sent twice: it happens once, and is answered the same.

use super::Caller;
use crate::{Fault, Services};
use countersign_core::{
    Timestamp,
    ids::ApplicationId,
    secret::{StoredHandle, hashed},
};
use countersign_store::idempotency_keys;
use zeroize::Zeroizing;

/// A request that is being answered under a key.
#[derive(Debug)]
pub struct Slot {
    application: ApplicationId,
    key: StoredHandle,
    begun: Timestamp,
}

/// What is known about a key.
pub enum Begun {
    /// Nothing: this request is the first. Answer it, then [`finish`] or [`abandon`].
    Fresh(Slot),
    /// It was answered.
    Replay {
        /// The status of the answer.
        status: u16,
        /// Its body.
        body: Zeroizing<Vec<u8>>,
    },
    /// The first one has not been answered yet.
    InProgress,
    /// The key came with another request.
    OtherRequest,
}

/// Begins a request under a key. `request` is the SHA-256 of everything that makes it this request.
pub async fn begin(s: &Services, caller: &Caller, key: &str, request: &[u8; 32]) -> Result<Begun, Fault> {
    let (now, application, key, request) = (s.now(), caller.application.id, hashed(key.as_bytes()), *request);
    let begun =
        s.store.write(move |tx| idempotency_keys::begin(tx, application, &key, &request, now)).await?;
    Ok(match begun {
        idempotency_keys::Begun::Fresh => Begun::Fresh(Slot { application, key, begun: now }),
        idempotency_keys::Begun::Answered { status, body } => {
            Begun::Replay { status: u16::try_from(status).unwrap_or(500), body }
        }
        idempotency_keys::Begun::InProgress => Begun::InProgress,
        idempotency_keys::Begun::OtherRequest => Begun::OtherRequest,
    })
}

/// Keeps the answer for whoever sends the request again.
pub async fn finish(s: &Services, slot: Slot, status: u16, body: &[u8]) -> Result<(), Fault> {
    let body = Zeroizing::new(body.to_vec());
    s.store
        .write(move |tx| {
            idempotency_keys::finish(tx, slot.application, &slot.key, slot.begun, status.into(), &body)
        })
        .await
        .map_err(Into::into)
}

/// Forgets the request: it came to nothing, and may be tried again.
pub async fn abandon(s: &Services, slot: Slot) -> Result<(), Fault> {
    s.store
        .write(move |tx| idempotency_keys::abandon(tx, slot.application, &slot.key, slot.begun))
        .await
        .map_err(Into::into)
}
