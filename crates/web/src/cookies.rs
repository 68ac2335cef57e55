//! The cookies of this server's own host.
//!
//! One holds whichever handle the browser has just now: a visitor's (a random value that nothing is stored for), a
//! waiting sign-in's, or a session's. It changes with each of them, so that nobody can plant one and find it signed in
//! later (session fixation; ASVS 5.0 V7.2.4). Another marks a browser in which a sign-in was completed before. The third
//! names the browser that a hosted set-up belongs to: it is new with every right code, and opens nothing else. The fourth
//! carries a one-time message to the next page (`flash`).

use countersign_core::secret::PlainHandle;
use http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, SET_COOKIE},
};
use std::time::Duration;

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

    /// The cookie of a one-time message.
    pub(crate) fn flash_name(self) -> &'static str {
        if self.secure { "__Host-countersign-flash" } else { "countersign-flash" }
    }

    /// `Set-Cookie` for a one-time message.
    pub(crate) fn set_flash(self, value: &str, lifetime: Duration) -> Option<HeaderValue> {
        self.set(self.flash_name(), value, &format!("; Max-Age={}", lifetime.as_secs()))
    }

    /// `Set-Cookie` that takes it away.
    pub(crate) fn clear_flash(self) -> Option<HeaderValue> {
        self.set(self.flash_name(), "", "; Max-Age=0")
    }

    /// The handle that a browser has after an answer with these headers; `before` is the one that it had.
    pub(crate) fn handle_after(self, before: Option<PlainHandle>, answer: &HeaderMap) -> Option<PlainHandle> {
        let set = answer.get_all(SET_COOKIE).iter().rev().find_map(|line| self.handle_line(line));
        set.map_or(before, |value| PlainHandle::parse(&value))
    }

    /// Whether an answer sets the handle, or takes it away.
    pub(crate) fn sets_handle(self, answer: &HeaderMap) -> bool {
        answer.get_all(SET_COOKIE).iter().any(|line| self.handle_line(line).is_some())
    }

    /// Makes the cookies of a request those of the browser that holds `handle`.
    pub(crate) fn replace_handle(self, request: &mut HeaderMap, handle: &PlainHandle) -> Option<()> {
        let lines = request.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).map(str::trim);
        let mine = format!("{}=", self.session_name());
        let mut pairs: Vec<String> =
            pairs.filter(|pair| !pair.starts_with(&mine)).map(str::to_owned).collect();
        pairs.push(format!("{mine}{}", handle.to_text()));
        let mut line = HeaderValue::try_from(pairs.join("; ")).ok()?;
        line.set_sensitive(true);
        request.insert(COOKIE, line);
        Some(())
    }

    /// Takes back what an answer was going to do with the handle.
    pub(crate) fn drop_handle_lines(self, answer: &mut HeaderMap) {
        let lines: Vec<HeaderValue> = answer.get_all(SET_COOKIE).iter().cloned().collect();
        answer.remove(SET_COOKIE);
        for line in lines.into_iter().filter(|line| self.handle_line(line).is_none()) {
            answer.append(SET_COOKIE, line);
        }
    }

    /// The value of a `Set-Cookie` line for the handle; empty where it takes the handle away.
    fn handle_line(self, line: &HeaderValue) -> Option<String> {
        let (name, rest) = line.to_str().ok()?.split_once('=')?;
        let value = rest.split(';').next().unwrap_or_default();
        (name == self.session_name()).then(|| value.to_owned())
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

/// The one handle in a cookie of that name.
pub(crate) fn only(headers: &HeaderMap, name: &str) -> Option<PlainHandle> {
    PlainHandle::parse(only_value(headers, name)?)
}

/// The one cookie of that name. Where there are two, one of them may have been planted, and nothing tells which.
pub(crate) fn only_value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = values(headers, name);
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}

/// Whether there is any cookie of that name.
pub(crate) fn brings(headers: &HeaderMap, name: &str) -> bool {
    values(headers, name).next().is_some()
}

fn values<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(move |(key, _)| *key == name).map(|(_, value)| value)
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
    fn the_handle_after_an_answer_is_the_last_that_it_sets() {
        let cookies = Cookies::new(false);
        let handle = |letter| PlainHandle::parse(&text(letter));
        let after = |lines: &[Option<HeaderValue>]| {
            let mut answer = HeaderMap::new();
            for line in lines.iter().flatten() {
                answer.append(SET_COOKIE, line.clone());
            }
            cookies.handle_after(handle('a'), &answer).map(|handle| handle.to_text())
        };
        let (b, c) = (handle('b').unwrap(), handle('c').unwrap());
        assert_eq!(after(&[]), Some(text('a')));
        assert_eq!(after(&[cookies.set_known_browser(&b), cookies.set_set_up(&b)]), Some(text('a')));
        assert_eq!(after(&[cookies.set_handle(&b), cookies.set_handle(&c)]), Some(text('c')));
        assert_eq!(after(&[cookies.set_handle(&b), cookies.clear_handle()]), None);
        let mut answer = HeaderMap::new();
        answer.append(SET_COOKIE, cookies.clear_handle().unwrap());
        answer.append(SET_COOKIE, cookies.set_known_browser(&b).unwrap());
        cookies.drop_handle_lines(&mut answer);
        assert_eq!(answer.get_all(SET_COOKIE).iter().count(), 1);
        assert_eq!(cookies.handle_after(handle('a'), &answer).unwrap().to_text(), text('a'));
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
        assert_eq!(
            over_https.set_flash("x.0.1.y", Duration::from_secs(120)).unwrap().to_str().unwrap(),
            "__Host-countersign-flash=x.0.1.y; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=120"
        );
        let known = over_https.set_known_browser(&handle).unwrap();
        assert!(known.to_str().unwrap().ends_with("; Secure; Max-Age=34560000"));
    }
}
