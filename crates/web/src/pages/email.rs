//! `/profile/email` and `/profile/email/confirm`

use super::{
    profile::{self, Refused},
    second_step::{Errors, small},
};
use crate::{
    app::App,
    extract::{Form, Own},
    notice::Done,
    respond::{self, Answer, ResponseExt as _, see_other},
    times,
    views::{EmailConfirmPage, EmailForm},
    words,
};
use axum::extract::State;
use countersign_core::second_step::Method;
use countersign_flows::{
    email_change::{self, Begin, Confirm},
    second_step::CodeRefusal,
};
use http::StatusCode;

/// `POST /profile/email`: sends a code to the new address.
pub(crate) async fn begin(State(app): State<App>, own: Own, form: Form) -> Answer {
    let authority = own.fresh(&app, &form).await?;
    let typed = form.get("email");
    let mut wait = None;
    let error = match form.defect() {
        Some(defect) => defect.error.to_string(),
        None => match email_change::begin(&app.services, authority, typed, &own.browser.origin).await? {
            Begin::CodeSent => return Ok(see_other("/profile/email/confirm")),
            Begin::Invalid(error) => words::email(error).to_owned(),
            Begin::Same => "This is your address already. Type the new one.".to_owned(),
            Begin::TooSoon { retry_after } => {
                wait = Some(retry_after);
                words::sent_a_moment_ago(retry_after)
            }
            Begin::Closed { retry_after } => {
                wait = Some(retry_after);
                words::too_many_sends(retry_after)
            }
            Begin::Limited(limit) => {
                wait = Some(limit.retry_after);
                words::send_limit(limit)
            }
        },
    };
    // Asked for from the page on which its code is typed: the answer belongs there.
    let resent = email_change::pending(&app.services, &own.session)
        .await?
        .is_some_and(|pending| pending.target == typed);
    if resent && wait.is_some() {
        return again(&app, &own, Errors { wait, ..Errors::form(error) }).await;
    }
    let email = EmailForm { value: typed.to_owned(), error: Some(error), ..EmailForm::default() };
    profile::again(&app, &own, Refused { email, wait, ..Refused::default() }).await
}

/// `GET /profile/email/confirm`
pub(crate) async fn show(State(app): State<App>, own: Own) -> Answer {
    page(&app, &own, StatusCode::OK, Errors::default()).await
}

/// `POST /profile/email/confirm`
pub(crate) async fn confirm(State(app): State<App>, own: Own, form: Form) -> Answer {
    let authority = own.fresh(&app, &form).await?;
    if let Some(defect) = form.defect() {
        return again(&app, &own, Errors::defect(&defect)).await;
    }
    let (code, origin) = (form.get("code"), &own.browser.origin);
    let errors = match email_change::confirm(&app.services, authority, code, origin).await? {
        Confirm::Changed { ended } => {
            return own.renewed(&app, &Done::EmailChanged.ending("/profile", ended)).await;
        }
        Confirm::Code(CodeRefusal::NotAvailable) => {
            Errors::form("This address can no longer be used. Go to My Profile and choose another one.")
        }
        Confirm::Code(refusal) => Errors::refused(refusal, Method::Email),
    };
    again(&app, &own, errors).await
}

async fn again(app: &App, own: &Own, errors: Errors) -> Answer {
    let wait = errors.wait;
    Ok(page(app, own, respond::refused(wait), errors).await?.with_retry_after(wait))
}

async fn page(app: &App, own: &Own, status: StatusCode, errors: Errors) -> Answer {
    let Some(pending) = email_change::pending(&app.services, &own.session).await? else {
        return Ok(see_other(&Done::EmailOver.at("/profile")));
    };
    let resend_in = errors.wait.unwrap_or(pending.resend_in);
    let page = EmailConfirmPage {
        shell: own.shell(app),
        email: pending.target,
        current_email: own.who.email.clone(),
        resend_after_seconds: small(times::seconds_up(resend_in)),
        code_error: errors.code,
        form_error: errors.form,
    };
    respond::page(status, &page)
}
