//! The security log: one line for each event that matters to the operator (OWASP ASVS 5.0 V16.3).
//!
//! ```text
//!   event=sign_in outcome=wrong_password account=0198… request_id=9f86d081884c7d65 client=203.0.113.7 method=POST route=/sign-in
//! ```
//!
//! A line has words of this program, ids and numbers; never a secret, and nothing that a person entered. The client's address
//! and the request's id come from the span of the request; `client=console` is a command of the operator. What is recorded as an account's activity is logged once that is
//! committed; the rest where it is decided.

use crate::Services;
use aws_lc_rs::hmac;
use countersign_core::{
    email::EmailAddress,
    event::{Detail, EventKind, Origin},
    ids::{ApplicationId, UserId},
    second_step::Method,
};
use data_encoding::HEXLOWER;
use std::borrow::Cow;

/// The target of these lines, so that they can be told from others.
pub const TARGET: &str = "countersign::security";

/// How much of an address's digest is logged, in bytes.
const DIGEST: usize = 8;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A password at sign-in, and the sign-in that follows.
    SignIn,
    /// A session ended by *Sign out*.
    SignOut,
    /// A code, wherever it is entered.
    SecondStep,
    /// The password, or password and code, entered again in a session.
    StepUp,
    /// A link to choose a new password.
    PasswordReset,
    /// A link that confirms a browser after too many wrong passwords.
    ConfirmBrowser,
    /// A code or link that is sent.
    Code,
    /// The set-up of an authenticator app.
    Enrolment,
    /// An administrator in a member's account.
    LoginAs,
    /// A request to the API without a valid key.
    ApiKey,
    /// An OAuth client that cannot prove what it is.
    Client,
    /// A question of a protected site's proxy.
    ForwardAuth,
    /// A request that is refused before or instead of its work, such as a form of a foreign origin.
    Request,
    /// Any other activity of an account, under its own word.
    Activity(EventKind),
}

impl Event {
    fn word(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::SignIn => "sign_in",
            Self::SignOut => "sign_out",
            Self::SecondStep => "second_step",
            Self::StepUp => "step_up",
            Self::PasswordReset => "password_reset",
            Self::ConfirmBrowser => "confirm_browser",
            Self::Code => "code",
            Self::Enrolment => "enrolment",
            Self::LoginAs => "login_as",
            Self::ApiKey => "api_key",
            Self::Client => "client",
            Self::ForwardAuth => "forward_auth",
            Self::Request => "request",
            Self::Activity(kind) => return Cow::Owned(kind.as_str().replace('-', "_")),
        })
    }
}

/// A keyed digest of an address that was entered. It shows which attempts were for the same address and nothing else: what
/// was entered there may be a password.
pub(crate) fn email_digest(s: &Services, email: &EmailAddress) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &*s.store.derived_key("security-log"));
    let digest = hmac::sign(&key, email.to_string().as_bytes());
    HEXLOWER.encode(&digest.as_ref().iter().take(DIGEST).copied().collect::<Vec<_>>())
}

/// One line of the security log.
#[derive(Clone, Debug)]
#[must_use = "nothing is logged before `log`"]
pub struct Entry {
    event: Event,
    outcome: &'static str,
    reason: Option<&'static str>,
    account: Option<UserId>,
    actor: Option<UserId>,
    application: Option<ApplicationId>,
    authenticator: Option<Cow<'static, str>>,
    purpose: Option<&'static str>,
    email_digest: Option<String>,
    count: Option<u64>,
    client: Option<&'static str>,
}

impl Entry {
    /// An event and what became of it, in one word.
    pub fn new(event: Event, outcome: &'static str) -> Self {
        Self {
            event,
            outcome,
            reason: None,
            account: None,
            actor: None,
            application: None,
            authenticator: None,
            purpose: None,
            email_digest: None,
            count: None,
            client: None,
        }
    }

    /// Why, in one word.
    pub fn because(self, reason: &'static str) -> Self {
        Self { reason: Some(reason), ..self }
    }

    /// Whose account, where it is known.
    pub fn account(self, account: impl Into<Option<UserId>>) -> Self {
        Self { account: account.into(), ..self }
    }

    /// Who did it, where that is not the account holder.
    pub fn actor(self, actor: impl Into<Option<UserId>>) -> Self {
        Self { actor: actor.into(), ..self }
    }

    /// Which application.
    pub fn application(self, application: impl Into<Option<ApplicationId>>) -> Self {
        Self { application: application.into(), ..self }
    }

    /// By which kind of second step.
    pub(crate) fn method(self, method: Method) -> Self {
        Self { authenticator: Some(Cow::Borrowed(method.as_str())), ..self }
    }

    /// What a code was entered for.
    pub(crate) fn purpose(self, purpose: &'static str) -> Self {
        Self { purpose: Some(purpose), ..self }
    }

    /// The digest of an address that has no account.
    pub(crate) fn email_digest(self, email_digest: Option<String>) -> Self {
        Self { email_digest, ..self }
    }

    /// Of what is recorded as activity. `None` for attempts, which are logged where they are decided, every single one.
    pub(crate) fn of_activity(
        kind: EventKind,
        account: UserId,
        actor: Option<UserId>,
        detail: &Detail,
        origin: &Origin,
    ) -> Option<Self> {
        let (event, outcome) = match kind {
            EventKind::PasswordWrong | EventKind::CodeWrong | EventKind::CodeReplayed => return None,
            EventKind::SignedIn => (Event::SignIn, "success"),
            EventKind::SignedOut => (Event::SignOut, "success"),
            EventKind::IdentityConfirmed => (Event::StepUp, "success"),
            EventKind::SecondStepPaused => (Event::SecondStep, "paused"),
            EventKind::SecondStepDisabled => (Event::SecondStep, "authenticator_disabled"),
            EventKind::CodeSent => (Event::Code, "sent"),
            EventKind::AppAdded => (Event::Enrolment, "completed"),
            EventKind::PasswordResetAsked => (Event::PasswordReset, "requested"),
            EventKind::PasswordReset => (Event::PasswordReset, "completed"),
            EventKind::BrowserLinkSent => (Event::ConfirmBrowser, "sent"),
            EventKind::BrowserConfirmed => (Event::ConfirmBrowser, "confirmed"),
            EventKind::LoginAsBegun => (Event::LoginAs, "begun"),
            EventKind::LoginAsEnded => (Event::LoginAs, "ended"),
            other => (Event::Activity(other), "done"),
        };
        let authenticator = detail.method.clone().map(Cow::Owned);
        Some(Self {
            authenticator,
            count: detail.count,
            client: (*origin == Origin::console()).then_some("console"),
            ..Self::new(event, outcome).account(account).actor(actor)
        })
    }

    /// Writes the line.
    pub fn log(self) {
        tracing::info!(
            target: TARGET,
            event = %self.event.word(),
            outcome = self.outcome,
            reason = self.reason,
            account = self.account.map(tracing::field::display),
            actor = self.actor.map(tracing::field::display),
            application = self.application.map(tracing::field::display),
            authenticator = self.authenticator.as_deref(),
            purpose = self.purpose,
            email_digest = self.email_digest.as_deref(),
            count = self.count,
            client = self.client,
        );
    }
}
