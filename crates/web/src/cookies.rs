//! The cookies of this server's own host.
//!
//! One holds whichever handle the browser has just now: a visitor's (a random value that nothing is stored for), a
//! waiting sign-in's, or a session's. It changes with each of them, so that nobody can plant one and find it signed in
//! later (session fixation; ASVS 5.0 V7.2.4). Another marks a browser in which a sign-in was completed before. The third
//! names the browser that a hosted set-up belongs to: it is new with every right code, and opens nothing else.

use countersign_core::secret::PlainHandle;
use http::{HeaderMap, HeaderValue, header::COOKIE};

/// Chromium's and RFC 6265bis §5.5's longest life of a cookie.
const KNOWN_BROWSER_DAYS: u32 = 400;

/// The cookies' names and attributes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cookies {
    secure: bool,
}

impl Cookies {
    pub(crate) fn new(secure: bool) -> Self {
        Self { secure }
    }

    fn session_name(self) -> &'static str {
        if self.secure { "__Host-countersign" } else { "countersign" }
    }

    fn browser_name(self) -> &'static str {
        if self.secure { "__Host-countersign-browser" } else { "countersign-browser" }
    }

    fn set_up_name(self) -> &'static str {
        if self.secure { "__Host-countersign-set-up" } else { "countersign-set-up" }
    }

    /// The handle of a visitor, a waiting sign-in or a session.
    pub(crate) fn handle(self, headers: &HeaderMap) -> Option<PlainHandle> {
        only(headers, self.session_name())
    }

    /// The handle of a known browser.
    pub(crate) fn known_browser(self, headers: &HeaderMap) -> Option<PlainHandle> {
        only(headers, self.browser_name())
    }

    /// The handle of a browser that a hosted set-up belongs to.
    pub(crate) fn set_up(self, headers: &HeaderMap) -> Option<PlainHandle> {
        only(headers, self.set_up_name())
    }

    /// `Set-Cookie` for it; it ends with the browser's own session at the latest.
    pub(crate) fn set_set_up(self, handle: &PlainHandle) -> Option<HeaderValue> {
        self.set(self.set_up_name(), &handle.to_text(), "")
    }

    /// `Set-Cookie` that takes it away.
    pub(crate) fn clear_set_up(self) -> Option<HeaderValue> {
        self.set(self.set_up_name(), "", "; Max-Age=0")
    }

    /// `Set-Cookie` for a handle; it ends with the browser's own session at the latest.
    pub(crate) fn set_handle(self, handle: &PlainHandle) -> Option<HeaderValue> {
        self.set(self.session_name(), &handle.to_text(), "")
    }

    /// `Set-Cookie` that takes the handle away.
    pub(crate) fn clear_handle(self) -> Option<HeaderValue> {
        self.set(self.session_name(), "", "; Max-Age=0")
    }

    /// `Set-Cookie` for a known browser.
    pub(crate) fn set_known_browser(self, handle: &PlainHandle) -> Option<HeaderValue> {
        let age = format!("; Max-Age={}", KNOWN_BROWSER_DAYS * 24 * 3600);
        self.set(self.browser_name(), &handle.to_text(), &age)
    }

    fn set(self, name: &str, value: &str, age: &str) -> Option<HeaderValue> {
        cookie(name, value, self.secure, age)
    }
}

/// `Set-Cookie`, as strict as the scheme allows.
pub(crate) fn cookie(name: &str, value: &str, secure: bool, age: &str) -> Option<HeaderValue> {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}");
    let mut header = HeaderValue::try_from(text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// The one cookie of that name. Where there are two, one of them may have been planted, and nothing tells which.
pub(crate) fn only(headers: &HeaderMap, name: &str) -> Option<PlainHandle> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut values = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name);
    match (values.next(), values.next()) {
        (Some((_, value)), None) => PlainHandle::parse(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(letter: char) -> String {
        letter.to_string().repeat(42) + "A"
    }

    fn read(lines: &[String]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, line.parse().unwrap());
        }
        Cookies::new(false).handle(&headers).map(|handle| handle.to_text())
    }

    #[test]
    fn one_cookie_is_read_and_two_are_none() {
        let (a, b) = (text('a'), text('b'));
        assert_eq!(read(&[format!("x=1; countersign={a}; countersign-browser={b}")]), Some(a.clone()));
        assert_eq!(read(&[format!("countersign={a}; countersign={b}")]), None);
        assert_eq!(read(&[format!("countersign={a}"), format!("countersign={a}")]), None);
        assert_eq!(read(&[format!("__Host-countersign={a}")]), None);
        for bad in ["countersign", "countersign=", "countersign=short", "=", ""] {
            assert_eq!(read(&[bad.to_owned()]), None, "{bad:?}");
        }
    }

    #[test]
    fn attributes_are_as_strict_as_the_scheme_allows() {
        let handle = PlainHandle::parse(&text('a')).unwrap();
        let over_https = Cookies::new(true);
        assert_eq!(
            over_https.set_handle(&handle).unwrap().to_str().unwrap(),
            format!("__Host-countersign={}; Path=/; HttpOnly; SameSite=Lax; Secure", text('a'))
        );
        assert_eq!(
            Cookies::new(false).clear_handle().unwrap().to_str().unwrap(),
            "countersign=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"
        );
        assert_eq!(
            over_https.set_set_up(&handle).unwrap().to_str().unwrap(),
            format!("__Host-countersign-set-up={}; Path=/; HttpOnly; SameSite=Lax; Secure", text('a'))
        );
        let known = over_https.set_known_browser(&handle).unwrap();
        assert!(known.to_str().unwrap().ends_with("; Secure; Max-Age=34560000"));
    }
}
