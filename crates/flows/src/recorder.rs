//! The response to a request, stored in the transaction that has the request's effect.
//!
//! ```text
//!   request with an idempotency key ─► work, hashing, charges ─► one transaction: the effect, then the response ─► 201
//!                                                                   └─(stored by another request meanwhile)─► nothing
//! ```
//!
//! A flow that changes something takes a [`Recorder`] and returns an `A`. It cannot make an `A` itself: only
//! `Recorder::write` and `Recorder::refuse` do, and both store the response first. So a flow that forgets the idempotency
//! key does not compile. See decision 0028.

use crate::{Fault, Services};
use countersign_core::{Timestamp, ids::ApplicationId, secret::StoredHandle};
use countersign_store::{StoreResult, Tx, idempotency_keys};
use zeroize::Zeroizing;

/// A response, as it is stored.
pub struct StoredResponse {
    /// The HTTP status.
    pub status: u16,
    /// The body. It may hold what is shown once, so it is sealed in the database.
    pub body: Zeroizing<Vec<u8>>,
}

/// The place for the response to one request with an idempotency key.
#[derive(Clone, Debug)]
pub struct Slot {
    pub(crate) application: ApplicationId,
    pub(crate) key: StoredHandle,
    pub(crate) request: [u8; 32],
    pub(crate) began_at: Timestamp,
}

type Respond<O, A> = Box<dyn FnOnce(&mut Tx<'_>, O) -> StoreResult<(A, Option<StoredResponse>)> + Send>;

/// Turns the outcome `O` of an operation into its response `A`, and stores the response in the operation's transaction.
#[must_use = "the outcome is not recorded until `write` or `refuse` has run"]
pub struct Recorder<O, A = O> {
    slot: Option<Slot>,
    respond: Respond<O, A>,
}

impl<O: 'static> Recorder<O> {
    /// For a caller that has no idempotency key, such as a page: the outcome is the response, and nothing is stored.
    pub fn unkept() -> Self {
        Self { slot: None, respond: Box::new(|_, outcome| Ok((outcome, None))) }
    }
}

impl<O: Send + 'static, A: Send + 'static> Recorder<O, A> {
    /// With what `respond` makes of the outcome: the response, and how it is stored. `None` as the second leaves the request
    /// free to be sent again. It runs inside the transaction, so it only renders. Without a `slot` nothing is stored.
    pub fn new(
        slot: Option<Slot>,
        respond: impl FnOnce(O) -> (A, Option<StoredResponse>) + Send + 'static,
    ) -> Self {
        Self { slot, respond: Box::new(|_, outcome| Ok(respond(outcome))) }
    }

    /// Runs `job`, the operation's final write, and stores the response to its outcome in the same transaction.
    ///
    /// # Errors
    /// [`Fault::Repeated`] if another request with the same key has been answered meanwhile. Then `job` has had no effect.
    pub(crate) async fn write(
        self,
        s: &Services,
        job: impl FnOnce(&mut Tx<'_>) -> StoreResult<O> + Send + 'static,
    ) -> Result<A, Fault> {
        let Self { slot, respond } = self;
        let write = move |tx: &mut Tx<'_>| {
            let outcome = job(tx)?;
            let (answer, stored) = respond(tx, outcome)?;
            if let (Some(slot), Some(response)) = (slot, stored) {
                let Slot { application, key, request, began_at } = &slot;
                let (status, body) = (response.status.into(), &response.body);
                idempotency_keys::put(tx, *application, key, request, status, body, *began_at)?;
            }
            Ok(answer)
        };
        Ok(s.store.write(write).await?)
    }

    /// Responds with an outcome that changed nothing, and stores that.
    ///
    /// # Errors
    /// As for [`Self::write`].
    pub(crate) async fn refuse(self, s: &Services, outcome: O) -> Result<A, Fault> {
        self.write(s, |_| Ok(outcome)).await
    }

    /// A recorder for the outcome `P` of an inner operation, which `next` turns into the outer one's, in the same transaction.
    pub(crate) fn after<P: Send + 'static>(
        self,
        next: impl FnOnce(&mut Tx<'_>, P) -> StoreResult<O> + Send + 'static,
    ) -> Recorder<P, A> {
        let Self { slot, respond } = self;
        let respond: Respond<P, A> = Box::new(move |tx, inner| {
            let outcome = next(tx, inner)?;
            respond(tx, outcome)
        });
        Recorder { slot, respond }
    }
}
