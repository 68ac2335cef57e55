//! Which page of which site a proxy asks about.
//!
//! nginx is told to send `X-Original-URL`. Traefik and Caddy send `X-Forwarded-Proto`, `-Host`, `-Uri` and `-Method` of
//! themselves. A question in both forms, or with a header twice, is none: one of them would be
//! the client's own.

use http::{HeaderMap, header::ACCEPT};
use url::Url;

/// A page that somebody wants to see.
pub(super) struct Asked {
    /// The site's origin, as browsers write it.
    pub(super) origin: String,
    /// The path and query, as the browser sent them.
    pub(super) target: String,
    /// Whether the answer may be a redirect: the proxy passes it on, and a person is looking at the page.
    pub(super) leads_on: bool,
}

impl Asked {
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        if headers.contains_key("x-original-url") {
            let (origin, target) = original(headers)?;
            return Some(Self { origin, target: target.to_owned(), leads_on: false });
        }
        let target = only(headers, "x-forwarded-uri")?;
        let reads = matches!(only(headers, "x-forwarded-method")?, "GET" | "HEAD");
        let pages = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let leads_on = reads && pages.contains("text/html");
        let plain = target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic());
        plain.then_some(Self { origin: forwarded(headers)?, target: target.to_owned(), leads_on })
    }

    /// The path without the query, as the browser sent it: the rules judge how it is written, too.
    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// The origin of the site that passes a browser's request on.
pub(super) fn origin(headers: &HeaderMap) -> Option<String> {
    if headers.contains_key("x-original-url") { Some(original(headers)?.0) } else { forwarded(headers) }
}

/// Cuts an absolute address by hand: a parser would resolve the dots in its path, which the rules want to see.
fn original(headers: &HeaderMap) -> Option<(String, &str)> {
    if headers.contains_key("x-forwarded-uri") {
        return None;
    }
    let text = only(headers, "x-original-url")?;
    let after_scheme = text.find("://")? + 3;
    let slash = after_scheme + text[after_scheme..].find('/')?;
    let (site, target) = text.split_at(slash);
    let plain = target.bytes().all(|byte| byte.is_ascii_graphic());
    plain.then_some((normal(site)?, target))
}

fn forwarded(headers: &HeaderMap) -> Option<String> {
    let (scheme, host) = (only(headers, "x-forwarded-proto")?, only(headers, "x-forwarded-host")?);
    normal(&format!("{scheme}://{host}"))
}

fn normal(site: &str) -> Option<String> {
    let url = Url::parse(site).ok()?;
    let bare =
        url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let web = matches!(url.scheme(), "http" | "https");
    (bare && web).then(|| url.origin().ascii_serialization())
}

/// The one header of that name.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&'static str, &str)]) -> Option<(String, String, bool)> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        Asked::read(&headers).map(|asked| (asked.origin.clone(), asked.path().to_owned(), asked.leads_on))
    }

    #[test]
    fn both_kinds_of_proxies_are_understood() {
        assert_eq!(
            read(&[("x-original-url", "https://Wiki.example.org:443/a/../b?x=/y")]),
            Some(("https://wiki.example.org".into(), "/a/../b".into(), false))
        );
        let traefik = |method| {
            read(&[
                ("x-forwarded-proto", "http"),
                ("x-forwarded-host", "127.0.0.1:9000"),
                ("x-forwarded-uri", "/a?b"),
                ("x-forwarded-method", method),
                ("accept", "text/html,*/*"),
            ])
        };
        assert_eq!(traefik("GET"), Some(("http://127.0.0.1:9000".into(), "/a".into(), true)));
        assert_eq!(traefik("POST"), Some(("http://127.0.0.1:9000".into(), "/a".into(), false)));
    }

    #[test]
    fn a_question_in_two_forms_is_none() {
        let whole = ("x-original-url", "https://wiki.example.org/");
        assert!(read(&[whole]).is_some());
        for more in [("x-forwarded-uri", "/public/"), whole] {
            assert_eq!(read(&[whole, more]), None);
        }
        for bad in [
            "",
            "/",
            "wiki.example.org/",
            "https://wiki.example.org",
            "https://me@wiki.example.org/",
            "ftp://wiki.example.org/",
            "https://wiki.example.org/ü",
        ] {
            assert_eq!(read(&[("x-original-url", bad)]), None, "{bad}");
        }
        assert_eq!(
            read(&[("x-forwarded-uri", "/"), ("x-forwarded-method", "GET"), ("x-forwarded-host", "a")]),
            None
        );
    }
}
