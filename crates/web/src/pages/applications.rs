//! `/organization/applications`

use crate::{
    app::App,
    extract::{Administrator, Form, Own},
    notice::Done,
    respond::{self, Answer, see_other},
    views::{ApplicationRow, ApplicationsPage, TextForm},
    words,
};
use axum::extract::State;
use countersign_core::ids::ApplicationId;
use countersign_flows::applications::{self, RegisterOutcome};
use http::StatusCode;

/// `GET /organization/applications`
pub(crate) async fn list(State(app): State<App>, Administrator(own): Administrator) -> Answer {
    page(&app, &own, TextForm::default()).await
}

/// `POST /organization/applications`
pub(crate) async fn register(
    State(app): State<App>,
    Administrator(own): Administrator,
    form: Form,
) -> Answer {
    let authority = own.fresh_for_applications(&app, &form).await?;
    let typed = form.get("name");
    let error = match form.defect() {
        Some(defect) => defect.error.to_string(),
        None => {
            match applications::register(&app.services, authority, typed, false, &own.browser.origin).await? {
                RegisterOutcome::Registered(id) => {
                    return Ok(see_other(&Done::ApplicationRegistered.at(&path(id))));
                }
                RegisterOutcome::Name(error) => words::text(error, "a name, for example CRM"),
                RegisterOutcome::TooMany => words::applications::too_many("applications"),
            }
        }
    };
    page(&app, &own, TextForm { value: typed.to_owned(), error: Some(error) }).await
}

/// The page of an application.
pub(super) fn path(id: ApplicationId) -> String {
    format!("/organization/applications/{id}")
}

async fn page(app: &App, own: &Own, form: TextForm) -> Answer {
    let run = own.run()?;
    let rows = applications::list(&app.services, run.organization)
        .await?
        .into_iter()
        .map(|application| ApplicationRow {
            id: application.id.to_string(),
            name: application.name,
            on: application.active,
            signs_in: application.client.is_some(),
        })
        .collect();
    let status = if form.error.is_some() { respond::refused(None) } else { StatusCode::OK };
    let organization = run.organization_name.clone();
    respond::page(status, &ApplicationsPage { shell: own.shell(app), organization, rows, form })
}
