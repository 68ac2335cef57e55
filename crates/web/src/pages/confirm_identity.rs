//! `/confirm-identity` and `/confirm-identity/send-code`

use super::{
    continuing::{Pending, Waiting, is_from_elsewhere},
    second_step::{self, Errors, Place},
};
use crate::{
    app::App,
    extract::{Form, Own, Query},
    onward::{self, Behind, FormTargets},
    problem::Problem,
    respond::{self, Answer, ResponseExt as _, see_other},
    return_to, times,
    views::ConfirmIdentityPage,
    words,
};
use axum::{extract::State, response::IntoResponse as _};
use countersign_core::{second_step::Method, site_access::Level};
use countersign_flows::step_up::{self, Entered, StepUpOutcome};
use http::{HeaderMap, StatusCode};

/// What is wrong with the form.
#[derive(Default)]
struct Refused {
    password: Option<String>,
    step: Errors,
}

impl Refused {
    fn password(text: impl Into<String>) -> Self {
        Self { password: Some(text.into()), ..Self::default() }
    }

    fn step(step: Errors) -> Self {
        Self { step, ..Self::default() }
    }
}

/// `GET /confirm-identity`
pub(crate) async fn show(State(app): State<App>, headers: HeaderMap, query: Query, own: Own) -> Answer {
    let asked = query.get("method").and_then(|method| method.parse().ok());
    let back = back(&app, &own, query.get("return_to").unwrap_or_default()).await?;
    if let Some(pending) = &back.pending {
        if back.waiting.is_none() || is_from_elsewhere(&headers) {
            return Ok(see_other(&pending.over()));
        }
        // Confirmed meanwhile in another tab: nothing more to enter.
        if own.is_fresh(&app) {
            return Ok(see_other(&pending.address()));
        }
    }
    let targets = back.targets();
    let page = page(&app, &own, asked, back, Refused::default()).await?;
    Ok(respond::page(StatusCode::OK, &page)?.with_form_targets(targets))
}

/// `POST /confirm-identity`
pub(crate) async fn submit(State(app): State<App>, own: Own, form: Form) -> Answer {
    let back = back(&app, &own, form.get("return_to")).await?;
    let method = form.get("method").parse::<Method>().ok();
    if let Some(defect) = form.defect() {
        let refused = match defect.field.as_str() {
            "password" => Refused::password(defect.error.to_string()),
            _ => Refused::step(Errors::defect(&defect)),
        };
        return again(&app, &own, method, back, refused).await;
    }
    let (password, code, browser) = (form.get("password"), form.get("code"), own.browser.known);
    let entered = Entered { password, method, code, browser };
    let (origin, wanted) = (&own.browser.origin, back.behind.level());
    let outcome = step_up::confirm(&app.services, &own.session, entered, wanted, origin).await?;
    let refused = match outcome {
        StepUpOutcome::Proven { handle } => {
            let cookie = app.cookies.set_handle(&handle);
            // The old handle opens nothing any more, whatever became of the form.
            let answer = go_on(&app, &own, &back).await.unwrap_or_else(Problem::into_response);
            return Ok(answer.with_cookie(cookie));
        }
        StepUpOutcome::WrongPassword => Refused::password(words::NOT_YOUR_PASSWORD),
        StepUpOutcome::BadPassword(error) => Refused::password(words::typed_password(error)),
        StepUpOutcome::Code(refusal) => {
            Refused::step(Errors::refused(refusal, method.unwrap_or(Method::App)))
        }
        StepUpOutcome::Closed { retry_after } => {
            let text = words::too_many_passwords(retry_after);
            Refused::step(Errors { wait: Some(retry_after), ..Errors::form(text) })
        }
    };
    again(&app, &own, method, back, refused).await
}

/// Where the proof leads: to what asked for it. A form that waited is carried out at once, unless it ends something.
async fn go_on(app: &App, own: &Own, back: &Back) -> Answer {
    match (&back.pending, &back.waiting) {
        (Some(pending), Some(waiting)) if !waiting.asks_first() => pending.carry_out(app, own).await,
        _ => Ok(see_other(&back.to)),
    }
}

/// `POST /confirm-identity/send-code`
pub(crate) async fn send_code(State(app): State<App>, own: Own, form: Form) -> Answer {
    let back = back(&app, &own, form.get("return_to")).await?;
    if let Some(defect) = form.defect() {
        return again(&app, &own, None, back, Refused::step(Errors::defect(&defect))).await;
    }
    let Ok(method) = form.get("method").parse::<Method>() else {
        return again(&app, &own, None, back, Refused::step(Errors::form(words::CHOOSE_A_WAY))).await;
    };
    let (origin, wanted, known) = (&own.browser.origin, back.behind.level(), own.browser.known);
    let outcome = step_up::send_code(&app.services, &own.session, method, wanted, origin, known).await?;
    match Errors::not_sent(outcome) {
        None => {
            let back = return_to::encode(&back.to);
            Ok(see_other(&format!("/confirm-identity?method={method}&return_to={back}")))
        }
        Some(errors) => again(&app, &own, Some(method), back, Refused::step(errors)).await,
    }
}

/// Where it leads, and what waits there.
struct Back {
    to: String,
    behind: Behind,
    /// Where it leads to a form that waits: which, and what it does if it still waits.
    pending: Option<Pending>,
    waiting: Option<Waiting>,
}

impl Back {
    fn targets(&self) -> FormTargets {
        FormTargets(self.behind.origins.clone())
    }
}

async fn back(app: &App, own: &Own, raw: &str) -> Result<Back, Problem> {
    let to = return_to::local(&app.settings.public_url, raw).unwrap_or_else(|| "/profile".to_owned());
    let behind = onward::behind(app, &to).await;
    let pending = Pending::at(app, &to);
    let waiting = match &pending {
        Some(pending) => pending.peek(app, own).await?,
        None => None,
    };
    Ok(Back { to, behind, pending, waiting })
}

async fn again(app: &App, own: &Own, method: Option<Method>, back: Back, refused: Refused) -> Answer {
    let wait = refused.step.wait;
    let targets = back.targets();
    let page = page(app, own, method, back, refused).await?;
    Ok(respond::page(respond::refused(wait), &page)?.with_retry_after(wait).with_form_targets(targets))
}

async fn page(
    app: &App,
    own: &Own,
    asked: Option<Method>,
    back: Back,
    refused: Refused,
) -> Result<ConfirmIdentityPage, Problem> {
    let wanted = back.behind.level();
    let view = step_up::view(&app.services, &own.session, wanted).await?;
    let place = Place {
        listed_as: app.settings.service_name.clone(),
        page_url: "/confirm-identity".to_owned(),
        verify_url: "/confirm-identity".to_owned(),
        send_url: "/confirm-identity/send-code".to_owned(),
        help_url: return_to::with("/support", Some(&return_to::with("/confirm-identity", Some(&back.to)))),
        return_to: Some(back.to.clone()),
    };
    let mut step = second_step::step(&view, asked, place);
    if view.due && step.is_none() {
        return Err(Problem::NoSecondStepLeft);
    }
    let Errors { code, mut form, .. } = refused.step;
    match &mut step {
        Some(step) => step.code_error = code,
        // Without a field for the code, what is wrong with it concerns the form.
        None => form = form.or(code),
    }
    let form_page = match &step {
        Some(step) => step.address(),
        None => return_to::with("/confirm-identity", Some(&back.to)),
    };
    Ok(ConfirmIdentityPage {
        shell: own.shell(app).with_form_page(form_page),
        email: own.who.email.clone(),
        step,
        application: back.behind.application,
        second_step_wanted: wanted > Level::OneStep,
        email_not_enough: wanted == Level::TwoFactor && !view.methods.contains(&Method::Email),
        purpose: back.waiting.map(|waiting| waiting.purpose()),
        holds_for: times::wait(app.services.rules.step_up_max_age),
        cancel_to: back.pending.map_or_else(|| onward::cancelled(&back.to), |pending| pending.page),
        return_to: back.to,
        password_error: refused.password,
        form_error: form,
    })
}
