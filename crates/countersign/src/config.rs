//! The operator's settings: read from a TOML file and the environment, checked, and made into a plain
//! [`Config`].
//!
//! [`table::SETTINGS`] is the one list of keys. [`Settings`] gathers a value for each of them, in this order:
//! the command line (with `--dev`), a `COUNTERSIGN_…` variable, the file, the default. [`Settings::config`]
//! checks their form and how they fit together; [`Settings::explain`] is what `serve --check` shows. Whatever
//! is wrong is told as one sentence that names the key and the remedy ([`ConfigError`]).
//!
//! Nothing here opens the database or the key file, so a configuration can be checked on another machine;
//! only the files that hold secrets (`smtp.password_file`, `sms.token_file`) are read.

mod build;
mod country;
mod error;
mod explain;
mod form;
mod secret;
mod settings;
mod sites;
pub mod table;
mod value;

use countersign_core::event::Retention;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use countersign_core::{budget::Budgets, email::EmailAddress};
use ipnet::IpNet;
use url::Url;

pub use country::Country;
pub use error::ConfigError;
pub use explain::{documentation, help};
pub use secret::Secret;
pub use settings::{Origin, Overrides, Settings};
pub use sites::Site;

/// Whether this is a server for people or a demonstration on one's own machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `serve --config FILE`.
    Production,
    /// `serve --dev`: on loopback alone, and no message leaves the machine.
    Dev,
}

/// All settings, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Whether this is a server for people or a demonstration.
    pub mode: Mode,
    /// The address people open. Its path is `/`; it has no query, fragment or user name.
    pub public_url: Url,
    /// Where the server listens.
    pub listen: SocketAddr,
    /// A listener of its own for `/metrics`.
    pub metrics_listen: Option<SocketAddr>,
    /// The limits of connections.
    pub http: Http,
    /// How long the listener stays open after the signal to stop, while `/readyz` says 503.
    pub drain: Duration,
    /// The directory of the server's own files.
    pub data_dir: PathBuf,
    /// The name on pages and in authenticator apps (the issuer of `otpauth://` URIs): 1 to 40 characters, no
    /// `:`.
    pub service_name: String,
    /// Where to report a vulnerability, for `/.well-known/security.txt`.
    pub security_contact: Option<String>,
    /// A page with help for people who can't sign in.
    pub support_url: Option<String>,
    /// The email address for people who can't sign in.
    pub support_email: Option<EmailAddress>,
    /// The networks of proxies whose `X-Forwarded-For` is believed; never everyone.
    pub trusted_proxies: Vec<IpNet>,
    /// The database.
    pub database: Database,
    /// The file of the encryption keys, as [`crate::keys`] reads it.
    pub keys_file: PathBuf,
    /// The mail server; always there in [`Mode::Production`].
    pub smtp: Option<Smtp>,
    /// Text messages.
    pub sms: Sms,
    /// How long sessions live.
    pub session: Session,
    /// How long a proof of identity allows sensitive changes.
    pub step_up_max_age: Duration,
    /// The second step's methods and limits.
    pub second_step: SecondStep,
    /// Codes by SMS and e-mail.
    pub code: Code,
    /// How many messages may be sent.
    pub budgets: Budgets,
    /// Where the operator is notified when a budget is nearly used up.
    pub operator_email: Option<EmailAddress>,
    /// How long a pending enrolment can be confirmed.
    pub enrolment_lifetime: Duration,
    /// Password hashing and its limits.
    pub password: Password,
    /// Wrong passwords from one network, over all accounts, before it has to wait.
    pub network_wrong_before_delay: u32,
    /// Requests that an application may send to the API in a minute, to each node.
    pub api_requests_per_minute: u32,
    /// How long the activity of accounts is kept.
    pub events_kept: Retention,
    /// Logging.
    pub log: Log,
    /// The sites whose proxies ask here who may see a page.
    pub sites: Vec<Site>,
    /// Whether `public_url` was made from `listen`.
    public_url_follows_listen: bool,
}

impl Config {
    /// The settings of `serve --dev` with neither file nor environment.
    ///
    /// # Errors
    ///
    /// When an override is refused, such as an address that is not loopback.
    pub fn for_dev(overrides: Overrides) -> Result<Self, ConfigError> {
        Settings::for_dev(None, [], overrides)?.config()
    }

    /// Notes the address that the listener really got, which differs from `listen` where that asked for port
    /// 0. With `--dev` and no `public_url` of its own, `public_url` follows it.
    pub fn listens_on(&mut self, bound: SocketAddr) {
        self.listen = bound;
        if self.public_url_follows_listen
            && let Ok(url) = Url::parse(&format!("http://{bound}"))
        {
            self.public_url = url;
        }
    }

    /// Whether text messages can be sent: a country is allowed, and there is a gateway or (with `--dev`) the
    /// outbox.
    #[must_use]
    pub fn sms_is_on(&self) -> bool {
        !self.sms.allowed_countries.is_empty() && (self.sms.gateway.is_some() || self.mode == Mode::Dev)
    }

    /// Whether `method` is on offer: it is listed, and SMS is on where it needs that.
    #[must_use]
    pub fn offers(&self, method: SecondStepMethod) -> bool {
        self.second_step.methods.contains(&method) && (method != SecondStepMethod::Sms || self.sms_is_on())
    }
}

/// What clients' connections may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Http {
    /// Time for the request line and the headers.
    pub header: Duration,
    /// Time for a body, and for a client to take some of an answer.
    pub body: Duration,
    /// Time without a request.
    pub idle: Duration,
    /// Connections at once.
    pub max_connections: usize,
    /// Connections at once of one IPv4 address or IPv6 /64. Trusted proxies are exempt. Never more than `max_connections`.
    pub max_connections_per_network: usize,
}

/// Which database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// SQLite, in this file.
    Sqlite {
        /// `countersign.db` in the data directory.
        path: PathBuf,
    },
    /// PostgreSQL.
    Postgres {
        /// Its `postgres://…` address, which may carry a password.
        url: Secret,
        /// The most connections at once.
        connections: NonZeroUsize,
    },
}

/// How e-mail leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smtp {
    /// The mail server's name or IP address (IPv6 without brackets).
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: SmtpSecurity,
    /// The account at the mail server.
    pub credentials: Option<SmtpCredentials>,
    /// The sender.
    pub from: Sender,
}

/// An account at the mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpCredentials {
    /// Its name.
    pub username: String,
    /// Its password.
    pub password: Secret,
}

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// Plain at first, then TLS, which is required (RFC 3207).
    StartTls,
    /// TLS from the first byte (RFC 8314, section 3.3).
    Tls,
    /// None; to a loopback host alone.
    None,
}

/// The sender of e-mails. The address has one `@`, no space and nothing that could end a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The name shown, where one is set.
    pub name: Option<String>,
    /// The address.
    pub address: String,
}

/// Text messages. [`Config::sms_is_on`] says whether there are any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sms {
    /// Where they are handed over.
    pub gateway: Option<SmsGateway>,
    /// The countries whose numbers may get one.
    pub allowed_countries: Vec<Country>,
}

/// An SMS gateway that takes `{"from", "to", "text"}` as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmsGateway {
    /// Where to POST; https, or plain http on loopback.
    pub url: Url,
    /// For `Authorization: Bearer …`; visible ASCII.
    pub token: Secret,
    /// The sender: a number, or the name registered with the gateway.
    pub from: String,
}

/// How long sessions live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Without a request (NIST SP 800-63B-4, section 2.2.3: an hour at most is recommended).
    pub idle: Duration,
    /// In any case (the same section: a day at most is recommended). Never shorter than `idle`.
    pub max: Duration,
    /// A "login as" session, in any case.
    pub login_as: Duration,
}

/// A method of the second step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondStepMethod {
    /// A code of an authenticator app.
    App,
    /// A code by SMS.
    Sms,
    /// A code by e-mail.
    Email,
    /// A backup code.
    BackupCode,
}

/// The second step's methods and limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondStep {
    /// The methods listed, each once; see [`Config::offers`].
    pub methods: Vec<SecondStepMethod>,
    /// Wrong codes for one account, over all methods, that close its second step.
    pub wrong_codes_before_pause: u32,
    /// The first such pause; each one after it is twice as long.
    pub pause: Duration,
    /// Wrong codes in a row that disable an authenticator; at most 100 (NIST SP 800-63B-4, section 3.2.2) and
    /// never fewer than `wrong_codes_before_pause`.
    pub wrong_codes_before_disable: u32,
}

/// Codes by SMS and e-mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// For how long one is valid; at most ten minutes (NIST SP 800-63B-4, section 3.1.3).
    pub lifetime: Duration,
    /// How long to wait for another one.
    pub resend: Duration,
}

/// Password hashing with Argon2id and its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Password {
    /// Passwords checked at the same time.
    pub threads: NonZeroUsize,
    /// Passwords that may wait for their check.
    pub queue: usize,
    /// Memory for each, in KiB; 19456 at the least (OWASP Password Storage Cheat Sheet).
    pub memory_kib: u32,
    /// Passes; 2 at the least (the same).
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
    /// Wrong passwords for one account from one network before it has to wait.
    pub wrong_before_delay: u32,
    /// Wrong passwords in a row for one account, over all networks, before an unknown browser has to be confirmed.
    pub wrong_before_confirmation: u32,
}

/// Logging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// The form of log lines.
    pub format: LogFormat,
    /// The least severe level that is logged.
    pub level: LogLevel,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The level of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the levels' names say all there is")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    /// The word, as the configuration and log filters write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}
