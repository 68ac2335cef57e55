//! E-mail and SMS: what is written, by which way it leaves, and the worker that carries it there.
//!
//! - [`render`] turns core's [`Message`](countersign_core::message::Message) into words.
//! - [`Transports`] are the ways out: a mail server, an SMS gateway, or the outbox of `serve --dev`.
//! - [`Courier`] leases messages from the store's outbox, renders and sends them, and tries again what did not work.
//!
//! A message may hold a code or a link that lets somebody in. Its text exists in memory while it is sent and nowhere
//! else: no log line, no metric and no stored error holds it, and recipients are logged masked.
//!
//! Both drivers use rustls with the crypto provider that the process has installed.

mod courier;
mod render;
mod transport;

pub use courier::{Channels, Courier};
pub use render::{Rendered, Words, render};
pub use transport::{
    DevMessage, DevOutbox, Outgoing, SendError, SettingsError, SmsSettings, SmtpCredentials, SmtpSecurity,
    SmtpSettings, Transports,
};
