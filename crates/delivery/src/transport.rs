//! The ways by which a message leaves.

mod dev;
mod gateway;
mod smtp;

pub use dev::{DevMessage, DevOutbox};
pub use gateway::SmsSettings;
pub use smtp::{SmtpCredentials, SmtpSecurity, SmtpSettings};

use crate::render::Rendered;
use countersign_core::{Timestamp, ids::MessageId, message::Channel};
use std::{sync::Arc, time::Duration};

/// How long one attempt may take in all, until the next system has taken the message.
///
/// It bounds every answer: lettre's asynchronous transport has a time limit for connecting only, so a mail server that
/// goes silent later would be waited for without end. RFC 5321 §4.5.3.2 allows a server minutes for each answer; a
/// person who waits for a code does not.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(25);

/// A message ready to leave.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Its id: the same at every attempt, so that a mail system or a gateway can tell a repetition.
    pub id: MessageId,
    /// How it travels.
    pub channel: Channel,
    /// To which address or number.
    pub to: String,
    /// The recipient's name.
    pub name: String,
    /// What it says.
    pub rendered: Rendered,
    /// The moment of sending.
    pub now: Timestamp,
}

/// Why a message did not leave. The texts are for the operator; none holds a secret, an address or a number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The next system does not answer, or says that it serves no one now. It is not the message's fault: any other
    /// would have failed as well.
    #[error("{0}")]
    Unreachable(String),
    /// It may work later.
    #[error("{0}")]
    Temporary(String),
    /// This message will never be taken.
    #[error("{0}")]
    Permanent(String),
}

/// A setting with which no driver can work.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(pub(crate) String);

/// One way out for each channel.
#[derive(Clone)]
pub struct Transports {
    email: Route,
    sms: Route,
}

#[derive(Clone)]
enum Route {
    Smtp(Arc<smtp::Smtp>),
    Gateway(Arc<gateway::Gateway>),
    Dev(Arc<DevOutbox>),
    None,
}

impl Transports {
    /// E-mail by a mail server, and SMS by a gateway where there is one. Nothing is connected to yet.
    ///
    /// Must be called within a tokio runtime, and after the process has installed its rustls crypto provider.
    pub fn production(mail: &SmtpSettings, sms: Option<&SmsSettings>) -> Result<Self, SettingsError> {
        Self::production_within(mail, sms, ATTEMPT)
    }

    /// The same, with another time limit for one attempt: for tests of servers that do not answer.
    pub fn production_within(
        mail: &SmtpSettings,
        sms: Option<&SmsSettings>,
        attempt: Duration,
    ) -> Result<Self, SettingsError> {
        let sms = match sms {
            Some(settings) => Route::Gateway(Arc::new(gateway::Gateway::new(settings, attempt)?)),
            None => Route::None,
        };
        Ok(Self { email: Route::Smtp(Arc::new(smtp::Smtp::new(mail, attempt)?)), sms })
    }

    /// Everything lands in `outbox`; nothing leaves the machine.
    pub fn development(outbox: Arc<DevOutbox>) -> Self {
        Self { email: Route::Dev(Arc::clone(&outbox)), sms: Route::Dev(outbox) }
    }

    /// Whether the next system of a channel can be reached: it is connected to and, for email, signed in to. Nothing is sent.
    pub async fn check(&self, channel: Channel) -> Result<(), SendError> {
        let route = match channel {
            Channel::Email => &self.email,
            Channel::Sms => &self.sms,
        };
        match route {
            Route::Smtp(smtp) => smtp.check().await,
            Route::Gateway(gateway) => gateway.check().await,
            Route::Dev(_) | Route::None => Ok(()),
        }
    }

    /// Hands `message` over to the next system, within the time limits of its driver.
    pub async fn send(&self, message: &Outgoing) -> Result<(), SendError> {
        let route = match message.channel {
            Channel::Email => &self.email,
            Channel::Sms => &self.sms,
        };
        match route {
            Route::Smtp(smtp) => smtp.send(message).await,
            Route::Gateway(gateway) => gateway.send(message).await,
            Route::Dev(outbox) => {
                outbox.keep(message);
                Ok(())
            }
            Route::None => Err(SendError::Permanent("no SMS gateway is configured".to_owned())),
        }
    }
}

/// An error and what caused it, in one bounded line.
fn explained(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |e| e.source());
    let mut parts: Vec<String> = Vec::new();
    for text in chain.map(ToString::to_string) {
        // Many errors already quote their cause.
        if !parts.iter().any(|known| known.contains(&text)) {
            parts.push(text);
        }
    }
    parts.join(": ").chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}
