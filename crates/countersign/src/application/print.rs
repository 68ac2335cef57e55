//! What the commands print: JSON where there is something to keep, tables where there is something to read.

use crate::cli::Place;
use crate::console::{hint, moment, public_url, say, table};
use crate::wiring::Failure;
use countersign_core::{Timestamp, ids::OrganizationId};
use countersign_flows::applications::{ApiKeyRow, Application, ApplicationView};
use countersign_web::api::this_key;
use serde::Serialize;

/// What `application create` and `application new-secret` answer.
#[derive(Serialize)]
pub(super) struct Created<'a> {
    pub(super) application: String,
    pub(super) client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_secret: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) api_key: Option<&'a str>,
}

/// What `api-key create` answers.
#[derive(Serialize)]
pub(super) struct CreatedKey<'a> {
    pub(super) application: String,
    pub(super) key_id: String,
    pub(super) api_key: &'a str,
}

/// One JSON object.
pub(super) fn json(answer: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(answer).map_err(Failure::other("the answer"))?;
    say(&text)
}

/// What to do with a new key, on standard error: the key itself is in the JSON on standard output. Without this hint the
/// command has done its work all the same.
pub(super) fn try_key(place: &Place) {
    if let Ok(url) = public_url(place) {
        let command = this_key::try_command(&url);
        hint(&format!("Set {} to the new api_key, then try it:\n\n  {command}\n", this_key::VARIABLE));
    }
}

/// Every application, by organization.
pub(super) fn list(all: &[(OrganizationId, String, Vec<Application>)]) -> Result<(), Failure> {
    if all.iter().all(|(_, _, applications)| applications.is_empty()) {
        return say("There is no application yet. countersign application create makes one.");
    }
    let mut rows = vec![["APPLICATION", "NAME", "ORGANIZATION", "STATE", "SIGN-IN"].map(str::to_owned)];
    for (_, organization, applications) in all {
        for application in applications {
            rows.push([
                application.id.to_string(),
                application.name.clone(),
                organization.clone(),
                state(application).to_owned(),
                sign_in(application),
            ]);
        }
    }
    say(&table(&rows))
}

/// One application, with its addresses and its keys.
pub(super) fn application(view: &ApplicationView) -> Result<(), Failure> {
    let application = &view.application;
    let yes = |flag: bool| if flag { "yes" } else { "no" }.to_owned();
    let mut rows = vec![
        ["Application".to_owned(), application.id.to_string()],
        ["Name".to_owned(), application.name.clone()],
        ["Organization".to_owned(), application.organization.to_string()],
        ["State".to_owned(), state(application).to_owned()],
        ["First-party".to_owned(), yes(application.first_party)],
        ["For everyone".to_owned(), yes(application.for_everyone)],
        ["Requires an app".to_owned(), yes(application.app_required)],
        ["Accepts login as".to_owned(), yes(application.accepts_login_as)],
        ["Sign-in".to_owned(), sign_in(application)],
    ];
    let addresses = view.addresses.iter();
    rows.extend(addresses.map(|(kind, address)| [format!("Address ({kind})"), address.as_str().to_owned()]));
    say(&table(&rows))?;
    say(&format!("API keys: {}", view.keys.len()))
}

/// The keys of an application.
pub(super) fn keys(keys: &[ApiKeyRow], now: Timestamp) -> Result<(), Failure> {
    if keys.is_empty() {
        return say("This application has no API key yet. Create one with countersign api-key create.");
    }
    let header = ["KEY", "NAME", "SCOPES", "LAST 4", "MADE", "MADE BY", "LAST USED", "STATE"];
    let mut rows = vec![header.map(str::to_owned)];
    rows.extend(keys.iter().map(|key| {
        [
            key.id.to_string(),
            key.name.clone(),
            key.scopes.to_string(),
            key.hint.clone(),
            moment(key.created_at),
            made_by(key),
            key.last_used_at.map_or_else(|| "never".to_owned(), moment),
            key_state(key, now),
        ]
    }));
    say(&table(&rows))
}

/// Who created a key, and whether they no longer could.
fn made_by(key: &ApiKeyRow) -> String {
    let name = key.creator.as_ref().map_or("the operator", |creator| creator.name.as_str());
    if key.creator_still_may() { name.to_owned() } else { format!("{name} (no longer permitted)") }
}

fn state(application: &Application) -> &'static str {
    if application.active { "on" } else { "off" }
}

fn sign_in(application: &Application) -> String {
    match &application.client {
        Some(client) => format!("{}, {}", client.auth, client.id_token_alg),
        None => "no".to_owned(),
    }
}

fn key_state(key: &ApiKeyRow, now: Timestamp) -> String {
    match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {}", moment(at)),
        (None, Some(at)) if at <= now => format!("expired {}", moment(at)),
        (None, Some(at)) => format!("live until {}", moment(at)),
        (None, None) => "live".to_owned(),
    }
}
