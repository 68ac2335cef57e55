//! The OpenID Connect part of an application.

use super::record_of;
use crate::{Fault, Services};
use countersign_core::{
    application::{ClientAuth, SigningAlgorithm},
    authority::ApplicationAuthority,
    event::{EventKind, Origin},
    ids::ApplicationId,
    secret::PlainHandle,
};
use countersign_store::applications::{self, Client};
use std::fmt;
use zeroize::Zeroizing;

/// A client's public keys have at most this many bytes.
const LONGEST_KEYS: usize = 16 * 1024;

/// How an application is to sign people in.
#[derive(Clone, Debug)]
pub struct ClientDraft {
    /// How it shows who it is.
    pub auth: ClientAuth,
    /// How its ID tokens are signed.
    pub id_token_alg: SigningAlgorithm,
    /// Its public keys, a JWK Set (RFC 7517 §5); needed for `private_key_jwt`, and only there.
    pub keys: Option<String>,
}

/// A client secret. Its text is here and nowhere else.
pub struct NewSecret(Zeroizing<String>);

impl NewSecret {
    /// The secret: shown once.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for NewSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewSecret(…)")
    }
}

/// What became of it.
#[derive(Debug)]
pub enum ClientOutcome {
    /// Done. The secret of a client that has one is new, and shown once.
    Done(Option<NewSecret>),
    /// No such application in this organization, or not a client with a secret.
    NotFound,
    /// The public keys are missing, or are no JWK Set with a key that can verify a signature.
    Keys,
}

/// Makes the application an OpenID Connect client, or changes how it is one.
pub async fn set_client(
    s: &Services,
    authority: ApplicationAuthority,
    id: ApplicationId,
    draft: ClientDraft,
    origin: &Origin,
) -> Result<ClientOutcome, Fault> {
    let keys = match draft.auth {
        ClientAuth::PrivateKeyJwt => match draft.keys.filter(|keys| is_key_set(keys)) {
            Some(keys) => Some(keys),
            None => return Ok(ClientOutcome::Keys),
        },
        ClientAuth::None | ClientAuth::ClientSecret => None,
    };
    let secret = (draft.auth == ClientAuth::ClientSecret).then(|| PlainHandle::generate(&*s.entropy));
    let stored = secret.as_ref().map(PlainHandle::stored);
    let client = Client { auth: draft.auth, id_token_alg: draft.id_token_alg, keys };
    let (now, origin) = (s.now(), origin.clone());
    let done = s
        .store
        .write(move |tx| {
            let done = applications::set_client(tx, &authority, id, &client, stored.as_ref())?;
            if done {
                record_of(tx, &authority, EventKind::ApplicationChanged, id, origin, now)?;
            }
            Ok(done)
        })
        .await?;
    Ok(if done { ClientOutcome::Done(secret.as_ref().map(shown)) } else { ClientOutcome::NotFound })
}

/// A new secret for a client that has one; the old one is worthless at once.
pub async fn new_secret(
    s: &Services,
    authority: ApplicationAuthority,
    id: ApplicationId,
    origin: &Origin,
) -> Result<ClientOutcome, Fault> {
    let secret = PlainHandle::generate(&*s.entropy);
    let stored = secret.stored();
    let (now, origin) = (s.now(), origin.clone());
    let done = s
        .store
        .write(move |tx| {
            let done = applications::set_secret(tx, &authority, id, &stored)?;
            if done {
                record_of(tx, &authority, EventKind::ClientSecretMade, id, origin, now)?;
            }
            Ok(done)
        })
        .await?;
    Ok(if done { ClientOutcome::Done(Some(shown(&secret))) } else { ClientOutcome::NotFound })
}

fn shown(secret: &PlainHandle) -> NewSecret {
    NewSecret(Zeroizing::new(secret.to_text()))
}

/// A JSON object whose `keys` is a list of one or more public keys, without a private member (RFC 7518 §6) among them:
/// who pastes a private key here by mistake is told so, and it is not kept.
fn is_key_set(text: &str) -> bool {
    let Ok(set) = serde_json::from_str::<serde_json::Value>(text) else { return false };
    let Some(keys) = set.get("keys").and_then(|keys| keys.as_array()) else { return false };
    let public = |key: &serde_json::Value| {
        let kind = key.get("kty").and_then(|kind| kind.as_str());
        matches!(kind, Some("RSA" | "EC" | "OKP")) && key.get("d").is_none()
    };
    text.len() <= LONGEST_KEYS && !keys.is_empty() && keys.iter().all(public)
}

#[cfg(test)]
mod tests {
    use super::is_key_set;

    #[test]
    fn a_key_set_has_public_keys_and_nothing_private() {
        assert!(is_key_set(
            r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#
        ));
        for bad in [
            "",
            "[]",
            r#"{"keys":[]}"#,
            r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#,
            r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qY","d":"nWGx"}]}"#,
        ] {
            assert!(!is_key_set(bad), "{bad}");
        }
    }
}
