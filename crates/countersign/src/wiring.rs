//! From the configuration to what the other crates take.

use crate::config::{Config, ConfigError, Database, Mode, SecondStepMethod, Secret, SmtpSecurity};
use crate::keys::{self, KeyFileError};
use countersign_core::{
    Clock, Entropy,
    second_step::Method,
    session::Lifetimes,
    throttle::{Limits, Pace},
};
use countersign_delivery as delivery;
use countersign_flows::{
    Rules, Services,
    ambient::OsEntropy,
    forward_auth::Site,
    hashing::{Hashing, HashingSettings},
};
use countersign_store::{ExpectedDatabase, Keyring, PostgresAddress, Schema, Store, StoreError};
use std::{sync::Arc, time::Duration};
use zeroize::Zeroizing;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Why a command could not be carried out, as one sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A setting is wrong or missing.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The key file cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// What was typed cannot be used.
    #[error("{0}")]
    Input(String),
    /// Everything else.
    #[error("{0}")]
    Other(String),
}

impl Failure {
    /// 2 for what the operator can put right in the settings or on the command line, 1 for the rest.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Keys(_) | Self::Input(_) => ConfigError::EXIT_CODE,
            Self::Other(_) => 1,
        }
    }

    /// For `map_err`: `what` and the reason.
    pub(crate) fn other<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> Self {
        move |error| Self::Other(format!("{what}: {error}"))
    }
}

/// Which database a command may open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// The one that belongs to the keys; with new keys, a new one.
    Server,
    /// A new one, though the keys have been used: `--new-database`.
    NewDatabase,
    /// One that is there: the command works beside a server.
    Beside,
}

impl Start {
    /// Of a command with the flag `--new-database`.
    pub(crate) fn of(new_database: bool) -> Self {
        if new_database { Self::NewDatabase } else { Self::Server }
    }
}

/// Opens keys and database, and puts the services together.
pub(crate) async fn services(
    config: &Config,
    clock: Arc<dyn Clock>,
    start: Start,
) -> Result<Services, Failure> {
    if start != Start::Beside {
        create_data_dir(config)?;
    }
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let store = open(config, &clock, &entropy, start).await?;
    let hashing = Hashing::new(hashing(config), Arc::clone(&entropy))
        .map_err(|e| Failure::Other(format!("password hashing cannot be set up: {e}")))?;
    Ok(Services::new(store, clock, entropy, hashing, rules(config)))
}

/// Who can write in the directory can put another file in the place of the database or the keys, or a log of their own beside
/// the database, which SQLite would then play back.
pub(crate) fn create_data_dir(config: &Config) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt as _;
    let created = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&config.data_dir);
    created.map_err(|error| no_data_dir(config, &error)).and_then(|()| check_data_dir(config))
}

/// Refuses a data directory that is missing, or in which others can put files.
pub(crate) fn check_data_dir(config: &Config) -> Result<(), Failure> {
    use std::os::unix::fs::MetadataExt as _;
    let dir = &config.data_dir;
    match std::fs::metadata(dir).map(|metadata| metadata.mode() & 0o7777) {
        Ok(mode) if mode & 0o022 == 0 => Ok(()),
        Ok(mode) => Err(Failure::Input(format!(
            "the data directory {0} has mode {mode:04o}, which lets others put files there; run `chmod go-w {0}`, or set \
             data_dir to a directory below it, which is then created.",
            dir.display()
        ))),
        Err(error) => Err(no_data_dir(config, &error)),
    }
}

fn no_data_dir(config: &Config, error: &std::io::Error) -> Failure {
    Failure::Input(format!(
        "the data directory {} cannot be used ({error}); create it for the user that runs countersign, or set data_dir.",
        config.data_dir.display()
    ))
}

async fn open(
    config: &Config,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
    start: Start,
) -> Result<Store, Failure> {
    let keys_file = &config.keys_file;
    if let Database::Sqlite { path } = &config.database
        && path.exists()
        && !keys_file.exists()
    {
        return Err(Failure::Input(format!(
            "the key file {} is missing beside the database {}, which it alone opens; put it back from its backup.",
            keys_file.display(),
            path.display()
        )));
    }
    let keys = match start {
        Start::Beside => keys::load(keys_file)?,
        Start::Server | Start::NewDatabase => keys::load_or_create(keys_file)?,
    };
    let are_new = keys::are_unused(keys_file);
    let keyring = keyring(keys)?.expecting(match start {
        Start::Server if are_new => ExpectedDatabase::Either,
        Start::Server | Start::Beside => ExpectedDatabase::Existing,
        Start::NewDatabase => ExpectedDatabase::New,
    });
    let entropy = Arc::clone(entropy);
    let opened = match &config.database {
        Database::Sqlite { path } => Store::open_sqlite(path, keyring, entropy, &**clock).await,
        Database::Postgres { url, connections } => {
            warn_of_plain_connections(url);
            Store::open_postgres(url.expose(), connections.get(), keyring, entropy, &**clock).await
        }
    };
    let store = opened.map_err(|error| unopened(config, &error))?;
    if are_new {
        keys::used(keys_file)?;
    }
    if are_new || start == Start::NewDatabase {
        let keys = keys_file.canonicalize().unwrap_or_else(|_| keys_file.clone());
        tracing::warn!(database = place(config), keys = %keys.display(), new_keys = are_new, "a new database was created");
    }
    Ok(store)
}

/// The versions of the database's schema. Nothing is created and nothing is changed.
pub(crate) async fn schema(config: &Config) -> Result<Schema, Failure> {
    let keyring = keyring(keys::load(&config.keys_file)?)?;
    let entropy = Arc::new(OsEntropy);
    let found = match &config.database {
        Database::Sqlite { path } => Store::schema_of_sqlite(path, keyring, entropy).await,
        Database::Postgres { url, .. } => Store::schema_of_postgres(url.expose(), keyring, entropy).await,
    };
    found.map_err(|error| unopened(config, &error))
}

fn keyring(keys: keys::Keys) -> Result<Keyring, Failure> {
    let keys = keys.into_iter().map(|(id, secret)| (id, Zeroizing::new(*secret))).collect();
    Keyring::new(keys).map_err(Failure::other("the key file cannot be used"))
}

fn warn_of_plain_connections(url: &Secret) {
    let Ok(address) = url.expose().parse::<PostgresAddress>() else { return };
    for host in address.unencrypted() {
        tracing::warn!(host, "the connection to PostgreSQL is not encrypted, because of sslmode=disable");
    }
}

/// The database, as an operator would find it.
pub(crate) fn place(config: &Config) -> String {
    match &config.database {
        Database::Sqlite { path } => {
            path.canonicalize().unwrap_or_else(|_| path.clone()).display().to_string()
        }
        Database::Postgres { url, .. } => url
            .expose()
            .parse::<PostgresAddress>()
            .map_or_else(|_| "PostgreSQL".into(), |address| address.to_string()),
    }
}

/// A database that is away may come back; the rest is for the operator to put right.
fn unopened(config: &Config, error: &StoreError) -> Failure {
    let (setting, place, keys) = (setting(config), place(config), config.keys_file.display());
    let what = format!("the database {place} cannot be opened");
    match error {
        StoreError::Away(_) => Failure::Other(format!("{what}: {error}; see {setting}.")),
        StoreError::WrongKeys => Failure::Input(format!("{what}: {error}; see keys_file.")),
        StoreError::Missing => Failure::Input(format!(
            "the database {place} is missing or empty, but the keys in {keys} have been used with one; restore it, correct \
             {setting}, or give --new-database once to `serve` or `owner create` to begin with an empty one."
        )),
        StoreError::AlreadyThere => Failure::Input(format!(
            "the database {place} is there already, and --new-database would not replace it; leave the flag out, or move \
             the database away first."
        )),
        StoreError::Mode { .. } => Failure::Input(format!("{error}.")),
        _ => Failure::Input(format!("{what}: {error}; see {setting}.")),
    }
}

/// The setting that says where the database is.
pub(crate) fn setting(config: &Config) -> &'static str {
    match (&config.database, config.mode) {
        (Database::Sqlite { .. }, Mode::Dev) => "--data",
        (Database::Sqlite { .. }, Mode::Production) => "data_dir",
        (Database::Postgres { .. }, _) => "database.url",
    }
}

fn hashing(config: &Config) -> HashingSettings {
    HashingSettings {
        threads: config.password.threads.get(),
        queue: config.password.queue,
        memory_kib: config.password.memory_kib,
        iterations: config.password.iterations,
        parallelism: config.password.parallelism,
    }
}

fn rules(config: &Config) -> Rules {
    let slowing = |allowed, first_pause, longest_pause| Limits {
        allowed,
        first_pause,
        longest_pause,
        pace: Pace::Slowing,
        forgotten_after: Some(DAY),
    };
    // What remains for the owner while the account's counter is closed. See docs/decisions/0019.
    let of_the_owner = |first_pause, longest_pause| Limits {
        allowed: config.second_step.wrong_codes_before_pause.min(5),
        first_pause,
        longest_pause,
        pace: Pace::Closing,
        // The authenticator's own row of failures is never forgotten; this only lets housekeeping delete old browsers' rows.
        forgotten_after: Some(365 * DAY),
    };
    let methods = config.second_step.methods.iter().map(|method| match method {
        SecondStepMethod::App => Method::App,
        SecondStepMethod::Sms => Method::Sms,
        SecondStepMethod::Email => Method::Email,
        SecondStepMethod::BackupCode => Method::BackupCode,
    });
    let countries = config.sms.allowed_countries.iter().map(|country| country.code().to_owned()).collect();
    Rules {
        service_name: config.service_name.clone(),
        public_url: public_url(config),
        lifetimes: Lifetimes {
            idle: config.session.idle,
            absolute: config.session.max,
            login_as: config.session.login_as,
        },
        step_up_max_age: config.step_up_max_age,
        methods: methods.collect(),
        second_step: Limits {
            allowed: config.second_step.wrong_codes_before_pause,
            first_pause: config.second_step.pause,
            longest_pause: 7 * DAY,
            pace: Pace::Closing,
            forgotten_after: None,
        },
        second_step_known_browser: of_the_owner(config.second_step.pause, 7 * DAY),
        second_step_after_reset: of_the_owner(DAY, DAY),
        disable_after: config.second_step.wrong_codes_before_disable,
        password_pair: slowing(config.password.wrong_before_delay, MINUTE / 2, 15 * MINUTE),
        password_account: Limits {
            allowed: config.password.wrong_before_confirmation,
            first_pause: Duration::MAX,
            longest_pause: Duration::MAX,
            pace: Pace::Stopping,
            forgotten_after: Some(365 * DAY),
        },
        password_network: slowing(config.network_wrong_before_delay, MINUTE / 6, 5 * MINUTE),
        sends: Limits { forgotten_after: Some(HOUR), ..slowing(20, 5 * MINUTE, HOUR) },
        budgets: config.budgets.clone(),
        operator: config.operator_email.clone(),
        code_lifetime: config.code.lifetime,
        events_kept: config.events_kept,
        resend_after: config.code.resend,
        enrolment_lifetime: config.enrolment_lifetime,
        challenge_lifetime: 15 * MINUTE,
        reset_lifetime: HOUR,
        sms_countries: config.sms_is_on().then_some(countries),
        sites: config
            .sites
            .iter()
            .map(|site| Site {
                origin: site.origin(),
                rules: site.rules.clone(),
                accepts_login_as: site.accepts_login_as,
            })
            .collect(),
    }
}

/// Where people reach the server, without a trailing slash.
pub(crate) fn public_url(config: &Config) -> String {
    config.public_url.as_str().trim_end_matches('/').to_owned()
}

/// How messages leave: into the development outbox, or by SMTP and the gateway.
pub(crate) fn transports(
    config: &Config,
    outbox: &Arc<delivery::DevOutbox>,
) -> Result<delivery::Transports, Failure> {
    if config.mode == Mode::Dev {
        return Ok(delivery::Transports::development(Arc::clone(outbox)));
    }
    let smtp = config.smtp.as_ref().ok_or_else(|| {
        Failure::Input("smtp.host is missing; name the mail server that sends the codes.".into())
    })?;
    let mail = delivery::SmtpSettings {
        host: smtp.host.clone(),
        port: smtp.port,
        security: match smtp.security {
            SmtpSecurity::StartTls => delivery::SmtpSecurity::StartTls,
            SmtpSecurity::Tls => delivery::SmtpSecurity::Tls,
            SmtpSecurity::None => delivery::SmtpSecurity::None,
        },
        credentials: smtp.credentials.as_ref().map(|c| delivery::SmtpCredentials {
            username: c.username.clone(),
            password: c.password.expose().to_owned(),
        }),
        from_name: smtp.from.name.clone().unwrap_or_else(|| config.service_name.clone()),
        from_address: smtp.from.address.clone(),
    };
    let sms = config.sms.gateway.as_ref().map(|gateway| delivery::SmsSettings {
        url: gateway.url.to_string(),
        token: gateway.token.expose().to_owned(),
        from: gateway.from.clone(),
    });
    delivery::Transports::production(&mail, sms.as_ref()).map_err(Failure::other("messages cannot be sent"))
}
