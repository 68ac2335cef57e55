//! The worker that carries messages from the store's outbox to the transports.
//!
//! ```text
//!            lease                    send
//!   queued ────────▶ with the courier ────▶ delivered
//!     ▲                 │         │
//!     │  10 s · 2ⁿ      │         └──────▶ given up: refused for good, too old, or the eighth attempt failed
//!     ├─────────────────┤ it did not work
//!     └─────────────────┘ the next system did not answer: after 10 s, and not counted as an attempt
//! ```
//!
//! While the system behind a channel does not answer, one message at a time tries it, every 10 seconds; the others wait
//! without an attempt ([`Line`]). As soon as it answers, all that waits is sent. An outage therefore delays a message
//! until at most [`ATTEMPT`] + [`PROBE`] + [`LOOK`] after the system answers again, however long it lasted.
//!
//! A lease is longer than a send may take, so no second courier has the same message meanwhile; when the process dies,
//! the lease runs out and the message is due again. A message can arrive twice that way, and none is lost.

mod channels;
mod line;

pub use channels::Channels;

use crate::render::{Words, render};
use crate::transport::{ATTEMPT, Outgoing, SendError, Transports};
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
use line::{Answered, Line};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, watch},
    time,
};

/// How long a message belongs to the courier that leased it; well above [`ATTEMPT`].
const LEASE: Duration = Duration::from_secs(60);

/// After how many attempts a message is given up; about twenty minutes after it was queued. Attempts at a system that
/// does not answer are not counted.
const ATTEMPTS: u32 = 8;

/// The pause between two attempts at a system that does not answer.
const PROBE: Duration = Duration::from_secs(10);

/// After how long a notice is given up that could not be sent: longer than any outage, because it is about the security of
/// an account. Codes and links end by themselves.
const NOTICE_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

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
    channels: Channels,
}

/// What became of one attempt.
enum Outcome {
    Delivered,
    Failed(String),
    Unreachable(String),
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
        Self {
            store,
            clock,
            bell,
            transports,
            words: Arc::new(words),
            look: LOOK,
            channels: Channels::default(),
        }
    }

    /// Which channels work, as this courier sees them while it runs.
    #[must_use]
    pub fn channels(&self) -> Channels {
        self.channels.clone()
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
        let mut lines = [Channel::Email, Channel::Sms].map(|channel| Line::new(channel, self.channels()));
        loop {
            for line in &mut lines {
                self.fill(line).await;
            }
            if !self.woken(&mut tick, &mut lines, &mut stop).await {
                break;
            }
        }
        for line in &mut lines {
            while line.next(&*self.clock).await.is_some() {}
        }
    }

    /// Sends as many messages on their way as there is room for.
    async fn fill(&self, line: &mut Line) {
        let room = line.room(self.clock.now());
        if room == 0 {
            return;
        }
        let leased = self.lease(line.channel, room).await;
        // As many as were asked for: there may be more, so the first that is done makes room for the next.
        line.more = leased.len() == room;
        for queued in leased {
            line.spawn(|answers| self.clone().carry(queued, answers));
        }
    }

    /// Waits until there may be something to do. `false`: it is time to stop.
    async fn woken(
        &self,
        tick: &mut time::Interval,
        lines: &mut [Line; 2],
        stop: &mut watch::Receiver<bool>,
    ) -> bool {
        let mut look = false;
        loop {
            if look && lines.iter().any(|line| line.room(self.clock.now()) > 0) {
                return true;
            }
            let [email, sms] = lines;
            tokio::select! {
                // An error means that the sender is gone, which is an end as well.
                _ = stop.wait_for(|stop| *stop) => return false,
                () = self.bell.notified() => look = true,
                _ = tick.tick() => look = true,
                Some(again) = email.next(&*self.clock) => look |= again,
                Some(again) = sms.next(&*self.clock) => look |= again,
            }
        }
    }

    async fn lease(&self, channel: Channel, limit: usize) -> Vec<Queued> {
        let now = self.clock.now();
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let lease =
            move |tx: &mut countersign_store::Tx<'_>| outbox::lease(tx, Some(channel), now, limit, LEASE);
        self.store.write(lease).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the outbox cannot be read; it will be tried again");
            Vec::new()
        })
    }

    /// One attempt and what it comes to. `answers` counts the answers of the system, those to other messages included.
    async fn carry(self, queued: Queued, answers: line::Answers) -> Answered {
        let before = answers.seen();
        let mut outcome = self.attempt(&queued).await;
        let answered = match outcome {
            Outcome::Unreachable(error) if answers.seen() > before => {
                // Others were answered meanwhile: it is about this message, which must not stop the rest.
                outcome = failed(&queued, error);
                Answered::Yes
            }
            Outcome::Unreachable(_) => Answered::No,
            Outcome::Delivered | Outcome::Failed(_) | Outcome::GivenUp(_) => answers.count(),
        };
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
            Outcome::Unreachable(error) => {
                tracing::warn!(%id, channel, to = %masked, attempt, error, "no answer; a message will be tried again");
                "unreachable"
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
        answered
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
        // Every driver keeps to the limit; it is kept here as well, because a lease depends on it.
        match time::timeout(ATTEMPT + DRAINED_LOOK, self.transports.send(&outgoing)).await {
            Ok(Ok(())) => Outcome::Delivered,
            Ok(Err(SendError::Permanent(error))) => Outcome::GivenUp(error),
            Ok(Err(SendError::Temporary(error))) => failed(queued, error),
            Ok(Err(SendError::Unreachable(error))) => Outcome::Unreachable(error),
            Err(_) => Outcome::Unreachable(format!("no answer in {} seconds", ATTEMPT.as_secs())),
        }
    }

    async fn note(&self, queued: &Queued, outcome: Outcome) -> StoreResult<()> {
        let (id, attempts, now) = (queued.id, queued.attempts, self.clock.now());
        self.store
            .write(move |tx| match &outcome {
                Outcome::Delivered => outbox::delivered(tx, id, now),
                Outcome::Failed(error) => outbox::retry(tx, id, now.plus(pause(attempts)), error),
                Outcome::Unreachable(error) => outbox::postpone(tx, id, now.plus(PROBE), error),
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

/// A code or a link that can no longer be used is not sent: it would only confuse. Neither is a notice of long ago.
fn is_too_old(message: &Message, now: Timestamp) -> bool {
    let age = now.since(Timestamp::from_millis(message.at_millis));
    let minutes = match &message.content {
        Content::SignInCode { minutes, .. }
        | Content::SignInCodeElsewhere { minutes, .. }
        | Content::SetUpCode { minutes, .. }
        | Content::ConfirmIdentityCode { minutes, .. }
        | Content::ConfirmPhoneCode { minutes, .. }
        | Content::ConfirmEmailCode { minutes, .. }
        | Content::ResetPassword { minutes, .. }
        | Content::ConfirmBrowser { minutes, .. } => *minutes,
        Content::Notice(_) | Content::BudgetNearlyUsed { .. } => return age >= NOTICE_LIFETIME,
    };
    age >= Duration::from_secs(minutes.saturating_mul(60))
}

fn masked(channel: Channel, recipient: &str) -> String {
    match channel {
        Channel::Email => recipient.parse::<EmailAddress>().map_or_else(|_| "•••".into(), |a| a.masked()),
        Channel::Sms => phone::mask(recipient),
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
    fn a_code_ages_in_minutes_and_a_notice_in_a_month() {
        let message =
            |content| Message { name: "Mia".into(), application: None, at_millis: 0, origin: None, content };
        let code = message(Content::SignInCode { code: "048151".into(), minutes: 10 });
        assert!(!is_too_old(&code, Timestamp::from_millis(599_999)));
        assert!(is_too_old(&code, Timestamp::from_millis(600_000)));
        let notice = message(Content::Notice(Notice::PasswordChanged));
        assert!(!is_too_old(&notice, Timestamp::from_millis(30 * 86_400_000 - 1)));
        assert!(is_too_old(&notice, Timestamp::from_millis(30 * 86_400_000)));
    }

    /// What hangs when the server recovers, the pause after it, and the time until someone looks.
    #[test]
    fn a_message_waits_for_less_than_a_minute_once_the_server_answers_again() {
        assert!(ATTEMPT + DRAINED_LOOK + PROBE + LOOK <= Duration::from_secs(45));
        assert!(ATTEMPT + DRAINED_LOOK < LEASE);
    }

    #[test]
    fn no_log_line_holds_a_whole_address() {
        assert_eq!(masked(Channel::Email, "mia@harbour.example"), "m•••@harbour.example");
        assert_eq!(masked(Channel::Email, "no address"), "•••");
        assert_eq!(masked(Channel::Sms, "+442079460018"), "••• ••18");
    }
}
