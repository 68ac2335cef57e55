//! What is said when a setting is wrong or missing, and what was probably meant.

use super::Origin;
use super::table::{SETTINGS, Setting};

/// A wrong or missing setting, as one sentence that names the key and the remedy. It shows no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct ConfigError {
    key: String,
    sentence: String,
}

impl ConfigError {
    /// The exit code of a program that stops because of this.
    pub const EXIT_CODE: u8 = 2;

    /// The key of the setting, the unknown key or variable, or `--config` where the file as a whole is at
    /// fault.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// About the configuration file as a whole.
    pub(super) fn file(sentence: String) -> Self {
        Self { key: "--config".to_owned(), sentence }
    }

    /// `problem` follows the key's name and ends before the full stop.
    pub(super) fn about(path: &str, origin: &Origin, problem: &str) -> Self {
        let name = match origin {
            Origin::Environment => match Setting::find(path) {
                Some(setting) => format!("{path} ({})", setting.env()),
                None => path.to_owned(),
            },
            Origin::CommandLine(flag) => format!("{path} ({flag})"),
            Origin::File | Origin::SecretFile | Origin::Default => path.to_owned(),
        };
        Self { key: path.to_owned(), sentence: format!("{name} {problem}.") }
    }

    /// A setting that is needed and not there; `remedy` says what to give.
    pub(super) fn missing(path: &str, remedy: &str) -> Self {
        let env = Setting::find(path).map(Setting::env).unwrap_or_default();
        let problem = format!("is missing; {remedy}, in the configuration file or as {env}");
        Self::about(path, &Origin::Default, &problem)
    }

    /// A key of the file that is no setting.
    pub(super) fn unknown_key(path: &str) -> Self {
        Self::unknown(path, nearest(path, |setting| setting.path.to_owned()))
    }

    /// A variable of the environment that is no setting.
    pub(super) fn unknown_variable(name: &str) -> Self {
        Self::unknown(name, nearest(name, Setting::env))
    }

    fn unknown(name: &str, nearest: Option<String>) -> Self {
        let sentence = match nearest {
            Some(nearest) => format!("{name} is not a setting; did you mean {nearest}?"),
            None => format!(
                "{name} is not a setting; remove it, or choose one from the list in \
                 `countersign serve --help`."
            ),
        };
        Self { key: name.to_owned(), sentence }
    }
}

/// The setting that `given` was probably meant to be: one a few letters away, or else the only one with the
/// same last word, which was then written outside its section.
fn nearest(given: &str, name: impl Fn(&Setting) -> String) -> Option<String> {
    let allowed = (given.len() / 5).clamp(1, 4);
    let close = SETTINGS
        .iter()
        .map(|setting| (distance(given, &name(setting)), name(setting)))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name);
    close.or_else(|| {
        let last = given.rsplit('.').next()?;
        let mut same = SETTINGS.iter().filter(|setting| setting.path.rsplit('.').next() == Some(last));
        match (same.next(), same.next()) {
            (Some(only), None) => Some(name(only)),
            _ => None,
        }
    })
}

/// The Levenshtein distance: insertions, deletions and replacements of one character.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (above, a) in from.chars().enumerate() {
        let mut diagonal = above;
        let mut left = above + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, b) in row.iter_mut().skip(1).zip(&to) {
            left = (diagonal + usize::from(a != *b)).min(*cell + 1).min(left + 1);
            diagonal = std::mem::replace(cell, left);
        }
    }
    row.last().copied().unwrap_or_default()
}
