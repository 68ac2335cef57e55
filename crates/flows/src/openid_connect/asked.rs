//! When a request was first seen. A detour (sign-in, identity proof, consent) leads back to the same request, which then
//! must know that what it demanded was done *after* it was asked, and nothing is stored for it: the moment travels with
//! the request, under an authenticator over all of its parameters.
//!
//! Whoever keeps such an address can use it again within the hour. It is then still the same request: its `state`,
//! `nonce` and PKCE challenge are those that the application made once.

use super::Parameters;
use crate::Services;
use aws_lc_rs::hmac;
use countersign_core::Timestamp;
use data_encoding::BASE64URL_NOPAD;
use std::time::Duration;

const AT: &str = "asked_at";
const MAC: &str = "asked_mac";

/// A detour that takes longer begins anew.
const LONGEST: Duration = Duration::from_secs(3600);

fn key(s: &Services) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &*s.store.derived_key("authorize"))
}

/// Every name and value with its length in front, so that none can run into the next.
fn message(parameters: &Parameters, at: &str) -> Vec<u8> {
    let mut message = Vec::new();
    for part in parameters.iter().flat_map(|(name, value)| [name, value]).chain([at]) {
        message.extend_from_slice(&(part.len() as u64).to_be_bytes());
        message.extend_from_slice(part.as_bytes());
    }
    message
}

/// The request without its moment, and the moment: what it says and proves, or now.
pub(super) fn read(s: &Services, parameters: &Parameters) -> (Parameters, Timestamp) {
    let bare = parameters.without(&[AT, MAC]);
    let now = s.now();
    let at = said(s, parameters, &bare).filter(|at| *at <= now && now.since(*at) <= LONGEST);
    (bare, at.unwrap_or(now))
}

fn said(s: &Services, parameters: &Parameters, bare: &Parameters) -> Option<Timestamp> {
    let at = parameters.get(AT)?;
    let mac = BASE64URL_NOPAD.decode(parameters.get(MAC)?.as_bytes()).ok()?;
    hmac::verify(&key(s), &message(bare, at), &mac).ok()?;
    at.parse().ok().map(Timestamp::from_millis)
}

/// The request's query with its moment.
pub(super) fn write(s: &Services, bare: &Parameters, at: Timestamp) -> String {
    let at = at.millis().to_string();
    let mac = hmac::sign(&key(s), &message(bare, &at));
    bare.clone().with(AT, at).with(MAC, BASE64URL_NOPAD.encode(mac.as_ref())).to_query()
}
