//! The outbox of `serve --dev`: what would have left, to be looked at.

use super::Outgoing;
use countersign_core::Timestamp;
use serde::Serialize;
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// How many messages are kept; the oldest go first.
const KEPT: usize = 1000;

/// A message that would have left, as `/dev/outbox.json` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DevMessage {
    /// `email` or `sms`.
    pub kind: &'static str,
    /// The address or number.
    pub to: String,
    /// The subject; empty for an SMS.
    pub subject: String,
    /// The text.
    pub text: String,
    /// When it would have left (RFC 3339, UTC).
    pub at: String,
}

/// The newest 1000 messages that would have left, in memory alone.
#[derive(Default)]
pub struct DevOutbox {
    messages: Mutex<VecDeque<DevMessage>>,
}

impl DevOutbox {
    /// The messages, the newest last.
    pub fn messages(&self) -> Vec<DevMessage> {
        self.locked().iter().cloned().collect()
    }

    pub(super) fn keep(&self, message: &Outgoing) {
        let kept = DevMessage {
            kind: message.channel.as_str(),
            to: message.to.clone(),
            subject: message.rendered.subject.clone(),
            text: message.rendered.text.clone(),
            at: rfc3339(message.now),
        };
        let mut messages = self.locked();
        if messages.len() == KEPT {
            messages.pop_front();
        }
        messages.push_back(kept);
    }

    fn locked(&self) -> MutexGuard<'_, VecDeque<DevMessage>> {
        // Nobody can panic between the two steps of `keep` and leave half a message.
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A moment as RFC 3339 writes it; the moments that it cannot write do not occur.
fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.millis()).map_or_else(|_| String::new(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Rendered;
    use countersign_core::{Entropy, ids::MessageId, message::Channel};

    struct Zeros;
    impl Entropy for Zeros {
        fn fill(&self, out: &mut [u8]) {
            out.fill(0);
        }
    }

    fn outgoing(channel: Channel, subject: &str, text: &str) -> Outgoing {
        let now = Timestamp::from_millis(1_795_499_640_250);
        Outgoing {
            id: MessageId::generate(now, &Zeros),
            channel,
            to: "+442079460018".into(),
            name: "Mia".into(),
            rendered: Rendered { subject: subject.into(), text: text.into() },
            now,
        }
    }

    #[test]
    fn it_is_shown_as_promised() {
        let outbox = DevOutbox::default();
        outbox.keep(&outgoing(Channel::Email, "Hello", "one"));
        outbox.keep(&outgoing(Channel::Sms, "", "two"));
        insta::assert_snapshot!(serde_json::to_string_pretty(&outbox.messages()).unwrap(), @r#"
    [
      {
        "kind": "email",
        "to": "+442079460018",
        "subject": "Hello",
        "text": "one",
        "at": "2026-11-24T05:54:00.25Z"
      },
      {
        "kind": "sms",
        "to": "+442079460018",
        "subject": "",
        "text": "two",
        "at": "2026-11-24T05:54:00.25Z"
      }
    ]
    "#);
    }

    #[test]
    fn it_keeps_the_newest() {
        let outbox = DevOutbox::default();
        for n in 0..KEPT + 3 {
            outbox.keep(&outgoing(Channel::Sms, "", &n.to_string()));
        }
        let messages = outbox.messages();
        assert_eq!(messages.len(), KEPT);
        assert_eq!((messages[0].text.as_str(), messages[KEPT - 1].text.as_str()), ("3", "1002"));
    }
}
