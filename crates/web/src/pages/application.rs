//! `/organization/applications/{id}`

pub(crate) mod addresses;
pub(crate) mod client;
pub(crate) mod keys;
mod view;

use super::{applications::path, once::is_read_by_a_person};
use crate::{
    app::App,
    extract::{Administrator, Change, Form, Id, Own},
    notice::Done,
    problem::Problem,
    respond::{self, Answer, see_other},
    views::{NewSecret, TextForm},
    words,
};
use axum::extract::State;
use countersign_core::{application::AddressKind, ids::ApplicationId};
use countersign_flows::applications::{self, ApplicationUpdate, ApplicationView, UpdateOutcome};
use http::{HeaderMap, Method, StatusCode};

/// One of the page's forms that was refused.
#[derive(Default)]
pub(super) struct Refused {
    name: TextForm,
    key: Option<keys::Typed>,
    address: Option<(AddressKind, TextForm)>,
    client: Option<client::Typed>,
}

/// `GET /organization/applications/{id}`: with the secrets that this session has made just now, the first time. What is
/// taken away is a copy for this one showing, as with backup codes (decision 0004).
pub(crate) async fn show(
    State(app): State<App>,
    Administrator(own): Administrator,
    Id(id): Id<ApplicationId>,
    method: Method,
    headers: HeaderMap,
) -> Answer {
    let found = find(&app, &own, id).await?;
    let reveals = if is_read_by_a_person(&method, &headers) {
        applications::reveal(&app.services, &own.session, id).await?
    } else {
        Vec::new()
    };
    let server = app.settings.base();
    let new_secrets = reveals.iter().map(|reveal| view::new_secret(&server, &found, reveal)).collect();
    render(&app, &own, found, new_secrets, Refused::default(), StatusCode::OK)
}

/// `POST /organization/applications/{id}/update`: the name, whether an authenticator app is required, or whether the application
/// accepts "login as"; what is not sent stays.
pub(crate) async fn update(
    State(app): State<App>,
    Change { own, at: Id(id), authority, form }: Change,
) -> Answer {
    let app_required =
        switched(&form, "app_required", "Choose whether an authenticator app is required: on or off.")?;
    let accepts_login_as =
        switched(&form, "accepts_login_as", "Choose whether the application accepts “login as”: on or off.")?;
    let error = match form.defect() {
        Some(defect) => defect.error.to_string(),
        None => {
            // A form that brings none of them is one that lacks its name.
            let nothing = app_required.is_none() && accepts_login_as.is_none();
            let name = form.given("name").or(nothing.then_some("")).map(str::to_owned);
            let update = ApplicationUpdate { name, app_required, accepts_login_as };
            match applications::update(&app.services, authority, id, update, &own.browser.origin).await? {
                UpdateOutcome::OwnersOnly => return Err(Problem::OnlyOwners),
                UpdateOutcome::Done => return Ok(see_other(&Done::ApplicationChanged.at(&path(id)))),
                UpdateOutcome::Name(error) => words::text(error, "a name, for example CRM"),
                UpdateOutcome::NotFound => return Err(Problem::NotFound),
            }
        }
    };
    let name = TextForm { value: form.get("name").to_owned(), error: Some(error) };
    again(&app, &own, id, Refused { name, ..Refused::default() }).await
}

/// A switch in a form: on, off, or not sent.
fn switched(form: &Form, field: &str, otherwise: &'static str) -> Result<Option<bool>, Problem> {
    match form.get(field) {
        "" => Ok(None),
        "on" => Ok(Some(true)),
        "off" => Ok(Some(false)),
        _ => Err(Problem::CannotBeDone(otherwise)),
    }
}

/// `POST /organization/applications/{id}/switch-off`
pub(crate) async fn switch_off(State(app): State<App>, change: Change) -> Answer {
    switch(&app, change, false).await
}

/// `POST /organization/applications/{id}/switch-on`
pub(crate) async fn switch_on(State(app): State<App>, change: Change) -> Answer {
    switch(&app, change, true).await
}

/// Switching to what it is already changes nothing, and is no mistake: somebody else was faster.
async fn switch(app: &App, change: Change, on: bool) -> Answer {
    let Change { own, at: Id(id), authority, form } = change;
    form.only_a_button()?;
    find(app, &own, id).await?;
    applications::set_active(&app.services, authority, id, on, &own.browser.origin).await?;
    let done = if on { Done::ApplicationOn } else { Done::ApplicationOff };
    Ok(see_other(&done.at(&path(id))))
}

/// Back to the page, or 404 where there was nothing of this kind.
fn done_or_missing(done: bool, notice: Done, id: ApplicationId) -> Answer {
    if done { Ok(see_other(&notice.at(&path(id)))) } else { Err(Problem::NotFound) }
}

/// The application, if it is one of the organization's.
async fn find(app: &App, own: &Own, id: ApplicationId) -> Result<ApplicationView, Problem> {
    applications::show(&app.services, own.run()?.organization, id).await?.ok_or(Problem::NotFound)
}

/// The page with what is wrong in one of its forms.
async fn again(app: &App, own: &Own, id: ApplicationId, refused: Refused) -> Answer {
    let found = find(app, own, id).await?;
    render(app, own, found, Vec::new(), refused, respond::refused(None))
}

fn render(
    app: &App,
    own: &Own,
    found: ApplicationView,
    new_secrets: Vec<NewSecret>,
    refused: Refused,
    status: StatusCode,
) -> Answer {
    respond::page(status, &view::page(app, own, found, new_secrets, refused))
}
