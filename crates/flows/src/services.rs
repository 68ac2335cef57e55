//! What every flow works with.

use crate::{Rules, hashing::Hashing, readiness::Readiness, service::idempotency::InFlight};
use countersign_core::{Clock, Entropy, Timestamp};
use countersign_store::Store;
use std::{ops::Deref, sync::Arc};
use tokio::sync::Notify;
use zeroize::Zeroizing;

/// The store, the clock, the randomness, the password pool and the rules. Cheap to clone.
#[derive(Clone)]
pub struct Services(Arc<Inner>);

/// The contents of [`Services`].
pub struct Inner {
    /// The database, with its keys.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The bounded pool that hashes passwords.
    pub hashing: Hashing,
    /// The operator's settings.
    pub rules: Rules,
    /// Rung after a commit that queued a message.
    pub outbox_bell: Arc<Notify>,
    /// Whether this server can serve, as last seen.
    pub readiness: Readiness,
    /// The requests with an idempotency key that are being worked on.
    pub in_flight: InFlight,
    /// The key under which a page's `csrf_token` is derived from its browser's handle.
    pub csrf_key: Zeroizing<[u8; 32]>,
    /// The key under which a one-time message in a browser's cookie is authenticated.
    pub flash_key: Zeroizing<[u8; 32]>,
}

impl Services {
    /// Puts them together.
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        hashing: Hashing,
        rules: Rules,
    ) -> Self {
        let store = store.with_budgets(rules.budgets.clone());
        let (csrf_key, flash_key) = (store.derived_key("csrf"), store.derived_key("flash"));
        let outbox_bell = Arc::new(Notify::new());
        let (readiness, in_flight) = (Readiness::default(), InFlight::default());
        Self(Arc::new(Inner {
            store,
            clock,
            entropy,
            hashing,
            rules,
            outbox_bell,
            readiness,
            in_flight,
            csrf_key,
            flash_key,
        }))
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Wakes the courier: a message was queued.
    pub fn ring(&self) {
        self.outbox_bell.notify_one();
    }
}

impl Deref for Services {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
