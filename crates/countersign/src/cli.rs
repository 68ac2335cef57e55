//! The command line. Only its form is here; what a command does is elsewhere.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, Parser, Subcommand};

use crate::config::{self, ConfigError, Overrides, Settings};

mod applications;
mod users;

pub use applications::{
    ApiKey, ApiKeyCreate, ApiKeyList, ApiKeyRevoke, Application, ApplicationAddress, ApplicationCreate,
    ApplicationList, ApplicationNamed, ApplicationUpdate,
};
pub use users::{ResetSecondStep, User, UserList, UserNamed};

/// Self-hosted sign-in and two-factor server.
#[derive(Debug, Parser)]
#[command(name = "countersign", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server
    Serve(Serve),
    /// Check that everything a server needs is there and works
    Doctor(Doctor),
    /// Look after the owners of organizations
    #[command(subcommand)]
    Owner(Owner),
    /// Help account holders: find, disable, sign out, reset
    #[command(subcommand)]
    User(User),
    /// Register applications that use this server
    #[command(subcommand)]
    Application(Application),
    /// Look after an application's API keys
    #[command(subcommand)]
    ApiKey(ApiKey),
    /// Look after the keys that sign what applications are told
    #[command(subcommand)]
    Keys(Keys),
}

/// The server that a command is about: by its configuration, or by the data directory of a `serve --dev`.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Place {
    /// The server's configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// The data directory of a `serve --dev`
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

impl Place {
    /// Gathers the settings of that server.
    ///
    /// # Errors
    ///
    /// As [`Settings::for_production`].
    pub fn settings(
        &self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Settings, ConfigError> {
        match self.config.as_deref() {
            Some(file) => Settings::for_production(file, environment),
            None => {
                let overrides = Overrides { data_dir: self.data.clone(), listen: None };
                Settings::for_dev(None, environment, overrides)
            }
        }
    }
}

/// Options of `countersign doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Which server.
    #[command(flatten)]
    pub place: Place,

    /// Also send a real email to this address
    #[arg(long, value_name = "ADDRESS")]
    pub send_test: Option<String>,
}

/// Options of `countersign keys`.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Make new keys that sign ID tokens; they are published now and sign in a day
    RotateSigning(RotateSigning),
}

/// Options of `countersign keys rotate-signing`.
#[derive(Debug, Args)]
pub struct RotateSigning {
    /// Which server.
    #[command(flatten)]
    pub place: Place,

    /// After a key has leaked: the new keys sign at once, and all others are withdrawn with everything they signed
    #[arg(long)]
    pub now: bool,
}

/// Options of `countersign serve`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("settings").args(["dev", "config"]).multiple(true).required(true)))]
#[command(after_long_help = config::help())]
pub struct Serve {
    /// Run a demonstration on this machine alone: people are made up, and messages are shown instead of sent
    #[arg(long)]
    pub dev: bool,

    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Check the configuration, show what is in effect and where it came from, and stop
    #[arg(long, requires = "config")]
    pub check: bool,

    /// The directory of the demonstration's data [default: ./countersign-data]
    #[arg(long, value_name = "DIR", requires = "dev")]
    pub data: Option<PathBuf>,

    /// The loopback address to listen on; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS", requires = "dev")]
    pub listen: Option<SocketAddr>,

    /// Begin with an empty database, though the key file has been used with another one
    #[arg(long)]
    pub new_database: bool,

    /// Read an offset in seconds from this file at every look at the clock
    #[arg(long, value_name = "FILE", requires = "dev")]
    pub clock_file: Option<PathBuf>,
}

impl Serve {
    /// Gathers the settings that these options ask for.
    ///
    /// # Errors
    ///
    /// As [`Settings::for_production`].
    pub fn settings(
        &self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Settings, ConfigError> {
        match (self.dev, self.config.as_deref()) {
            (false, Some(file)) => Settings::for_production(file, environment),
            (_, file) => {
                let overrides = Overrides { data_dir: self.data.clone(), listen: self.listen };
                Settings::for_dev(file, environment, overrides)
            }
        }
    }
}

/// Options of `countersign owner`.
#[derive(Debug, Subcommand)]
pub enum Owner {
    /// Create an organization and its owner
    Create(OwnerCreate),
}

/// Options of `countersign owner create`.
#[derive(Debug, Args)]
pub struct OwnerCreate {
    /// Which server.
    #[command(flatten)]
    pub place: Place,

    /// The owner's e-mail address
    #[arg(long)]
    pub email: String,

    /// The owner's name
    #[arg(long)]
    pub name: String,

    /// The organization's name
    #[arg(long)]
    pub organization: String,

    /// The file that holds the password, or - for standard input; without it, the password is asked for
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// Begin with an empty database, though the key file has been used with another one
    #[arg(long)]
    pub new_database: bool,
}

/// Where a new password is read from. Never the command line, which other users of the machine can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordSource<'a> {
    /// Asked for at the terminal.
    Prompt,
    /// Standard input, to its end.
    StandardInput,
    /// This file.
    File(&'a Path),
}

impl OwnerCreate {
    /// Where the new owner's password is read from.
    #[must_use]
    pub fn password_source(&self) -> PasswordSource<'_> {
        match self.password_file.as_deref() {
            None => PasswordSource::Prompt,
            Some(file) if file == Path::new("-") => PasswordSource::StandardInput,
            Some(file) => PasswordSource::File(file),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    fn serve(line: &str) -> Serve {
        match parse(line).unwrap().command {
            Command::Serve(serve) => serve,
            other => panic!("{other:?}"),
        }
    }

    fn owner_create(line: &str) -> OwnerCreate {
        match parse(line).unwrap().command {
            Command::Owner(Owner::Create(create)) => create,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_scripts_write_is_read() {
        let plain = serve("countersign serve --dev");
        assert!(plain.dev && !plain.check);
        assert_eq!((plain.config, plain.data, plain.listen, plain.clock_file), (None, None, None, None));

        let full = serve(
            "countersign serve --dev --data /d --listen 127.0.0.1:0 --clock-file /c --config /f --check",
        );
        assert!(full.dev && full.check);
        assert_eq!(full.data.as_deref(), Some(Path::new("/d")));
        assert_eq!(full.listen, Some("127.0.0.1:0".parse().unwrap()));
        assert_eq!(full.clock_file.as_deref(), Some(Path::new("/c")));
        assert_eq!(full.config.as_deref(), Some(Path::new("/f")));

        let checked = serve("countersign serve --config /f --check");
        assert!(!checked.dev && checked.check);
    }

    #[test]
    fn what_does_not_belong_together_is_refused_with_exit_code_2() {
        let owner = "countersign owner create --email e --name n --organization o";
        for (line, kind) in [
            ("countersign serve".to_owned(), ErrorKind::MissingRequiredArgument),
            ("countersign serve --check --dev".to_owned(), ErrorKind::MissingRequiredArgument),
            ("countersign serve --config f --data d".to_owned(), ErrorKind::MissingRequiredArgument),
            (
                "countersign serve --config f --listen 127.0.0.1:1".to_owned(),
                ErrorKind::MissingRequiredArgument,
            ),
            ("countersign serve --config f --clock-file c".to_owned(), ErrorKind::MissingRequiredArgument),
            ("countersign serve --dev --listen localhost".to_owned(), ErrorKind::ValueValidation),
            (owner.to_owned(), ErrorKind::MissingRequiredArgument),
            (format!("{owner} --config f --data d"), ErrorKind::ArgumentConflict),
            (format!("{owner} --data d --password secret"), ErrorKind::UnknownArgument),
        ] {
            let error = parse(&line).unwrap_err();
            assert_eq!((error.kind(), error.exit_code()), (kind, 2), "{line}");
        }
    }

    #[test]
    fn dev_takes_the_flags_into_the_settings_and_stays_on_loopback() {
        let config = serve("countersign serve --dev --data /d --listen [::1]:0")
            .settings([])
            .and_then(|settings| settings.config())
            .unwrap();
        assert_eq!(config.data_dir, Path::new("/d"));
        assert_eq!(config.listen, "[::1]:0".parse().unwrap());

        let refused = serve("countersign serve --dev --listen 0.0.0.0:8080")
            .settings([])
            .and_then(|settings| settings.config())
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            "listen (--listen) is 0.0.0.0:8080; choose a loopback address such as 127.0.0.1:8080 with --dev.",
        );
    }

    #[test]
    fn a_password_comes_from_a_file_standard_input_or_a_prompt() {
        let line = "countersign owner create --email e --name n --organization o --data /d";
        assert_eq!(owner_create(line).password_source(), PasswordSource::Prompt);
        let create = owner_create(&format!("{line} --password-file -"));
        assert_eq!(create.password_source(), PasswordSource::StandardInput);
        let create = owner_create(&format!("{line} --password-file /p"));
        assert_eq!(create.password_source(), PasswordSource::File(Path::new("/p")));
        assert_eq!(create.place.settings([]).unwrap().config().unwrap().data_dir, Path::new("/d"));
    }

    #[test]
    fn the_help_of_serve_lists_the_settings() {
        let help = Cli::command().find_subcommand_mut("serve").unwrap().render_long_help().to_string();
        assert!(help.contains("session.idle_minutes, COUNTERSIGN_SESSION_IDLE_MINUTES"), "{help}");
    }
}
