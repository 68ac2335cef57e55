//! The part of a page on which a second step is taken, shared by the sign-in, the step-up, and what
//! applications ask for.

use crate::{
    extract::Defect,
    notice::Done,
    respond::{Leads as _, Redirect},
    times, views, words,
};
use countersign_core::second_step::Method;
use countersign_flows::second_step::{CodeRefusal, SendOutcome, StepView};
use std::time::Duration;

/// What is wrong where a code is typed or asked for.
#[derive(Default)]
pub(super) struct Errors {
    pub(super) code: Option<String>,
    pub(super) form: Option<String>,
    pub(super) wait: Option<Duration>,
}

impl Errors {
    /// Beside the field for the code.
    pub(super) fn code(text: impl Into<String>) -> Self {
        Self { code: Some(text.into()), ..Self::default() }
    }

    /// Above the form.
    pub(super) fn form(text: impl Into<String>) -> Self {
        Self { form: Some(text.into()), ..Self::default() }
    }

    /// A form that arrived damaged.
    pub(super) fn defect(defect: &Defect) -> Self {
        let text = defect.error.to_string();
        if defect.field == "code" { Self::code(text) } else { Self::form(text) }
    }

    /// A code that was refused.
    pub(super) fn refused(refusal: CodeRefusal, method: Method) -> Self {
        let text = words::code(refusal, method);
        if words::belongs_to_the_code(refusal) {
            Self::code(text)
        } else {
            Self { wait: words::code_wait(refusal), ..Self::form(text) }
        }
    }

    /// A code that was not sent; `None` where it was.
    pub(super) fn not_sent(outcome: SendOutcome) -> Option<Self> {
        let (text, wait) = match outcome {
            SendOutcome::Sent => return None,
            SendOutcome::TooSoon { retry_after } => {
                (words::sent_a_moment_ago(retry_after), Some(retry_after))
            }
            SendOutcome::Closed { retry_after } => (words::too_many_sends(retry_after), Some(retry_after)),
            SendOutcome::Limited(limit) => (words::send_limit(limit), Some(limit.retry_after)),
            SendOutcome::NotAvailable => (words::CHOOSE_A_WAY.into(), None),
        };
        Some(Self { wait, ..Self::form(text) })
    }
}

/// The way to a page that offers to send a code, after one that was due could not be sent: it says how long to wait.
pub(super) fn not_sent(outcome: SendOutcome, page: &str) -> Redirect {
    match outcome {
        SendOutcome::Sent | SendOutcome::NotAvailable => page.redirect(),
        SendOutcome::TooSoon { retry_after } | SendOutcome::Closed { retry_after } => {
            Done::CodesPaused.waiting(page, retry_after)
        }
        SendOutcome::Limited(limit) => Done::EmailsPaused.waiting(page, limit.retry_after),
    }
}

/// Where the part stands.
pub(super) struct Place {
    /// The name under which an app lists the account.
    pub(super) listed_as: String,
    pub(super) page_url: String,
    pub(super) verify_url: String,
    pub(super) send_url: String,
    pub(super) return_to: Option<String>,
}

/// What the page offers: the method that was asked for, if it is among the account's, else the best. `None` where no
/// method works.
pub(super) fn step(view: &StepView, asked: Option<Method>, place: Place) -> Option<views::SecondStep> {
    let selected = asked.filter(|method| view.methods.contains(method)).or(view.methods.first().copied())?;
    let sent = match view.sent.filter(|sent| sent.method == selected) {
        None => views::SentState::NotSent,
        Some(sent) => views::SentState::Sent {
            resend_after_seconds: small(times::seconds_up(sent.resend_in)),
            expires_minutes: small(sent.minutes),
        },
    };
    let to_masked = match selected {
        Method::Sms => view.phone_masked.clone().unwrap_or_default(),
        Method::Email => view.email_masked.clone(),
        Method::App | Method::BackupCode => String::new(),
    };
    Some(views::SecondStep {
        methods: view.methods.clone(),
        selected,
        sent,
        to_masked,
        code_error: None,
        listed_as: place.listed_as,
        page_url: place.page_url,
        verify_url: place.verify_url,
        send_url: place.send_url,
        return_to: place.return_to,
    })
}

/// For a countdown.
pub(super) fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
