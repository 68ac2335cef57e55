//! Shows the settings to people: `serve --check`, `serve --help`, and the table of `docs/CONFIGURATION.md`.

use std::fmt::Write as _;

use super::table::{Fallback, Kind, SETTINGS, Setting};
use super::value::Value;
use super::{Config, ConfigError, Database, Mode, Secret, Settings, form, sites};

/// Lists longer than this are shown by their beginning.
const SHOWN_OF_A_LIST: usize = 12;

impl Settings {
    /// Checks everything as [`Settings::config`] does, and shows each key, its effective value and where that
    /// came from. Secrets are shown as `(set)`.
    ///
    /// # Errors
    ///
    /// As [`Settings::config`].
    pub fn explain(&self) -> Result<String, ConfigError> {
        let config = self.config()?;
        let rows: Vec<[String; 3]> = SETTINGS
            .iter()
            .map(|setting| {
                let (value, origin) = match self.entries.get(setting.path) {
                    Some(entry) => (shown(setting.kind, &entry.value), entry.origin.to_string()),
                    None if setting.path == "public_url" => {
                        (config.public_url.to_string(), "default".to_owned())
                    }
                    None => ("(not set)".to_owned(), "default".to_owned()),
                };
                [setting.path.to_owned(), value, origin]
            })
            .collect();
        let width =
            |column: fn(&[String; 3]) -> &str| rows.iter().map(|row| column(row).chars().count()).max();
        let key_width = width(|[key, _, _]| key).unwrap_or_default();
        let value_width = width(|[_, value, _]| value).unwrap_or_default().min(48);
        let mut text = String::new();
        for [key, value, origin] in &rows {
            let _ = writeln!(text, "{key:key_width$}  {value:value_width$}  {origin}");
        }
        text.push('\n');
        if !config.sites.is_empty() {
            let _ = writeln!(text, "{}", sites::explain(&config.sites));
        }
        for note in notes(&config) {
            let _ = writeln!(text, "{note}");
        }
        text.push_str("The configuration is valid.\n");
        Ok(text)
    }
}

/// What follows from several settings together and is easily overlooked.
fn notes(config: &Config) -> Vec<String> {
    let mut notes = Vec::new();
    if config.mode == Mode::Dev {
        notes.push("With --dev no e-mail or SMS leaves; /dev/outbox shows them.".to_owned());
    } else if config.sms.gateway.is_none() {
        notes.push("SMS is off, because sms.url is not set.".to_owned());
    } else if !config.sms_is_on() {
        notes.push("SMS is off, because sms.allowed_countries lists no country.".to_owned());
    }
    if let Database::Postgres { url, .. } = &config.database
        && let Ok(Some(address)) = form::database_url(url.expose())
    {
        notes.extend(address.unencrypted().map(|host| {
            format!("The connection to PostgreSQL at {host} is not encrypted, because of sslmode=disable.")
        }));
    }
    let mib = (config.password.threads.get() as u64 * u64::from(config.password.memory_kib)).div_ceil(1024);
    notes.push(format!("Checking passwords takes up to {mib} MiB of memory."));
    notes
}

fn shown(kind: Kind, value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::List(items) if items.is_empty() => "(none)".to_owned(),
        Value::List(items) if items.len() > SHOWN_OF_A_LIST => {
            let first: Vec<&str> = items.iter().take(3).map(String::as_str).collect();
            format!("{} and {} more", first.join(", "), items.len() - first.len())
        }
        Value::List(items) => items.join(", "),
        Value::Secret(url) if kind == Kind::SecretUrl => without_credentials(url),
        Value::Secret(_) => "(set)".to_owned(),
    }
}

/// A database's address without its user name, password and parameters, any of which may be a secret.
fn without_credentials(url: &Secret) -> String {
    match form::database_url(url.expose()) {
        Ok(Some(address)) => address.to_string(),
        // What is neither of the two kinds never comes here.
        Ok(None) | Err(_) => "sqlite".to_owned(),
    }
}

/// The list of settings for `serve --help`.
#[must_use]
pub fn help() -> String {
    let mut text =
        "Settings of the configuration file, each also as a variable of the environment:\n".to_owned();
    for setting in SETTINGS {
        let Setting { path, kind, about, fallback: without } = *setting;
        let without = match without {
            Fallback::Required => "Required without --dev".to_owned(),
            _ => format!("Default: {}", fallback(without)),
        };
        let entry = format!("\n  {path}, {}\n      {about}{}. {without}.\n", setting.env(), bounds(kind));
        text.push_str(&entry.replace('`', ""));
    }
    text
}

/// The table of `docs/CONFIGURATION.md`, in Markdown.
#[must_use]
pub fn documentation() -> String {
    let mut text = "| Key | Environment | Default | What for |\n|---|---|---|---|\n".to_owned();
    for setting in SETTINGS {
        let _ = writeln!(
            text,
            "| `{}` | `{}` | {} | {}{} |",
            setting.path,
            setting.env(),
            fallback(setting.fallback),
            setting.about,
            bounds(setting.kind),
        );
    }
    text
}

fn fallback(fallback: Fallback) -> String {
    match fallback {
        Fallback::Required => "required without `--dev`".to_owned(),
        Fallback::Absent => "not set".to_owned(),
        Fallback::Value(text) => format!("`{text}`"),
        Fallback::Derived(how) => how.to_owned(),
    }
}

fn bounds(kind: Kind) -> String {
    match kind {
        Kind::Number { min, max } => format!(" ({min} to {max})"),
        Kind::Choice(words) => format!(" (`{}`)", words.join("`, `")),
        Kind::Text | Kind::List | Kind::Secret | Kind::SecretFile | Kind::SecretUrl => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    #[test]
    fn variables_are_distinct() {
        let names: BTreeSet<String> = SETTINGS.iter().map(Setting::env).collect();
        assert_eq!(names.len(), SETTINGS.len());
        assert!(names.contains("COUNTERSIGN_STEP_UP_MAX_AGE_SECONDS"));
    }

    #[test]
    fn every_budget_has_a_setting_with_its_default() {
        let budgets = SETTINGS.iter().filter(|setting| setting.path.starts_with("budget."));
        let settings: Vec<_> = budgets.map(|setting| (setting.path.to_owned(), setting.fallback)).collect();
        let scopes = countersign_core::budget::Scope::ALL.iter().map(|scope| {
            let default: &'static str = scope.default_budget().allowed.to_string().leak();
            (format!("budget.{}", scope.setting()), Fallback::Value(default))
        });
        assert_eq!(settings, scopes.collect::<Vec<_>>());
    }

    #[test]
    fn the_documentation_has_the_table_and_examples_that_work() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let text = fs::read_to_string(root.join("docs/CONFIGURATION.md")).unwrap();
        let lines = text.lines().filter(|line| line.starts_with('|'));
        let table: String = lines.map(|line| format!("{line}\n")).collect();
        assert_eq!(table, documentation(), "docs/CONFIGURATION.md has to hold this table");

        let directory = tempfile::tempdir().unwrap();
        for secret in ["smtp", "sms"] {
            fs::write(directory.path().join(secret), "secret\n").unwrap();
        }
        let examples: Vec<&str> =
            text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        assert_eq!(examples.len(), 2);
        for example in examples {
            let path = directory.path().join("example.toml");
            let example = example.replace("/run/secrets", directory.path().to_str().unwrap());
            fs::write(&path, example).unwrap();
            Settings::for_production(&path, []).unwrap().config().unwrap();
        }
    }
}
