//! Notices: what has happened on an account, for its holder, with what to do if it wasn't them (ASVS 5.0 V6.3.7; NIST
//! SP 800-63B-4 §4.6). Each has one place: its subject, its text and its advice are together, in the module of its topic.

mod account;
mod administration;
mod second_step;

use super::Words;
use super::layout::Letter;
use countersign_core::{event::Origin, message::Notice};

/// The text of a notice.
pub(super) struct Text {
    /// The subject: the event.
    subject: String,
    /// What happened, when and from where.
    pub(super) happened: String,
    /// What to do if it wasn't the account holder.
    advice: String,
    /// The page where.
    page: &'static str,
}

/// What every notice says.
#[derive(Clone, Copy)]
pub(super) struct Occasion<'a> {
    /// When, and with which browser, operating system and IP address.
    pub(super) when: &'a str,
    /// From where, for the subject.
    pub(super) origin: Option<&'a Origin>,
    /// The name that the account holder knows the account by.
    pub(super) service: &'a str,
}

/// The email for `notice`.
pub(super) fn letter(notice: &Notice, origin: Option<&Origin>, when: &str, words: &Words) -> Letter {
    let text = text(notice, Occasion { when, origin, service: &words.service_name });
    Letter::about(text.subject)
        .says(&text.happened)
        .says(&text.advice)
        .shows(&format!("{}{}", words.public_url, text.page))
}

/// The text for someone who signs in here. Someone whom an application knows gets its first paragraph.
pub(super) fn text(notice: &Notice, at: Occasion<'_>) -> Text {
    match notice {
        Notice::AppAdded { app } => second_step::app_added(app, at),
        Notice::AppRemoved { app, last } => second_step::app_removed(app, *last, at),
        Notice::AppReplaced { old, app } => second_step::app_replaced(old, app, at),
        Notice::BackupCodesReset => second_step::backup_codes_reset(at),
        Notice::BackupCodeUsed { left } => second_step::backup_code_used(*left, at),
        Notice::SecondStepDisabled { method } => second_step::disabled(method, at),
        Notice::SecondStepPaused { minutes } => second_step::paused(*minutes, at),
        Notice::NewBrowser => account::new_browser(at),
        Notice::PasswordChanged => account::password_changed(at),
        Notice::EmailChanged { to } => account::email_changed(to, at),
        Notice::PhoneChanged { to } => account::phone_changed(to, at),
        Notice::PhoneRemoved => account::phone_removed(at),
        Notice::NoticesPaused => account::notices_paused(at),
        Notice::LoginAs { actor, organization, reason } => {
            administration::login_as(actor, organization, reason, at)
        }
        Notice::ApiKeyCreated { key, application, organization, by, scopes } => {
            let names = administration::KeyNames { key, application, organization, by: by.as_deref() };
            administration::api_key_created(&names, scopes, at)
        }
        Notice::ByOperator(change) => administration::by_operator(change, at),
    }
}

/// The advice of most notices.
fn not_you(what_to_do: &str) -> String {
    format!("Wasn't you? Someone may have access to your account. {what_to_do}")
}

#[cfg(test)]
mod tests;
