//! What an application's page shows, from what is stored.

use super::{Refused, client, keys};
use crate::{
    api::this_key::try_command,
    app::App,
    extract::Own,
    times,
    views::{AddressList, ApplicationPage, KeyRow, NewSecret, TextForm},
    words,
};
use countersign_core::{Timestamp, application::AddressKind, ids::ApiKeyId, role::Role};
use countersign_flows::applications::{ApiKeyRow, ApplicationView, Reveal, SecretOf};

/// The page.
pub(super) fn page(
    app: &App,
    own: &Own,
    found: ApplicationView,
    new_secrets: Vec<NewSecret>,
    mut refused: Refused,
) -> ApplicationPage {
    let now = app.services.now();
    let (live, ended): (Vec<_>, Vec<_>) = found.keys.iter().partition(|key| lives(key, now));
    let rows = |keys: Vec<&ApiKeyRow>| keys.into_iter().map(|key| row(key, now)).collect();
    let addresses = [AddressKind::SecondStep, AddressKind::Redirect, AddressKind::PostLogout]
        .map(|kind| list(&found, kind, &mut refused));
    let [return_addresses, redirect_addresses, post_logout_addresses] = addresses;
    let application = found.application;
    let role = own.who.runs.as_ref().map(|run| run.role);
    let name = match &refused.name.error {
        Some(_) => refused.name.value.clone(),
        None => application.name.clone(),
    };
    ApplicationPage {
        shell: own.shell(app),
        organization: own.who.runs.as_ref().map(|run| run.organization_name.clone()).unwrap_or_default(),
        id: application.id.to_string(),
        name: application.name,
        on: application.active,
        for_everyone: application.for_everyone,
        first_party: application.first_party,
        server: app.settings.base(),
        new_secrets,
        name_form: TextForm { value: name, error: refused.name.error },
        keys: rows(live),
        ended_keys: rows(ended),
        key_form: keys::form(refused.key, role),
        app_required: application.app_required,
        accepts_login_as: application.accepts_login_as,
        by_owner: role == Some(Role::Owner),
        return_addresses,
        client: client::form(application.client.as_ref(), refused.client),
        redirect_addresses,
        post_logout_addresses,
    }
}

fn list(found: &ApplicationView, kind: AddressKind, refused: &mut Refused) -> AddressList {
    let of_kind = found.addresses.iter().filter(|(other, _)| *other == kind);
    AddressList {
        kind: kind.as_str(),
        addresses: of_kind.map(|(_, address)| address.as_str().to_owned()).collect(),
        form: refused.address.take_if(|(other, _)| *other == kind).map(|(_, form)| form).unwrap_or_default(),
    }
}

fn lives(key: &ApiKeyRow, now: Timestamp) -> bool {
    key.revoked_at.is_none() && key.expires_at.is_none_or(|at| at > now)
}

fn row(key: &ApiKeyRow, now: Timestamp) -> KeyRow {
    let standing = match (key.revoked_at, key.expires_at) {
        (Some(at), _) => ("revoked", Some(at)),
        (None, Some(at)) if at <= now => ("expired", Some(at)),
        (None, Some(at)) => ("expires", Some(at)),
        (None, None) => ("doesn’t expire", None),
    };
    KeyRow {
        id: key.id.to_string(),
        name: key.name.clone(),
        allows: key.scopes.iter().map(|scope| words::applications::scope(scope).0).collect(),
        hint: key.hint.clone(),
        made: times::day(key.created_at),
        last_used: key.last_used_at.map(|at| times::ago(at, now)),
        standing: standing.0,
        standing_at: standing.1.map(times::day),
        made_by: key
            .creator
            .as_ref()
            .map_or_else(|| "the operator".to_owned(), |creator| creator.name.clone()),
        warning: key
            .creator
            .as_ref()
            .filter(|_| lives(key, now) && !key.creator_still_may())
            .map(|creator| words::applications::creator_lost(&creator.name)),
    }
}

/// A secret for its one showing, with what to do next.
pub(super) fn new_secret(server: &str, found: &ApplicationView, reveal: &Reveal) -> NewSecret {
    let secret = reveal.secret.to_string();
    match reveal.of {
        SecretOf::ApiKey(id) => new_key(server, found, id, secret),
        SecretOf::Client => NewSecret {
            kind: "client-secret",
            heading: "Your new client secret".to_owned(),
            secret,
            next: words::applications::NEW_SECRET.to_owned(),
            command: format!("curl -sS '{server}/.well-known/openid-configuration'"),
        },
    }
}

fn new_key(server: &str, found: &ApplicationView, id: ApiKeyId, secret: String) -> NewSecret {
    let key = found.keys.iter().find(|key| key.id == id);
    let heading = match key {
        Some(key) => format!("Your new API key “{}”", key.name),
        None => "Your new API key".to_owned(),
    };
    NewSecret {
        kind: "api-key",
        heading,
        secret,
        next: words::applications::NEW_KEY.to_owned(),
        command: try_command(server),
    }
}
