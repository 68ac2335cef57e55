//! `/members/{id}/login-as`, `/login-as` and `/login-as/stop`

use super::members;
use crate::{
    app::App,
    extract::{Administrator, Form, Id, Impersonated, Own},
    notice::Done,
    problem::Problem,
    respond::{self, Answer, ResponseExt as _, see_other},
    shell::shell,
    times,
    views::LoginAsPage,
    words,
};
use axum::extract::State;
use countersign_core::ids::UserId;
use countersign_flows::login_as::{self, LoginAsOutcome};
use http::StatusCode;

/// `POST /members/{id}/login-as`
pub(crate) async fn begin(
    State(app): State<App>,
    Administrator(own): Administrator,
    Id(id): Id<UserId>,
    form: Form,
) -> Answer {
    let authority = own.fresh_for_login_as(&app)?;
    if let Some(defect) = form.defect() {
        return again(&app, &own, id, &form, defect.error.to_string()).await;
    }
    match login_as::begin(&app.services, authority, id, form.get("reason"), &own.browser.origin).await? {
        LoginAsOutcome::Begun { handle } => {
            Ok(see_other("/login-as").with_cookie(app.cookies.set_handle(&handle)))
        }
        LoginAsOutcome::NotFound => Err(Problem::NotFound),
        LoginAsOutcome::Refused(refusal) => Err(Problem::LoginAsRefused(words::login_as(refusal))),
        LoginAsOutcome::Reason(error) => {
            again(&app, &own, id, &form, words::text(error, "your reason; the member will read it")).await
        }
    }
}

/// `GET /login-as`: where an impersonated session lands.
pub(crate) async fn show(State(app): State<App>, impersonated: Impersonated) -> Answer {
    let Impersonated { who, browser, .. } = impersonated;
    let login_as = who.login_as.as_ref().ok_or(Problem::Internal)?;
    let page = LoginAsPage {
        shell: shell(&app, &browser, Some(&who)),
        actor: login_as.actor.clone(),
        subject: login_as.subject.clone(),
        organization: login_as.organization.clone(),
        reason: login_as.reason.clone(),
        ends_at: times::time_of_day(login_as.ends_at),
    };
    respond::page(StatusCode::OK, &page)
}

/// `POST /login-as/stop`: back to the administrator's own session, if it still lives.
pub(crate) async fn stop(State(app): State<App>, impersonated: Impersonated, form: Form) -> Answer {
    form.only_a_button()?;
    let Impersonated { session, browser, .. } = impersonated;
    let member = format!("/members/{}", session.subject());
    match login_as::stop(&app.services, session, &browser.origin).await? {
        Some(handle) => {
            let cookie = app.cookies.set_handle(&handle);
            Ok(see_other(&Done::LoginAsOver.at(&member)).with_cookie(cookie))
        }
        None => {
            let answer = see_other(&Done::LoginAsSignedOut.at("/sign-in"));
            Ok(answer.with_cookie(app.cookies.clear_handle()))
        }
    }
}

async fn again(app: &App, own: &Own, id: UserId, form: &Form, error: String) -> Answer {
    let mut page = members::page(app, own, id).await?;
    page.reason = form.get("reason").to_owned();
    page.reason_error = Some(error);
    respond::page(StatusCode::UNPROCESSABLE_ENTITY, &page)
}
