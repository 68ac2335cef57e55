//! The ID token (OpenID Connect Core §2).

use super::{TOKEN_LIFETIME, claims, issuer, keys::Signer, live::Live};
use crate::{Fault, Services};
use aws_lc_rs::digest;
use countersign_core::{Timestamp, application::SigningAlgorithm, assurance::STEPS_CLAIM};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value, json};

/// What goes into it besides the grant.
pub(super) struct About<'a> {
    pub(super) live: &'a Live,
    /// The single claims that were asked for, with their values.
    pub(super) told: Map<String, Value>,
    pub(super) nonce: Option<&'a str>,
    pub(super) access_token: &'a str,
}

/// Makes and signs it.
pub(super) fn make(s: &Services, signer: &Signer, about: About<'_>, now: Timestamp) -> Result<String, Fault> {
    let grant = &about.live.grant;
    let mut token = about.told;
    token.extend(assurance(grant));
    let ends = now.plus(TOKEN_LIFETIME).min(grant.expires_at);
    let said = [
        ("iss", issuer(s).into()),
        ("sub", grant.user.to_string().into()),
        ("aud", grant.application.to_string().into()),
        ("iat", now.unix_seconds().into()),
        ("exp", ends.unix_seconds().into()),
        ("at_hash", half_hash(signer.algorithm(), about.access_token).into()),
    ];
    token.extend(said.map(|(name, value): (&str, Value)| (name.to_owned(), value)));
    if let Some(nonce) = about.nonce {
        token.insert("nonce".into(), nonce.into());
    }
    signer.sign(&Value::Object(token))
}

/// Who is at the keyboard, how they have shown it and since when. In a "login as" `act` names the administrator
/// (RFC 8693 §4.1), and the rest is what *the administrator* has shown: the account holder has shown nothing.
pub(super) fn assurance(grant: &countersign_store::grants::Grant) -> Map<String, Value> {
    let statement = grant.statement;
    let mut told = Map::new();
    told.insert("auth_time".into(), statement.auth_time.unix_seconds().into());
    let reached = statement.assurance();
    told.insert("acr".into(), reached.acr.as_str().into());
    told.insert("amr".into(), reached.amr.into());
    told.insert(STEPS_CLAIM.into(), reached.steps.into());
    told.insert("sid".into(), grant.sid.to_string().into());
    if let Some((actor, _)) = grant.actor {
        told.insert("act".into(), json!({ "sub": actor.to_string() }));
    }
    told
}

/// The single claims that the ID token was asked to hold.
pub(super) fn told(
    tx: &mut countersign_store::Tx<'_>,
    live: &Live,
) -> countersign_store::StoreResult<Map<String, Value>> {
    let names = claims::Requested::of(&live.grant).for_id_token();
    claims::about(tx, &live.grant, &live.user, &names)
}

/// The left half of the access token's hash, by the hash of the signature (§3.1.3.6): for Ed25519, SHA-512.
fn half_hash(algorithm: SigningAlgorithm, text: &str) -> String {
    let hash = match algorithm {
        SigningAlgorithm::EdDsa => &digest::SHA512,
        SigningAlgorithm::Es256 | SigningAlgorithm::Rs256 => &digest::SHA256,
    };
    let digest = digest::digest(hash, text.as_bytes());
    let bytes = digest.as_ref();
    BASE64URL_NOPAD.encode(bytes.get(..bytes.len() / 2).unwrap_or(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OpenID Connect Core, appendix A.3 (the access token) and A.4 (its `at_hash`).
    #[test]
    fn the_half_hash_is_that_of_the_standard() {
        assert_eq!(
            half_hash(SigningAlgorithm::Rs256, "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"),
            "77QmUPtjPfzWtF2AnpK9RQ"
        );
    }
}
