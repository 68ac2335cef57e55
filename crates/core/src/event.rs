//! What is recorded about an account: its activity, as its holder sees it, and later the organization's audit.

use serde::{Deserialize, Serialize};
use std::time::Duration;

macro_rules! event_kinds {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
        /// What happened. The word is stored; the sentence is the page's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum EventKind { $($(#[$doc])* $name,)* }

        impl EventKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word for the database and the log.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

event_kinds! {
    /// Signed in.
    SignedIn = "signed-in";
    /// Signed out.
    SignedOut = "signed-out";
    /// A wrong password.
    PasswordWrong = "password-wrong";
    /// A wrong second step.
    CodeWrong = "code-wrong";
    /// A code that was right, and spent before.
    CodeReplayed = "code-replayed";
    /// Too many wrong codes: the second step is closed for a while.
    SecondStepPaused = "second-step-paused";
    /// Too many wrong codes in a row: an authenticator is off until it is enrolled again.
    SecondStepDisabled = "second-step-disabled";
    /// A code was sent.
    CodeSent = "code-sent";
    /// The identity was confirmed (step-up).
    IdentityConfirmed = "identity-confirmed";
    /// An app was added.
    AppAdded = "app-added";
    /// An app was removed.
    AppRemoved = "app-removed";
    /// Backup codes were made.
    BackupCodesMade = "backup-codes-made";
    /// A backup code was used.
    BackupCodeUsed = "backup-code-used";
    /// The password was changed.
    PasswordChanged = "password-changed";
    /// A link to choose a new password was asked for.
    PasswordResetAsked = "password-reset-asked";
    /// A new password was chosen by such a link.
    PasswordReset = "password-reset";
    /// A link to confirm a browser was sent, after too many wrong passwords.
    BrowserLinkSent = "browser-link-sent";
    /// A browser was confirmed by such a link.
    BrowserConfirmed = "browser-confirmed";
    /// The address was changed.
    EmailChanged = "email-changed";
    /// The phone was changed.
    PhoneChanged = "phone-changed";
    /// The phone was removed.
    PhoneRemoved = "phone-removed";
    /// A session was ended by its account holder.
    SessionEnded = "session-ended";
    /// An administrator entered the account.
    LoginAsBegun = "login-as-begun";
    /// The administrator left it.
    LoginAsEnded = "login-as-ended";
    /// As an administrator, logged in as a member. Recorded for the administrator; [`Self::LoginAsBegun`] is the member's.
    LoggedInAs = "logged-in-as";
    /// That "login as" ended. Recorded for the administrator.
    LoggedInAsEnded = "logged-in-as-ended";
    /// The account was created.
    AccountCreated = "account-created";
    /// The operator disabled the account.
    AccountDisabled = "account-disabled";
    /// The operator enabled it again.
    AccountEnabled = "account-enabled";
    /// The operator ended every session.
    SessionsEndedByOperator = "sessions-ended-by-operator";
    /// The operator made a password reset link.
    ResetLinkMade = "reset-link-made";
    /// The operator removed every second step but email.
    SecondStepReset = "second-step-reset";
    /// An administrator registered an application.
    ApplicationRegistered = "application-registered";
    /// An administrator changed an application.
    ApplicationChanged = "application-changed";
    /// An administrator made an API key.
    ApiKeyMade = "api-key-made";
    /// An owner or the operator made an API key that only owners can grant; recorded for the other owners.
    OwnersKeyMade = "owners-key-made";
    /// An administrator revoked an API key.
    ApiKeyRevoked = "api-key-revoked";
    /// An administrator made a new secret for an application.
    ClientSecretMade = "client-secret-made";
    /// An application made the account known, by an id of its own.
    KnownToApplication = "known-to-application";
    /// The second step was shown to an application.
    VerifiedForApplication = "verified-for-application";
    /// A code to the mailbox was entered before the set-up of the first app.
    MailboxConfirmed = "mailbox-confirmed";
    /// The identity was confirmed to an application, for a change of the second step.
    TokenForApplication = "token-for-application";
    /// Signed in to an application.
    SignedInToApplication = "signed-in-to-application";
    /// Agreed to what an application asked for.
    ConsentGiven = "consent-given";
    /// Took it back.
    ConsentWithdrawn = "consent-withdrawn";
    /// A code or token of an application was shown a second time: what it had been granted has ended.
    TokenReused = "token-reused";
}

/// What an event is, for how it is recorded and how long it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventClass {
    /// Something that anyone can cause, and repeat, who does not get into the account. Attempts of the same kind are recorded
    /// as one event an hour with a count, so that nobody can push other events out of sight.
    Attempt,
    /// The account holder came, went, or confirmed their identity.
    SignIn,
    /// Everything else: what protects the account was changed, or someone else was in it.
    Change,
}

impl EventKind {
    /// Which class it is. A new kind is a change until it is named here: that is kept longest, and each on its own.
    pub fn class(self) -> EventClass {
        match self {
            Self::PasswordWrong
            | Self::CodeWrong
            | Self::CodeReplayed
            | Self::CodeSent
            | Self::PasswordResetAsked => EventClass::Attempt,
            Self::SignedIn
            | Self::SignedOut
            | Self::SessionEnded
            | Self::IdentityConfirmed
            | Self::VerifiedForApplication
            | Self::SignedInToApplication
            | Self::TokenForApplication => EventClass::SignIn,
            _ => EventClass::Change,
        }
    }
}

/// How long events are kept; `None` is for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Of class [`EventClass::Attempt`].
    pub attempts: Option<Duration>,
    /// Of class [`EventClass::SignIn`].
    pub sign_ins: Option<Duration>,
    /// Of class [`EventClass::Change`].
    pub changes: Option<Duration>,
}

impl Retention {
    /// How long an event of this kind is kept.
    pub fn of(&self, kind: EventKind) -> Option<Duration> {
        match kind.class() {
            EventClass::Attempt => self.attempts,
            EventClass::SignIn => self.sign_ins,
            EventClass::Change => self.changes,
        }
    }
}

impl std::str::FromStr for EventKind {
    type Err = UnknownEvent;

    fn from_str(text: &str) -> Result<Self, UnknownEvent> {
        Self::ALL.iter().copied().find(|k| k.as_str() == text).ok_or(UnknownEvent)
    }
}

/// A text that names no kind of event.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a kind of event")]
pub struct UnknownEvent;

/// What belongs to an event besides its kind. Never a secret, a code, or a whole address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// The second step, as [`Method::as_str`](crate::second_step::Method::as_str).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// A name: an app's, an administrator's reason, a masked address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A number: codes left, sessions ended, seconds that a "login as" lasted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The account that a "login as" was about, in the administrator's own activity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// From where a request came, for the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The client's address, behind the trusted proxies.
    pub address: std::net::IpAddr,
    /// What the browser calls itself, cut to a bounded length.
    pub user_agent: String,
}

impl Origin {
    /// The server's own console, where the operator's commands run.
    pub fn console() -> Self {
        Self { address: std::net::Ipv4Addr::LOCALHOST.into(), user_agent: "countersign".into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_and_is_used_once() {
        for kind in EventKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
        assert_eq!("nothing".parse::<EventKind>(), Err(UnknownEvent));
    }
}
