//! The OpenID Connect part of an application.

use super::{change, is_of, record_of, reveal};
use crate::{Fault, Services, openid_connect::jws};
use countersign_core::{
    Timestamp,
    application::{ClientAuth, SigningAlgorithm},
    authority::ApplicationAuthority,
    event::{EventKind, Origin},
    ids::ApplicationId,
    secret::PlainHandle,
};
use countersign_store::{
    StoreError, StoreResult, Tx,
    application_reveals::{Reveal, SecretOf},
    applications::{self, Client},
};
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
    fn of(handle: &PlainHandle) -> Self {
        Self(Zeroizing::new(handle.to_text()))
    }

    fn lay_ready(
        &self,
        tx: &mut Tx<'_>,
        authority: &ApplicationAuthority,
        id: ApplicationId,
        now: Timestamp,
    ) -> StoreResult<bool> {
        let reveal = Reveal { of: SecretOf::Client, secret: self.0.clone() };
        reveal::put(tx, authority, id, &reveal, now)
    }

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
    /// Done. A client that has a secret since now is shown it once.
    Done(Option<NewSecret>),
    /// No such application in this organization.
    NotFound,
    /// It shows no secret when it signs people in, or signs nobody in.
    NoSecret,
    /// The public keys are missing, or are no JWK Set of public keys, or none of them can verify a signature here.
    Keys,
}

/// A client that was drawn up and is not yet stored.
pub(super) struct Drawn {
    client: Client,
    secret: Option<PlainHandle>,
}

impl Drawn {
    /// Draws it up, with a new secret where it has one; `None` where its public keys are missing or none.
    pub(super) fn draw(s: &Services, draft: ClientDraft) -> Option<Self> {
        let keys = match draft.auth {
            ClientAuth::PrivateKeyJwt => Some(draft.keys.filter(|keys| is_key_set(keys))?),
            ClientAuth::None | ClientAuth::ClientSecret => None,
        };
        let secret = (draft.auth == ClientAuth::ClientSecret).then(|| PlainHandle::generate(&*s.entropy));
        Some(Self { client: Client { auth: draft.auth, id_token_alg: draft.id_token_alg, keys }, secret })
    }

    /// Stores it, in the write of which it is a part; a secret that the client has already stays. `None` if there is no
    /// such application in this organization, or the session that asked has ended.
    pub(super) fn store(
        self,
        tx: &mut Tx<'_>,
        authority: &ApplicationAuthority,
        id: ApplicationId,
        now: Timestamp,
    ) -> StoreResult<Option<Option<NewSecret>>> {
        let keeps = self.secret.is_some()
            && applications::set_signing_of_secret_client(tx, authority, id, self.client.id_token_alg)?;
        if keeps {
            return Ok(Some(None));
        }
        let secret = self.secret.as_ref().map(NewSecret::of);
        let stored = match &secret {
            Some(secret) => secret.lay_ready(tx, authority, id, now)?,
            None => true,
        };
        let stored = stored && {
            let handle = self.secret.as_ref().map(PlainHandle::stored);
            applications::set_client(tx, authority, id, &self.client, handle.as_ref())?
        };
        Ok(stored.then_some(secret))
    }
}

/// Makes the application an OpenID Connect client, or changes how it is one.
pub async fn set_client(
    s: &Services,
    authority: ApplicationAuthority,
    id: ApplicationId,
    draft: ClientDraft,
    origin: &Origin,
) -> Result<ClientOutcome, Fault> {
    let Some(drawn) = Drawn::draw(s, draft) else { return Ok(ClientOutcome::Keys) };
    let (now, origin) = (s.now(), origin.clone());
    s.store
        .write(move |tx| {
            let Some(secret) = drawn.store(tx, &authority, id, now)? else {
                return Ok(ClientOutcome::NotFound);
            };
            record_of(tx, &authority, EventKind::ApplicationChanged, id, &origin, now)?;
            Ok(ClientOutcome::Done(secret))
        })
        .await
        .map_err(Into::into)
}

/// Makes it sign nobody in any more; its secret is worthless. `false` if it signed nobody in, or there is none such.
pub async fn remove_client(
    s: &Services,
    authority: ApplicationAuthority,
    id: ApplicationId,
    origin: &Origin,
) -> Result<bool, Fault> {
    let work = move |tx: &mut Tx<'_>, authority: &ApplicationAuthority, _| {
        applications::remove_client(tx, authority, id)
    };
    change(s, authority, id, origin, work).await
}

/// A new secret for a client that has one; the old one is worthless at once.
pub async fn new_secret(
    s: &Services,
    authority: ApplicationAuthority,
    id: ApplicationId,
    origin: &Origin,
) -> Result<ClientOutcome, Fault> {
    let handle = PlainHandle::generate(&*s.entropy);
    let (stored, secret) = (handle.stored(), NewSecret::of(&handle));
    let (now, origin) = (s.now(), origin.clone());
    s.store
        .write(move |tx| {
            // The new secret's showing is prepared only where it comes into force.
            if !applications::set_secret(tx, &authority, id, &stored)? {
                let found = is_of(tx, &authority, id)?;
                return Ok(if found { ClientOutcome::NoSecret } else { ClientOutcome::NotFound });
            }
            if !secret.lay_ready(tx, &authority, id, now)? {
                return Err(StoreError::Refused("the session that asked for a secret has ended".into()));
            }
            record_of(tx, &authority, EventKind::ClientSecretMade, id, &origin, now)?;
            Ok(ClientOutcome::Done(Some(secret)))
        })
        .await
        .map_err(Into::into)
}

/// A JSON object whose `keys` is a list of public keys, at least one of which can verify an assertion, without a private
/// member (RFC 7518 §6) among them: who pastes a private key here by mistake is told so, and it is not kept.
fn is_key_set(text: &str) -> bool {
    let Ok(set) = serde_json::from_str::<serde_json::Value>(text) else { return false };
    let Some(keys) = set.get("keys").and_then(|keys| keys.as_array()) else { return false };
    let public = |key: &serde_json::Value| {
        let kind = key.get("kty").and_then(|kind| kind.as_str());
        matches!(kind, Some("RSA" | "EC" | "OKP")) && key.get("d").is_none()
    };
    text.len() <= LONGEST_KEYS && keys.iter().all(public) && keys.iter().any(jws::can_verify)
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
            r#"{"keys":[{"kty":"RSA"}]}"#,
            r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","use":"enc"}]}"#,
        ] {
            assert!(!is_key_set(bad), "{bad}");
        }
    }
}
