//! What the page after a redirect says has happened: one word in its address, never free text, so that nobody can make
//! our pages say something by a link.

use crate::views::{Notice, NoticeKind};

/// What has been done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    AppAdded,
    AppReplaced,
    AppRemoved,
    LastAppRemoved,
    SetUpCancelled,
    SetUpWasCancelled,
    SetUpOver,
    CodesSaved,
    CodesReplaced,
    CodesNotShown,
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
}

impl Done {
    const ALL: &[Self] = &[
        Self::AppAdded,
        Self::AppReplaced,
        Self::AppRemoved,
        Self::LastAppRemoved,
        Self::SetUpCancelled,
        Self::SetUpWasCancelled,
        Self::SetUpOver,
        Self::CodesSaved,
        Self::CodesReplaced,
        Self::CodesNotShown,
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
    ];

    fn word(self) -> &'static str {
        match self {
            Self::AppAdded => "app-added",
            Self::AppReplaced => "app-replaced",
            Self::AppRemoved => "app-removed",
            Self::LastAppRemoved => "last-app-removed",
            Self::SetUpCancelled => "set-up-cancelled",
            Self::SetUpWasCancelled => "set-up-was-cancelled",
            Self::SetUpOver => "set-up-over",
            Self::CodesSaved => "codes-saved",
            Self::CodesReplaced => "codes-replaced",
            Self::CodesNotShown => "codes-not-shown",
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
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::AppAdded => "Your authenticator app is set up.",
            Self::AppReplaced => "Authenticator app replaced. The old one no longer works.",
            Self::AppRemoved => "App removed.",
            Self::LastAppRemoved => {
                "App and backup codes removed. From now on, we’ll send you a code when you sign in."
            }
            Self::SetUpCancelled => "Setup canceled. Nothing has changed.",
            Self::SetUpWasCancelled => "That setup was canceled. Start again below.",
            Self::SetUpOver => "That setup expired or was already finished. Start again below.",
            Self::CodesSaved => "Backup codes saved. Keep them somewhere safe.",
            Self::CodesReplaced => "Those codes no longer work: newer ones have replaced them.",
            Self::CodesNotShown => "For security, we can’t show your codes again.",
            Self::PasswordChanged => "Your password is changed.",
            Self::PasswordReset => "Your new password is saved. Sign in with it now.",
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
            Self::SignedOut => "You are signed out.",
            Self::SignInOver => "That sign-in took too long, or was finished elsewhere. Please begin again.",
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
        }
    }

    fn kind(self) -> NoticeKind {
        match self {
            Self::SetUpWasCancelled | Self::CodesReplaced | Self::CodesNotShown => NoticeKind::Warning,
            Self::SetUpOver | Self::EmailOver | Self::PhoneOver | Self::SignInOver => NoticeKind::Warning,
            _ => NoticeKind::Good,
        }
    }

    /// The address of `page` with this notice.
    pub(crate) fn at(self, page: &str) -> String {
        format!("{page}?done={}", self.word())
    }

    /// The same, also saying how many other sessions were ended.
    pub(crate) fn ending(self, page: &str, ended: u32) -> String {
        format!("{}&ended={ended}", self.at(page))
    }

    /// The notice that an address asks for.
    pub(crate) fn read(done: &str, ended: Option<&str>) -> Option<Notice> {
        let done = Self::ALL.iter().copied().find(|known| known.word() == done)?;
        let mut text = done.text().to_owned();
        match ended.and_then(|ended| ended.parse::<u16>().ok()) {
            None | Some(0) => {}
            Some(1) => text.push_str(" One other browser was signed out."),
            Some(ended) => text.push_str(&format!(" {ended} other browsers were signed out.")),
        }
        Some(Notice { kind: done.kind(), text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(done: &str, ended: Option<&str>) -> Option<String> {
        Done::read(done, ended).map(|notice| notice.text)
    }

    #[test]
    fn every_word_reads_back() {
        for done in Done::ALL {
            assert!(text(done.word(), None).unwrap().starts_with(done.text()));
            assert_eq!(done.at("/profile"), format!("/profile?done={}", done.word()));
        }
        let words: std::collections::BTreeSet<_> = Done::ALL.iter().map(|done| done.word()).collect();
        assert_eq!(words.len(), Done::ALL.len());
    }

    #[test]
    fn nothing_but_our_own_words_is_shown() {
        assert_eq!(text("<b>call us</b>", None), None);
        let plain = "Your password is changed.";
        assert_eq!(text("password-changed", Some("0")).unwrap(), plain);
        assert_eq!(text("password-changed", Some("<b>")).unwrap(), plain);
        assert_eq!(
            text("password-changed", Some("1")).unwrap(),
            format!("{plain} One other browser was signed out.")
        );
        assert_eq!(
            text("password-changed", Some("3")).unwrap(),
            format!("{plain} 3 other browsers were signed out.")
        );
    }
}
