//! Which channels work, as this process has last seen them: read by pages on every request, so without a lock or a query.

use countersign_core::message::Channel;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Whether the mail server and the SMS gateway answer this node's courier. Cheap to clone and to read.
///
/// Before the first attempt a channel counts as up. Each node has its own: the nodes share the outbox, and a server that is
/// really down is seen by each of them within the next attempts.
#[derive(Clone, Debug, Default)]
pub struct Channels {
    email_down: Arc<AtomicBool>,
    sms_down: Arc<AtomicBool>,
}

impl Channels {
    /// Whether the system behind `channel` answered the last attempt.
    #[must_use]
    pub fn is_up(&self, channel: Channel) -> bool {
        !self.down(channel).load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, channel: Channel, up: bool) {
        self.down(channel).store(!up, Ordering::Relaxed);
    }

    fn down(&self, channel: Channel) -> &AtomicBool {
        match channel {
            Channel::Email => &self.email_down,
            Channel::Sms => &self.sms_down,
        }
    }
}
