//! `/profile/phone`, `/profile/phone/confirm` and `/profile/phone/remove`

use super::{
    profile::{self, Refused},
    second_step::{Errors, small},
};
use crate::{
    app::App,
    extract::{Form, Own},
    notice::Done,
    problem::Problem,
    respond::{self, Answer, ResponseExt as _, see_other},
    times,
    views::{PhoneConfirmPage, PhoneForm},
    words,
};
use axum::extract::State;
use countersign_core::{
    phone::{PhoneNumber, display},
    second_step::Method,
};
use countersign_flows::{
    phone::{self, Begin, Confirm},
    second_step::CodeRefusal,
};
use http::StatusCode;

/// The operator has not allowed the number's country.
const NOT_THERE: &str =
    "We send no messages to numbers of this country. Use another number, or an authenticator app.";

/// The operator sends no text messages.
const NOT_OFFERED: &str = "Codes by text message are not used here. Use an authenticator app.";

/// `POST /profile/phone`: sends a code to the new number.
pub(crate) async fn begin(State(app): State<App>, own: Own, form: Form) -> Answer {
    let authority = own.fresh(&app, &form).await?;
    let typed = form.get("phone");
    let mut wait = None;
    let error = match form.defect() {
        Some(defect) => defect.error.to_string(),
        None => match phone::begin(&app.services, authority, typed, &own.browser.origin).await? {
            Begin::CodeSent => return Ok(see_other("/profile/phone/confirm")),
            Begin::Invalid(error) => words::phone(error).to_owned(),
            Begin::Country => NOT_THERE.to_owned(),
            Begin::SmsOff => NOT_OFFERED.to_owned(),
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
    // A code to this very number is on its way already: the answer belongs on the page where it is typed.
    let number = typed.parse::<PhoneNumber>().ok();
    let pending = phone::pending(&app.services, &own.session).await?;
    let resent =
        pending.is_some_and(|pending| number.is_some_and(|number| number.as_str() == pending.target));
    if resent && wait.is_some() {
        return again(&app, &own, Errors { wait, ..Errors::form(error) }).await;
    }
    let phone = PhoneForm { value: typed.to_owned(), error: Some(error), ..PhoneForm::default() };
    profile::again(&app, &own, Refused { phone, wait, ..Refused::default() }).await
}

/// `GET /profile/phone/confirm`
pub(crate) async fn show(State(app): State<App>, own: Own) -> Answer {
    page(&app, &own, StatusCode::OK, Errors::default()).await
}

/// `POST /profile/phone/confirm`
pub(crate) async fn confirm(State(app): State<App>, own: Own, form: Form) -> Answer {
    let authority = own.fresh(&app, &form).await?;
    if let Some(defect) = form.defect() {
        return again(&app, &own, Errors::defect(&defect)).await;
    }
    let (code, origin) = (form.get("code"), &own.browser.origin);
    let errors = match phone::confirm(&app.services, authority, code, origin).await? {
        Confirm::Added => return Ok(see_other(&Done::PhoneAdded.at("/profile"))),
        Confirm::Code(CodeRefusal::NotAvailable) => Errors::form(NOT_OFFERED),
        Confirm::Code(refusal) => Errors::refused(refusal, Method::Sms),
    };
    again(&app, &own, errors).await
}

/// `POST /profile/phone/remove`
pub(crate) async fn remove(State(app): State<App>, own: Own, form: Form) -> Answer {
    let authority = own.fresh(&app, &form).await?;
    form.only_a_button()?;
    if phone::remove(&app.services, authority, &own.browser.origin).await? {
        Ok(see_other(&Done::PhoneRemoved.at("/profile")))
    } else {
        Err(Problem::NotFound)
    }
}

async fn again(app: &App, own: &Own, errors: Errors) -> Answer {
    let wait = errors.wait;
    Ok(page(app, own, respond::refused(wait), errors).await?.with_retry_after(wait))
}

async fn page(app: &App, own: &Own, status: StatusCode, errors: Errors) -> Answer {
    let Some(pending) = phone::pending(&app.services, &own.session).await? else {
        return Ok(see_other(&Done::PhoneOver.at("/profile")));
    };
    let resend_in = errors.wait.unwrap_or(pending.resend_in);
    let page = PhoneConfirmPage {
        shell: own.shell(app),
        number: display(&pending.target),
        phone: pending.target,
        resend_after_seconds: small(times::seconds_up(resend_in)),
        code_error: errors.code,
        form_error: errors.form,
    };
    respond::page(status, &page)
}
