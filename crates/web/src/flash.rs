//! One-time messages. An answer says with a [`Flash`] what has just happened; the next page shows it, once.
//!
//! Between the two it is a cookie of two minutes. Its value is authenticated under a key of the server's own (HMAC, RFC
//! 2104), over the message, the time at which it expires and the handle of the browser it is for. So no link, no form and
//! no other site makes our pages say something (content spoofing, CWE-451), and a message that was copied into another
//! browser shows nothing. Nothing is stored on the server.

use crate::{
    app::App, cookies, notice::Done, pages::once::is_read_by_a_person, respond::ResponseExt as _,
    views::Notice,
};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use countersign_core::{Timestamp, secret::PlainHandle};
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, Mac as _};
use http::{HeaderMap, header::CONTENT_TYPE, request::Parts};
use sha2::Sha256;
use std::time::Duration;

/// How long it waits for its page: long enough for slow networks, too short to surprise anyone later.
const LIFETIME: Duration = Duration::from_secs(120);

/// What the next page says has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flash {
    done: Done,
    /// How many other browsers were signed out by it, or for how many seconds to wait.
    number: u32,
}

impl Flash {
    pub(crate) fn new(done: Done, number: u32) -> Self {
        Self { done, number }
    }

    /// The cookie's value for the browser that holds `handle`.
    fn seal(self, key: &[u8; 32], handle: &PlainHandle, now: Timestamp) -> String {
        let expires = now.plus(LIFETIME).millis();
        let message = format!("{}.{}.{expires}", self.done.word(), self.number);
        let tag = BASE64URL_NOPAD.encode(&mac(key, handle, &message).finalize().into_bytes());
        format!("{message}.{tag}")
    }

    /// Reads it back. `None` if it has expired, is for another browser, or was not made here.
    fn open(key: &[u8; 32], handle: &PlainHandle, now: Timestamp, value: &str) -> Option<Self> {
        let (message, tag) = value.rsplit_once('.')?;
        let tag = BASE64URL_NOPAD.decode(tag.as_bytes()).ok()?;
        mac(key, handle, message).verify_slice(&tag).ok()?;
        let mut parts = message.split('.');
        let done = Done::from_word(parts.next()?)?;
        let number = parts.next()?.parse().ok()?;
        let expires = Timestamp::from_millis(parts.next()?.parse().ok()?);
        (now < expires).then_some(Self { done, number })
    }
}

/// The message that a request brings for the page that answers it, if someone is going to read that page.
pub(crate) fn notice(app: &App, parts: &Parts, handle: Option<&PlainHandle>) -> Option<Notice> {
    if !is_read_by_a_person(&parts.method, &parts.headers) {
        return None;
    }
    let value = cookies::only_value(&parts.headers, app.cookies.flash_name())?;
    let flash = Flash::open(&app.services.flash_key, handle?, app.services.now(), value)?;
    Some(flash.done.notice(flash.number))
}

/// Puts the message of an answer into its cookie, and takes the cookie away with the page that has shown it. A cookie that
/// shows nothing is taken away as well.
pub(crate) async fn carried(State(app): State<App>, request: Request, next: Next) -> Response {
    let reads = is_read_by_a_person(request.method(), request.headers());
    let brought = cookies::brings(request.headers(), app.cookies.flash_name());
    let handle = app.cookies.handle(request.headers());
    let mut response = next.run(request).await;
    if let Some(flash) = response.extensions_mut().remove::<Flash>() {
        return with_flash(&app, response, handle, flash);
    }
    if reads && brought && is_page(response.headers()) {
        return response.with_cookie(app.cookies.clear_flash());
    }
    response
}

/// Whether the browser has a page before it now, and not a redirect, a style or a picture.
fn is_page(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.starts_with("text/html")
}

/// For the handle with which the browser is going to ask for the next page: the one that this answer sets, or the one that
/// it came with. A browser that has none from now on, because it signed out, gets a visitor's.
fn with_flash(app: &App, response: Response, before: Option<PlainHandle>, flash: Flash) -> Response {
    let seal = |handle: &PlainHandle| {
        let value = flash.seal(&app.services.flash_key, handle, app.services.now());
        app.cookies.set_flash(&value, LIFETIME)
    };
    match app.cookies.handle_after(before, response.headers()) {
        Some(handle) => response.with_cookie(seal(&handle)),
        None => {
            let handle = PlainHandle::generate(&*app.services.entropy);
            let mut response = response;
            app.cookies.drop_handle_lines(response.headers_mut());
            response.with_cookie(app.cookies.set_handle(&handle)).with_cookie(seal(&handle))
        }
    }
}

fn mac(key: &[u8; 32], handle: &PlainHandle, message: &str) -> Hmac<Sha256> {
    let mut mac = crate::csrf::keyed(key);
    // A handle's text has one length, so no two pairs of handle and message run together alike.
    mac.update(handle.to_text().as_bytes());
    mac.update(message.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [1; 32];
    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn handle(letter: &str) -> PlainHandle {
        PlainHandle::parse(&(letter.repeat(42) + "A")).unwrap()
    }

    fn sealed() -> String {
        Flash::new(Done::PasswordChanged, 3).seal(&KEY, &handle("a"), NOW)
    }

    #[test]
    fn it_is_read_by_its_own_browser_for_two_minutes() {
        let value = sealed();
        let at = |millis| Flash::open(&KEY, &handle("a"), Timestamp::from_millis(millis), &value);
        assert_eq!(at(1_000_000), Some(Flash::new(Done::PasswordChanged, 3)));
        assert_eq!(at(1_119_999), Some(Flash::new(Done::PasswordChanged, 3)));
        assert_eq!(at(1_120_000), None);
    }

    #[test]
    fn nothing_that_was_changed_copied_or_made_elsewhere_is_read() {
        let value = sealed();
        assert!(Flash::open(&KEY, &handle("b"), NOW, &value).is_none(), "another browser");
        assert!(Flash::open(&[2; 32], &handle("a"), NOW, &value).is_none(), "another server");
        let (message, tag) = value.rsplit_once('.').unwrap();
        for bad in [
            String::new(),
            message.to_owned(),
            format!(".{tag}"),
            format!("{message}."),
            format!("{}.{tag}", message.replace("changed", "reset")),
            format!("{}.{tag}", message.replace(".3.", ".4.")),
            format!("{}.{tag}", message.replace(".1120000", ".9120000")),
            format!("{message}.{}", &tag[1..]),
            format!("{value}A"),
            // A page's `csrf_token` is public to whoever reads the page, and no tag.
            format!("{message}.{}", crate::csrf::token(&KEY, &handle("a"))),
        ] {
            assert!(Flash::open(&KEY, &handle("a"), NOW, &bad).is_none(), "{bad:?}");
        }
    }
}
