//! What this process knows of the system behind one channel: the mail server, or the SMS gateway.
//!
//! ```text
//!        no answer, and no other message was answered meanwhile
//!   up ─────────────────────────────────────────────────────────▶ down: one message at a time, every 10 seconds
//!    ▲                                                              │
//!    └──────────────────── any answer, a refusal included ──────────┘
//! ```
//!
//! Each channel has its own, so that a mail server that hangs does not hold up text messages.

use super::{PROBE, channels::Channels};
use countersign_core::{Clock, Timestamp, message::Channel};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio::task::{JoinError, JoinSet};

/// How many messages of a channel are on their way at once: mail servers and gateways take few connections from one
/// client.
const AT_ONCE: usize = 8;

/// The gauge of channels that work: 1, or 0 while the system behind one does not answer.
const UP: &str = "countersign_channel_up";

/// Whether the system answered an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    Yes,
    No,
}

/// How many answers the system has given.
#[derive(Clone, Default)]
pub(super) struct Answers(Arc<AtomicU64>);

impl Answers {
    pub(super) fn seen(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    pub(super) fn count(&self) -> Answered {
        self.0.fetch_add(1, Ordering::SeqCst);
        Answered::Yes
    }
}

pub(super) struct Line {
    pub(super) channel: Channel,
    /// There may be more messages that are due.
    pub(super) more: bool,
    on_the_way: JoinSet<Answered>,
    answers: Answers,
    /// The system does not answer; when it is tried next.
    probe_at: Option<Timestamp>,
    /// Where others read whether the system answers.
    channels: Channels,
}

impl Line {
    pub(super) fn new(channel: Channel, channels: Channels) -> Self {
        metrics::describe_gauge!(UP, "1, or 0 while the mail server or the SMS gateway does not answer.");
        metrics::gauge!(UP, "channel" => channel.as_str()).set(1.0);
        let (on_the_way, answers) = (JoinSet::new(), Answers::default());
        Self { channel, more: false, on_the_way, answers, probe_at: None, channels }
    }

    /// How many messages may be sent on their way now.
    pub(super) fn room(&self, now: Timestamp) -> usize {
        let Some(probe_at) = self.probe_at else { return AT_ONCE.saturating_sub(self.on_the_way.len()) };
        // A moment further ahead than any probe is of a clock that was set back.
        let due = now >= probe_at || probe_at.since(now) > PROBE;
        usize::from(due && self.on_the_way.is_empty())
    }

    pub(super) fn spawn<F>(&mut self, attempt: impl FnOnce(Answers) -> F)
    where
        F: Future<Output = Answered> + Send + 'static,
    {
        self.on_the_way.spawn(attempt(self.answers.clone()));
    }

    /// Waits for the next attempt that ends: whether there may now be more to send. `None` where none is on its way.
    pub(super) async fn next(&mut self, clock: &dyn Clock) -> Option<bool> {
        let ended = self.on_the_way.join_next().await?;
        Some(self.ended(ended, clock.now()))
    }

    fn ended(&mut self, ended: Result<Answered, JoinError>, now: Timestamp) -> bool {
        let channel = self.channel.as_str();
        match ended {
            Ok(Answered::Yes) => {
                let recovered = self.probe_at.take().is_some();
                if recovered {
                    self.channels.set(self.channel, true);
                    metrics::gauge!(UP, "channel" => channel).set(1.0);
                    tracing::info!(channel, "messages are handed over again");
                }
                self.more || recovered
            }
            Ok(Answered::No) => {
                if self.probe_at.replace(now.plus(PROBE)).is_none() {
                    self.channels.set(self.channel, false);
                    metrics::gauge!(UP, "channel" => channel).set(0.0);
                    tracing::error!(
                        channel,
                        "messages cannot be handed over; they wait until the next system answers"
                    );
                }
                self.more
            }
            Err(error) => {
                // Its text would hold the panic's, which might quote the message.
                tracing::error!(panicked = error.is_panic(), "a courier's task ended before its time");
                self.more
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn a_line_that_is_down_takes_one_message_every_ten_seconds() {
        let channels = Channels::default();
        let mut line = Line::new(Channel::Email, channels.clone());
        assert!(channels.is_up(Channel::Email));
        assert_eq!(line.room(at(0)), AT_ONCE);
        line.ended(Ok(Answered::No), at(0));
        assert_eq!((line.room(at(9)), line.room(at(10))), (0, 1));
        assert!(!channels.is_up(Channel::Email) && channels.is_up(Channel::Sms));
        line.ended(Ok(Answered::No), at(10));
        assert_eq!((line.room(at(19)), line.room(at(20))), (0, 1));
        assert_eq!(line.room(at(-3600)), 1, "a clock that was set back");
        assert!(line.ended(Ok(Answered::Yes), at(20)), "what waits is looked for at once");
        assert_eq!(line.room(at(20)), AT_ONCE);
        assert!(channels.is_up(Channel::Email));
    }
}
