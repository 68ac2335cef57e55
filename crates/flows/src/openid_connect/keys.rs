//! The keys that sign ID tokens. When one is made, signs and is published is core's
//! [`signing`]; all nodes agree through the database.

use super::jws;
use crate::{Fault, Services};
use countersign_core::{
    Timestamp,
    application::SigningAlgorithm,
    authority::OperatorAuthority,
    signing::{self, KeyTimes},
};
use countersign_store::{
    StoreResult, Tx,
    signing_keys::{self, NewSigningKey, SigningKey},
};
use serde_json::Value;
use zeroize::Zeroizing;

/// The key that signs now.
pub(super) struct Signer {
    kid: String,
    pair: jws::Pair,
}

impl Signer {
    pub(super) fn algorithm(&self) -> SigningAlgorithm {
        self.pair.algorithm()
    }

    pub(super) fn sign(&self, claims: &Value) -> Result<String, Fault> {
        self.pair.sign(&self.kid, claims)
    }
}

fn times(keys: &[SigningKey]) -> Vec<KeyTimes> {
    keys.iter().map(|key| key.times).collect()
}

/// Makes the keys that are due, and deletes those that nobody asks for any more. Housekeeping calls this; so does whoever
/// wants to sign when there is no key yet.
pub async fn tend(s: &Services) -> Result<(), Fault> {
    let now = s.now();
    for algorithm in SigningAlgorithm::ALL.iter().copied() {
        let keys = s.store.read(move |tx| signing_keys::of_algorithm(tx, algorithm)).await?;
        if signing::due(&times(&keys), now).is_some() {
            make(s, algorithm, signing::due).await?;
        }
        let times = times(&keys);
        let gone = |(place, _): &(usize, &SigningKey)| !signing::is_published(&times, *place, now);
        let gone: Vec<String> =
            keys.iter().enumerate().filter(gone).map(|(_, key)| key.kid.clone()).collect();
        if !gone.is_empty() {
            s.store.write(move |tx| delete(tx, &gone)).await?;
        }
    }
    Ok(())
}

fn delete(tx: &mut Tx<'_>, kids: &[String]) -> StoreResult<()> {
    for kid in kids {
        signing_keys::delete(tx, kid)?;
        tracing::info!(kid, "a signing key is deleted");
    }
    Ok(())
}

/// Makes a key outside any transaction, and stores it if `due` still says so when it is this one's turn, at that moment: of
/// several nodes at once, one makes the next key, and to those who began before it that key is no key of the future.
async fn make(
    s: &Services,
    algorithm: SigningAlgorithm,
    due: impl FnOnce(&[KeyTimes], Timestamp) -> Option<Timestamp> + Send + 'static,
) -> Result<Option<String>, Fault> {
    let made = tokio::task::spawn_blocking(move || jws::make(algorithm))
        .await
        .map_err(|e| Fault::Internal(e.to_string()))??;
    let services = s.clone();
    s.store
        .write(move |tx| {
            signing_keys::take_turn(tx, algorithm)?;
            let now = services.now();
            let keys = signing_keys::of_algorithm(tx, algorithm)?;
            let Some(signs_from) = due(&times(&keys), now) else { return Ok(None) };
            let (kid, private, public_jwk) = (made.kid, made.private, made.public_jwk);
            let key = NewSigningKey { kid, algorithm, private, public_jwk, signs_from };
            signing_keys::insert(tx, &key, now)?;
            tracing::info!(kid = key.kid, %algorithm, signs_from = signs_from.millis(), "a signing key is made");
            Ok(Some(key.kid))
        })
        .await
        .map_err(Into::into)
}

/// Makes a new key of every algorithm before its time. It signs in a day, when applications know it; `at_once`, after a
/// key has leaked, it signs now and all others are withdrawn: what they have signed is worthless.
pub async fn rotate(s: &Services, _: &OperatorAuthority, at_once: bool) -> Result<Vec<String>, Fault> {
    let now = s.now();
    let mut made = Vec::new();
    for algorithm in SigningAlgorithm::ALL.iter().copied() {
        let signs_from = if at_once { now } else { now.plus(signing::AHEAD) };
        let Some(kid) = make(s, algorithm, move |_, _| Some(signs_from)).await? else { continue };
        if at_once {
            let keep = kid.clone();
            s.store.write(move |tx| signing_keys::withdraw_others(tx, algorithm, &keep, now)).await?;
        }
        made.push(kid);
    }
    Ok(made)
}

/// The published list (RFC 7517 §5): what signs, what will, and what did until a short while ago. An application may keep
/// it, so in the very first moments of a server it waits for the keys that are being made.
pub async fn published(s: &Services) -> Result<Vec<Value>, Fault> {
    let now = s.now();
    let mut all = s.store.read(every).await?;
    if all.iter().any(|keys| signing::signer(&times(keys), now).is_none()) {
        tend(s).await?;
        all = s.store.read(every).await?;
    }
    let mut list = Vec::new();
    for keys in all {
        let times = times(&keys);
        for (place, key) in keys.iter().enumerate() {
            if signing::is_published(&times, place, now) {
                let jwk = serde_json::from_str(&key.public_jwk);
                list.push(jwk.map_err(|e| Fault::Internal(format!("signing_keys.public_jwk: {e}")))?);
            }
        }
    }
    Ok(list)
}

fn every(tx: &mut Tx<'_>) -> StoreResult<Vec<Vec<SigningKey>>> {
    SigningAlgorithm::ALL.iter().map(|algorithm| signing_keys::of_algorithm(tx, *algorithm)).collect()
}

/// The key that signs now. At the very first moments of a server there may be none: then it is made here.
pub(super) async fn signer(s: &Services, algorithm: SigningAlgorithm) -> Result<Signer, Fault> {
    if let Some(signer) = find(s, algorithm).await? {
        return Ok(signer);
    }
    tend(s).await?;
    find(s, algorithm).await?.ok_or_else(|| Fault::Internal("there is no signing key".into()))
}

async fn find(s: &Services, algorithm: SigningAlgorithm) -> Result<Option<Signer>, Fault> {
    let now = s.now();
    let found = s
        .store
        .read(move |tx| {
            let keys = signing_keys::of_algorithm(tx, algorithm)?;
            let Some(key) = signing::signer(&times(&keys), now).and_then(|place| keys.get(place)) else {
                return Ok(None);
            };
            let private = signing_keys::private(tx, &key.kid)?;
            Ok(private.map(|private| (key.kid.clone(), private)))
        })
        .await?;
    let read = |(kid, private): (String, Zeroizing<Vec<u8>>)| {
        jws::Pair::read(algorithm, &private).map(|pair| Signer { kid, pair })
    };
    found.map(read).transpose()
}

/// The claims of an ID token of ours, however old, if a published key has signed it (`id_token_hint`).
pub(super) async fn own_token(s: &Services, text: &str) -> Result<Option<Value>, Fault> {
    let Some(token) = jws::Read::parse(text) else { return Ok(None) };
    let keys = published(s).await?;
    let claims = token.signed_by(&keys).filter(|claims| claims["iss"] == super::issuer(s));
    Ok(claims.cloned())
}
