//! `/profile/app/…`: setting up and removing authenticator apps.

use super::set_up::{self, Errors, NAME, Place};
use crate::{
    app::App,
    extract::{Form, Id, Own},
    notice::Done,
    problem::Problem,
    respond::{self, Answer, see_other},
    views::AppSetupPage,
};
use axum::extract::State;
use countersign_core::ids::AuthenticatorId;
use countersign_flows::{
    enrolment::{self, ConfirmOutcome, Entered},
    profile,
};
use http::StatusCode;

/// `POST /profile/app/begin`: a new app, or with `replaces` one that takes the place of another.
pub(crate) async fn begin(State(app): State<App>, own: Own, form: Form) -> Answer {
    let authority = own.fresh(&app, &form).await?;
    form.only_a_button()?;
    let replaces = match form.get("replaces") {
        "" => None,
        id => Some(id.parse().map_err(|_| Problem::NotFound)?),
    };
    if enrolment::begin(&app.services, authority, replaces).await? {
        Ok(see_other("/profile/app/setup"))
    } else {
        Err(Problem::NotFound)
    }
}

/// `GET /profile/app/setup`
pub(crate) async fn show(State(app): State<App>, own: Own) -> Answer {
    page(&app, &own, NAME, StatusCode::OK, Errors::default()).await
}

/// `POST /profile/app/confirm`: the proof of identity that began the enrolment counts for as long as that lives.
pub(crate) async fn confirm(State(app): State<App>, own: Own, form: Form) -> Answer {
    let (code, typed) = (form.get("code"), form.get("name"));
    if let Some(defect) = form.defect() {
        return again(&app, &own, typed, Errors::defect(&defect)).await;
    }
    let entered = Entered { shown: set_up::shown(&form), code, name: typed };
    match enrolment::confirm(&app.services, &own.session, entered, &own.browser.origin).await? {
        ConfirmOutcome::Added { ended, first, replaced, .. } => {
            // New backup codes are shown before anything else.
            let next = if first || replaced.is_some() { "/profile/backup-codes" } else { "/profile" };
            let done = if replaced.is_some() { Done::AppReplaced } else { Done::AppAdded };
            own.renewed(&app, &done.ending(next, ended)).await
        }
        ConfirmOutcome::NotPending => Ok(see_other(&Done::SetUpOver.at("/profile"))),
        ConfirmOutcome::Cancelled => Ok(see_other(&Done::SetUpWasCancelled.at("/profile"))),
        refusal => again(&app, &own, typed, Errors::refused(refusal)).await,
    }
}

/// `POST /profile/app/cancel`
pub(crate) async fn cancel(State(app): State<App>, own: Own, form: Form) -> Answer {
    form.only_a_button()?;
    enrolment::cancel(&app.services, &own.session, set_up::shown(&form)).await?;
    Ok(see_other(&Done::SetUpCancelled.at("/profile")))
}

/// `POST /profile/app/{id}/remove`
pub(crate) async fn remove(
    State(app): State<App>,
    own: Own,
    Id(id): Id<AuthenticatorId>,
    form: Form,
) -> Answer {
    let authority = own.fresh(&app, &form).await?;
    form.only_a_button()?;
    let removed = enrolment::remove(&app.services, authority, id, &own.browser.origin).await?;
    let removed = removed.ok_or(Problem::NotFound)?;
    let done = if removed.last { Done::LastAppRemoved } else { Done::AppRemoved };
    own.renewed(&app, &done.ending("/profile", removed.ended)).await
}

async fn again(app: &App, own: &Own, name: &str, errors: Errors) -> Answer {
    page(app, own, name, StatusCode::UNPROCESSABLE_ENTITY, errors).await
}

async fn page(app: &App, own: &Own, name: &str, status: StatusCode, errors: Errors) -> Answer {
    let Some(pending) = enrolment::pending(&app.services, &own.session).await? else {
        let cancelled = enrolment::was_cancelled(&app.services, &own.session).await?;
        let done = if cancelled { Done::SetUpWasCancelled } else { Done::SetUpOver };
        return Ok(see_other(&done.at("/profile")));
    };
    let overview = profile::overview(&app.services, &own.session).await?;
    let expires_text = set_up::until(&pending);
    let place = Place {
        issuer: &app.services.rules.service_name,
        confirm_url: "/profile/app/confirm".to_owned(),
        cancel_url: Some("/profile/app/cancel".to_owned()),
        replaces: overview
            .apps
            .iter()
            .find(|app| pending.replaces == Some(app.id))
            .map(|app| app.name.clone()),
    };
    let page = AppSetupPage {
        shell: own.shell(app),
        set_up: set_up::part(pending, name, errors, place)?,
        expires_text,
        has_other_app: !overview.apps.is_empty(),
    };
    respond::page(status, &page)
}
