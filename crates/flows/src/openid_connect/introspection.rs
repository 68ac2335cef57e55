//! `/oauth2/introspect`: what a token is worth, for the services of the application that it was made for (RFC 7662).

use super::{
    Kind, Parameters,
    client::AuthenticClient,
    id_token, issuer,
    live::{Live, Look},
};
use crate::{Fault, Services};
use countersign_core::{Timestamp, oauth::ScopeSet};
use countersign_store::{access_tokens, refresh_tokens};
use serde_json::{Value, json};

/// What is told: `{"active": false}` and nothing else for a token that is worth nothing, or another application's. `None`
/// for a request without a token.
pub async fn introspect(
    s: &Services,
    client: &AuthenticClient,
    parameters: &Parameters,
) -> Result<Option<Value>, Fault> {
    let Some(text) = parameters.get("token") else { return Ok(None) };
    let (access, refresh) = (Kind::Access.stored(text), Kind::Refresh.stored(text));
    let (look, id) = (Look::now(s), client.id());
    let found = s
        .store
        .read(move |tx| {
            if let Some(handle) = access
                && let Some(token) = access_tokens::find(tx, &handle, look.now)?
            {
                let live = look.at(tx, token.grant)?;
                return Ok(live.map(|live| (live, Some(token.issued_at), token.expires_at, token.scope)));
            }
            if let Some(handle) = refresh
                && let Some(token) = refresh_tokens::find(tx, &handle)?
                && !token.used
                && look.now < token.expires_at
            {
                let live = look.at(tx, token.grant)?;
                return Ok(live.map(|live| {
                    let scope = live.grant.scope.clone();
                    (live, None, token.expires_at, scope)
                }));
            }
            Ok(None)
        })
        .await?;
    let ours = found.filter(|(live, ..)| live.grant.application == id);
    Ok(Some(match ours {
        None => json!({ "active": false }),
        Some((live, issued_at, expires_at, scope)) => told(s, &live, issued_at, expires_at, &scope),
    }))
}

fn told(
    s: &Services,
    live: &Live,
    issued_at: Option<Timestamp>,
    expires_at: Timestamp,
    scope: &ScopeSet,
) -> Value {
    let application = live.application.id.to_string();
    let mut told = id_token::assurance(&live.grant);
    let said: [(&str, Value); 7] = [
        ("active", true.into()),
        ("iss", issuer(s).into()),
        ("sub", live.grant.user.to_string().into()),
        ("aud", application.clone().into()),
        ("client_id", application.into()),
        ("scope", scope.to_string().into()),
        ("exp", expires_at.unix_seconds().into()),
    ];
    told.extend(said.map(|(name, value)| (name.to_owned(), value)));
    if let Some(at) = issued_at {
        told.insert("iat".into(), at.unix_seconds().into());
        told.insert("token_type".into(), "Bearer".into());
    }
    Value::Object(told)
}
