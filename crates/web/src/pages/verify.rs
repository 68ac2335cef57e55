//! `/sign-in/verify` and `/sign-in/send-code`

use super::{
    second_step::{self, Errors, Place},
    sign_in::{Onward, admit, onward},
};
use crate::{
    app::App,
    extract::{Browser, Form, Query, Waiting},
    notice::Done,
    onward::FormTargets,
    problem::Problem,
    respond::{self, Answer, ResponseExt as _, see_other},
    shell::shell,
    views::VerifyPage,
    words,
};
use axum::extract::State;
use countersign_core::second_step::Method;
use countersign_flows::sign_in::{self, VerifyOutcome};
use http::StatusCode;

/// `GET /sign-in/verify`
pub(crate) async fn show(State(app): State<App>, query: Query, waiting: Waiting) -> Answer {
    let asked = query.get("method").and_then(|method| method.parse().ok());
    let (page, targets) = page(&app, &waiting, asked, Errors::default()).await?;
    Ok(respond::page(StatusCode::OK, &page)?.with_form_targets(targets))
}

/// `POST /sign-in/verify`
pub(crate) async fn submit(State(app): State<App>, waiting: Waiting, form: Form) -> Answer {
    let Waiting { challenge, browser } = waiting;
    let method = form.get("method").parse::<Method>().ok();
    if let Some(defect) = form.defect() {
        return again(&app, browser, method, Errors::defect(&defect)).await;
    }
    let Some(method) = method else {
        return again(&app, browser, None, Errors::form(words::CHOOSE_A_WAY)).await;
    };
    let (origin, known) = (&browser.origin, browser.known);
    match sign_in::verify(&app.services, challenge, method, form.get("code"), origin, known).await? {
        VerifyOutcome::SignedIn(signed_in) => Ok(admit(&app, signed_in)),
        VerifyOutcome::Refused(refusal) => {
            again(&app, browser, Some(method), Errors::refused(refusal, method)).await
        }
        VerifyOutcome::Gone => Ok(see_other(&Done::SignInOver.at("/sign-in"))),
    }
}

/// `POST /sign-in/send-code`
pub(crate) async fn send_code(State(app): State<App>, waiting: Waiting, form: Form) -> Answer {
    if let Some(defect) = form.defect() {
        return again(&app, waiting.browser, None, Errors::defect(&defect)).await;
    }
    let Ok(method) = form.get("method").parse::<Method>() else {
        return again(&app, waiting.browser, None, Errors::form(words::CHOOSE_A_WAY)).await;
    };
    let Waiting { challenge, browser } = waiting;
    let outcome =
        sign_in::send_code(&app.services, &challenge, method, &browser.origin, browser.known).await?;
    match Errors::not_sent(outcome) {
        None => Ok(see_other(&format!("/sign-in/verify?method={method}"))),
        Some(errors) => again(&app, browser, Some(method), errors).await,
    }
}

/// The page with what is wrong; the sign-in may have ended meanwhile, and then there is nothing to repeat.
async fn again(app: &App, browser: Browser, method: Option<Method>, errors: Errors) -> Answer {
    let waiting = Waiting::of(app, browser).await?;
    let wait = errors.wait;
    let (page, targets) = page(app, &waiting, method, errors).await?;
    Ok(respond::page(respond::refused(wait), &page)?.with_retry_after(wait).with_form_targets(targets))
}

async fn page(
    app: &App,
    waiting: &Waiting,
    asked: Option<Method>,
    errors: Errors,
) -> Result<(VerifyPage, FormTargets), Problem> {
    let return_to = waiting.challenge.record().return_to.clone();
    let Onward { targets, destination } = onward(app, return_to.as_deref()).await;
    let view = sign_in::step(&app.services, &waiting.challenge).await?;
    let place = Place {
        listed_as: app.settings.service_name.clone(),
        page_url: "/sign-in/verify".to_owned(),
        verify_url: "/sign-in/verify".to_owned(),
        send_url: "/sign-in/send-code".to_owned(),
        return_to: None,
    };
    let mut step = second_step::step(&view, asked, place).ok_or(Problem::NoSecondStepLeft)?;
    step.code_error = errors.code;
    let shell = shell(app, &waiting.browser, None).with_form_page(step.address());
    Ok((VerifyPage { shell, step, form_error: errors.form, return_to, destination }, targets))
}
