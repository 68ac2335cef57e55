//! The second step, at sign-in and when identity is confirmed again.

use askama::Template;

use super::{Destination, Shell};
use countersign_core::second_step::Method;

/// Whether a code is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SentState {
    /// Nothing was sent yet (or the method sends nothing).
    NotSent,
    /// A code was sent and is still good.
    Sent {
        /// Seconds until another one may be asked for; 0 if at once.
        resend_after_seconds: u32,
        /// Whole minutes for which the code stays good.
        expires_minutes: u32,
    },
}

/// The part that [`VerifyPage`], [`ConfirmIdentityPage`] and [`HostedStepPage`](super::HostedStepPage) share.
#[derive(Clone)]
pub struct SecondStep {
    /// The methods of this account that policy allows, best first; the selected one is among them.
    pub methods: Vec<Method>,
    /// The one that the page is showing.
    pub selected: Method,
    /// For [`Method::Sms`] and [`Method::Email`].
    pub sent: SentState,
    /// Where a code is sent, masked, for the selected method: `j•••@example.com`, `+44 ••• ••42`. Empty otherwise.
    pub to_masked: String,
    /// What is wrong with the code, and what to do.
    pub code_error: Option<String>,
    /// The name under which an authenticator app lists this account.
    pub listed_as: String,
    /// The page's own path, for the method links: `/sign-in/verify`, `/confirm-identity`, or a hosted one.
    pub page_url: String,
    /// Where the code is posted to.
    pub verify_url: String,
    /// Where the send button posts `method` (and `return_to`) to.
    pub send_url: String,
    /// Where "I can't use any of these" leads.
    pub help_url: String,
    /// Kept through the method links and the send button, where the page has one.
    pub return_to: Option<String>,
}

impl SecondStep {
    /// The methods that are not showing, for "Try another way".
    pub fn others(&self) -> impl Iterator<Item = Method> + '_ {
        self.methods.iter().copied().filter(|method| *method != self.selected)
    }

    /// The address of the page that shows this method.
    #[must_use]
    pub fn address(&self) -> String {
        let address = format!("{}?method={}", self.page_url, self.selected);
        match &self.return_to {
            Some(path) => format!("{address}&return_to={}", crate::return_to::encode(path)),
            None => address,
        }
    }

    /// The words of the link under "Try another way".
    #[must_use]
    pub fn link_text(&self, method: &Method) -> &'static str {
        match method {
            Method::App => "Use your authenticator app",
            Method::Sms => "Get a code by text message",
            Method::Email => "Get a code by email",
            Method::BackupCode => "Use a backup code",
        }
    }

    /// Seconds until another code may be asked for; 0 if now.
    #[must_use]
    pub fn resend_after(&self) -> u32 {
        match self.sent {
            SentState::NotSent => 0,
            SentState::Sent { resend_after_seconds, .. } => resend_after_seconds,
        }
    }

    /// Whole minutes for which a code that was sent stays good; `None` if none was sent.
    #[must_use]
    pub fn expires_minutes(&self) -> Option<u32> {
        match self.sent {
            SentState::NotSent => None,
            SentState::Sent { expires_minutes, .. } => Some(expires_minutes),
        }
    }

    /// Whether a code of the selected method would wait, because the system that carries it does not answer.
    #[must_use]
    pub fn is_delayed(&self, shell: &Shell) -> bool {
        match self.selected {
            Method::Sms => shell.sms_delayed,
            Method::Email => shell.email_delayed,
            Method::App | Method::BackupCode => false,
        }
    }

    /// Whether the person has to press "Send a code" before anything else.
    #[must_use]
    pub fn waits_for_send(&self) -> bool {
        self.selected.is_sent() && self.sent == SentState::NotSent
    }
}

/// `GET, POST /sign-in/verify`: the second step of a sign-in.
#[derive(Template)]
#[template(path = "verify.html")]
pub struct VerifyPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The methods, the code field and the send button.
    pub step: SecondStep,
    /// What does not belong to the code field, such as too many attempts.
    pub form_error: Option<String>,
    /// Where the sign-in leads, for *Use a different account*; `None` leaves the field out.
    pub return_to: Option<String>,
    /// What waits there, where it is not one of our own pages.
    pub destination: Option<Destination>,
}

/// `GET, POST /confirm-identity`: password and second step again, before a sensitive change.
#[derive(Template)]
#[template(path = "confirm_identity.html")]
pub struct ConfirmIdentityPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The account's e-mail address, for the password manager.
    pub email: String,
    /// The second step; `None` where a sign-in would not ask for one either.
    pub step: Option<SecondStep>,
    /// The application that asks, where it is one and not a page of ours.
    pub application: Option<String>,
    /// After "to": what the person was doing, and what goes on afterwards.
    pub purpose: Option<String>,
    /// For how long the proof holds, as people say it: "5 minutes".
    pub holds_for: String,
    /// Whether a second step is asked for because the application wants it.
    pub second_step_wanted: bool,
    /// Whether the application wants a second factor, so that a code sent by email is not offered.
    pub email_not_enough: bool,
    /// Where to go afterwards: a path on this server.
    pub return_to: String,
    /// Where the Cancel link leads, usually `/profile`.
    pub cancel_to: String,
    /// What is wrong with the password.
    pub password_error: Option<String>,
    /// What belongs to neither field.
    pub form_error: Option<String>,
}

impl ConfirmIdentityPage {
    /// Whether anything was refused; the title says so.
    #[must_use]
    pub fn has_error(&self) -> bool {
        let code_error = self.step.as_ref().is_some_and(|step| step.code_error.is_some());
        code_error || self.password_error.is_some() || self.form_error.is_some()
    }

    /// Whether the password is what to do first: unless a code has to be sent before, or something else was refused.
    #[must_use]
    pub fn focuses_password(&self) -> bool {
        let waits = self.step.as_ref().is_some_and(SecondStep::waits_for_send);
        self.form_error.is_none() && (self.password_error.is_some() || (!self.has_error() && !waits))
    }
}

/// `GET /confirm-identity/continue`: asks before something ends.
#[derive(Template)]
#[template(path = "continue.html")]
pub struct ContinuePage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The question, which names what ends.
    pub question: String,
    /// What follows.
    pub consequence: String,
    /// The words of the button.
    pub button: &'static str,
    /// Whether something ends, and not only goes on.
    pub ends: bool,
    /// The form that waits.
    pub form: String,
    /// The page that holds it: where *Cancel* leads.
    pub return_to: String,
}
