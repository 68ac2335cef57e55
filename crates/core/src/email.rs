//! E-mail addresses: the name under which people sign in.

use std::{fmt, str::FromStr};
use unicode_normalization::UnicodeNormalization as _;

/// An address in its one canonical form: trimmed, NFC, lower case.
///
/// The form is strict enough that it can stand in a header or a log line as it is, and lenient about what mail systems
/// themselves allow: whether a mailbox exists is found out by writing to it, not by a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EmailAddress(String);

/// Why a text is not an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// Nothing was typed.
    #[error("empty")]
    Empty,
    /// It does not have the form `name@domain`.
    #[error("not an e-mail address")]
    Malformed,
}

impl FromStr for EmailAddress {
    type Err = EmailError;

    fn from_str(raw: &str) -> Result<Self, EmailError> {
        // RFC 5321 §4.5.3.1.3 bounds a path at 256 octets, brackets included.
        if raw.len() > 1024 {
            return Err(EmailError::Malformed);
        }
        let text = raw.trim().nfc().flat_map(char::to_lowercase).collect::<String>();
        if text.is_empty() {
            return Err(EmailError::Empty);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(EmailError::Malformed)?;
        let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"@<>()[],;:\\\"".contains(c);
        let well_formed = text.len() <= 254
            && (1..=64).contains(&local.len())
            && local.chars().all(plain)
            && !domain.is_empty()
            && domain.split('.').all(|label| {
                (1..=63).contains(&label.len())
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            });
        if well_formed { Ok(Self(text)) } else { Err(EmailError::Malformed) }
    }
}

impl EmailAddress {
    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address without a tag (RFC 5233): most providers deliver `mia+anything@example.com` to the mailbox of
    /// `mia@example.com`. For counting only; people sign in with the whole address.
    pub fn untagged(&self) -> String {
        let (local, domain) = self.0.rsplit_once('@').unwrap_or((&self.0, ""));
        match local.split_once('+') {
            Some((mailbox, _)) if !mailbox.is_empty() => format!("{mailbox}@{domain}"),
            _ => self.0.clone(),
        }
    }

    /// The address as it is shown to somebody who has not finished signing in: `m•••@example.com`.
    pub fn masked(&self) -> String {
        let (local, domain) = self.0.rsplit_once('@').unwrap_or((&self.0, ""));
        format!("{}•••@{domain}", local.chars().next().unwrap_or('•'))
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_for_what_people_type() {
        let address: EmailAddress = " Mia.Lund+crm@Example.COM ".parse().unwrap();
        assert_eq!(address.as_str(), "mia.lund+crm@example.com");
        assert_eq!(address.masked(), "m•••@example.com");
        assert_eq!(address.untagged(), "mia.lund@example.com");
        let odd: EmailAddress = "+x@example.com".parse().unwrap();
        assert_eq!(odd.untagged(), "+x@example.com");
        assert!("jörg@müller.example".parse::<EmailAddress>().is_ok());
    }

    #[test]
    fn nothing_that_could_forge_a_header() {
        for bad in [
            "mia",
            "mia@",
            "@x.example",
            "a@b@c.example",
            "a b@c.example",
            "a@c..example",
            "a@-c.example",
            "<a@c.example>",
        ] {
            assert_eq!(bad.parse::<EmailAddress>(), Err(EmailError::Malformed), "{bad:?}");
        }
        assert_eq!("a@c.example\r\nBcc: x".parse::<EmailAddress>(), Err(EmailError::Malformed));
        assert_eq!("  ".parse::<EmailAddress>(), Err(EmailError::Empty));
        assert!(format!("{}@c.example", "a".repeat(65)).parse::<EmailAddress>().is_err());
    }
}
