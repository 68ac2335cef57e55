//! Where to go on: a path on this server, or nowhere (open redirect; ASVS 5.0 V1.3, CWE-601).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Position, Url};

/// Longer ones are no page of ours. The longest is an application's request to sign somebody in.
const LONGEST: usize = 8_000;

/// Everything but RFC 3986's unreserved characters and the slash, which is harmless in a query.
const IN_QUERY: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The path (with its query and fragment) that `raw` names on the server at `base`, in the form that browsers resolve
/// it to; `None` for everything that leads elsewhere or might.
pub(crate) fn local(base: &Url, raw: &str) -> Option<String> {
    let plain = raw.len() <= LONGEST
        && raw.starts_with('/')
        && !raw.starts_with("//")
        && !raw.chars().any(|c| c == '\\' || c.is_control());
    if !plain {
        return None;
    }
    let url = base.join(raw).ok()?;
    let path = &url[Position::BeforePath..];
    // The normal form is what is sent on, so it has to hold for that too ("/.//elsewhere" becomes "//elsewhere").
    (url.origin() == base.origin() && !path.starts_with("//")).then(|| path.to_owned())
}

/// `page?return_to=…`.
pub(crate) fn with(page: &str, return_to: Option<&str>) -> String {
    match return_to {
        Some(path) => format!("{page}?return_to={}", encode(path)),
        None => page.to_owned(),
    }
}

/// A value for a query.
pub(crate) fn encode(value: &str) -> String {
    utf8_percent_encode(value, IN_QUERY).to_string()
}

/// The page to come back to after `path` was asked for: what the template says, its placeholders filled from the path.
pub(crate) fn fill(template: &str, path: &str) -> String {
    let given = path.split('/');
    let parts: Vec<&str> = template
        .split('/')
        .zip(given)
        .map(|(part, given)| if part.starts_with('{') { given } else { part })
        .collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(raw: &str) -> Option<String> {
        local(&Url::parse("https://login.example.org/").unwrap(), raw)
    }

    #[test]
    fn paths_of_this_server_are_kept() {
        for path in ["/", "/profile", "/members/1?x=1&y=%2F#z", "/a//b", "/@elsewhere.example", "/:80"] {
            assert_eq!(at(path).as_deref(), Some(path));
        }
        assert_eq!(at("/a/../b").as_deref(), Some("/b"));
        assert_eq!(at("/ü ber").as_deref(), Some("/%C3%BC%20ber"));
    }

    #[test]
    fn everything_else_is_dropped() {
        let long = format!("/{}", "a".repeat(LONGEST));
        for bad in [
            "",
            "profile",
            "//elsewhere.example",
            "///elsewhere.example",
            "/\\elsewhere.example",
            "\\/elsewhere.example",
            "https://elsewhere.example/",
            "https://login.example.org/profile",
            "javascript:alert(1)",
            " /profile",
            "/\t/elsewhere.example",
            "/\n/elsewhere.example",
            "/pro\r\nfile",
            "/pro\0file",
            "/.//elsewhere.example",
            "/a/..//elsewhere.example",
            "/a\\b",
            "/\u{85}",
            &long,
        ] {
            assert_eq!(at(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_value_survives_the_query() {
        assert_eq!(
            with("/sign-in", Some("/members?x=1&y=ü")),
            "/sign-in?return_to=/members%3Fx%3D1%26y%3D%C3%BC"
        );
        assert_eq!(with("/sign-in", None), "/sign-in");
    }

    #[test]
    fn the_page_of_a_button_is_filled_from_its_address() {
        assert_eq!(fill("/members/{id}", "/members/17/login-as"), "/members/17");
        assert_eq!(fill("/profile", "/profile/app/17/remove"), "/profile");
        assert_eq!(fill("/profile", "/confirm-identity"), "/profile");
    }
}
