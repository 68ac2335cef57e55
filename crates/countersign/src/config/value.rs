//! A value of a setting, read by its kind from TOML or from text.

use super::{Secret, table::Kind};

/// A value whose kind has been checked, and whose form is checked where the `Config` is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Number(u64),
    List(Vec<String>),
    Secret(Secret),
}

impl Kind {
    /// Reads text, as the environment and the defaults give it. The error is the end of a sentence that
    /// begins with the key, without its full stop.
    pub(super) fn read_text(self, text: &str) -> Result<Value, String> {
        match self {
            Self::Number { .. } => self.number(text.trim().parse().ok(), || format!("{:?}", text.trim())),
            Self::List => text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(plain)
                .collect::<Result<_, _>>()
                .map(Value::List),
            Self::Choice(words) => {
                let text = plain(text)?;
                if words.contains(&text.as_str()) {
                    Ok(Value::Text(text))
                } else {
                    Err(format!("is {text:?}; set one of {}", words.join(", ")))
                }
            }
            Self::Secret => secret(text).map(Value::Secret),
            Self::SecretUrl => plain(text).map(|text| Value::Secret(Secret::new(text))),
            Self::Text | Self::SecretFile => plain(text).map(Value::Text),
        }
    }

    /// Reads a TOML value. The error is as of [`Kind::read_text`].
    pub(super) fn read_toml(self, value: &toml::Value) -> Result<Value, String> {
        match (self, value) {
            (Self::Number { .. }, toml::Value::Integer(number)) => {
                self.number(u64::try_from(*number).ok(), || number.to_string())
            }
            (Self::Number { .. }, _) => {
                Err(format!("is {}; write a whole number without quotes", what(value)))
            }
            (Self::List, toml::Value::Array(items)) => {
                let text = |item: &toml::Value| match item {
                    toml::Value::String(text) => plain(text),
                    other => Err(format!("contains {}; write each entry as text in quotes", what(other))),
                };
                items.iter().map(text).collect::<Result<_, _>>().map(Value::List)
            }
            (Self::List, _) => Err(format!("is {}; write a list such as [\"one\", \"two\"]", what(value))),
            (_, toml::Value::String(text)) => self.read_text(text),
            (_, _) => Err(format!("is {}; write it as text in quotes", what(value))),
        }
    }

    fn number(self, given: Option<u64>, shown: impl Fn() -> String) -> Result<Value, String> {
        let (min, max) = match self {
            Self::Number { min, max } => (min, max),
            _ => (0, u64::MAX),
        };
        match given {
            Some(number) if (min..=max).contains(&number) => Ok(Value::Number(number)),
            _ => Err(format!("is {}; set a whole number from {min} to {max}", shown())),
        }
    }
}

/// A secret that fits on one line. The error shows nothing of it.
pub(super) fn secret(text: &str) -> Result<Secret, String> {
    if text.is_empty() {
        return Err("is empty; give it a value or leave it out".to_owned());
    }
    if text.contains(char::is_control) {
        return Err("holds a line break or another control character; give it as one line".to_owned());
    }
    Ok(Secret::new(text.to_owned()))
}

/// Text without surrounding space. Control characters are refused here once, so that no setting can smuggle a
/// line break into a header, a log line or a page.
fn plain(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("is empty; give it a value or leave it out".to_owned());
    }
    if text.contains(char::is_control) {
        return Err("holds a line break or another control character; remove it".to_owned());
    }
    Ok(text.to_owned())
}

fn what(value: &toml::Value) -> &'static str {
    match value {
        toml::Value::String(_) => "text",
        toml::Value::Integer(_) => "a number",
        toml::Value::Float(_) => "a decimal number",
        toml::Value::Boolean(_) => "true or false",
        toml::Value::Datetime(_) => "a date",
        toml::Value::Array(_) => "a list",
        toml::Value::Table(_) => "a section",
    }
}
