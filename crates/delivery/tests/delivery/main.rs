//! The drivers against servers on loopback that say what a test wants, and the courier on a real store.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod courier;
mod gateway;
mod http;
mod outage;
mod sink;
mod smtp;

use countersign_core::{Entropy, Timestamp, ids::MessageId, message::Channel};
use countersign_delivery::{Outgoing, Rendered};

/// 24 November 2026, 05:54 UTC.
const NOW: Timestamp = Timestamp::from_millis(1_795_499_640_000);

struct Sevens;

impl Entropy for Sevens {
    fn fill(&self, out: &mut [u8]) {
        out.fill(7);
    }
}

fn outgoing(channel: Channel, to: &str, subject: &str, text: &str) -> Outgoing {
    Outgoing {
        id: MessageId::generate(NOW, &Sevens),
        channel,
        to: to.to_owned(),
        name: "Mia Lund".to_owned(),
        rendered: Rendered { subject: subject.to_owned(), text: text.to_owned() },
        now: NOW,
    }
}

/// What the binary does once at its start.
fn install_crypto_provider() {
    // A second call finds it installed.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
}
