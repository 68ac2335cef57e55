//! The worker that carries messages from the store's outbox to the transports.
//!
//! ```text
//!            lease                    send
//!   queued ────────▶ with the courier ────▶ delivered
//!     ▲                 │         │
//!     │  10 s · 2ⁿ      │         └──────▶ given up: refused for good, too old, or the eighth attempt failed
//!     └─────────────────┘ it did not work
//! ```
//!
//! A lease is longer than a send may take, so no second courier has the same message meanwhile; when the process dies,
//! the lease runs out and the message is due again. A message can arrive twice that way, and none is lost.

use crate::render::{Words, render};
use crate::transport::{Outgoing, SendError, Transports};
use countersign_core::{
    Clock, Timestamp,
    email::EmailAddress,
    message::{Channel, Content, Message},
    phone,
};
use countersign_store::{
    Store, StoreResult,
    outbox::{self, Queued},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time,
};

/// How many messages are on their way at once: mail servers and gateways take few connections from one client.
const AT_ONCE: usize = 8;

/// How long a message belongs to the courier that leased it.
const LEASE: Duration = Duration::from_secs(60);

/// How long one attempt may take in all; well below [`LEASE`].
const SEND: Duration = Duration::from_secs(40);

/// After how many attempts a message is given up; about twenty minutes after it was queued.
const ATTEMPTS: u32 = 8;

/// The pause after the first failed attempt. It doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(10);

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// How often the courier looks for messages that nobody rang for: another node's, and those to be tried again.
const LOOK: Duration = Duration::from_secs(5);

/// How often [`Courier::drained`] looks.
const DRAINED_LOOK: Duration = Duration::from_millis(20);

/// The counter of attempts; `channel` is `email` or `sms`, `outcome` is `delivered`, `failed` or `given_up`.
const MESSAGES: &str = "countersign_messages_total";

/// Carries messages. Cheap to clone; any number of couriers, on any number of nodes, share one outbox.
#[derive(Clone)]
pub struct Courier {
    store: Store,
    clock: Arc<dyn Clock>,
    bell: Arc<Notify>,
    transports: Transports,
    words: Arc<Words>,
    look: Duration,
}

/// What became of one attempt.
enum Outcome {
    Delivered,
    Failed(String),
    GivenUp(String),
}

impl Courier {
    /// A courier for the outbox of `store`. Whoever rings `bell` after queueing a message has it sent at once.
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        bell: Arc<Notify>,
        transports: Transports,
        words: Words,
    ) -> Self {
        Self { store, clock, bell, transports, words: Arc::new(words), look: LOOK }
    }

    /// The same, looking for due messages every `look` of real time instead of every five seconds.
    #[must_use]
    pub fn looking_every(self, look: Duration) -> Self {
        Self { look, ..self }
    }

    /// Carries messages until `stop` holds `true` or its sender is gone; then finishes what is on its way and returns.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        metrics::describe_counter!(MESSAGES, "Attempts to deliver a message, by channel and outcome.");
        let mut tick = time::interval(self.look);
        tick.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        let mut on_the_way = JoinSet::new();
        loop {
            let free = AT_ONCE - on_the_way.len();
            let leased = self.lease(free).await;
            // As many as were asked for: there may be more, so the first that is done makes room for the next.
            let more = leased.len() == free;
            for queued in leased {
                on_the_way.spawn(self.clone().carry(queued));
            }
            if !self.woken(&mut tick, &mut on_the_way, more, &mut stop).await {
                break;
            }
        }
        while let Some(done) = on_the_way.join_next().await {
            log_panic(done);
        }
    }

    /// Waits until there may be something to do. `false`: it is time to stop.
    async fn woken(
        &self,
        tick: &mut time::Interval,
        on_the_way: &mut JoinSet<()>,
        more: bool,
        stop: &mut watch::Receiver<bool>,
    ) -> bool {
        let mut look = false;
        loop {
            let room = on_the_way.len() < AT_ONCE;
            if room && look {
                return true;
            }
            tokio::select! {
                // An error means that the sender is gone, which is an end as well.
                _ = stop.wait_for(|stop| *stop) => return false,
                () = self.bell.notified() => look = true,
                _ = tick.tick() => look = true,
                Some(done) = on_the_way.join_next() => {
                    log_panic(done);
                    look |= more;
                }
            }
        }
    }

    async fn lease(&self, limit: usize) -> Vec<Queued> {
        let now = self.clock.now();
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        self.store.write(move |tx| outbox::lease(tx, now, limit, LEASE)).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the outbox cannot be read; it will be tried again");
            Vec::new()
        })
    }

    async fn carry(self, queued: Queued) {
        let outcome = self.attempt(&queued).await;
        let masked = masked(queued.channel, &queued.recipient);
        let (id, channel, attempt) = (queued.id, queued.channel.as_str(), queued.attempts);
        let word = match &outcome {
            Outcome::Delivered => {
                tracing::info!(%id, channel, to = %masked, attempt, "a message was handed over");
                "delivered"
            }
            Outcome::Failed(error) => {
                tracing::warn!(%id, channel, to = %masked, attempt, error, "a message will be tried again");
                "failed"
            }
            Outcome::GivenUp(error) => {
                tracing::error!(%id, channel, to = %masked, attempt, error, "a message was given up");
                "given_up"
            }
        };
        metrics::counter!(MESSAGES, "channel" => channel, "outcome" => word).increment(1);
        if let Err(error) = self.note(&queued, outcome).await {
            // Its lease runs out, and it is tried again: twice is better than never.
            tracing::warn!(%id, %error, "what became of a message could not be noted");
        }
    }

    async fn attempt(&self, queued: &Queued) -> Outcome {
        // More than the last attempt: the process died during it, perhaps because of it.
        if queued.attempts > ATTEMPTS {
            return Outcome::GivenUp("the last attempt was never finished".to_owned());
        }
        let now = self.clock.now();
        if is_too_old(&queued.message, now) {
            return Outcome::GivenUp("what it holds can no longer be used".to_owned());
        }
        let Some(rendered) = render(&queued.message, queued.channel, &self.words) else {
            return Outcome::GivenUp(format!(
                "messages of its kind do not go by {}",
                queued.channel.as_str()
            ));
        };
        let outgoing = Outgoing {
            id: queued.id,
            channel: queued.channel,
            to: queued.recipient.clone(),
            name: queued.message.name.clone(),
            rendered,
            now,
        };
        match time::timeout(SEND, self.transports.send(&outgoing)).await {
            Ok(Ok(())) => Outcome::Delivered,
            Ok(Err(SendError::Permanent(error))) => Outcome::GivenUp(error),
            Ok(Err(SendError::Temporary(error))) => failed(queued, error),
            Err(_) => failed(queued, format!("no answer in {} seconds", SEND.as_secs())),
        }
    }

    async fn note(&self, queued: &Queued, outcome: Outcome) -> StoreResult<()> {
        let (id, attempts, now) = (queued.id, queued.attempts, self.clock.now());
        self.store
            .write(move |tx| match &outcome {
                Outcome::Delivered => outbox::delivered(tx, id, now),
                Outcome::Failed(error) => outbox::retry(tx, id, now.plus(pause(attempts)), error),
                Outcome::GivenUp(error) => outbox::give_up(tx, id, error, now),
            })
            .await
    }

    /// Rings the bell and waits until nothing is left to deliver: whether that came about within `timeout`.
    ///
    /// For the development outbox, whose page should show what the request before it caused. A courier must be running.
    pub async fn drained(&self, timeout: Duration) -> bool {
        let empty = async {
            loop {
                match self.store.read(outbox::waiting).await {
                    Ok(0) => return,
                    // A database that is away is one that is not known to be drained.
                    Ok(_) | Err(_) => self.bell.notify_one(),
                }
                time::sleep(DRAINED_LOOK).await;
            }
        };
        time::timeout(timeout, empty).await.is_ok()
    }
}

fn failed(queued: &Queued, error: String) -> Outcome {
    if queued.attempts == ATTEMPTS { Outcome::GivenUp(error) } else { Outcome::Failed(error) }
}

/// How long a message waits after attempt number `attempt`.
fn pause(attempt: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2u32.saturating_pow(attempt.saturating_sub(1))).min(LONGEST_PAUSE)
}

/// A code or a link that can no longer be used is not sent: it would only confuse.
fn is_too_old(message: &Message, now: Timestamp) -> bool {
    let minutes = match &message.content {
        Content::SignInCode { minutes, .. }
        | Content::SignInCodeElsewhere { minutes, .. }
        | Content::SetUpCode { minutes, .. }
        | Content::ConfirmIdentityCode { minutes, .. }
        | Content::ConfirmPhoneCode { minutes, .. }
        | Content::ConfirmEmailCode { minutes, .. }
        | Content::ResetPassword { minutes, .. }
        | Content::ConfirmBrowser { minutes, .. } => *minutes,
        Content::Notice(_) => return false,
    };
    now.since(Timestamp::from_millis(message.at_millis)) >= Duration::from_secs(minutes.saturating_mul(60))
}

fn masked(channel: Channel, recipient: &str) -> String {
    match channel {
        Channel::Email => recipient.parse::<EmailAddress>().map_or_else(|_| "•••".into(), |a| a.masked()),
        Channel::Sms => phone::mask(recipient),
    }
}

fn log_panic(done: Result<(), tokio::task::JoinError>) {
    if let Err(error) = done {
        // Its text would hold the panic's, which might quote the message.
        tracing::error!(panicked = error.is_panic(), "a courier's task ended before its time");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_core::message::Notice;

    #[test]
    fn pauses_double_up_to_a_quarter_of_an_hour() {
        let seconds = (1..=9).map(|n| pause(n).as_secs()).collect::<Vec<_>>();
        assert_eq!(seconds, [10, 20, 40, 80, 160, 320, 640, 900, 900]);
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
    }

    #[test]
    fn a_code_ages_and_a_notice_does_not() {
        let message = |content| Message { name: "Mia".into(), application: None, at_millis: 0, content };
        let code = message(Content::SignInCode { code: "048151".into(), minutes: 10 });
        assert!(!is_too_old(&code, Timestamp::from_millis(599_999)));
        assert!(is_too_old(&code, Timestamp::from_millis(600_000)));
        let notice = message(Content::Notice(Notice::PasswordChanged));
        assert!(!is_too_old(&notice, Timestamp::from_millis(i64::MAX)));
    }

    #[test]
    fn no_log_line_holds_a_whole_address() {
        assert_eq!(masked(Channel::Email, "mia@harbour.example"), "m•••@harbour.example");
        assert_eq!(masked(Channel::Email, "no address"), "•••");
        assert_eq!(masked(Channel::Sms, "+442079460018"), "••• ••18");
    }
}
