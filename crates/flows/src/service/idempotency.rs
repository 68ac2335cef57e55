//! The same request, sent twice: it takes effect once, and gets the same response.
//!
//! Nothing is written when a request begins. The response is stored by its [`Recorder`](crate::recorder::Recorder), together
//! with the effect; so after a crash there are either both or neither, and the request can be sent again at once. Two requests
//! with the same key at the same time: this process refuses the second one, and across processes the transaction that
//! commits second is rolled back.

use super::Caller;
use crate::{Fault, Services, recorder::Slot};
use countersign_core::{
    ids::ApplicationId,
    secret::{StoredHandle, hashed},
};
use countersign_store::idempotency_keys::{self, Known};
use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, PoisonError},
};
use zeroize::Zeroizing;

/// The requests with an idempotency key that this process is working on, each with its fingerprint.
pub type InFlight = Arc<Mutex<HashMap<(ApplicationId, StoredHandle), [u8; 32]>>>;

/// Marks a request as being worked on, until it is dropped.
#[derive(Debug)]
pub struct Running {
    all: InFlight,
    key: (ApplicationId, StoredHandle),
}

impl Drop for Running {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// What became of an earlier request with the same key.
pub enum Earlier {
    /// It was answered.
    Answered {
        /// The status of the answer.
        status: u16,
        /// Its body.
        body: Zeroizing<Vec<u8>>,
    },
    /// It is the same request, and this process is working on it.
    InProgress,
    /// It was another request.
    OtherRequest,
}

/// Begins a request under a key. `request` is the SHA-256 of everything that makes it this request. The [`Running`] is held
/// until the request has been answered.
pub async fn begin(
    s: &Services,
    caller: &Caller,
    key: &str,
    request: &[u8; 32],
) -> Result<Result<(Slot, Running), Earlier>, Fault> {
    let (application, handle) = (caller.application.id, hashed(key.as_bytes()));
    let running =
        match s.in_flight.lock().unwrap_or_else(PoisonError::into_inner).entry((application, handle)) {
            Entry::Occupied(other) if other.get() == request => return Ok(Err(Earlier::InProgress)),
            Entry::Occupied(_) => return Ok(Err(Earlier::OtherRequest)),
            Entry::Vacant(free) => {
                free.insert(*request);
                Running { all: Arc::clone(&s.in_flight), key: (application, handle) }
            }
        };
    Ok(match earlier(s, caller, key, request).await? {
        None => Ok((Slot { application, key: handle, request: *request, began_at: s.now() }, running)),
        Some(earlier) => Err(earlier),
    })
}

/// What was answered under a key, by whichever process.
pub async fn earlier(
    s: &Services,
    caller: &Caller,
    key: &str,
    request: &[u8; 32],
) -> Result<Option<Earlier>, Fault> {
    let (now, application, key, request) = (s.now(), caller.application.id, hashed(key.as_bytes()), *request);
    let known = s.store.read(move |tx| idempotency_keys::get(tx, application, &key, &request, now)).await?;
    Ok(known.map(|known| match known {
        Known::OtherRequest => Earlier::OtherRequest,
        Known::Answered { status, body } => {
            Earlier::Answered { status: u16::try_from(status).unwrap_or(500), body }
        }
    }))
}
