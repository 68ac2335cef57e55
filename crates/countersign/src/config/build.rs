//! Makes the [`Config`]: the form of each setting, and how they fit together.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use countersign_core::{
    budget::{Budgets, Scope},
    event::Retention,
};
use url::Url;

use super::value::Value;
use super::{
    Code, Config, ConfigError, Country, Database, Http, Log, LogFormat, LogLevel, Mode, Password, SecondStep,
    SecondStepMethod, Secret, Session, Settings, Sms, SmsGateway, Smtp, SmtpCredentials, SmtpSecurity, form,
};

impl Settings {
    /// Checks the settings' form and how they fit together.
    ///
    /// # Errors
    ///
    /// The first that is wrong or missing, in the order of [`super::table::SETTINGS`] as far as they do not
    /// depend on each other.
    pub fn config(&self) -> Result<Config, ConfigError> {
        let listen = self.needed("listen", form::socket_address)?;
        let metrics_listen = self.parsed("metrics_listen", form::socket_address)?;
        let config = Config {
            mode: self.mode,
            public_url: self.public_url()?,
            listen,
            metrics_listen,
            http: self.http()?,
            drain: self.seconds("shutdown.drain_seconds")?,
            data_dir: self.needed("data_dir", path)?,
            service_name: self.needed("service_name", form::service_name)?,
            security_contact: self.parsed("security.contact", form::security_contact)?,
            support_url: self.parsed("support.url", form::support_url)?,
            support_email: self.parsed("support.email", form::email_address)?,
            trusted_proxies: self.list("trusted_proxies", form::network)?,
            database: self.database()?,
            keys_file: self.needed("keys_file", path)?,
            smtp: self.smtp()?,
            sms: self.sms()?,
            session: self.session()?,
            step_up_max_age: self.seconds("step_up.max_age_seconds")?,
            second_step: self.second_step()?,
            code: Code {
                lifetime: self.minutes("code.lifetime_minutes")?,
                resend: self.seconds("code.resend_seconds")?,
            },
            budgets: self.budgets()?,
            operator_email: self.parsed("operator.email", form::email_address)?,
            enrolment_lifetime: self.minutes("enrolment.lifetime_minutes")?,
            password: self.password()?,
            network_wrong_before_delay: self.number("network.wrong_before_delay")?,
            api_requests_per_minute: self.number("api.requests_per_minute")?,
            events_kept: Retention {
                attempts: self.days("activity.keep_attempts_days")?,
                sign_ins: self.days("activity.keep_sign_ins_days")?,
                changes: self.days("activity.keep_changes_days")?,
            },
            log: self.log()?,
            sites: self.sites.clone(),
            public_url_follows_listen: self.text("public_url").is_none(),
        };
        self.fits_together(&config)?;
        Ok(config)
    }

    /// What no setting can tell by itself.
    fn fits_together(&self, config: &Config) -> Result<(), ConfigError> {
        if config.metrics_listen == Some(config.listen) {
            return Err(self.wrong("metrics_listen", "is the same address as listen; give it another port"));
        }
        if self.mode == Mode::Dev {
            for (path, address) in
                [("listen", Some(config.listen)), ("metrics_listen", config.metrics_listen)]
            {
                if let Some(address) = address.filter(|address| !address.ip().is_loopback()) {
                    let problem =
                        format!("is {address}; choose a loopback address such as 127.0.0.1:8080 with --dev");
                    return Err(self.wrong(path, &problem));
                }
            }
        }
        if config.sites.iter().any(|site| site.shares_cookies(&config.public_url)) {
            return Err(self.wrong(
                "public_url",
                "is on the host of a site in forward_auth.sites; give each a host of its own, for another port \
                 would receive the same cookies",
            ));
        }
        let methods = &config.second_step.methods;
        if methods.iter().all(|method| *method == SecondStepMethod::BackupCode) {
            return Err(self.wrong(
                "second_step.methods",
                "leaves no method that an account can set up; list at least one of app, sms and email",
            ));
        }
        let usable =
            methods.iter().any(|method| *method != SecondStepMethod::BackupCode && config.offers(*method));
        if !usable {
            return Err(self.wrong(
                "second_step.methods",
                "offers sms alone while SMS is off; set sms.url and sms.allowed_countries, \
                 or list app or email",
            ));
        }
        Ok(())
    }

    /// The configured address, or the one listened on with `--dev`, whose demonstration people must never
    /// come into a database that serves a public address.
    fn public_url(&self) -> Result<Url, ConfigError> {
        match (self.parsed("public_url", form::public_url)?, self.mode) {
            (Some(url), Mode::Dev) if !form::is_loopback(&url) => {
                Err(self.wrong("public_url", "is not a loopback address; leave it out with --dev"))
            }
            (Some(url), _) => Ok(url),
            (None, Mode::Production) => Err(ConfigError::missing(
                "public_url",
                "set the address that people open, such as \"https://login.example.org\"",
            )),
            (None, Mode::Dev) => self.needed("listen", |listen| {
                Url::parse(&format!("http://{listen}"))
                    .map_err(|_| format!("is {listen:?}; give an IP address and a port"))
            }),
        }
    }

    fn http(&self) -> Result<Http, ConfigError> {
        let http = Http {
            header: self.seconds("http.header_seconds")?,
            body: self.seconds("http.body_seconds")?,
            idle: self.seconds("http.idle_seconds")?,
            max_connections: self.number("http.max_connections")?,
            max_connections_per_network: self.number("http.max_connections_per_network")?,
        };
        if http.max_connections_per_network > http.max_connections {
            return Err(self.wrong(
                "http.max_connections_per_network",
                "is more than http.max_connections; lower it, or raise that",
            ));
        }
        Ok(http)
    }

    fn database(&self) -> Result<Database, ConfigError> {
        let url = match self.secret("database.url") {
            Some(url) => {
                let form = form::database_url(url.expose());
                form.map_err(|problem| self.wrong("database.url", &problem))?.map(|_| url.clone())
            }
            None => None,
        };
        Ok(match url {
            Some(url) => Database::Postgres { url, connections: self.at_least_one("database.connections")? },
            None => Database::Sqlite { path: self.needed("data_dir", path)?.join("countersign.db") },
        })
    }

    fn smtp(&self) -> Result<Option<Smtp>, ConfigError> {
        let Some(host) = self.parsed("smtp.host", form::mail_host)? else {
            return match self.mode {
                Mode::Dev => Ok(None),
                Mode::Production => {
                    Err(ConfigError::missing("smtp.host", "name the mail server that sends codes"))
                }
            };
        };
        let security = self.choice(
            "smtp.security",
            &[("starttls", SmtpSecurity::StartTls), ("tls", SmtpSecurity::Tls), ("none", SmtpSecurity::None)],
        )?;
        if security == SmtpSecurity::None && !form::is_loopback_host(&host) {
            return Err(self.wrong(
                "smtp.security",
                "is \"none\", which would send codes in the clear; set \"starttls\" or \"tls\" \
                 for a host that is not loopback",
            ));
        }
        let Some(from) = self.parsed("smtp.from", form::sender)? else {
            return Err(ConfigError::missing(
                "smtp.from",
                "set the sender of e-mails, such as \"login@example.org\"",
            ));
        };
        Ok(Some(Smtp {
            host,
            port: self.number("smtp.port")?,
            security,
            credentials: self.credentials()?,
            from,
        }))
    }

    fn credentials(&self) -> Result<Option<SmtpCredentials>, ConfigError> {
        match (self.text("smtp.username"), self.secret("smtp.password")) {
            (Some(username), Some(password)) => {
                Ok(Some(SmtpCredentials { username: username.to_owned(), password: password.clone() }))
            }
            (None, None) => Ok(None),
            (Some(_), None) => Err(self.wrong(
                "smtp.username",
                "is set without a password; set smtp.password or smtp.password_file as well",
            )),
            (None, Some(_)) => {
                Err(self.wrong("smtp.password", "is set without a user name; set smtp.username as well"))
            }
        }
    }

    fn sms(&self) -> Result<Sms, ConfigError> {
        let allowed_countries: Vec<Country> = self.list("sms.allowed_countries", form::country)?;
        let url =
            self.parsed("sms.url", |text| form::web_address(text, "https://sms.example.org/messages"))?;
        let Some(url) = url else { return Ok(Sms { gateway: None, allowed_countries }) };
        let Some(token) = self.secret("sms.token").cloned() else {
            return Err(ConfigError::missing("sms.token", "set the gateway's token, or sms.token_file"));
        };
        form::bearer_token(&token).map_err(|problem| self.wrong("sms.token", &problem))?;
        let Some(from) = self.text("sms.from").map(str::to_owned) else {
            return Err(ConfigError::missing("sms.from", "set the number or the name that SMS come from"));
        };
        Ok(Sms { gateway: Some(SmsGateway { url, token, from }), allowed_countries })
    }

    fn session(&self) -> Result<Session, ConfigError> {
        let session = Session {
            idle: self.minutes("session.idle_minutes")?,
            max: Duration::from_secs(3600 * self.number::<u64>("session.max_hours")?),
            login_as: self.minutes("session.login_as_minutes")?,
        };
        if session.idle > session.max {
            return Err(self.wrong(
                "session.idle_minutes",
                "is longer than session.max_hours; shorten it, or lengthen that",
            ));
        }
        Ok(session)
    }

    fn second_step(&self) -> Result<SecondStep, ConfigError> {
        let second_step = SecondStep {
            methods: self.list("second_step.methods", form::second_step_method)?,
            wrong_codes_before_pause: self.number("second_step.wrong_codes_before_pause")?,
            pause: self.minutes("second_step.pause_minutes")?,
            wrong_codes_before_disable: self.number("second_step.wrong_codes_before_disable")?,
        };
        if second_step.wrong_codes_before_pause > second_step.wrong_codes_before_disable {
            return Err(self.wrong(
                "second_step.wrong_codes_before_pause",
                "is more than second_step.wrong_codes_before_disable; lower it, or raise that",
            ));
        }
        Ok(second_step)
    }

    fn budgets(&self) -> Result<Budgets, ConfigError> {
        let number = |scope: &Scope| Ok((*scope, self.number(&format!("budget.{}", scope.setting()))?));
        let allowed = Scope::ALL.iter().map(number).collect::<Result<BTreeMap<_, u32>, ConfigError>>()?;
        Ok(Budgets::new(|scope| allowed.get(&scope).copied()))
    }

    fn password(&self) -> Result<Password, ConfigError> {
        Ok(Password {
            threads: self.at_least_one("password.threads")?,
            queue: self.number("password.queue")?,
            memory_kib: self.number("password.memory_kib")?,
            iterations: self.number("password.iterations")?,
            parallelism: self.number("password.parallelism")?,
            wrong_before_delay: self.number("password.wrong_before_delay")?,
            wrong_before_confirmation: self.number("password.wrong_before_confirmation")?,
        })
    }

    fn log(&self) -> Result<Log, ConfigError> {
        let level = [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace];
        Ok(Log {
            format: self.choice("log.format", &[("text", LogFormat::Text), ("json", LogFormat::Json)])?,
            level: self.choice("log.level", &level.map(|level| (level.as_str(), level)))?,
        })
    }

    fn secret(&self, path: &str) -> Option<&Secret> {
        match &self.entries.get(path)?.value {
            Value::Secret(secret) => Some(secret),
            Value::Text(_) | Value::Number(_) | Value::List(_) => None,
        }
    }

    /// A text setting in its form, where it has a value.
    fn parsed<T>(
        &self,
        path: &str,
        form: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        self.text(path).map(form).transpose().map_err(|problem| self.wrong(path, &problem))
    }

    /// A text setting that has a default, in its form.
    fn needed<T>(&self, path: &str, form: impl Fn(&str) -> Result<T, String>) -> Result<T, ConfigError> {
        self.parsed(path, form)?.ok_or_else(|| ConfigError::missing(path, "give it a value"))
    }

    /// A list, empty where it is not set. No entry may be there twice.
    fn list<T: PartialEq>(
        &self,
        path: &str,
        form: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, ConfigError> {
        let mut list = Vec::new();
        let Some(Value::List(items)) = self.entries.get(path).map(|entry| &entry.value) else {
            return Ok(list);
        };
        for item in items {
            let entry = form(item).map_err(|problem| self.wrong(path, &problem))?;
            if list.contains(&entry) {
                return Err(self.wrong(path, &format!("contains {item:?} twice; leave one of them out")));
            }
            list.push(entry);
        }
        Ok(list)
    }

    /// One of a [`super::table::Kind::Choice`]'s words, as what it stands for.
    fn choice<T: Copy>(&self, path: &str, words: &[(&str, T)]) -> Result<T, ConfigError> {
        let form = |text: &str| {
            let known = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
            known.ok_or_else(|| format!("is {text:?}; choose another word"))
        };
        self.needed(path, form)
    }

    fn number<T: TryFrom<u64, Error: Debug>>(&self, path: &str) -> Result<T, ConfigError> {
        match self.entries.get(path).map(|entry| &entry.value) {
            Some(Value::Number(number)) => {
                T::try_from(*number).map_err(|_| self.wrong(path, "is too large; lower it"))
            }
            _ => Err(ConfigError::missing(path, "set a number")),
        }
    }

    fn at_least_one(&self, path: &str) -> Result<NonZeroUsize, ConfigError> {
        NonZeroUsize::new(self.number(path)?).ok_or_else(|| self.wrong(path, "is 0; set 1 or more"))
    }

    /// Days, of which 0 means that there is no end.
    fn days(&self, path: &str) -> Result<Option<Duration>, ConfigError> {
        let days = self.number::<u64>(path)?;
        Ok((days > 0).then(|| Duration::from_secs(24 * 3600 * days)))
    }

    fn minutes(&self, path: &str) -> Result<Duration, ConfigError> {
        Ok(Duration::from_secs(60 * self.number::<u64>(path)?))
    }

    fn seconds(&self, path: &str) -> Result<Duration, ConfigError> {
        Ok(Duration::from_secs(self.number(path)?))
    }
}

/// The form of a path, which every text has.
fn path(text: &str) -> Result<PathBuf, String> {
    Ok(PathBuf::from(text))
}
