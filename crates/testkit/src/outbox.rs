//! The messages that would have left: `GET /dev/outbox.json`.

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

/// How long a message may take from the request that causes it to the outbox.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// By e-mail; `to` is an address.
    Email,
    /// By SMS; `to` is a phone number.
    Sms,
}

/// One message, as the outbox shows it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Message {
    /// How it travels.
    pub kind: Kind,
    /// The address or the number that it goes to.
    pub to: String,
    /// The subject line; an SMS has none.
    #[serde(default)]
    pub subject: Option<String>,
    /// The text of it.
    pub text: String,
    /// When it was made, as the server writes it.
    #[serde(default)]
    pub at: Value,
}

impl Message {
    /// The six-digit code in the text: the first run of exactly six digits.
    #[must_use]
    pub fn code(&self) -> Option<String> {
        self.text.split(|c: char| !c.is_ascii_alphanumeric()).find(|word| is_code(word)).map(str::to_owned)
    }

    /// The first `http://` or `https://` link in the text.
    #[must_use]
    pub fn link(&self) -> Option<String> {
        self.text
            .split_whitespace()
            .map(|word| word.trim_matches(|c| "<>()\"'.,".contains(c)))
            .find(|word| word.starts_with("http://") || word.starts_with("https://"))
            .map(str::to_owned)
    }
}

fn is_code(word: &str) -> bool {
    word.len() == 6 && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// One recipient's messages, read from now on: what was there before is not taken for the answer to what the
/// test does next.
///
/// Make it before the request that sends, and ask it afterwards.
#[derive(Debug)]
pub struct Mailbox {
    base: String,
    http: reqwest::Client,
    kind: Kind,
    to: Option<String>,
    read: usize,
}

impl Mailbox {
    /// Opens the mailbox of `to` (of everybody, if `None`) on the server at `base`.
    pub async fn open(base: &str, kind: Kind, to: Option<&str>) -> Self {
        let mut mailbox = Self {
            base: base.to_owned(),
            http: crate::http::client(),
            kind,
            to: to.map(str::to_owned),
            read: 0,
        };
        mailbox.read = mailbox.all().await.len();
        mailbox
    }

    /// Everything that ever came, read or not, oldest first.
    pub async fn all(&self) -> Vec<Message> {
        let mut messages = outbox(&self.http, &self.base).await;
        messages.retain(|message| {
            message.kind == self.kind
                && self.to.as_deref().is_none_or(|to| message.to.eq_ignore_ascii_case(to))
        });
        messages
    }

    /// What came and has not been read, oldest first, without waiting; it counts as read then.
    pub async fn unread(&mut self) -> Vec<Message> {
        let unread = self.all().await.split_off(self.read);
        self.read += unread.len();
        unread
    }

    /// The next unread message, waiting for it at most ten seconds.
    ///
    /// # Panics
    /// When none comes.
    pub async fn next(&mut self) -> Message {
        self.find("message", |_| true).await
    }

    /// The next unread message with `words` in its subject or text, passing over others.
    ///
    /// # Panics
    /// When none comes within ten seconds.
    pub async fn next_about(&mut self, words: &str) -> Message {
        let about =
            |m: &Message| m.text.contains(words) || m.subject.as_deref().is_some_and(|s| s.contains(words));
        self.find(&format!("message about {words:?}"), about).await
    }

    /// The six-digit code of the next unread message that has one, passing over others.
    ///
    /// # Panics
    /// When none comes within ten seconds.
    pub async fn next_code(&mut self) -> String {
        let message = self.find("message with a six-digit code", |message| message.code().is_some()).await;
        message.code().expect("found by its code")
    }

    async fn find(&mut self, what: &str, wanted: impl Fn(&Message) -> bool) -> Message {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let all = self.all().await;
            if let Some(position) = all.iter().skip(self.read).position(&wanted) {
                self.read += position + 1;
                return all.into_iter().nth(self.read - 1).expect("found at this place");
            }
            assert!(
                Instant::now() < deadline,
                "no new {what} by {:?} to {} within {PATIENCE:?}; the mailbox holds {all:#?}",
                self.kind,
                self.to.as_deref().unwrap_or("anybody"),
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// All messages of the server at `base`, oldest first.
pub(crate) async fn outbox(http: &reqwest::Client, base: &str) -> Vec<Message> {
    let address = format!("{base}/dev/outbox.json");
    let response = http.get(&address).send().await.unwrap_or_else(|error| panic!("GET {address}: {error}"));
    let status = response.status();
    let body = response.text().await.unwrap_or_else(|error| panic!("GET {address}: {error}"));
    assert!(status.is_success(), "GET {address} answered {status}: {body}");
    serde_json::from_str(&body)
        .unwrap_or_else(|error| panic!("GET {address} is not as agreed: {error}\n{body}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Message {
        Message {
            kind: Kind::Email,
            to: String::new(),
            subject: None,
            text: text.to_owned(),
            at: Value::Null,
        }
    }

    #[test]
    fn the_code_is_the_run_of_exactly_six_digits() {
        assert_eq!(message("Sent to +4915112345678: 004217.").code().as_deref(), Some("004217"));
        assert_eq!(message("Order 1234567, id a123456").code(), None);
    }

    #[test]
    fn the_link_ends_where_the_sentence_does() {
        let text = "Go to <http://127.0.0.1:1/reset-password/abc>.";
        assert_eq!(message(text).link().as_deref(), Some("http://127.0.0.1:1/reset-password/abc"));
    }
}
