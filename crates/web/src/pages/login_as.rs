//! `/members/{id}/login-as`, `/login-as` and `/login-as/stop`

use super::members;
use crate::{
    app::App,
    extract::{Administrator, Browser, Form, Id, Own, without_session},
    notice::Done,
    problem::Problem,
    respond::{self, Answer, ResponseExt as _, see_other},
    shell::shell,
    times,
    views::{LoginAsDestination, LoginAsEndedPage, LoginAsPage},
    words,
};
use axum::extract::{FromRequest as _, Request, State};
use countersign_core::{
    ids::UserId,
    session::{ImpersonatedSession, OwnSession, Session},
};
use countersign_flows::{
    identity::{self, Who},
    login_as::{self, LoginAsOutcome},
};
use http::StatusCode;

/// `POST /members/{id}/login-as`
pub(crate) async fn begin(
    State(app): State<App>,
    Administrator(own): Administrator,
    Id(id): Id<UserId>,
    form: Form,
) -> Answer {
    let authority = own.fresh_for_login_as(&app, &form).await?;
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

/// `GET /login-as`: where an impersonated session lands, and where someone learns that it has ended. In the administrator's
/// own session: to the page that sums it up.
pub(crate) async fn show(State(app): State<App>, browser: Browser) -> Answer {
    match browser.session(&app).await? {
        Some(Session::Own(own)) => Ok(see_other(&after(&app, &own).await?)),
        Some(session) => {
            let who = identity::who(&app.services, &session).await?;
            let Session::Impersonated(session) = session else { return Err(Problem::Internal) };
            look(&app, &browser, &session, &who).await
        }
        None => {
            let ended = match &browser.handle {
                Some(handle) => login_as::ended(&app.services, handle).await?,
                None => None,
            };
            let Some(ended) = ended else { return Err(without_session(&app, &browser, "/login-as").await?) };
            let page = LoginAsEndedPage {
                shell: shell(&app, &browser, None),
                actor: ended.actor,
                subject: ended.subject,
                ended_at: times::time_of_day(ended.at),
            };
            respond::page(StatusCode::OK, &page)
        }
    }
}

async fn look(app: &App, browser: &Browser, session: &ImpersonatedSession, who: &Who) -> Answer {
    let login_as = who.login_as.as_ref().ok_or(Problem::Internal)?;
    let destinations = login_as::destinations(&app.services, session).await?;
    let page = LoginAsPage {
        shell: shell(app, browser, Some(who)),
        actor: login_as.actor.clone(),
        subject: login_as.subject.clone(),
        organization: login_as.organization.clone(),
        reason: login_as.reason.clone(),
        ends_at: times::time_of_day(login_as.ends_at),
        destinations: destinations
            .into_iter()
            .map(|one| LoginAsDestination { name: one.name, address: one.address, accepted: one.accepted })
            .collect(),
    };
    respond::page(StatusCode::OK, &page)
}

/// `POST /login-as/stop`: back to the administrator's own session, if it still lives. The "login as" may have ended by itself.
pub(crate) async fn stop(State(app): State<App>, browser: Browser, request: Request) -> Answer {
    let session = match browser.session(&app).await? {
        // Another tab was faster.
        Some(Session::Own(own)) => return Ok(see_other(&after(&app, &own).await?)),
        Some(Session::Impersonated(session)) => Some(session),
        None => None,
    };
    let Some(handle) = &browser.handle else { return Ok(see_other("/sign-in")) };
    if session.is_none() && login_as::ended(&app.services, handle).await?.is_none() {
        return Err(without_session(&app, &browser, "/login-as").await?);
    }
    Form::from_request(request, &app).await?.only_a_button()?;
    let origin = &browser.origin;
    let back = match session {
        Some(session) => {
            let subject = session.subject();
            login_as::stop(&app.services, session, origin).await?.map(|handle| (handle, subject))
        }
        None => login_as::leave(&app.services, handle, origin).await?,
    };
    Ok(match back {
        Some((handle, subject)) => see_other(&Done::LoginAsOver.at(&format!("/members/{subject}")))
            .with_cookie(app.cookies.set_handle(&handle)),
        // The cookie stays: another tab may have brought a new one.
        None => see_other("/sign-in"),
    })
}

/// The page of the member of whom the administrator has just taken leave; else My Profile.
async fn after(app: &App, own: &OwnSession) -> Result<String, Problem> {
    let summary = login_as::summary(&app.services, own).await?;
    Ok(summary.map_or_else(|| "/profile".to_owned(), |summary| format!("/members/{}", summary.subject)))
}

async fn again(app: &App, own: &Own, id: UserId, form: &Form, error: String) -> Answer {
    let mut page = members::page(app, own, id).await?;
    page.reason = form.get("reason").to_owned();
    page.reason_error = Some(error);
    respond::page(StatusCode::UNPROCESSABLE_ENTITY, &page)
}
