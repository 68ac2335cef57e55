//! `private_key_jwt`: a client shows who it is by an assertion that it has signed (RFC 7523 §3; OpenID Connect Core §9).

use super::{issuer, jws};
use crate::{Fault, Services};
use countersign_core::{Timestamp, ids::ApplicationId};
use countersign_store::{applications::Client, client_assertions};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// The one kind of assertion (RFC 7523 §2.2).
pub(super) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// An assertion that would be good for longer has been made to be kept.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// By how much a client's clock may be ahead.
const LEEWAY: Duration = Duration::from_secs(30);

/// The client of which an assertion speaks: unproven.
pub(super) fn speaks_of(text: &str) -> Option<ApplicationId> {
    jws::Read::parse(text)?.unproven().get("sub")?.as_str()?.parse().ok()
}

/// Whether it was signed by one of the client's registered keys, is meant for this server, is in time, and has not been
/// shown before.
pub(super) async fn holds(
    s: &Services,
    id: ApplicationId,
    client: &Client,
    text: &str,
) -> Result<bool, Fault> {
    let keys: Value =
        client.keys.as_deref().and_then(|keys| serde_json::from_str(keys).ok()).unwrap_or_default();
    let none = Vec::new();
    let keys = keys["keys"].as_array().unwrap_or(&none);
    let Some(token) = jws::Read::parse(text) else { return Ok(false) };
    let Some(claims) = token.signed_by(keys) else { return Ok(false) };
    let now = s.now();
    let (Some(expires_at), Some(jti)) = (in_time(claims, now), claims["jti"].as_str()) else {
        return Ok(false);
    };
    let name = id.to_string();
    if claims["iss"] != name || claims["sub"] != name || !is_for(s, &claims["aud"]) || jti.is_empty() {
        return Ok(false);
    }
    let jti: [u8; 32] = Sha256::digest(jti.as_bytes()).into();
    s.store.write(move |tx| client_assertions::claim(tx, id, &jti, expires_at)).await.map_err(Into::into)
}

/// When it ends, if it is good now and not for longer than is needed.
fn in_time(claims: &Value, now: Timestamp) -> Option<Timestamp> {
    let moment = |name: &str| {
        let seconds = claims.get(name)?.as_f64()?;
        // Beyond the year 10,000 it is no moment.
        (0.0..2.5e11).contains(&seconds).then(|| Timestamp::from_millis((seconds * 1000.0) as i64))
    };
    let expires_at = moment("exp")?;
    let begun = ["nbf", "iat"].iter().all(|name| match claims.get(*name) {
        None => true,
        Some(_) => moment(name).is_some_and(|at| at <= now.plus(LEEWAY)),
    });
    (begun && now < expires_at && expires_at <= now.plus(LONGEST).plus(LEEWAY)).then_some(expires_at)
}

/// Meant for this server and no other: it names the issuer, or the token endpoint, which older clients name. Were
/// it meant for another one as well, that one could show it here.
fn is_for(s: &Services, audience: &Value) -> bool {
    let endpoint = format!("{}/oauth2/token", issuer(s));
    let ours = |value: &Value| value.as_str().is_some_and(|text| text == issuer(s) || text == endpoint);
    match audience {
        Value::Array(list) => !list.is_empty() && list.iter().all(ours),
        one => ours(one),
    }
}
