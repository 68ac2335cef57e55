//! `/second-step/{handle}/set-up…`: the first app, its backup codes, and the way on.

use crate::{
    app::App,
    extract::{Form, Hosted, HostedPages},
    notice::Done,
    pages::{
        codes_file::About,
        set_up::{self, Errors, NAME, Place},
    },
    respond::{Answer, ResponseExt as _, see_other},
    views::{HostedCodesPage, HostedSetUpPage},
};
use axum::extract::State;
use countersign_core::session::HolderSession;
use countersign_flows::{
    enrolment::{ConfirmOutcome, Entered},
    service::hosted::{self, HostedOutcome, Stage},
};
use http::StatusCode;

/// `GET /second-step/{handle}/set-up`
pub(crate) async fn show(State(app): State<App>, hosted: Hosted) -> Answer {
    let Hosted { stage: Stage::SettingUp(_, session), pages } = hosted else {
        return Ok(hosted.pages.at(""));
    };
    page(&app, &session, pages, NAME, StatusCode::OK, Errors::default()).await
}

/// `POST /second-step/{handle}/set-up`: begins, or returns to what is pending.
pub(crate) async fn begin(State(app): State<App>, hosted: Hosted, form: Form) -> Answer {
    let Hosted { stage, pages } = hosted;
    if !matches!(stage, Stage::SetUp(_) | Stage::SettingUp(..)) {
        return Ok(pages.at(""));
    }
    form.only_a_button()?;
    // A second tab, or a second press, shows the key that is pending.
    if let Stage::SettingUp(_, session) = &stage
        && hosted::pending_app(&app.services, session).await?.is_some()
    {
        return Ok(pages.at("/set-up"));
    }
    let (Stage::SetUp(pending) | Stage::SettingUp(pending, _)) = stage else { return Ok(pages.at("")) };
    match hosted::begin_set_up(&app.services, pending, pages.browser(), pages.origin()).await? {
        None => Ok(pages.at("")),
        Some(begun) => {
            let cookie = begun.browser.and_then(|browser| app.cookies.set_set_up(&browser));
            Ok(pages.at("/set-up").with_cookie(cookie))
        }
    }
}

/// `POST /second-step/{handle}/set-up/confirm`
pub(crate) async fn confirm(State(app): State<App>, hosted: Hosted, form: Form) -> Answer {
    let Hosted { stage: Stage::SettingUp(pending, session), pages } = hosted else {
        return Ok(hosted.pages.at(""));
    };
    let (code, typed) = (form.get("code"), form.get("name"));
    if let Some(defect) = form.defect() {
        return again(&app, &session, pages, typed, Errors::defect(&defect)).await;
    }
    let services = &app.services;
    let entered = Entered { shown: set_up::shown(&form), code, name: typed };
    match hosted::confirm_set_up(services, pending, &session, entered, pages.origin()).await? {
        ConfirmOutcome::Added { .. } => Ok(pages.at("/backup-codes")),
        ConfirmOutcome::NotPending | ConfirmOutcome::Cancelled => {
            Ok(see_other(&Done::SetUpOver.at(&pages.path(""))))
        }
        refusal => again(&app, &session, pages, typed, Errors::refused(refusal)).await,
    }
}

/// `GET /second-step/{handle}/backup-codes`: the codes, for five minutes; later only that they were shown.
pub(crate) async fn backup_codes(State(app): State<App>, hosted: Hosted) -> Answer {
    let Hosted { stage: Stage::Enrolled(_, session), pages } = hosted else { return Ok(hosted.pages.at("")) };
    let codes = hosted::reveal(&app.services, &session).await?;
    let about = pages.view();
    let file =
        About { service: about.application.clone(), site: about.origin.clone(), account: about.name.clone() };
    let fresh = codes.map(|(status, reveal)| file.fresh(&status, reveal));
    let page = HostedCodesPage { shell: pages.shell(&app), about, fresh };
    pages.page(StatusCode::OK, &page)
}

/// `POST /second-step/{handle}/continue`: to the application, with the result.
pub(crate) async fn go_on(State(app): State<App>, hosted: Hosted, form: Form) -> Answer {
    let Hosted { stage: Stage::Enrolled(record, session), pages } = hosted else {
        return Ok(hosted.pages.at(""));
    };
    form.only_a_button()?;
    match hosted::finish(&app.services, record, session).await? {
        HostedOutcome::Back(address) => {
            Ok(see_other(address.as_str()).with_cookie(app.cookies.clear_set_up()))
        }
        HostedOutcome::SetUp(_) | HostedOutcome::Refused(_) | HostedOutcome::Gone => Ok(pages.at("")),
    }
}

async fn again(app: &App, session: &HolderSession, pages: HostedPages, name: &str, errors: Errors) -> Answer {
    page(app, session, pages, name, StatusCode::UNPROCESSABLE_ENTITY, errors).await
}

async fn page(
    app: &App,
    session: &HolderSession,
    pages: HostedPages,
    name: &str,
    status: StatusCode,
    errors: Errors,
) -> Answer {
    let Some(pending) = hosted::pending_app(&app.services, session).await? else {
        return Ok(see_other(&Done::SetUpOver.at(&pages.path(""))));
    };
    let about = pages.view();
    let expires_text = set_up::until(&pending);
    let confirm_url = pages.path("/set-up/confirm");
    let place = Place { issuer: &about.application, confirm_url, cancel_url: None, replaces: None };
    let set_up = set_up::part(pending, name, errors, place)?;
    let page = HostedSetUpPage { shell: pages.shell(app), about, set_up, expires_text };
    pages.page(status, &page)
}
