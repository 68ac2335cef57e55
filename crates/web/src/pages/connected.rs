//! `/profile/applications`

use crate::{
    app::App,
    extract::{Form, Id, Own},
    notice::Done,
    problem::Problem,
    respond::{self, Answer, see_other},
    times,
    views::{ConnectedPage, ConnectedRow},
    words,
};
use axum::extract::State;
use countersign_core::ids::ApplicationId;
use countersign_flows::openid_connect::connected;
use http::StatusCode;

/// `GET /profile/applications`
pub(crate) async fn show(State(app): State<App>, own: Own) -> Answer {
    let list = connected::list(&app.services, &own.session).await?;
    let rows = list
        .into_iter()
        .map(|one| ConnectedRow {
            id: one.id.to_string(),
            name: one.name,
            learns: words::learns(&one.scope),
            agreed: one.agreed_at.map(times::moment),
            signed_in: one.signed_in_at.map(times::moment),
        })
        .collect();
    respond::page(StatusCode::OK, &ConnectedPage { shell: own.shell(&app), rows })
}

/// `POST /profile/applications/{id}/withdraw`. Like ending sessions, it asks for no fresh proof: whoever is frightened must
/// be able to shut the door at once, and nothing is lost by it that cannot be given again.
pub(crate) async fn withdraw(
    State(app): State<App>,
    own: Own,
    Id(id): Id<ApplicationId>,
    form: Form,
) -> Answer {
    form.only_a_button()?;
    let Own { session, browser, .. } = own;
    if connected::withdraw(&app.services, session, id, &browser.origin).await? {
        Ok(see_other(&Done::AccessWithdrawn.at("/profile/applications")))
    } else {
        Err(Problem::NotFound)
    }
}
