//! From the configuration to what the other crates take.

use crate::config::{Config, ConfigError, Database, Mode, SecondStepMethod, SmtpSecurity};
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
use countersign_store::{Keyring, Store, StoreError};
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

/// Opens keys and database, and puts the services together.
pub(crate) async fn services(config: &Config, clock: Arc<dyn Clock>) -> Result<Services, Failure> {
    create_data_dir(config)?;
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let store = open(config, &clock, &entropy).await?;
    let hashing = Hashing::new(hashing(config), Arc::clone(&entropy))
        .map_err(|e| Failure::Other(format!("password hashing cannot be set up: {e}")))?;
    Ok(Services::new(store, clock, entropy, hashing, rules(config)))
}

fn create_data_dir(config: &Config) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt as _;
    let dir = &config.data_dir;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| {
        Failure::Input(format!(
            "the data directory {} cannot be created ({e}); create it for the user that runs countersign, or set data_dir.",
            dir.display()
        ))
    })
}

async fn open(config: &Config, clock: &Arc<dyn Clock>, entropy: &Arc<dyn Entropy>) -> Result<Store, Failure> {
    if let Database::Sqlite { path } = &config.database
        && path.exists()
        && !config.keys_file.exists()
    {
        return Err(Failure::Input(format!(
            "the key file {} is missing beside the database {}, which it alone opens; put it back from its backup.",
            config.keys_file.display(),
            path.display()
        )));
    }
    let keys = keys::load_or_create(&config.keys_file)?;
    let keys = keys.into_iter().map(|(id, secret)| (id, Zeroizing::new(*secret))).collect();
    let keyring = Keyring::new(keys).map_err(Failure::other("the key file cannot be used"))?;
    let entropy = Arc::clone(entropy);
    match &config.database {
        Database::Sqlite { path } => {
            let opened = Store::open_sqlite(path, keyring, entropy, &**clock).await;
            opened.map_err(|e| {
                unopened(&format!("the database {} cannot be opened", path.display()), "data_dir", &e)
            })
        }
        Database::Postgres { url, connections } => {
            let opened =
                Store::open_postgres(url.expose(), connections.get(), keyring, entropy, &**clock).await;
            opened.map_err(|e| unopened("PostgreSQL cannot be used", "database.url", &e))
        }
    }
}

/// A database that is away may come back; the rest is for the operator to put right.
fn unopened(what: &str, setting: &str, error: &StoreError) -> Failure {
    match error {
        StoreError::Away(_) => Failure::Other(format!("{what}: {error}; see {setting}.")),
        StoreError::WrongKeys => Failure::Input(format!("{what}: {error}; see keys_file.")),
        _ => Failure::Input(format!("{what}: {error}; see {setting}.")),
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
        disable_after: config.second_step.wrong_codes_before_disable,
        password_pair: slowing(config.password.wrong_before_delay, MINUTE / 2, 15 * MINUTE),
        password_network: slowing(config.network_wrong_before_delay, MINUTE / 6, 5 * MINUTE),
        sends: Limits { forgotten_after: Some(HOUR), ..slowing(20, 5 * MINUTE, HOUR) },
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
            .map(|site| Site { origin: site.origin(), rules: site.rules.clone() })
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
