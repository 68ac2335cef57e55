//! The ways by which a message leaves.

mod dev;
mod gateway;
mod smtp;

pub use dev::{DevMessage, DevOutbox};
pub use gateway::SmsSettings;
pub use smtp::{SmtpCredentials, SmtpSecurity, SmtpSettings};

use crate::render::Rendered;
use countersign_core::{Timestamp, ids::MessageId, message::Channel};
use std::sync::Arc;

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
        let sms = match sms {
            Some(settings) => Route::Gateway(Arc::new(gateway::Gateway::new(settings)?)),
            None => Route::None,
        };
        Ok(Self { email: Route::Smtp(Arc::new(smtp::Smtp::new(mail)?)), sms })
    }

    /// Everything lands in `outbox`; nothing leaves the machine.
    pub fn development(outbox: Arc<DevOutbox>) -> Self {
        Self { email: Route::Dev(Arc::clone(&outbox)), sms: Route::Dev(outbox) }
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
