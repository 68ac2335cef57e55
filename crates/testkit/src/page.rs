//! What a person reads: an answer of the server, and its HTML by CSS selector.

use std::fmt;

use reqwest::header::{HeaderMap, LOCATION, SET_COOKIE};
use scraper::{ElementRef, Html, Selector};

/// An answer of the server. The methods that take a selector panic when the selector is not CSS.
#[derive(Debug, Clone)]
pub struct Page {
    /// The request that it answers, such as `GET /sign-in`.
    pub request: String,
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; bytes that are not UTF-8 are replaced.
    pub body: String,
    /// The server's own address, so that locations can be told as paths.
    pub(crate) base: String,
}

impl Page {
    /// The page itself, if it has this status.
    ///
    /// # Panics
    /// When it has another, showing what the page says.
    #[track_caller]
    pub fn expect_status(self, status: u16) -> Self {
        assert!(self.status == status, "expected {status}, but {self}");
        self
    }

    /// The page itself, if it is a 303 to `path` (a query after it may differ).
    ///
    /// # Panics
    /// When it is anything else, showing what the page says.
    #[track_caller]
    pub fn expect_redirect(self, path: &str) -> Self {
        let location = self.location();
        let found = location.as_deref().map(|l| l.split_once('?').map_or(l, |(path, _query)| path));
        assert!(self.status == 303 && found == Some(path), "expected 303 to {path}, but {self}");
        self
    }

    /// A header's value, if there is exactly that header and it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Every `Set-Cookie` line, with its attributes.
    #[must_use]
    pub fn set_cookies(&self) -> Vec<&str> {
        self.headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()).collect()
    }

    /// Where a redirect leads: a path with its query on this server, a whole address elsewhere.
    #[must_use]
    pub fn location(&self) -> Option<String> {
        let location = self.headers.get(LOCATION)?.to_str().ok()?;
        let path = location.strip_prefix(&self.base).filter(|rest| rest.starts_with('/'));
        Some(path.unwrap_or(location).to_owned())
    }

    /// The document's title.
    #[must_use]
    pub fn title(&self) -> Option<String> {
        self.text("head > title")
    }

    /// The hidden field `csrf_token` of the first form that has one.
    #[must_use]
    pub fn csrf_token(&self) -> Option<String> {
        self.attribute("form input[name=csrf_token]", "value")
    }

    /// Whether an element matches.
    #[must_use]
    pub fn has(&self, selector: &str) -> bool {
        self.document().select(&parse(selector)).next().is_some()
    }

    /// The text of the first element that matches, white space collapsed.
    #[must_use]
    pub fn text(&self, selector: &str) -> Option<String> {
        self.texts(selector).into_iter().next()
    }

    /// The text of every element that matches, in document order, white space collapsed.
    #[must_use]
    pub fn texts(&self, selector: &str) -> Vec<String> {
        self.document().select(&parse(selector)).map(text_of).collect()
    }

    /// An attribute of the first element that matches and has it.
    #[must_use]
    pub fn attribute(&self, selector: &str, name: &str) -> Option<String> {
        self.attributes(selector, name).into_iter().next()
    }

    /// An attribute of every element that matches and has it, in document order.
    #[must_use]
    pub fn attributes(&self, selector: &str, name: &str) -> Vec<String> {
        let document = self.document();
        document.select(&parse(selector)).filter_map(|e| e.attr(name)).map(str::to_owned).collect()
    }

    /// The actions of all forms that POST, in document order: what this page lets its reader change.
    #[must_use]
    pub fn actions(&self) -> Vec<String> {
        self.attributes("form[method=post i]", "action")
    }

    /// All words of the page, without scripts and styles; of a body that is not HTML, the body.
    #[must_use]
    pub fn words(&self) -> String {
        let document = self.document();
        let hidden = parse("script, style, template");
        let nodes = document.root_element().descendent_elements().flat_map(|element| {
            let own = if hidden.matches(&element) { Vec::new() } else { own_text(element) };
            own.into_iter()
        });
        // Adjacent elements are adjacent words: `<dt>Name</dt><dd>Ada</dd>` is read as two.
        collapse(&nodes.collect::<Vec<_>>().join(" "))
    }

    /// The address in the page's `otpauth:` link: what its QR code holds.
    #[must_use]
    pub fn otpauth_uri(&self) -> Option<String> {
        self.attribute("a[href^='otpauth:']", "href")
    }

    /// The backup codes on the page, as shown, known by their shape alone.
    #[must_use]
    pub fn backup_codes(&self) -> Vec<String> {
        let mut codes: Vec<String> = Vec::new();
        for text in self.texts("li, code, td, dd, span, kbd, output") {
            if is_backup_code(&text) && !codes.contains(&text) {
                codes.push(text);
            }
        }
        codes
    }

    fn document(&self) -> Html {
        Html::parse_document(&self.body)
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answered {}", self.request, self.status)?;
        if let Some(location) = self.location() {
            write!(f, " to {location}")?;
        }
        let words: String = self.words().chars().take(1_500).collect();
        if words.is_empty() { Ok(()) } else { write!(f, ": {words}") }
    }
}

fn parse(selector: &str) -> Selector {
    Selector::parse(selector).unwrap_or_else(|error| panic!("{selector:?} is not a CSS selector: {error}"))
}

fn text_of(element: ElementRef<'_>) -> String {
    collapse(&element.text().collect::<String>())
}

fn own_text(element: ElementRef<'_>) -> Vec<String> {
    element.children().filter_map(|node| node.value().as_text().map(|text| text.to_string())).collect()
}

fn collapse(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// At least eighty bits and a check character are at least seventeen characters of a 32-letter alphabet; they
/// stand in groups of one length, of which the last may be shorter.
fn is_backup_code(text: &str) -> bool {
    let groups: Vec<&str> = text.split(['-', ' ']).collect();
    let Some((last, rest)) = groups.split_last() else { return false };
    let Some(width) = rest.first().map(|group| group.len()) else { return false };
    (3..=6).contains(&width)
        && rest.iter().all(|group| group.len() == width)
        && (1..=width).contains(&last.len())
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        && (17..=32).contains(&groups.iter().map(|group| group.len()).sum::<usize>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(body: &str) -> Page {
        Page {
            request: "GET /".to_owned(),
            status: 200,
            headers: HeaderMap::new(),
            body: body.to_owned(),
            base: "http://127.0.0.1:1".to_owned(),
        }
    }

    #[test]
    fn a_page_is_read_by_selector() {
        let page = page(
            "<title> My\n Profile </title><form method=POST action=/a><input value='a&amp;b' type=hidden \
             name=csrf_token></form><dl><dt>Name</dt><dd>Ada <b>L</b>.</dd></dl><script>no()</script>",
        );
        assert_eq!(page.title().as_deref(), Some("My Profile"));
        assert_eq!(page.csrf_token().as_deref(), Some("a&b"));
        assert_eq!(page.actions(), ["/a"]);
        assert_eq!(page.text("dd").as_deref(), Some("Ada L."));
        assert!(page.words().contains("Name Ada"), "{}", page.words());
        assert!(!page.words().contains("no()"), "{}", page.words());
    }

    #[test]
    fn locations_on_this_server_are_paths() {
        let mut page = page("");
        page.status = 303;
        page.headers.insert(LOCATION, "http://127.0.0.1:1/profile?x=1".parse().expect("a header"));
        assert_eq!(page.location().as_deref(), Some("/profile?x=1"));
        let _same = page.clone().expect_redirect("/profile");
        // Not this server, although its address begins alike.
        page.headers.insert(LOCATION, "http://127.0.0.1:12/profile".parse().expect("a header"));
        assert_eq!(page.location().as_deref(), Some("http://127.0.0.1:12/profile"));
    }

    #[test]
    fn backup_codes_are_told_from_other_text_by_their_shape() {
        let codes = "<li><code>ABCD-EFGH-JKMN-PQRS-T</code></li><li>2345 6789 ABCD EFGH J</li>";
        let others =
            "<li>JBSW Y3DP EHPK 3PXP</li><li>two-factor-authentication</li><li>Sign in</li><li></li>";
        let page = page(&format!("<ul>{codes}{others}</ul>"));
        assert_eq!(page.backup_codes(), ["ABCD-EFGH-JKMN-PQRS-T", "2345 6789 ABCD EFGH J"]);
    }
}
