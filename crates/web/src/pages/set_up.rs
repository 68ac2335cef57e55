//! The part of a page on which an app is set up, shared by *My Profile* and what applications ask for.

use crate::{
    extract::{Defect, Form},
    problem::Problem,
    qr, times,
    views::{AppSetup, Time},
    words,
};
use countersign_core::{ids::EnrolmentId, second_step::Method, text::TextError};
use countersign_flows::{
    enrolment::{ConfirmOutcome, PendingView},
    second_step::CodeRefusal,
};

/// The name that an app has unless the person says otherwise.
pub(super) const NAME: &str = "Authenticator app";

/// What is wrong with the form.
#[derive(Default)]
pub(super) struct Errors {
    code: Option<String>,
    name: Option<String>,
    form: Option<String>,
    clock: Option<String>,
}

impl Errors {
    /// A form that arrived damaged.
    pub(super) fn defect(defect: &Defect) -> Self {
        let text = Some(defect.error.to_string());
        match defect.field.as_str() {
            "code" => Self { code: text, ..Self::default() },
            "name" => Self { name: text, ..Self::default() },
            _ => Self { form: text, ..Self::default() },
        }
    }

    /// A code or a name that was refused; nothing is wrong where it was not.
    pub(super) fn refused(outcome: ConfirmOutcome) -> Self {
        match outcome {
            ConfirmOutcome::Code(error) => Self::code(words::code(CodeRefusal::from(error), Method::App)),
            ConfirmOutcome::Wrong { phone_off_by_seconds: Some(off) } => Self {
                clock: Some(words::clock_hint(off)),
                ..Self::code("This code doesn’t match the current time.".into())
            },
            ConfirmOutcome::Wrong { phone_off_by_seconds: None } => {
                Self::code(words::code(CodeRefusal::Wrong, Method::App))
            }
            ConfirmOutcome::Name(error) => {
                Self { name: Some(match error {
                    TextError::Empty => "Enter a name.".into(),
                    error => words::text(error, "a name"),
                }), ..Self::default() }
            }
            ConfirmOutcome::Replaced => Self::code(
                "The page showed an earlier QR code, which has been replaced. Scan the one on this page, then enter its code.".into(),
            ),
            ConfirmOutcome::Added { .. } | ConfirmOutcome::NotPending | ConfirmOutcome::Cancelled => Self::default(),
        }
    }

    fn code(text: String) -> Self {
        Self { code: Some(text), ..Self::default() }
    }
}

/// Where the part stands.
pub(super) struct Place<'a> {
    /// Under which name the app lists the account.
    pub(super) issuer: &'a str,
    pub(super) confirm_url: String,
    pub(super) cancel_url: Option<String>,
    /// The name of the app that the new one replaces.
    pub(super) replaces: Option<String>,
}

/// The enrolment whose key the page of this form showed, where the form says so.
pub(super) fn shown(form: &Form) -> Option<EnrolmentId> {
    form.get("enrolment").parse().ok()
}

/// The picture, the key and the form, with the name for the app as it was typed.
pub(super) fn part(
    pending: PendingView,
    name: &str,
    errors: Errors,
    place: Place<'_>,
) -> Result<AppSetup, Problem> {
    Ok(AppSetup {
        qr_svg: qr::svg(&pending.uri)?,
        otpauth_uri: pending.uri,
        key_groups: pending.key_grouped,
        key_plain: pending.key_plain,
        account_label: format!("{} ({})", place.issuer, pending.account),
        name: name.to_owned(),
        name_error: errors.name,
        code_error: errors.code,
        form_error: errors.form,
        clock_hint: errors.clock,
        confirm_url: place.confirm_url,
        enrolment: pending.id.to_string(),
        cancel_url: place.cancel_url,
        replaces: place.replaces,
    })
}

/// Until when it can be completed.
pub(super) fn until(pending: &PendingView) -> Time {
    times::time_of_day(pending.expires_at)
}
