//! `/organization/applications/{id}/addresses` and `/organization/applications/{id}/addresses/remove`

use super::{Refused, again, done_or_missing, path};
use crate::{
    app::App,
    extract::{Change, Form, Id},
    notice::Done,
    problem::Problem,
    respond::{Answer, see_other},
    views::TextForm,
    words,
};
use axum::extract::State;
use countersign_core::application::AddressKind;
use countersign_flows::applications::{self, AddressOutcome};

/// The kind is a hidden field, which nobody types.
fn kind(form: &Form) -> Result<AddressKind, Problem> {
    let damaged = "The form arrived damaged. Load the page again and repeat what you did.";
    form.get("kind").parse().map_err(|_| Problem::CannotBeDone(damaged))
}

/// `POST /organization/applications/{id}/addresses`
pub(crate) async fn add(
    State(app): State<App>,
    Change { own, at: Id(id), authority, form }: Change,
) -> Answer {
    let (kind, typed, origin) = (kind(&form)?, form.get("address"), &own.browser.origin);
    let error = match form.defect() {
        Some(defect) => defect.error.to_string(),
        None => match applications::add_address(&app.services, authority, id, kind, typed, origin).await? {
            AddressOutcome::Added => return Ok(see_other(&Done::AddressAdded.at(&path(id)))),
            AddressOutcome::Address(error) => words::applications::address(error, kind, typed),
            AddressOutcome::Doubled => words::applications::ADDRESS_DOUBLED.to_owned(),
            AddressOutcome::TooMany => words::applications::too_many("addresses of this kind"),
            AddressOutcome::NotFound => return Err(Problem::NotFound),
        },
    };
    let address = TextForm { value: typed.to_owned(), error: Some(error) };
    again(&app, &own, id, Refused { address: Some((kind, address)), ..Refused::default() }).await
}

/// `POST /organization/applications/{id}/addresses/remove`
pub(crate) async fn remove(
    State(app): State<App>,
    Change { own, at: Id(id), authority, form }: Change,
) -> Answer {
    form.only_a_button()?;
    let (kind, address, origin) = (kind(&form)?, form.get("address"), &own.browser.origin);
    let done = applications::remove_address(&app.services, authority, id, kind, address, origin).await?;
    done_or_missing(done, Done::AddressRemoved, id)
}
