//! The one list of settings. Reading, `serve --check`, `serve --help` and the table in
//! `docs/CONFIGURATION.md` all come from it, so a key that is not here does not exist and a key that is here
//! is documented.

use Fallback::{Absent, Derived, Required, Value};
use Kind::{Choice, List, Number, Secret, SecretFile, SecretUrl, Text};

/// One setting: its key in the file, the kind of its value, what holds when it is not given, and what it is
/// for.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The dotted path in the TOML file, such as `session.idle_minutes`.
    pub path: &'static str,
    /// What kind of value it takes, with its bounds.
    pub kind: Kind,
    /// What holds when neither file nor environment gives it.
    pub fallback: Fallback,
    /// What it is for, as a phrase in Markdown without the full stop.
    pub about: &'static str,
}

/// The kind of a value. It decides how TOML and environment text are read and what may be shown of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text, of whatever form the setting demands.
    Text,
    /// Text that is one of these words.
    Choice(&'static [&'static str]),
    /// A whole number from `min` to `max`, both included.
    Number {
        /// The smallest value that is accepted.
        min: u64,
        /// The largest value that is accepted.
        max: u64,
    },
    /// A TOML array of text; in the environment, separated by commas.
    List,
    /// A secret. Nothing of it is ever shown.
    Secret,
    /// The path of a file that holds the secret named by the same key without `_file`.
    SecretFile,
    /// An address that may carry a password. Only scheme, host, port and path are shown.
    SecretUrl,
}

/// What holds when a setting is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// It has to be given (without `--dev`).
    Required,
    /// It is simply not set.
    Absent,
    /// This text, read as the environment's would be.
    Value(&'static str),
    /// Worked out from other settings or from the machine, as this phrase in Markdown says.
    Derived(&'static str),
}

impl Setting {
    /// The environment variable of this setting: `session.idle_minutes` is
    /// `COUNTERSIGN_SESSION_IDLE_MINUTES`.
    #[must_use]
    pub fn env(&self) -> String {
        format!("COUNTERSIGN_{}", self.path.replace('.', "_").to_ascii_uppercase())
    }

    /// The setting whose key is `path`.
    #[must_use]
    pub fn find(path: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.path == path)
    }

    /// The other one of a pair `x` and `x_file`, of which only one may be given.
    pub(super) fn twin(&self) -> Option<&'static Self> {
        match self.kind {
            Secret => SETTINGS.iter().find(|other| {
                other.kind == SecretFile && other.path.strip_suffix("_file") == Some(self.path)
            }),
            SecretFile => self.path.strip_suffix("_file").and_then(Self::find),
            _ => None,
        }
    }
}

const fn number(min: u64, max: u64) -> Kind {
    Number { min, max }
}

const fn setting(path: &'static str, kind: Kind, fallback: Fallback, about: &'static str) -> Setting {
    Setting { path, kind, fallback, about }
}

/// Every setting, in the order in which documentation and `--check` show them.
pub const SETTINGS: &[Setting] = &[
    setting(
        "public_url",
        Text,
        Required,
        "The address people open: https, a host, perhaps a port, and no path; \
         plain http for a loopback host alone",
    ),
    setting("listen", Text, Value("127.0.0.1:8080"), "The IP address and port the server listens on"),
    setting(
        "data_dir",
        Text,
        Derived("`/var/lib/countersign`; with `--dev` `./countersign-data`"),
        "The directory of the SQLite database and of the key file; \
         a relative path starts at the working directory",
    ),
    setting(
        "service_name",
        Text,
        Value("Countersign"),
        "The name shown on pages, in messages and in authenticator apps: 1 to 40 characters, without `:`",
    ),
    setting(
        "security.contact",
        Text,
        Absent,
        "Where to report a vulnerability: an email address, or an `https:`, `mailto:` or `tel:` address. \
         It is shown at `/.well-known/security.txt`, which is not there without it",
    ),
    setting("support.url", Text, Absent, "An `https:` page with help, shown to people who can't sign in"),
    setting(
        "support.email",
        Text,
        Absent,
        "An email address for people who can't sign in, shown on the same pages",
    ),
    setting(
        "trusted_proxies",
        List,
        Absent,
        "The networks (such as `10.0.0.0/8`) of reverse proxies whose `X-Forwarded-For` is believed",
    ),
    setting(
        "metrics_listen",
        Text,
        Absent,
        "An IP address and port of its own for `/metrics`, which is then served nowhere else; without it, \
         only programs on this machine get it",
    ),
    setting(
        "http.header_seconds",
        number(1, 60),
        Value("10"),
        "Seconds in which the request line and the headers must arrive",
    ),
    setting(
        "http.body_seconds",
        number(1, 60),
        Value("20"),
        "Seconds in which a request's body must arrive, and in which a client must take some of an answer",
    ),
    setting(
        "http.idle_seconds",
        number(1, 3600),
        Value("75"),
        "Seconds without a request after which a connection is closed; more than a proxy keeps one open",
    ),
    setting(
        "http.max_connections",
        number(10, 1_000_000),
        Value("4096"),
        "Connections at once, on each node; each takes a file descriptor",
    ),
    setting(
        "http.max_connections_per_network",
        number(1, 1_000_000),
        Value("512"),
        "Connections at once from one IPv4 address or IPv6 /64; `trusted_proxies` are exempt",
    ),
    setting(
        "shutdown.drain_seconds",
        number(0, 300),
        Derived("`5`; with `--dev` `0`"),
        "Seconds for which the server keeps listening after SIGTERM while `/readyz` returns 503; \
         longer than a load balancer takes to notice",
    ),
    setting(
        "database.url",
        SecretUrl,
        Value("sqlite"),
        "`sqlite` for `countersign.db` in `data_dir`, or a `postgres://…` address, with commas between several hosts; \
         hosts on other machines need TLS unless it says `sslmode=disable`",
    ),
    setting(
        "database.connections",
        number(1, 1000),
        Value("10"),
        "The most connections to PostgreSQL at once",
    ),
    setting(
        "keys_file",
        Text,
        Derived("`keys.toml` in `data_dir`"),
        "The file of the encryption keys, readable by its owner alone (mode 0600)",
    ),
    setting("smtp.host", Text, Required, "The name or IP address of the mail server"),
    setting(
        "smtp.port",
        number(1, 65535),
        Derived("`587`; `465` for `tls`; `25` for `none`"),
        "The port of the mail server",
    ),
    setting(
        "smtp.security",
        Choice(&["starttls", "tls", "none"]),
        Value("starttls"),
        "How the connection is protected; `none` to a loopback host alone",
    ),
    setting("smtp.username", Text, Absent, "The user name at the mail server, together with a password"),
    setting("smtp.password", Secret, Absent, "The password at the mail server"),
    setting("smtp.password_file", SecretFile, Absent, "A file that holds `smtp.password`"),
    setting(
        "smtp.from",
        Text,
        Required,
        "The sender of e-mails: `login@example.org` or `Example <login@example.org>`",
    ),
    setting(
        "sms.url",
        Text,
        Absent,
        "The https address of the SMS gateway, which gets `{\"from\", \"to\", \"text\"}` as JSON by POST; \
         SMS is off without it",
    ),
    setting("sms.token", Secret, Absent, "The gateway's token, sent as `Authorization: Bearer …`"),
    setting("sms.token_file", SecretFile, Absent, "A file that holds `sms.token`"),
    setting("sms.from", Text, Absent, "The sender of SMS: a number, or the name registered with the gateway"),
    setting(
        "sms.allowed_countries",
        List,
        Derived("none; with `--dev` every country"),
        "The countries (ISO 3166-1 codes such as `GB`) whose numbers may get SMS; \
         SMS is off while there is none",
    ),
    setting(
        "session.idle_minutes",
        number(1, 1440),
        Value("60"),
        "Minutes without a request that end a session",
    ),
    setting("session.max_hours", number(1, 720), Value("24"), "Hours after which a session ends in any case"),
    setting(
        "session.login_as_minutes",
        number(1, 60),
        Value("60"),
        "Minutes after which a \"login as\" session ends in any case",
    ),
    setting(
        "step_up.max_age_seconds",
        number(1, 3600),
        Value("300"),
        "Seconds for which a proof of identity allows sensitive changes",
    ),
    setting(
        "second_step.methods",
        List,
        Value("app, sms, email, backup-code"),
        "The methods on offer, at least one of `app`, `sms` and `email` among them",
    ),
    setting(
        "second_step.wrong_codes_before_pause",
        number(1, 100),
        Value("10"),
        "Wrong codes for one account, over all methods, that close its second step for a while",
    ),
    setting(
        "second_step.pause_minutes",
        number(1, 1440),
        Value("15"),
        "Minutes of the first such pause; each one after it is twice as long",
    ),
    setting(
        "second_step.wrong_codes_before_disable",
        number(1, 100),
        Value("100"),
        "Wrong codes in a row that disable an authenticator until it is set up again",
    ),
    setting(
        "code.lifetime_minutes",
        number(1, 10),
        Value("10"),
        "Minutes for which an SMS or e-mail code is valid",
    ),
    setting("code.resend_seconds", number(1, 600), Value("30"), "Seconds before another code can be sent"),
    setting(
        "budget.sms_per_number_quarter_hour",
        number(1, 1_000_000),
        Value("5"),
        "Text messages to one phone number in 15 minutes",
    ),
    setting(
        "budget.sms_per_number_day",
        number(1, 1_000_000),
        Value("10"),
        "Text messages to one phone number in 24 hours",
    ),
    setting(
        "budget.sms_per_prefix_day",
        number(1, 1_000_000),
        Value("100"),
        "Text messages in 24 hours to the ten thousand numbers that differ in their last four digits only",
    ),
    setting(
        "budget.sms_per_country_day",
        number(1, 1_000_000),
        Value("1000"),
        "Text messages to one country in 24 hours",
    ),
    setting(
        "budget.sms_per_account_day",
        number(1, 1_000_000),
        Value("20"),
        "Text messages for one account in 24 hours",
    ),
    setting(
        "budget.sms_per_network_day",
        number(1, 1_000_000),
        Value("200"),
        "Text messages requested from one network in 24 hours",
    ),
    setting(
        "budget.sms_per_organization_day",
        number(1, 1_000_000),
        Value("1000"),
        "Text messages for the accounts of one organization in 24 hours",
    ),
    setting(
        "budget.sms_per_server_day",
        number(1, 1_000_000),
        Value("5000"),
        "Text messages of the whole server in 24 hours",
    ),
    setting(
        "budget.email_per_mailbox_day",
        number(1, 1_000_000),
        Value("10"),
        "Emails to one mailbox in 24 hours for accounts that have not verified it",
    ),
    setting(
        "budget.email_per_account_day",
        number(1, 1_000_000),
        Value("50"),
        "Codes by email for one account in 24 hours",
    ),
    setting(
        "budget.email_per_network_day",
        number(1, 1_000_000),
        Value("1000"),
        "Codes by email requested from one network in 24 hours",
    ),
    setting(
        "budget.email_per_organization_day",
        number(1, 1_000_000),
        Value("5000"),
        "Codes and links by email for the accounts of one organization in 24 hours",
    ),
    setting(
        "budget.email_per_server_day",
        number(1, 1_000_000),
        Value("20000"),
        "Codes and links by email of the whole server in 24 hours",
    ),
    setting(
        "budget.unverified_per_account_day",
        number(1, 1_000_000),
        Value("10"),
        "Codes from one account to numbers and mailboxes that it has not verified, in 24 hours",
    ),
    setting(
        "budget.first_emails_per_application_hour",
        number(1, 1_000_000),
        Value("100"),
        "Emails of one application to mailboxes that no code has verified, in an hour",
    ),
    setting(
        "budget.reset_links_per_address_hour",
        number(1, 1_000_000),
        Value("3"),
        "Links to choose a new password for one address in an hour; as many again for each browser that the account knows",
    ),
    setting(
        "budget.notices_per_account_hour",
        number(1, 1_000_000),
        Value("30"),
        "Notices about one account in an hour",
    ),
    setting(
        "operator.email",
        Text,
        Absent,
        "Where the operator gets an email when a budget of a country, an organization or the server is 80% used",
    ),
    setting(
        "enrolment.lifetime_minutes",
        number(1, 60),
        Value("10"),
        "Minutes in which the set-up of an authenticator has to be confirmed",
    ),
    setting(
        "password.threads",
        number(1, 256),
        Derived("the number of cores"),
        "Passwords checked at the same time; each takes `password.memory_kib` of memory",
    ),
    setting(
        "password.queue",
        number(1, 10_000),
        Value("64"),
        "Passwords that may wait for their check; beyond them the answer is 503",
    ),
    setting("password.memory_kib", number(19_456, 1_048_576), Value("19456"), "Argon2id's memory in KiB"),
    setting("password.iterations", number(2, 100), Value("2"), "Argon2id's passes over that memory"),
    setting("password.parallelism", number(1, 16), Value("1"), "Argon2id's lanes"),
    setting(
        "password.wrong_before_delay",
        number(1, 1000),
        Value("5"),
        "Wrong passwords for one account from one network before it has to wait; a wider IPv6 network is allowed more",
    ),
    setting(
        "password.wrong_before_confirmation",
        number(1, 100),
        Value("100"),
        "Wrong passwords in a row for one account, over all networks, before a browser it doesn't know must be confirmed by email",
    ),
    setting(
        "network.wrong_before_delay",
        number(1, 100_000),
        Value("50"),
        "Wrong passwords from one network, over all accounts, before it has to wait",
    ),
    setting(
        "api.requests_per_minute",
        number(1, 1_000_000),
        Value("600"),
        "Requests that an application's server may send to the API in a minute, to each node",
    ),
    setting(
        "activity.keep_attempts_days",
        number(0, 36_500),
        Value("90"),
        "Days for which wrong passwords and codes, and codes and links that were sent, stay in an account's activity; \
         `0` is for good",
    ),
    setting(
        "activity.keep_sign_ins_days",
        number(0, 36_500),
        Value("365"),
        "The same of sign-ins, sign-outs and confirmed identities",
    ),
    setting(
        "activity.keep_changes_days",
        number(0, 36_500),
        Value("730"),
        "The same of everything else: changes of passwords, apps, addresses and applications, and \"login as\"",
    ),
    setting("log.format", Choice(&["text", "json"]), Value("text"), "The form of log lines"),
    setting(
        "log.level",
        Choice(&["error", "warn", "info", "debug", "trace"]),
        Value("info"),
        "The least severe level that is logged",
    ),
];
