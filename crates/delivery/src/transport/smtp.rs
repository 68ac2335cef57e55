//! E-mail by a mail server.

use super::{Outgoing, SendError, SettingsError, explained};
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Mailbox,
        header::{ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0},
    },
    transport::smtp::{
        AsyncSmtpTransportBuilder, Error, PoolConfig,
        authentication::Credentials,
        client::{Tls, TlsParameters},
    },
};
use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, UNIX_EPOCH},
};
use tokio::time;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How long an unused connection is kept. RFC 5321 §4.5.3.2.7 asks servers to wait 5 minutes; many wait less.
const IDLE: Duration = Duration::from_secs(60);

/// How many connections are kept.
const CONNECTIONS: u32 = 8;

/// Which mail server, and as whom.
#[derive(Clone, Debug)]
pub struct SmtpSettings {
    /// Its name, as its certificate has it, or its IP address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: SmtpSecurity,
    /// As whom to sign in there, if at all.
    pub credentials: Option<SmtpCredentials>,
    /// The name that messages come from.
    pub from_name: String,
    /// The address that messages come from.
    pub from_address: String,
}

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// TLS after STARTTLS (RFC 3207), which is demanded: nothing is sent to a server that does not offer it.
    StartTls,
    /// TLS from the first byte (RFC 8314 §3.3).
    Tls,
    /// Not at all: for a server on the same machine.
    None,
}

/// A user of the mail server.
#[derive(Clone)]
pub struct SmtpCredentials {
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for SmtpCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpCredentials").field("username", &self.username).finish_non_exhaustive()
    }
}

type Transport = AsyncSmtpTransport<Tokio1Executor>;

pub(super) struct Smtp {
    builder: AsyncSmtpTransportBuilder,
    /// The pool of connections in use, and how many there were before it.
    pool: Mutex<(u64, Transport)>,
    attempt: Duration,
    from: Mailbox,
}

impl Smtp {
    pub(super) fn new(settings: &SmtpSettings, attempt: Duration) -> Result<Self, SettingsError> {
        let address = settings
            .from_address
            .parse()
            .map_err(|e| SettingsError(format!("the sender's address {:?}: {e}", settings.from_address)))?;
        let tls = || {
            TlsParameters::new(settings.host.clone())
                .map_err(|e| SettingsError(format!("TLS for the mail server: {}", explained(&e))))
        };
        let tls = match settings.security {
            SmtpSecurity::StartTls => Tls::Required(tls()?),
            SmtpSecurity::Tls => Tls::Wrapper(tls()?),
            SmtpSecurity::None => Tls::None,
        };
        let mut builder = Transport::builder_dangerous(&settings.host)
            .port(settings.port)
            .tls(tls)
            .timeout(Some(CONNECT))
            .pool_config(PoolConfig::new().max_size(CONNECTIONS).idle_timeout(IDLE));
        if let Some(SmtpCredentials { username, password }) = &settings.credentials {
            builder = builder.credentials(Credentials::new(username.clone(), password.clone()));
        }
        let (pool, from) = (Mutex::new((0, builder.clone().build())), mailbox(&settings.from_name, address));
        Ok(Self { builder, pool, attempt, from })
    }

    /// Connects and signs in, and sends nothing.
    pub(super) async fn check(&self) -> Result<(), SendError> {
        let unreachable = |text: &str| Err(SendError::Unreachable(format!("the mail server: {text}")));
        match time::timeout(self.attempt, self.builder.clone().build::<Tokio1Executor>().test_connection())
            .await
        {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => unreachable("it closed the connection"),
            Ok(Err(error)) => Err(judged(&error)),
            Err(_) => unreachable("no answer in time"),
        }
    }

    pub(super) async fn send(&self, message: &Outgoing) -> Result<(), SendError> {
        let mail = self.composed(message)?;
        let (number, pool) = self.pool.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let sent = match time::timeout(self.attempt, pool.send(mail)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(judged(&error)),
            Err(_) => Err(SendError::Unreachable("the mail server: no answer in time".to_owned())),
        };
        if matches!(sent, Err(SendError::Unreachable(_))) {
            self.abandon(number);
        }
        sent
    }

    /// Connections that were open when the server fell silent may never answer again, so the next attempt opens a new
    /// one. Only the first of several attempts that fail together replaces the pool.
    fn abandon(&self, number: u64) {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.0 == number {
            *pool = (number + 1, self.builder.clone().build());
        }
    }

    fn composed(&self, message: &Outgoing) -> Result<Message, SendError> {
        // Neither text is quoted: it may hold the address.
        let unusable = |what: &str| SendError::Permanent(format!("{what} cannot be used in an e-mail"));
        let to: Address = message.to.parse().map_err(|_| unusable("the recipient's address"))?;
        let since_epoch = Duration::from_secs(message.now.unix_seconds());
        Message::builder()
            .from(self.from.clone())
            .to(mailbox(&message.name, to))
            .subject(one_line(&message.rendered.subject))
            .date(UNIX_EPOCH + since_epoch)
            // The same at every attempt, so that a repetition shows as one message; and no host name in it.
            .message_id(Some(format!("<{}@{}>", message.id, self.from.email.domain())))
            // Asks vacation notices and the like not to answer (RFC 3834 §5).
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            // RFC 2045 §4; without it, what follows need not be believed.
            .header(MIME_VERSION_1_0)
            .header(ContentType::TEXT_PLAIN)
            .body(message.rendered.text.clone())
            .map_err(|_| unusable("the message"))
    }
}

fn mailbox(name: &str, address: Address) -> Mailbox {
    let name = one_line(name);
    Mailbox::new((!name.is_empty()).then_some(name), address)
}

/// Names are checked where people type them, and encoded by the library; and even if both failed, a line's end in one
/// would not begin a header.
fn one_line(text: &str) -> String {
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    printable.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn judged(error: &Error) -> SendError {
    let Some(status) = error.status().map(u16::from) else {
        // An answer that cannot be parsed is not quoted, because answers like to repeat the address.
        let text =
            if error.is_response() { "an answer that makes no sense".into() } else { explained(error) };
        let text = format!("the mail server: {text}");
        return if error.is_response() { SendError::Temporary(text) } else { SendError::Unreachable(text) };
    };
    let text = format!("the mail server answered {status}{}", enhanced(error));
    // It closes the connection, whatever it was asked (RFC 5321 §3.8).
    if status == 421 {
        return SendError::Unreachable(text);
    }
    // 530, 534, 535, 538 (RFC 4954 §6, RFC 3207 §4): it does not take *us*, which is no fault of the message.
    if error.is_permanent() && !matches!(status, 530 | 534 | 535 | 538) {
        SendError::Permanent(text)
    } else {
        SendError::Temporary(text)
    }
}

/// The enhanced status code (RFC 3463), with a space before it: all of an answer that is sure to hold no address.
fn enhanced(error: &Error) -> String {
    let text = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let code = text.split_whitespace().next().unwrap_or_default();
    let numbers = code.split('.').collect::<Vec<_>>();
    let number = |n: &&str| (1..=3).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit());
    if numbers.len() == 3 && numbers.iter().all(number) { format!(" ({code})") } else { String::new() }
}
