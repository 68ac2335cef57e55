//! `/sign-in/verify` and `/sign-in/send-code`

use super::{
    second_step::{self, Place},
    sign_in::admit,
};
use crate::{
    app::App,
    extract::{Browser, Form, Query, Waiting},
    notice::Done,
    problem::Problem,
    respond::{self, Answer, ResponseExt as _, see_other},
    shell::shell,
    views::VerifyPage,
    words,
};
use axum::extract::State;
use countersign_core::second_step::Method;
use countersign_flows::{
    second_step::{CodeRefusal, SendOutcome},
    sign_in::{self, VerifyOutcome},
};
use http::StatusCode;
use std::time::Duration;

/// What is wrong with the form.
#[derive(Default)]
struct Errors {
    code: Option<String>,
    form: Option<String>,
    wait: Option<Duration>,
}

/// `GET /sign-in/verify`
pub(crate) async fn show(State(app): State<App>, query: Query, waiting: Waiting) -> Answer {
    let asked = query.get("method").and_then(|method| method.parse().ok());
    respond::page(StatusCode::OK, &page(&app, &waiting, asked, Errors::default()).await?)
}

/// `POST /sign-in/verify`
pub(crate) async fn submit(State(app): State<App>, waiting: Waiting, form: Form) -> Answer {
    let Waiting { challenge, browser } = waiting;
    let method = form.get("method").parse::<Method>().ok();
    if let Some(defect) = form.defect() {
        let text = Some(defect.error.to_string());
        let errors = match defect.field.as_str() {
            "code" => Errors { code: text, ..Errors::default() },
            _ => Errors { form: text, ..Errors::default() },
        };
        return again(&app, browser, method, errors).await;
    }
    let Some(method) = method else {
        let errors = Errors { form: Some(words::CHOOSE_A_WAY.into()), ..Errors::default() };
        return again(&app, browser, None, errors).await;
    };
    let (origin, known) = (&browser.origin, browser.known);
    match sign_in::verify(&app.services, challenge, method, form.get("code"), origin, known).await? {
        VerifyOutcome::SignedIn(signed_in) => {
            second_step::count(method, None);
            Ok(admit(&app, signed_in))
        }
        VerifyOutcome::Refused(refusal) => {
            second_step::count(method, Some(refusal));
            again(&app, browser, Some(method), refused(refusal, method)).await
        }
        VerifyOutcome::Gone => Ok(see_other(&Done::SignInOver.at("/sign-in"))),
    }
}

/// `POST /sign-in/send-code`
pub(crate) async fn send_code(State(app): State<App>, waiting: Waiting, form: Form) -> Answer {
    let method = form.get("method").parse::<Method>().ok();
    let mut errors =
        Errors { form: form.defect().map(|defect| defect.error.to_string()), ..Errors::default() };
    if errors.form.is_none() {
        let outcome = match method {
            Some(method) => {
                sign_in::send_code(&app.services, &waiting.challenge, method, &waiting.browser.origin).await?
            }
            None => SendOutcome::NotAvailable,
        };
        match (outcome, method) {
            (SendOutcome::Sent, Some(method)) => {
                return Ok(see_other(&format!("/sign-in/verify?method={method}")));
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
    again(&app, waiting.browser, method, errors).await
}

fn refused(refusal: CodeRefusal, method: Method) -> Errors {
    let text = Some(words::code(refusal, method));
    if words::belongs_to_the_code(refusal) {
        Errors { code: text, ..Errors::default() }
    } else {
        Errors { form: text, wait: words::code_wait(refusal), ..Errors::default() }
    }
}

/// The page with what is wrong; the sign-in may have ended meanwhile, and then there is nothing to repeat.
async fn again(app: &App, browser: Browser, method: Option<Method>, errors: Errors) -> Answer {
    let waiting = Waiting::of(app, browser).await?;
    let wait = errors.wait;
    let page = page(app, &waiting, method, errors).await?;
    Ok(respond::page(respond::refused(wait), &page)?.with_retry_after(wait))
}

async fn page(
    app: &App,
    waiting: &Waiting,
    asked: Option<Method>,
    errors: Errors,
) -> Result<VerifyPage, Problem> {
    let view = sign_in::step(&app.services, &waiting.challenge).await?;
    let place = Place { page_url: "/sign-in/verify", send_url: "/sign-in/send-code", return_to: None };
    let mut step = second_step::step(&view, asked, place).ok_or(Problem::NoSecondStepLeft)?;
    step.code_error = errors.code;
    Ok(VerifyPage { shell: shell(app, &waiting.browser, None), step, form_error: errors.form })
}
