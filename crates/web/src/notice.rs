//! What the page after a redirect says has happened. It travels as a one-time message ([`Flash`]), never in the address.

use crate::{
    flash::Flash,
    respond::Redirect,
    times,
    views::{Notice, NoticeKind},
    words,
};
use std::time::Duration;

/// What has been done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    AppAdded,
    AppRemoved,
    LastAppRemoved,
    SetUpCancelled,
    SetUpOver,
    PasswordChanged,
    PasswordReset,
    EmailChanged,
    EmailOver,
    PhoneAdded,
    PhoneOver,
    PhoneRemoved,
    SessionEnded,
    OthersEnded,
    SignedOut,
    SignInOver,
    LoginAsOver,
    ApplicationRegistered,
    ApplicationChanged,
    ApplicationOff,
    ApplicationOn,
    KeyRevoked,
    AddressAdded,
    AddressRemoved,
    AccessWithdrawn,
    BrowserConfirmed,
    CodesPaused,
    EmailsPaused,
    LoginAsSignedOut,
}

impl Done {
    const ALL: &[Self] = &[
        Self::AppAdded,
        Self::AppRemoved,
        Self::LastAppRemoved,
        Self::SetUpCancelled,
        Self::SetUpOver,
        Self::PasswordChanged,
        Self::PasswordReset,
        Self::EmailChanged,
        Self::EmailOver,
        Self::PhoneAdded,
        Self::PhoneOver,
        Self::PhoneRemoved,
        Self::SessionEnded,
        Self::OthersEnded,
        Self::SignedOut,
        Self::SignInOver,
        Self::LoginAsOver,
        Self::ApplicationRegistered,
        Self::ApplicationChanged,
        Self::ApplicationOff,
        Self::ApplicationOn,
        Self::KeyRevoked,
        Self::AddressAdded,
        Self::AddressRemoved,
        Self::AccessWithdrawn,
        Self::BrowserConfirmed,
        Self::CodesPaused,
        Self::EmailsPaused,
        Self::LoginAsSignedOut,
    ];

    /// Its name in the message.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::AppAdded => "app-added",
            Self::AppRemoved => "app-removed",
            Self::LastAppRemoved => "last-app-removed",
            Self::SetUpCancelled => "set-up-cancelled",
            Self::SetUpOver => "set-up-over",
            Self::PasswordChanged => "password-changed",
            Self::PasswordReset => "password-reset",
            Self::EmailChanged => "email-changed",
            Self::EmailOver => "email-over",
            Self::PhoneAdded => "phone-added",
            Self::PhoneOver => "phone-over",
            Self::PhoneRemoved => "phone-removed",
            Self::SessionEnded => "session-ended",
            Self::OthersEnded => "others-ended",
            Self::SignedOut => "signed-out",
            Self::SignInOver => "sign-in-over",
            Self::LoginAsOver => "login-as-over",
            Self::ApplicationRegistered => "application-registered",
            Self::ApplicationChanged => "application-changed",
            Self::ApplicationOff => "application-off",
            Self::ApplicationOn => "application-on",
            Self::KeyRevoked => "key-revoked",
            Self::AddressAdded => "address-added",
            Self::AddressRemoved => "address-removed",
            Self::AccessWithdrawn => "access-withdrawn",
            Self::BrowserConfirmed => "browser-confirmed",
            Self::CodesPaused => "codes-paused",
            Self::EmailsPaused => "emails-paused",
            Self::LoginAsSignedOut => "login-as-signed-out",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::AppAdded => "Your authenticator app is set up.",
            Self::AppRemoved => "The app is removed. Its codes no longer work.",
            Self::LastAppRemoved => {
                "The app is removed, and your backup codes no longer work. From now on we send you a code when you sign in."
            }
            Self::SetUpCancelled => "The set-up is cancelled. Nothing has changed.",
            Self::SetUpOver => {
                "There is no set-up under way: it was finished, or its time was over. Begin again here."
            }
            Self::PasswordChanged => "Your password is changed.",
            Self::PasswordReset => "Password saved. Sign in with your new password.",
            Self::EmailChanged => "Your e-mail address is changed. Sign in with the new one from now on.",
            Self::EmailOver => {
                "There is no new e-mail address waiting for a code: its time was over. Type it again here."
            }
            Self::PhoneAdded => "Your phone number is confirmed.",
            Self::PhoneOver => {
                "There is no phone number waiting for a code: its time was over. Type it again here."
            }
            Self::PhoneRemoved => "Your phone number is removed.",
            Self::SessionEnded => "That browser is signed out.",
            Self::OthersEnded => "Only this browser is signed in now.",
            Self::SignedOut => "You’ve signed out.",
            Self::SignInOver => "That sign-in expired or was finished in another tab. Please sign in again.",
            Self::LoginAsOver => "You are back in your own account.",
            Self::ApplicationRegistered => "The application is registered. Choose below what it uses.",
            Self::ApplicationChanged => "The change is saved.",
            Self::ApplicationOff => {
                "The application is switched off. Its keys and its sign-ins are refused from now on."
            }
            Self::ApplicationOn => "The application is switched on again.",
            Self::KeyRevoked => "The key is revoked. It works no longer.",
            Self::AddressAdded => "The address is registered.",
            Self::AddressRemoved => "The address is removed. Nobody is sent back to it any more.",
            Self::AccessWithdrawn => "That application no longer has access to your account.",
            Self::BrowserConfirmed => "This browser is confirmed. Sign in now.",
            Self::CodesPaused => "You’ve requested too many codes.",
            Self::EmailsPaused => "We can’t send more emails right now.",
            Self::LoginAsSignedOut => "“Log in as” has ended, and so has your own session. Sign in again.",
        }
    }

    fn kind(self) -> NoticeKind {
        match self {
            Self::SetUpOver
            | Self::EmailOver
            | Self::PhoneOver
            | Self::SignInOver
            | Self::CodesPaused
            | Self::EmailsPaused
            | Self::LoginAsSignedOut => NoticeKind::Warning,
            _ => NoticeKind::Good,
        }
    }

    /// The way to `page`, which says that this has happened.
    pub(crate) fn at(self, page: &str) -> Redirect {
        self.ending(page, 0)
    }

    /// The same, also saying how many other sessions were ended.
    pub(crate) fn ending(self, page: &str, ended: u32) -> Redirect {
        Redirect { to: page.to_owned(), flash: Some(Flash::new(self, ended)) }
    }

    /// The way to `page`, which says how long to wait.
    pub(crate) fn waiting(self, page: &str, wait: Duration) -> Redirect {
        self.ending(page, u32::try_from(times::seconds_up(wait)).unwrap_or(u32::MAX))
    }

    /// The one of this word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.word() == word)
    }

    /// What the page says. `number` is how many other browsers were signed out, or for how many seconds to wait.
    pub(crate) fn notice(self, number: u32) -> Notice {
        let mut text = self.text().to_owned();
        match number {
            seconds if matches!(self, Self::CodesPaused | Self::EmailsPaused) => {
                text = words::wait(&text, Duration::from_secs(seconds.into()));
            }
            0 => {}
            1 => text.push_str(" One other browser was signed out."),
            ended => text.push_str(&format!(" {ended} other browsers were signed out.")),
        }
        Notice { kind: self.kind(), text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for done in Done::ALL {
            assert_eq!(Done::from_word(done.word()), Some(*done));
            // It stands between dots in a cookie.
            assert!(done.word().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
        }
        let words: std::collections::BTreeSet<_> = Done::ALL.iter().map(|done| done.word()).collect();
        assert_eq!(words.len(), Done::ALL.len());
    }

    #[test]
    fn the_number_of_ended_sessions_is_part_of_the_message() {
        let text = |ended| Done::PasswordChanged.notice(ended).text;
        let plain = text(0);
        assert_eq!(plain, Done::PasswordChanged.text());
        assert_eq!(text(1), format!("{plain} One other browser was signed out."));
        assert_eq!(text(3), format!("{plain} 3 other browsers were signed out."));
        let wait = Done::EmailsPaused.notice(900).text;
        assert_eq!(wait, "We can’t send more emails right now. Try again in 15 minutes.");
    }
}
