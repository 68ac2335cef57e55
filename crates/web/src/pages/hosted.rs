//! `/second-step/{handle}/…`: the second step that an application asks for, on this server's pages.
//!
//! An address that was never given is 404; what is over leads back to the application. Each page belongs to a stage of
//! the challenge, and asked for in another one it leads to the page of that stage. A browser that a set-up does not belong to
//! sees no page of it: see the flow.

pub(crate) mod set_up;

use super::second_step::{self, Errors, Place};
use crate::{
    app::App,
    extract::{Form, Hosted, HostedPages, Query},
    respond::{self, Answer, ResponseExt as _, see_other},
    views::{HostedBeginPage, HostedEnd, HostedEndPage, HostedStepPage},
    words,
};
use axum::extract::State;
use countersign_core::{application_challenge::Pending, second_step::Method};
use countersign_flows::service::hosted::{self, HostedOutcome, Stage};
use http::StatusCode;

/// `GET /second-step/{handle}`
pub(crate) async fn show(State(app): State<App>, query: Query, hosted: Hosted) -> Answer {
    let Hosted { stage, pages } = hosted;
    match stage {
        Stage::Show(pending) => {
            let asked = query.get("method").and_then(|method| method.parse().ok());
            step(&app, &pending, pages, asked, Errors::default(), StatusCode::OK).await
        }
        Stage::SetUp(_) => begin(&app, pages),
        Stage::SettingUp(_, session) => match hosted::pending_app(&app.services, &session).await? {
            Some(_) => Ok(pages.at("/set-up")),
            None => begin(&app, pages),
        },
        Stage::Enrolled(..) => Ok(pages.at("/backup-codes")),
        Stage::Elsewhere => end(&app, pages, HostedEnd::Elsewhere, StatusCode::FORBIDDEN),
        Stage::Over => end(&app, pages, HostedEnd::Over, StatusCode::OK),
    }
}

/// `GET /second-step/{handle}/support`: for someone who can't use any of the methods. It shows nothing but whom to contact.
pub(crate) async fn support(State(app): State<App>, hosted: Hosted) -> Answer {
    match hosted.stage {
        Stage::Show(_) => end(&app, hosted.pages, HostedEnd::Support, StatusCode::OK),
        _ => Ok(hosted.pages.at("")),
    }
}

/// `POST /second-step/{handle}/verify`
pub(crate) async fn verify(State(app): State<App>, hosted: Hosted, form: Form) -> Answer {
    let Hosted { stage: Stage::Show(pending), pages } = hosted else { return Ok(hosted.pages.at("")) };
    let method = form.get("method").parse::<Method>().ok();
    if let Some(defect) = form.defect() {
        return again(&app, pages, method, Errors::defect(&defect)).await;
    }
    let Some(method) = method else {
        return again(&app, pages, None, Errors::form(words::CHOOSE_A_WAY)).await;
    };
    let outcome = hosted::verify(&app.services, pending, method, form.get("code"), pages.origin()).await?;
    match outcome {
        HostedOutcome::Back(address) => Ok(see_other(address.as_str())),
        HostedOutcome::SetUp(browser) => Ok(pages.at("").with_cookie(app.cookies.set_set_up(&browser))),
        HostedOutcome::Refused(refusal) => {
            again(&app, pages, Some(method), Errors::refused(refusal, method)).await
        }
        HostedOutcome::Gone => Ok(pages.at("")),
    }
}

/// `POST /second-step/{handle}/send-code`
pub(crate) async fn send_code(State(app): State<App>, hosted: Hosted, form: Form) -> Answer {
    let Hosted { stage: Stage::Show(pending), pages } = hosted else { return Ok(hosted.pages.at("")) };
    if let Some(defect) = form.defect() {
        return again(&app, pages, None, Errors::defect(&defect)).await;
    }
    let Ok(method) = form.get("method").parse::<Method>() else {
        return again(&app, pages, None, Errors::form(words::CHOOSE_A_WAY)).await;
    };
    let outcome = hosted::send_code(&app.services, &pending, method, pages.origin()).await?;
    match Errors::not_sent(outcome) {
        None => Ok(pages.at(&format!("?method={method}"))),
        Some(errors) => again(&app, pages, Some(method), errors).await,
    }
}

/// `POST /second-step/{handle}/cancel`: back without an answer. The challenge stays as it is, and ends by itself.
pub(crate) async fn cancel(hosted: Hosted, form: Form) -> Answer {
    let Hosted { stage, pages } = hosted;
    form.only_a_button()?;
    match stage {
        Stage::Show(_) | Stage::SetUp(_) | Stage::SettingUp(..) | Stage::Elsewhere => {
            Ok(see_other(pages.about().way_out.as_str()))
        }
        Stage::Enrolled(..) | Stage::Over => Ok(pages.at("")),
    }
}

/// The second step with what is wrong; the challenge may have ended meanwhile, and then there is nothing to repeat.
async fn again(app: &App, pages: HostedPages, method: Option<Method>, errors: Errors) -> Answer {
    let hosted = Hosted::again(app, pages).await?;
    let Hosted { stage: Stage::Show(pending), pages } = hosted else { return Ok(hosted.pages.at("")) };
    let wait = errors.wait;
    let answer = step(app, &pending, pages, method, errors, respond::refused(wait)).await?;
    Ok(answer.with_retry_after(wait))
}

async fn step(
    app: &App,
    pending: &Pending,
    pages: HostedPages,
    asked: Option<Method>,
    errors: Errors,
    status: StatusCode,
) -> Answer {
    let view = hosted::step(&app.services, pending).await?;
    let place = Place {
        listed_as: pages.about().application.clone(),
        page_url: pages.path(""),
        verify_url: pages.path("/verify"),
        send_url: pages.path("/send-code"),
        help_url: pages.path("/support"),
        return_to: None,
    };
    let Some(mut step) = second_step::step(&view, asked, place) else {
        return end(app, pages, HostedEnd::NothingLeft, StatusCode::FORBIDDEN);
    };
    step.code_error = errors.code;
    let shell = pages.shell(app).with_form_page(step.address());
    let page = HostedStepPage { shell, about: pages.view(), step, form_error: errors.form };
    pages.page(status, &page)
}

fn begin(app: &App, pages: HostedPages) -> Answer {
    let page = HostedBeginPage { shell: pages.shell(app), about: pages.view() };
    pages.page(StatusCode::OK, &page)
}

fn end(app: &App, pages: HostedPages, end: HostedEnd, status: StatusCode) -> Answer {
    let page = HostedEndPage { shell: pages.shell(app), about: pages.view(), end };
    pages.page(status, &page)
}
