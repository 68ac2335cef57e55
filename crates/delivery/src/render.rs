//! Messages in words. What is said, and when, is core's; how it is said is decided here.

mod application;
mod email;
mod layout;
mod notice;
mod operator;
mod sms;

use countersign_core::{
    message::{Channel, Message},
    public_name::inert,
};
use std::{borrow::Cow, fmt};

/// What every message needs to know about the service that writes it.
#[derive(Clone, Debug)]
pub struct Words {
    /// The name that people know the service by.
    pub service_name: String,
    /// Where people reach it, without a trailing slash.
    pub public_url: String,
}

/// A message as it leaves.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The subject line; empty for an SMS.
    pub subject: String,
    /// The text, with `\n` at the end of a line.
    pub text: String,
}

/// The text may hold a code or a link, and stays out of every log.
impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rendered").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// The words of `message` for `channel`. `None` for what is never sent that way: an SMS carries a code and nothing else.
pub fn render(message: &Message, channel: Channel, words: &Words) -> Option<Rendered> {
    let message = &*named(message);
    match channel {
        Channel::Email => Some(match application::letter(message) {
            Some((letter, application)) => {
                let sender = format!("Sent by {} for {application}", words.service_name);
                letter.rendered(&message.name, application, &sender)
            }
            None => {
                email::letter(message, words).rendered(&message.name, &words.service_name, &words.public_url)
            }
        }),
        Channel::Sms => sms::text(message, words).map(|text| Rendered { subject: String::new(), text }),
    }
}

/// The message, with an application's name that no program turns into a link. New names cannot look like one; older ones may.
fn named(message: &Message) -> Cow<'_, Message> {
    match message.application.as_deref().map(|name| (name, inert(name))) {
        Some((name, inert)) if name != inert => {
            Cow::Owned(Message { application: Some(inert), ..message.clone() })
        }
        _ => Cow::Borrowed(message),
    }
}

#[cfg(test)]
mod samples {
    use super::*;
    use countersign_core::{event::Origin, message::Content};

    const FIREFOX: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0";

    pub(super) fn words() -> Words {
        Words { service_name: "Harbour CRM".into(), public_url: "https://accounts.harbour.example".into() }
    }

    pub(super) fn message(content: Content) -> Message {
        Message {
            name: "Mia Lund".into(),
            application: None,
            at_millis: 1_795_499_640_000,
            origin: Some(Origin { address: [203, 0, 113, 7].into(), user_agent: FIREFOX.into() }),
            content,
        }
    }

    /// The same to somebody whom an application knows.
    pub(super) fn of_an_application(content: Content) -> Message {
        Message { application: Some("Brightbooks".into()), ..message(content) }
    }

    /// Subject and text in one, and the rule of plain-text e-mail checked: no line but one that holds a link is long.
    pub(super) fn email(content: Content) -> String {
        written(&message(content))
    }

    /// The same of a whole message.
    pub(super) fn written(message: &Message) -> String {
        let Rendered { subject, text } = render(message, Channel::Email, &words()).unwrap();
        for line in text.lines() {
            assert!(line.chars().count() < 76 || line.trim().starts_with("https://"), "{line:?}");
        }
        format!("Subject: {subject}\n\n{text}")
    }
}
