//! Gathers a value for every setting and remembers where it came from.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::table::{Fallback, Kind, SETTINGS, Setting};
use super::value::{self, Value};
use super::{ConfigError, Country, Mode, Site, sites};

/// The prefix of every variable that is ours.
const PREFIX: &str = "COUNTERSIGN_";

/// Variables with our prefix that are not settings: what tests need, and an application's API key, which may be in the
/// environment of a terminal in which the operator's commands run.
const NOT_SETTINGS: [&str; 2] = ["COUNTERSIGN_BIN", countersign_web::api::this_key::VARIABLE];
const NOT_SETTINGS_PREFIX: &str = "COUNTERSIGN_TEST_";

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// This flag of `serve --dev`.
    CommandLine(&'static str),
    /// The setting's variable.
    Environment,
    /// The configuration file.
    File,
    /// The file that the setting's `…_file` key names.
    SecretFile,
    /// The default.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CommandLine(_) => "command line",
            Self::Environment => "environment",
            Self::File => "file",
            Self::SecretFile => "secret file",
            Self::Default => "default",
        })
    }
}

/// What the command line of `serve --dev` says, which wins over everything else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--data DIR`.
    pub data_dir: Option<PathBuf>,
    /// `--listen ADDRESS`.
    pub listen: Option<SocketAddr>,
}

/// A value of every setting that has one, and where it came from. Kinds and number ranges are checked; form
/// and consistency are checked by [`Settings::config`].
#[derive(Debug, Clone)]
pub struct Settings {
    pub(super) mode: Mode,
    pub(super) entries: Layer,
    pub(super) sites: Vec<Site>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

type Layer = BTreeMap<&'static str, Entry>;

impl Settings {
    /// Reads `file` and `environment` (such as [`std::env::vars_os`]) for `serve --config FILE`.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, a key or variable is unknown, or a value is of the wrong kind or out of
    /// range.
    pub fn for_production(
        file: &Path,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        Self::gather(Mode::Production, Some(file), environment, Overrides::default())
    }

    /// Reads `file`, if there is one, and `environment` for `serve --dev`.
    ///
    /// # Errors
    ///
    /// As [`Settings::for_production`].
    pub fn for_dev(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        overrides: Overrides,
    ) -> Result<Self, ConfigError> {
        Self::gather(Mode::Dev, file, environment, overrides)
    }

    fn gather(
        mode: Mode,
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        overrides: Overrides,
    ) -> Result<Self, ConfigError> {
        let mut settings = Self { mode, entries: Layer::new(), sites: Vec::new() };
        if let Some(file) = file {
            let (layer, sites) = read_file(file)?;
            settings.overlay(layer)?;
            settings.sites = sites;
        }
        settings.overlay(read_environment(environment)?)?;
        settings.overlay(read_overrides(overrides)?)?;
        settings.read_secret_files()?;
        settings.fill_in_defaults()?;
        Ok(settings)
    }

    /// Puts `layer` over what is there. Within one layer `x` and `x_file` contradict each other; a higher
    /// layer's `x` replaces a lower one's `x_file`, and the other way round.
    fn overlay(&mut self, layer: Layer) -> Result<(), ConfigError> {
        for (path, entry) in layer.iter().filter(|(path, _)| !path.ends_with("_file")) {
            let twin = Setting::find(path).and_then(Setting::twin);
            if let Some(twin) = twin.filter(|twin| layer.contains_key(twin.path)) {
                let problem = format!("is given twice, here and as {}; leave one of them out", twin.path);
                return Err(ConfigError::about(path, &entry.origin, &problem));
            }
        }
        for (path, entry) in layer {
            if let Some(twin) = Setting::find(path).and_then(Setting::twin) {
                self.entries.remove(twin.path);
            }
            self.entries.insert(path, entry);
        }
        Ok(())
    }

    fn read_secret_files(&mut self) -> Result<(), ConfigError> {
        for setting in SETTINGS.iter().filter(|setting| setting.kind == Kind::SecretFile) {
            let (Some(twin), Some(entry)) = (setting.twin(), self.entries.get(setting.path)) else {
                continue;
            };
            let Value::Text(file) = &entry.value else { continue };
            let wrong = |problem: String| {
                let problem = format!("names {file}, which {problem}");
                ConfigError::about(setting.path, &entry.origin, &problem)
            };
            let text = fs::read_to_string(file).map(Zeroizing::new).map_err(|error| {
                wrong(format!("cannot be read ({error}); check its path and its permissions"))
            })?;
            let secret = value::secret(text.trim_end_matches(['\r', '\n'])).map_err(|_| {
                wrong("does not hold one line of text; write the secret into it and nothing else".to_owned())
            })?;
            let entry = Entry { value: Value::Secret(secret), origin: Origin::SecretFile };
            self.entries.insert(twin.path, entry);
        }
        Ok(())
    }

    fn fill_in_defaults(&mut self) -> Result<(), ConfigError> {
        for setting in SETTINGS {
            if self.entries.contains_key(setting.path) {
                continue;
            }
            let text = match setting.fallback {
                Fallback::Value(text) => Some(text.to_owned()),
                Fallback::Derived(_) | Fallback::Required => self.derived(setting.path),
                Fallback::Absent => None,
            };
            if let Some(text) = text {
                let value = setting
                    .kind
                    .read_text(&text)
                    .map_err(|problem| ConfigError::about(setting.path, &Origin::Default, &problem))?;
                self.entries.insert(setting.path, Entry { value, origin: Origin::Default });
            }
        }
        Ok(())
    }

    /// The defaults that depend on other settings, on the mode or on the machine.
    fn derived(&self, path: &str) -> Option<String> {
        let dev = self.mode == Mode::Dev;
        match path {
            "data_dir" if dev => Some("./countersign-data".to_owned()),
            "data_dir" => Some("/var/lib/countersign".to_owned()),
            "keys_file" => {
                let keys_file = Path::new(self.text("data_dir")?).join("keys.toml");
                Some(keys_file.display().to_string())
            }
            "smtp.port" => Some(
                match self.text("smtp.security") {
                    Some("tls") => "465",
                    Some("none") => "25",
                    _ => "587",
                }
                .to_owned(),
            ),
            "sms.allowed_countries" if dev => {
                Some(Country::every().map(Country::code).collect::<Vec<_>>().join(","))
            }
            "shutdown.drain_seconds" => Some(if dev { "0" } else { "5" }.to_owned()),
            "password.threads" => {
                let cores = std::thread::available_parallelism().map_or(1, usize::from);
                Some(cores.min(256).to_string())
            }
            _ => None,
        }
    }

    /// A text setting's value, where it has one.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        match &self.entries.get(path)?.value {
            Value::Text(text) => Some(text),
            Value::Number(_) | Value::List(_) | Value::Secret(_) => None,
        }
    }

    /// Says what is wrong with the setting, named as the operator gave it.
    pub(super) fn wrong(&self, path: &str, problem: &str) -> ConfigError {
        let origin = self.entries.get(path).map_or(Origin::Default, |entry| entry.origin);
        ConfigError::about(path, &origin, problem)
    }
}

fn read_file(file: &Path) -> Result<(Layer, Vec<Site>), ConfigError> {
    let shown = file.display();
    let text = fs::read_to_string(file).map(Zeroizing::new).map_err(|error| {
        ConfigError::file(format!(
            "The configuration file {shown} cannot be read ({error}); give the path of a readable TOML file \
             to --config."
        ))
    })?;
    let mut table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        // Only the message: the error's own text quotes the line, which may hold a secret.
        let line = error
            .span()
            .and_then(|span| text.get(..span.start))
            .map_or(1, |before| before.matches('\n').count() + 1);
        let message = error.message().lines().next().unwrap_or("not TOML");
        ConfigError::file(format!(
            "The configuration file {shown} is not valid TOML; correct line {line} ({message})."
        ))
    })?;
    let sites = table.remove(sites::SECTION).map_or(Ok(Vec::new()), |section| sites::read(&section))?;
    let mut layer = Layer::new();
    flatten("", &table, &mut layer)?;
    Ok((layer, sites))
}

/// Takes the keys of `table`, and of the sections in it, into `layer`.
fn flatten(section: &str, table: &toml::Table, layer: &mut Layer) -> Result<(), ConfigError> {
    for (key, value) in table {
        let path = if section.is_empty() { key.clone() } else { format!("{section}.{key}") };
        let is_section =
            SETTINGS.iter().any(|s| s.path.strip_prefix(&path).is_some_and(|r| r.starts_with('.')));
        match (Setting::find(&path), value) {
            (Some(setting), value) => {
                let value = setting
                    .kind
                    .read_toml(value)
                    .map_err(|problem| ConfigError::about(setting.path, &Origin::File, &problem))?;
                layer.insert(setting.path, Entry { value, origin: Origin::File });
            }
            (None, toml::Value::Table(inner)) if is_section || !inner.is_empty() => {
                flatten(&path, inner, layer)?;
            }
            (None, _) if is_section => {
                let problem = format!("is a section; write its keys below a line [{path}]");
                return Err(ConfigError::about(&path, &Origin::File, &problem));
            }
            (None, _) => return Err(ConfigError::unknown_key(&path)),
        }
    }
    Ok(())
}

/// Takes our variables. An empty one counts as not given, as container files cannot leave a variable out.
fn read_environment(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Layer, ConfigError> {
    let mut layer = Layer::new();
    let mut ours: Vec<_> = environment
        .into_iter()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value))
        .filter(|(name, _)| name.starts_with(PREFIX))
        .filter(|(name, _)| !NOT_SETTINGS.contains(&name.as_str()) && !name.starts_with(NOT_SETTINGS_PREFIX))
        .collect();
    // The environment has no order of its own; with two mistakes in it, the same one is told every time.
    ours.sort();
    for (name, value) in ours {
        let setting = SETTINGS
            .iter()
            .find(|setting| setting.env() == name)
            .ok_or_else(|| ConfigError::unknown_variable(&name))?;
        if value.is_empty() {
            continue;
        }
        let value = value
            .to_str()
            .ok_or_else(|| "is not valid UTF-8; give it as UTF-8 text".to_owned())
            .and_then(|text| setting.kind.read_text(text))
            .map_err(|problem| ConfigError::about(setting.path, &Origin::Environment, &problem))?;
        layer.insert(setting.path, Entry { value, origin: Origin::Environment });
    }
    Ok(layer)
}

fn read_overrides(overrides: Overrides) -> Result<Layer, ConfigError> {
    let mut layer = Layer::new();
    if let Some(listen) = overrides.listen {
        let entry = Entry { value: Value::Text(listen.to_string()), origin: Origin::CommandLine("--listen") };
        layer.insert("listen", entry);
    }
    if let Some(data_dir) = overrides.data_dir {
        let origin = Origin::CommandLine("--data");
        let text = data_dir.into_os_string().into_string().map_err(|_| {
            ConfigError::about("data_dir", &origin, "is not valid UTF-8; choose a path that is")
        })?;
        let value = Kind::Text
            .read_text(&text)
            .map_err(|problem| ConfigError::about("data_dir", &origin, &problem))?;
        layer.insert("data_dir", Entry { value, origin });
    }
    Ok(layer)
}
