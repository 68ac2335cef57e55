//! Errors, and the outbox of `serve --dev`.

use askama::Template;

use super::Shell;

/// Any refusal or fault that has no form to stand beside.
#[derive(Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The HTTP status, shown small.
    pub status: u16,
    /// A few words.
    pub heading: String,
    /// What it means and what to do next; nothing internal.
    pub text: String,
    /// The way on.
    pub action: Option<ErrorAction>,
    /// Whether the page names whom to contact.
    pub names_support: bool,
    /// Seconds until it makes sense to try again, as in the header `Retry-After`.
    pub retry_after: Option<u64>,
}

/// `GET /support`: for someone who can't use any of their verification methods.
#[derive(Template)]
#[template(path = "support.html")]
pub struct SupportPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// What concerns the account; `None` for someone who has not entered its password.
    pub help: Option<AccountHelp>,
    /// Where the Back link leads.
    pub back: String,
}

/// Who can help an account holder.
#[derive(Clone)]
pub struct AccountHelp {
    /// Their organizations.
    pub organizations: Vec<OrganizationHelp>,
    /// The page that takes a backup code, where the account has any left.
    pub backup_codes: Option<String>,
}

/// An organization, and who runs it.
#[derive(Clone)]
pub struct OrganizationHelp {
    /// Its name.
    pub name: String,
    /// The names of its owners, without the account holder.
    pub owners: Vec<String>,
}

/// The link under an error.
#[derive(Clone)]
pub struct ErrorAction {
    /// For example `"Sign in again"`.
    pub label: String,
    /// A path on this server.
    pub href: String,
}

/// A few words on the way to a protected site: that it took too long, that a page is for others, the button to sign out.
#[derive(Template)]
#[template(path = "site.html")]
pub struct SitePage {
    /// What surrounds the page.
    pub shell: Shell,
    /// A few words.
    pub heading: String,
    /// What it means and what to do next.
    pub text: String,
    /// The way on.
    pub link: Option<ErrorAction>,
    /// Whether there is the button to sign out.
    pub sign_out: bool,
}

impl ErrorPage {
    /// [`Self::retry_after`] in words, rounded up: `"in 40 seconds"`, `"in 15 minutes"`, `"in 2 hours"`.
    #[must_use]
    pub fn retry_text(&self) -> Option<String> {
        let seconds = self.retry_after?;
        let (count, unit) = match seconds {
            0..=1 => (1, "second"),
            2..=90 => (seconds, "second"),
            91..=5_400 => (seconds.div_ceil(60), "minute"),
            _ => (seconds.div_ceil(3_600), "hour"),
        };
        let plural = if count == 1 { "" } else { "s" };
        Some(format!("in {count} {unit}{plural}"))
    }
}

/// `GET /dev/outbox`: what would have left, newest first.
#[derive(Template)]
#[template(path = "dev_outbox.html")]
pub struct DevOutboxPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The messages, in the order in which the page shows them: newest first.
    pub messages: Vec<DevMessage>,
}

/// One message that would have left.
#[derive(Clone)]
pub struct DevMessage {
    /// `"email"` or `"sms"`.
    pub kind: String,
    /// The address or number.
    pub to: String,
    /// Empty for a text message.
    pub subject: String,
    /// The body as plain text.
    pub text: String,
    /// When it would have left.
    pub at: String,
}

/// A stretch of a message's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextPart<'a> {
    /// Shown as it is.
    Words(&'a str),
    /// An `http:` or `https:` address, shown as a link.
    Link(&'a str),
}

impl DevMessage {
    /// Whether it is an e-mail.
    #[must_use]
    pub fn is_email(&self) -> bool {
        self.kind == "email"
    }

    /// The text, cut at its addresses so that the page can make links of them.
    #[must_use]
    pub fn parts(&self) -> Vec<TextPart<'_>> {
        let mut parts = Vec::new();
        let mut rest = self.text.as_str();
        while let Some(start) = next_address(rest) {
            let (before, from) = rest.split_at(start);
            let end = from.find(|c: char| c.is_whitespace() || "<>\"".contains(c)).unwrap_or(from.len());
            // A full stop or a bracket that ends the sentence is not part of the address.
            let address = from[..end].trim_end_matches(['.', ',', ')', ';']);
            parts.extend([TextPart::Words(before), TextPart::Link(address)]);
            rest = &from[address.len()..];
        }
        parts.push(TextPart::Words(rest));
        parts
    }
}

fn next_address(text: &str) -> Option<usize> {
    [text.find("https://"), text.find("http://")].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> DevMessage {
        DevMessage {
            kind: "email".into(),
            to: String::new(),
            subject: String::new(),
            text: text.into(),
            at: String::new(),
        }
    }

    #[test]
    fn an_address_becomes_a_link_without_the_full_stop_after_it() {
        let message = message("Open http://127.0.0.1/a?b=c. Or https://x.example/\nBye");
        let expected = [
            TextPart::Words("Open "),
            TextPart::Link("http://127.0.0.1/a?b=c"),
            TextPart::Words(". Or "),
            TextPart::Link("https://x.example/"),
            TextPart::Words("\nBye"),
        ];
        assert_eq!(message.parts(), expected);
    }

    #[test]
    fn a_text_without_an_address_stays_whole() {
        assert_eq!(message("Code 418 207").parts(), [TextPart::Words("Code 418 207")]);
    }
}
