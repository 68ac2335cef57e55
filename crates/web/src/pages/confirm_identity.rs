//! `/confirm-identity` and `/confirm-identity/send-code`

use super::second_step::{self, Place};
use crate::{
    app::App,
    extract::{Form, Own, Query},
    problem::Problem,
    respond::{self, Answer, ResponseExt as _, see_other},
    return_to,
    views::ConfirmIdentityPage,
    words,
};
use axum::extract::State;
use countersign_core::second_step::Method;
use countersign_flows::{
    second_step::{CodeRefusal, SendOutcome},
    step_up::{self, StepUpOutcome},
};
use http::StatusCode;
use std::time::Duration;

/// What is wrong with the form.
#[derive(Default)]
struct Errors {
    password: Option<String>,
    code: Option<String>,
    form: Option<String>,
    wait: Option<Duration>,
}

/// `GET /confirm-identity`
pub(crate) async fn show(State(app): State<App>, query: Query, own: Own) -> Answer {
    let asked = query.get("method").and_then(|method| method.parse().ok());
    let back = back(&app, query.get("return_to").unwrap_or_default());
    respond::page(StatusCode::OK, &page(&app, &own, asked, back, Errors::default()).await?)
}

/// `POST /confirm-identity`
pub(crate) async fn submit(State(app): State<App>, own: Own, form: Form) -> Answer {
    let back = back(&app, form.get("return_to"));
    let method = form.get("method").parse::<Method>().ok();
    if let Some(defect) = form.defect() {
        let text = Some(defect.error.to_string());
        let errors = match defect.field.as_str() {
            "password" => Errors { password: text, ..Errors::default() },
            "code" => Errors { code: text, ..Errors::default() },
            _ => Errors { form: text, ..Errors::default() },
        };
        return again(&app, &own, method, back, errors).await;
    }
    let (password, code) = (form.get("password"), form.get("code"));
    let outcome =
        step_up::confirm(&app.services, &own.session, password, method, code, &own.browser.origin).await?;
    count(&outcome, method);
    let errors = match outcome {
        StepUpOutcome::Proven { handle } => {
            return Ok(see_other(&back).with_cookie(app.cookies.set_handle(&handle)));
        }
        StepUpOutcome::WrongPassword => {
            Errors { password: Some(words::NOT_YOUR_PASSWORD.into()), ..Errors::default() }
        }
        StepUpOutcome::BadPassword(error) => {
            Errors { password: Some(words::typed_password(error).into()), ..Errors::default() }
        }
        StepUpOutcome::Code(refusal) => refused(refusal, method.unwrap_or(Method::App)),
        StepUpOutcome::Closed { retry_after } => Errors {
            form: Some(words::too_many_passwords(retry_after)),
            wait: Some(retry_after),
            ..Errors::default()
        },
    };
    again(&app, &own, method, back, errors).await
}

/// `POST /confirm-identity/send-code`
pub(crate) async fn send_code(State(app): State<App>, own: Own, form: Form) -> Answer {
    let back = back(&app, form.get("return_to"));
    let method = form.get("method").parse::<Method>().ok();
    let mut errors =
        Errors { form: form.defect().map(|defect| defect.error.to_string()), ..Errors::default() };
    if errors.form.is_none() {
        let outcome = match method {
            Some(method) => {
                step_up::send_code(&app.services, &own.session, method, &own.browser.origin).await?
            }
            None => SendOutcome::NotAvailable,
        };
        match (outcome, method) {
            (SendOutcome::Sent, Some(method)) => {
                let back = return_to::encode(&back);
                return Ok(see_other(&format!("/confirm-identity?method={method}&return_to={back}")));
            }
            (SendOutcome::TooSoon { retry_after }, _) => {
                errors.form = Some(words::sent_a_moment_ago(retry_after));
                errors.wait = Some(retry_after);
            }
            (SendOutcome::Closed { retry_after }, _) => {
                errors.form = Some(words::too_many_sends(retry_after));
                errors.wait = Some(retry_after);
            }
            (SendOutcome::NotAvailable | SendOutcome::Sent, _) => {
                errors.form = Some(words::CHOOSE_A_WAY.into());
            }
        }
    }
    again(&app, &own, method, back, errors).await
}

fn refused(refusal: CodeRefusal, method: Method) -> Errors {
    let text = Some(words::code(refusal, method));
    if words::belongs_to_the_code(refusal) {
        Errors { code: text, ..Errors::default() }
    } else {
        Errors { form: text, wait: words::code_wait(refusal), ..Errors::default() }
    }
}

fn back(app: &App, raw: &str) -> String {
    return_to::local(&app.settings.public_url, raw).unwrap_or_else(|| "/profile".to_owned())
}

async fn again(app: &App, own: &Own, method: Option<Method>, back: String, errors: Errors) -> Answer {
    let wait = errors.wait;
    let page = page(app, own, method, back, errors).await?;
    Ok(respond::page(respond::refused(wait), &page)?.with_retry_after(wait))
}

async fn page(
    app: &App,
    own: &Own,
    asked: Option<Method>,
    back: String,
    errors: Errors,
) -> Result<ConfirmIdentityPage, Problem> {
    let view = step_up::view(&app.services, &own.session).await?;
    let place = Place {
        page_url: "/confirm-identity",
        send_url: "/confirm-identity/send-code",
        return_to: Some(back.clone()),
    };
    let mut step = second_step::step(&view, asked, place);
    if view.due && step.is_none() {
        return Err(Problem::NoSecondStepLeft);
    }
    // Without a field for the code, what is wrong with it concerns the form.
    let (code, form) =
        if step.is_some() { (errors.code, errors.form) } else { (None, errors.form.or(errors.code)) };
    if let Some(step) = &mut step {
        step.code_error = code;
    }
    Ok(ConfirmIdentityPage {
        shell: own.shell(app),
        email: own.who.email.clone(),
        step,
        cancel_to: back.clone(),
        return_to: back,
        password_error: errors.password,
        form_error: form,
    })
}

fn count(outcome: &StepUpOutcome, method: Option<Method>) {
    match (outcome, method) {
        (StepUpOutcome::Proven { .. }, Some(method)) => second_step::count(method, None),
        (StepUpOutcome::Code(refusal), Some(method)) => second_step::count(method, Some(*refusal)),
        _ => {}
    }
}
