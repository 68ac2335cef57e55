//! The development outbox, as the page shows it.

use crate::config::{Config, Mode};
use countersign_delivery::{Courier, DevOutbox};
use countersign_web::{DevMessageView, DevMessages};
use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

/// How long the page waits for what is still on its way.
const PATIENCE: Duration = Duration::from_secs(2);

struct Shown {
    outbox: Arc<DevOutbox>,
    courier: Courier,
}

/// The outbox for `/dev/outbox`; none outside `serve --dev`.
pub(super) fn new(config: &Config, outbox: Arc<DevOutbox>, courier: Courier) -> Option<Arc<dyn DevMessages>> {
    (config.mode == Mode::Dev).then(|| -> Arc<dyn DevMessages> { Arc::new(Shown { outbox, courier }) })
}

impl DevMessages for Shown {
    fn messages(&self) -> Vec<DevMessageView> {
        let shown = |m: countersign_delivery::DevMessage| DevMessageView {
            kind: m.kind.to_string(),
            to: m.to,
            subject: m.subject,
            text: m.text,
            at: m.at,
        };
        self.outbox.messages().into_iter().map(shown).collect()
    }

    fn settle(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            self.courier.drained(PATIENCE).await;
        })
    }
}
