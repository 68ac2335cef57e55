//! What people are told by e-mail and SMS. The words are delivery's; what is said, and when, is a rule.

use crate::{email::EmailAddress, event::Origin};
use serde::{Deserialize, Serialize};

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// By e-mail.
    Email,
    /// By text message.
    Sms,
}

impl Channel {
    /// The word for the database and `/dev/outbox.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }
}

/// One message to one recipient. It may hold a code or a link that signs somebody in: it is sealed wherever it waits,
/// and erased once it is delivered.
#[derive(Clone, Serialize, Deserialize)]
pub struct Message {
    /// The recipient's name, for the greeting.
    pub name: String,
    /// The application that knows the recipient by an id of its own: it is what they know, and they cannot open this
    /// server's pages. `None` for those who sign in here.
    #[serde(default)]
    pub application: Option<String>,
    /// When what it tells happened, in milliseconds since the Unix epoch.
    pub at_millis: i64,
    /// From where it was done. `None` for what no one did from a browser: the operator's commands, and what the server does
    /// by itself.
    #[serde(default)]
    pub origin: Option<Origin>,
    /// What it says.
    pub content: Content,
}

/// What a message says.
#[derive(Clone, Serialize, Deserialize)]
pub enum Content {
    /// A code for the second step of a sign-in.
    SignInCode {
        /// Six digits.
        code: String,
        /// For how long it can be used.
        minutes: u64,
    },
    /// The same, to be typed on a page of the application that asked for it, and not on one of this server's.
    SignInCodeElsewhere {
        /// Six digits.
        code: String,
        /// For how long it can be used.
        minutes: u64,
    },
    /// A code that confirms the mailbox before an application's user sets up their first app.
    SetUpCode {
        /// Six digits.
        code: String,
        /// For how long it can be used.
        minutes: u64,
    },
    /// A code for a step-up.
    ConfirmIdentityCode {
        /// Six digits.
        code: String,
        /// For how long it can be used.
        minutes: u64,
    },
    /// A code to a phone that somebody wants to add.
    ConfirmPhoneCode {
        /// Six digits.
        code: String,
        /// For how long it can be used.
        minutes: u64,
    },
    /// A code to an address that somebody wants to use.
    ConfirmEmailCode {
        /// Six digits.
        code: String,
        /// For how long it can be used.
        minutes: u64,
    },
    /// A link to choose a new password.
    ResetPassword {
        /// The whole link.
        link: String,
        /// For how long it can be used.
        minutes: u64,
    },
    /// A link that lets one browser try the password of an account that has had too many wrong ones.
    ConfirmBrowser {
        /// The whole link.
        link: String,
        /// For how long it can be used.
        minutes: u64,
    },
    /// Something happened to the account that its holder should know.
    Notice(Notice),
    /// For the operator: a budget of sends is four fifths used.
    BudgetNearlyUsed {
        /// What is counted, as [`Scope::as_str`](crate::budget::Scope::as_str).
        scope: String,
        /// Whose it is: a country, or an organization's name; empty for the whole server.
        subject: String,
        /// Sends that count now.
        used: u32,
        /// The most that may.
        allowed: u32,
        /// The setting.
        setting: String,
    },
}

impl Content {
    /// The word for the metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::SignInCode { .. } | Self::SignInCodeElsewhere { .. } => "sign-in-code",
            Self::SetUpCode { .. } => "set-up-code",
            Self::ConfirmIdentityCode { .. } => "confirm-identity-code",
            Self::ConfirmPhoneCode { .. } => "confirm-phone-code",
            Self::ConfirmEmailCode { .. } => "confirm-email-code",
            Self::ResetPassword { .. } => "password-reset",
            Self::ConfirmBrowser { .. } => "confirm-browser",
            Self::Notice(_) => "notice",
            Self::BudgetNearlyUsed { .. } => "operator",
        }
    }
}

/// What an account holder is told has happened (ASVS 5.0 V6.3.7; NIST SP 800-63B-4 §4.6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notice {
    /// An authenticator app was added.
    AppAdded {
        /// Its name.
        app: String,
    },
    /// An authenticator app was removed.
    AppRemoved {
        /// Its name.
        app: String,
        /// It was the last one, so the backup codes are worthless.
        last: bool,
    },
    /// A new authenticator app took the place of another, and ten new backup codes were created.
    AppReplaced {
        /// The name of the app that no longer works.
        old: String,
        /// The name of the new one.
        app: String,
    },
    /// New backup codes were made.
    BackupCodesReset,
    /// A backup code was used, to sign in or to confirm an identity.
    BackupCodeUsed {
        /// How many are left.
        left: u32,
    },
    /// Someone signed in with a browser that the account doesn't know.
    NewBrowser,
    /// The password was changed.
    PasswordChanged,
    /// The sign-in address was changed. Goes to the old address and to the new one.
    EmailChanged {
        /// The new address, masked.
        to: String,
    },
    /// A phone was added or replaced.
    PhoneChanged {
        /// Its number, masked.
        to: String,
    },
    /// The phone was removed.
    PhoneRemoved,
    /// An administrator has entered the account.
    LoginAs {
        /// Who.
        actor: String,
        /// Where they may.
        organization: String,
        /// Why, in their words.
        reason: String,
    },
    /// Too many wrong codes in a row: a second step is off until it is set up again.
    SecondStepDisabled {
        /// Which kind, as [`Method::as_str`](crate::second_step::Method::as_str).
        method: String,
    },
    /// The operator changed the account.
    ByOperator(OperatorChange),
    /// An API key was created in the organization that only its owners can grant: goes to each of them.
    ApiKeyCreated {
        /// Its name.
        key: String,
        /// Of which application.
        application: String,
        /// Of which organization.
        organization: String,
        /// By whom; `None` for the operator.
        by: Option<String>,
        /// What it allows, as [`Scopes`](crate::application::Scopes) is written.
        scopes: String,
    },
    /// So many notices were sent that the next ones of this hour are not: what happens stands in the activity only.
    NoticesPaused,
    /// Ten wrong codes: the second step rests for a while. Whoever tried had the password.
    SecondStepPaused {
        /// For how long.
        minutes: u64,
    },
}

/// What the operator did to an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OperatorChange {
    /// Disabled it.
    Disabled,
    /// Enabled it again.
    Enabled,
    /// Signed it out everywhere.
    SignedOut,
    /// Made a password reset link, which the message does not contain.
    ResetLink,
    /// Removed the authenticator apps, the phone and the backup codes.
    SecondStepReset {
        /// Why, in the operator's words.
        reason: String,
    },
}

/// Where a message goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// To a mailbox.
    Email(EmailAddress),
    /// To a phone, in E.164 form as it was validated when it was enrolled.
    Phone(String),
}

impl Recipient {
    /// How it travels.
    pub fn channel(&self) -> Channel {
        match self {
            Self::Email(_) => Channel::Email,
            Self::Phone(_) => Channel::Sms,
        }
    }

    /// The address or number.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Email(address) => address.as_str(),
            Self::Phone(number) => number,
        }
    }
}
