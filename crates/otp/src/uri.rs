//! `otpauth://` URIs: what a QR code for an authenticator app says.
//!
//! The format is the Key URI Format of Google Authenticator
//! (<https://github.com/google/google-authenticator/wiki/Key-Uri-Format>), which the other apps took over.

use std::{fmt, str::FromStr};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{Algorithm, Digits, ParameterError, Period, Secret, SecretError, Totp};

/// Everything but the unreserved characters of RFC 3986 (section 2.3): what is left reads the same in a path and in a
/// query, and to readers that take `+` for a space.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A part of the label, `issuer:account`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LabelPart {
    /// Who runs the service.
    Issuer,
    /// Whose account it is.
    Account,
}

impl fmt::Display for LabelPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Issuer => "issuer",
            Self::Account => "account",
        })
    }
}

/// Why a URI cannot be made or read. No variant holds any part of a secret.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum UriError {
    /// The scheme is not `otpauth`.
    #[error("this is no otpauth:// URI")]
    Scheme,
    /// Another type than `totp`: `hotp`, or an app's own.
    #[error("only otpauth URIs of the type totp are supported")]
    Type,
    /// An empty issuer or account.
    #[error("the {0} is empty")]
    Empty(LabelPart),
    /// A colon, which the Key URI Format reserves for dividing issuer and account.
    #[error("the {0} contains a colon")]
    Colon(LabelPart),
    /// A control character, such as a line break.
    #[error("the {0} contains a control character")]
    Control(LabelPart),
    /// Percent-encoded bytes that are no UTF-8.
    #[error("the URI contains bytes that are no UTF-8")]
    Encoding,
    /// The same parameter twice: apps differ in which one they take.
    #[error("the parameter {0} occurs twice")]
    Repeated(&'static str),
    /// No `secret`, the one required parameter.
    #[error("the secret is missing")]
    MissingSecret,
    /// A secret that is none.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// An algorithm, a length or a period that is none.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
}

/// An authenticator as an app is told of it. `Display` writes the URI, which contains the secret; `Debug` does not.
///
/// ```
/// use countersign_otp::{OtpauthUri, Secret, Totp};
///
/// let totp = Totp::standard(Secret::from_bytes(b"12345678901234567890")?);
/// let uri = OtpauthUri::new("Example Ltd", "maya@example.org", totp)?;
/// assert_eq!(
///     uri.to_string(),
///     "otpauth://totp/Example%20Ltd:maya%40example.org\
///      ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example%20Ltd"
/// );
/// assert_eq!(uri.to_string().parse(), Ok(uri));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OtpauthUri {
    issuer: Option<String>,
    account: String,
    totp: Totp,
}

impl OtpauthUri {
    /// Names an authenticator. White space around the names is dropped, since readers drop it.
    ///
    /// # Errors
    ///
    /// [`UriError::Empty`], [`UriError::Colon`] and [`UriError::Control`].
    pub fn new(issuer: &str, account: &str, totp: Totp) -> Result<Self, UriError> {
        let issuer = Some(label_part(issuer, LabelPart::Issuer)?);
        let account = label_part(account, LabelPart::Account)?;
        Ok(Self { issuer, account, totp })
    }

    /// Who runs the service. A URI from elsewhere may not say it; one of [`OtpauthUri::new`] always does.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Whose account it is.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The authenticator.
    #[must_use]
    pub const fn totp(&self) -> &Totp {
        &self.totp
    }

    /// The authenticator, taken out.
    #[must_use]
    pub fn into_totp(self) -> Totp {
        self.totp
    }
}

fn label_part(text: &str, part: LabelPart) -> Result<String, UriError> {
    let text = text.trim();
    if text.is_empty() {
        Err(UriError::Empty(part))
    } else if text.contains(':') {
        Err(UriError::Colon(part))
    } else if text.contains(char::is_control) {
        Err(UriError::Control(part))
    } else {
        Ok(text.to_owned())
    }
}

/// The issuer is given twice, as the Key URI Format recommends: older apps read the label's prefix, newer ones the
/// parameter, and both must say the same. The secret comes first.
///
/// Algorithm, digits and period are written only where they differ from the defaults that the format gives them (SHA1,
/// 6, 30). So the common URI holds nothing that an app could ignore or reject, every app reads it alike, and the
/// shorter text makes a QR code that is easier to scan.
impl fmt::Display for OtpauthUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuer = self.issuer.as_deref().map(|issuer| utf8_percent_encode(issuer, ENCODED));
        f.write_str("otpauth://totp/")?;
        if let Some(issuer) = &issuer {
            write!(f, "{issuer}:")?;
        }
        let secret = Zeroizing::new(self.totp.secret().to_base32());
        write!(f, "{}?secret={}", utf8_percent_encode(&self.account, ENCODED), *secret)?;
        if let Some(issuer) = &issuer {
            write!(f, "&issuer={issuer}")?;
        }
        if self.totp.algorithm() != Algorithm::default() {
            write!(f, "&algorithm={}", self.totp.algorithm())?;
        }
        if self.totp.digits() != Digits::default() {
            write!(f, "&digits={}", self.totp.digits().get())?;
        }
        if self.totp.period() != Period::default() {
            write!(f, "&period={}", self.totp.period().seconds())?;
        }
        Ok(())
    }
}

impl FromStr for OtpauthUri {
    type Err = UriError;

    /// Reads what [`Display`](fmt::Display) writes, and what apps and other issuers write: an encoded colon in the
    /// label, spaces before the account, no issuer, `+` for a space in the query, a secret in lower case or padded,
    /// parameters in any order, unknown ones among them. Where prefix and parameter name different issuers, the
    /// parameter counts.
    fn from_str(text: &str) -> Result<Self, UriError> {
        let rest = strip_prefix_ignoring_case(text.trim(), "otpauth://").ok_or(UriError::Scheme)?;
        let rest = strip_prefix_ignoring_case(rest, "totp/").ok_or(UriError::Type)?;
        let rest = rest.split_once('#').map_or(rest, |(before, _fragment)| before);
        let (label, query) = rest.split_once('?').unwrap_or((rest, ""));

        let parameters = Parameters::read(query)?;
        let label = decode(label)?;
        let (prefix, account) = match label.split_once(':') {
            Some((prefix, account)) => (Some(prefix), account),
            None => (None, label.as_str()),
        };
        // An empty issuer, in either place, is none.
        let named = |issuer: &&str| !issuer.trim().is_empty();
        let issuer = parameters.issuer.as_ref().map(|issuer| issuer.as_str()).filter(named);
        let issuer = issuer
            .or(prefix.filter(named))
            .map(|issuer| label_part(issuer, LabelPart::Issuer))
            .transpose()?;
        let account = label_part(account, LabelPart::Account)?;
        Ok(Self { issuer, account, totp: parameters.into_totp()? })
    }
}

/// The parameters that are known, decoded and not yet understood.
#[derive(Default)]
struct Parameters {
    secret: Option<Zeroizing<String>>,
    issuer: Option<Zeroizing<String>>,
    algorithm: Option<Zeroizing<String>>,
    digits: Option<Zeroizing<String>>,
    period: Option<Zeroizing<String>>,
}

impl Parameters {
    fn read(query: &str) -> Result<Self, UriError> {
        let mut parameters = Self::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (place, name) = match name.to_ascii_lowercase().as_str() {
                "secret" => (&mut parameters.secret, "secret"),
                "issuer" => (&mut parameters.issuer, "issuer"),
                "algorithm" => (&mut parameters.algorithm, "algorithm"),
                "digits" => (&mut parameters.digits, "digits"),
                "period" => (&mut parameters.period, "period"),
                _ => continue,
            };
            // A plus sign proper arrives as %2B, from here and from every writer that uses `+` for a space.
            let value = Zeroizing::new(value.replace('+', " "));
            if place.replace(Zeroizing::new(decode(&value)?)).is_some() {
                return Err(UriError::Repeated(name));
            }
        }
        Ok(parameters)
    }

    fn into_totp(self) -> Result<Totp, UriError> {
        let secret = self.secret.as_deref().filter(|secret| !secret.is_empty());
        let secret = Secret::from_base32(secret.ok_or(UriError::MissingSecret)?)?;
        let algorithm = self.algorithm.map_or(Ok(Algorithm::default()), |text| text.parse())?;
        let digits = self.digits.map_or(Ok(Digits::default()), |text| {
            text.trim().parse().map_or(Err(ParameterError::Digits), Digits::new)
        })?;
        let period = self.period.map_or(Ok(Period::default()), |text| {
            text.trim().parse().map_or(Err(ParameterError::Period), Period::new)
        })?;
        Ok(Totp::new(secret, algorithm, digits, period))
    }
}

fn decode(text: &str) -> Result<String, UriError> {
    percent_decode_str(text).decode_utf8().map(Into::into).map_err(|_| UriError::Encoding)
}

/// Scheme and host are read in any case (RFC 3986, sections 3.1 and 3.2.2).
fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests;
