//! `/oauth2/userinfo`: what an access token may be told about its person (OpenID Connect Core §5.3).

use super::{Kind, claims, live::Look};
use crate::{Fault, Services};
use countersign_store::access_tokens;
use serde_json::{Value, json};

/// The claims; `None` for a token that is worth nothing (any more).
pub async fn userinfo(s: &Services, token: &str) -> Result<Option<Value>, Fault> {
    let Some(handle) = Kind::Access.stored(token) else { return Ok(None) };
    let look = Look::now(s);
    let told = s
        .store
        .read(move |tx| {
            let Some(token) = access_tokens::find(tx, &handle, look.now)? else { return Ok(None) };
            let Some(live) = look.at(tx, token.grant)? else { return Ok(None) };
            let names = claims::Requested::of(&live.grant).for_userinfo(&token.scope);
            let mut told = claims::about(tx, &live.grant, &live.user, &names)?;
            told.insert("sub".into(), live.grant.user.to_string().into());
            if let Some((actor, _)) = live.grant.actor {
                told.insert("act".into(), json!({ "sub": actor.to_string() }));
            }
            Ok(Some(Value::Object(told)))
        })
        .await?;
    let outcome = if told.is_some() { "told" } else { "refused" };
    metrics::counter!("countersign_userinfo_total", "outcome" => outcome).increment(1);
    Ok(told)
}
