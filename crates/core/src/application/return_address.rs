//! Where people may be sent back to.

use std::str::FromStr;
use url::{Host, Url};

/// An address to which people may be sent back: compared as text, byte by byte (RFC 9700 §4.1.3), so that no way of
/// writing it differently can lead elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReturnAddress(String);

/// Why an address cannot be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not an absolute address.
    #[error("not an absolute address")]
    NotAbsolute,
    /// Plain http to another machine: whoever is between could read what is sent back.
    #[error("https is needed")]
    Insecure,
    /// A fragment, which is the browser's own (RFC 6749 §3.1.2).
    #[error("a fragment")]
    Fragment,
    /// A user name or password.
    #[error("a user name or password")]
    Credentials,
    /// Not written as browsers write it: `..`, upper case in the host, a default port, characters to be encoded.
    #[error("not in normal form")]
    NotNormal,
    /// A host with other characters than names and addresses have. Browsers' policies read some of them, such as `*` and `;`,
    /// as something else.
    #[error("an odd host")]
    OddHost,
    /// Too long.
    #[error("too long")]
    TooLong,
}

impl ReturnAddress {
    /// The most characters.
    pub const LONGEST: usize = 1_000;

    /// An address of a web application: https, or plain http on this very machine, for development (RFC 8252 §7.3).
    pub fn web(text: &str) -> Result<Self, AddressError> {
        let url = Self::absolute(text)?;
        let plain = |byte: u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'[' | b']' | b':')
        };
        if !url.host_str().unwrap_or_default().bytes().all(plain) {
            return Err(AddressError::OddHost);
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            _ => return Err(AddressError::Insecure),
        }
        Ok(Self(text.to_owned()))
    }

    /// The same, or an app's own scheme with a dot in it, such as `com.example.app:/callback` (RFC 8252 §7.1).
    pub fn web_or_native(text: &str) -> Result<Self, AddressError> {
        let url = Self::absolute(text)?;
        if url.scheme().contains('.') { Ok(Self(text.to_owned())) } else { Self::web(text) }
    }

    fn absolute(text: &str) -> Result<Url, AddressError> {
        if text.len() > Self::LONGEST {
            return Err(AddressError::TooLong);
        }
        let url = Url::parse(text).map_err(|_| AddressError::NotAbsolute)?;
        if url.fragment().is_some() {
            return Err(AddressError::Fragment);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::Credentials);
        }
        // "https://app.example" is the one exception: a browser adds the slash, and nobody types it.
        let normal = url.as_str();
        let bare = url.path() == "/" && url.query().is_none() && normal.strip_suffix('/') == Some(text);
        if normal != text && !bare {
            return Err(AddressError::NotNormal);
        }
        Ok(url)
    }

    /// How a browser would write `text`, for whoever wrote it differently; `None` where that is no address either.
    pub fn normal_form(text: &str) -> Option<String> {
        let normal = String::from(Url::parse(text).ok()?);
        Self::web_or_native(&normal).is_ok().then_some(normal)
    }

    /// The address as it was registered.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its origin, as browsers and policies write it; `null` for an app's own scheme.
    pub fn origin(&self) -> String {
        Url::parse(&self.0).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
    }

    /// Whether it is https: then the system gives it to the one who owns the name, a website or the app that claims it
    /// (RFC 8252 §7.2). An app's own scheme, and a port of this machine, go to any program that asks for them.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// The address with `pairs` added to its query.
    pub fn with(&self, pairs: &[(&str, &str)]) -> String {
        let Ok(mut url) = Url::parse(&self.0) else { return self.0.clone() };
        url.query_pairs_mut().extend_pairs(pairs);
        url.into()
    }

    /// The address `text`, if it differs from this one in its port alone, and both are on this very machine by number:
    /// plain http on `127.0.0.1` or on `[::1]`, and not `localhost`, which is a name (RFC 8252 §7.3, §8.3).
    pub fn at_port_of(&self, text: &str) -> Option<Self> {
        let ours = without_loopback_port(&self.0)?;
        (without_loopback_port(text)? == ours).then(|| Self::web(text).ok())?
    }
}

/// The host of a loopback address, and what follows the port.
fn without_loopback_port(text: &str) -> Option<(&'static str, &str)> {
    let rest = text.strip_prefix("http://")?;
    let (host, rest) =
        ["127.0.0.1", "[::1]"].into_iter().find_map(|host| Some((host, rest.strip_prefix(host)?)))?;
    let after = match rest.strip_prefix(':') {
        None => rest,
        Some(port) => port.trim_start_matches(|c: char| c.is_ascii_digit()),
    };
    (after.is_empty() || after.starts_with(['/', '?'])).then_some((host, after))
}

impl FromStr for ReturnAddress {
    type Err = AddressError;

    /// Reads what was registered once, by whatever rule held then.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::absolute(text).map(|_| Self(text.to_owned()))
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::AddressKind;

    #[test]
    fn an_address_is_https_whole_and_in_normal_form() {
        for good in [
            "https://crm.example.com",
            "https://crm.example.com/",
            "https://crm.example.com/back?tenant=7",
            "http://127.0.0.1:4000/back",
            "http://[::1]:4000/back",
            "http://localhost:3000/back",
            "https://crm_test.example.com/back",
        ] {
            assert_eq!(ReturnAddress::web(good).as_ref().map(ReturnAddress::as_str), Ok(good));
        }
        for (bad, error) in [
            ("/back", AddressError::NotAbsolute),
            ("http://crm.example.com/", AddressError::Insecure),
            ("http://localhost.example.com/", AddressError::Insecure),
            ("com.example.app:/back", AddressError::Insecure),
            ("javascript:alert(1)", AddressError::Insecure),
            ("https://crm.example.com/#", AddressError::Fragment),
            ("https://me@crm.example.com/", AddressError::Credentials),
            ("https://crm.example.com/a/../b", AddressError::NotNormal),
            ("https://CRM.example.com/", AddressError::NotNormal),
            ("https://crm.example.com:443/", AddressError::NotNormal),
            (" https://crm.example.com/", AddressError::NotNormal),
            ("https://*/", AddressError::OddHost),
            ("https://*.example.com/", AddressError::OddHost),
            ("https://a;sandbox/", AddressError::OddHost),
            ("https://a'b.example.com/", AddressError::OddHost),
            ("https:\\\\crm.example.com/", AddressError::NotNormal),
        ] {
            assert_eq!(ReturnAddress::web(bad), Err(error), "{bad}");
        }
        assert!(ReturnAddress::web_or_native("com.example.app:/back").is_ok());
        assert_eq!(ReturnAddress::web_or_native("app:/back"), Err(AddressError::Insecure));
        let native = "com.example.app:/back";
        assert_eq!(AddressKind::SecondStep.address(native), Err(AddressError::Insecure));
        assert!(
            AddressKind::Redirect.address(native).is_ok() && AddressKind::PostLogout.address(native).is_ok()
        );
    }

    #[test]
    fn a_loopback_address_fits_at_any_port_and_at_nothing_else() {
        let at = |registered: &str, text: &str| {
            let address = ReturnAddress::web_or_native(registered).unwrap();
            address.at_port_of(text).is_some_and(|found| found.as_str() == text)
        };
        for (registered, text) in [
            ("http://127.0.0.1/back", "http://127.0.0.1:51004/back"),
            ("http://127.0.0.1:4000/back?x=1", "http://127.0.0.1:51004/back?x=1"),
            ("http://127.0.0.1:4000/back", "http://127.0.0.1/back"),
            ("http://[::1]:4000/back", "http://[::1]:51004/back"),
        ] {
            assert!(at(registered, text), "{registered} {text}");
        }
        for (registered, text) in [
            ("http://127.0.0.1:4000/back", "http://127.0.0.1:51004/back/"),
            ("http://127.0.0.1:4000/back", "http://127.0.0.1:51004/back?x=1"),
            ("http://127.0.0.1:4000/back", "http://127.0.0.1:51004/back#x"),
            ("http://127.0.0.1:4000/back", "https://127.0.0.1:51004/back"),
            ("http://127.0.0.1:4000/back", "http://[::1]:4000/back"),
            ("http://127.0.0.1:4000/back", "http://127.0.0.2:4000/back"),
            ("http://127.0.0.1:4000/back", "http://localhost:4000/back"),
            ("http://127.0.0.1:4000/back", "http://127.0.0.1.evil.example/back"),
            ("http://127.0.0.1:4000/back", "http://127.0.0.1:80@evil.example/back"),
            ("http://127.0.0.1:4000/back", "http://127.0.0.1@evil.example/back"),
            ("http://127.0.0.1:4000/back", "http://127.0.0.1:/back"),
            ("http://127.0.0.1:4000/back", "http://127.0.0.1:99999/back"),
            ("http://127.0.0.1:4000/back", "http://127.0.0.1:051004/back"),
            ("http://127.0.0.1:4000/back", "http://127.0.0.1:80/back"),
            ("http://127.0.0.1:4000/back", "http://127.0.0.1:51004\\@evil.example/back"),
            ("http://localhost:4000/back", "http://localhost:51004/back"),
            ("https://crm.example:4000/back", "https://crm.example:51004/back"),
            ("com.example.app:/back", "http://127.0.0.1:51004/back"),
        ] {
            assert!(!at(registered, text), "{registered} {text}");
        }
    }

    #[test]
    fn what_was_registered_once_can_still_be_read_and_taken_away() {
        for (old, error) in
            [("https://*/back", AddressError::OddHost), ("http://crm.example/", AddressError::Insecure)]
        {
            assert_eq!(ReturnAddress::web(old), Err(error));
            assert_eq!(old.parse::<ReturnAddress>().unwrap().as_str(), old);
        }
        assert!(ReturnAddress::web_or_native("com.example.app://login_callback").is_ok());
    }

    #[test]
    fn what_is_not_in_normal_form_is_told_its_normal_form() {
        for (typed, normal) in [
            ("https://CRM.example.com:443/a/../b", Some("https://crm.example.com/b")),
            (" https://crm.example.com/ü", Some("https://crm.example.com/%C3%BC")),
            ("http://CRM.example.com/", None),
            ("nonsense", None),
        ] {
            assert_eq!(ReturnAddress::normal_form(typed).as_deref(), normal, "{typed}");
        }
    }

    #[test]
    fn what_is_sent_back_joins_the_query() {
        let address = ReturnAddress::web("https://crm.example.com/back?tenant=7").unwrap();
        assert_eq!(
            address.with(&[("result", "a b"), ("state", "ü&")]),
            "https://crm.example.com/back?tenant=7&result=a+b&state=%C3%BC%26"
        );
        assert_eq!(address.origin(), "https://crm.example.com");
    }
}
