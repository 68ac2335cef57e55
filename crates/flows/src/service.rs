//! The second step as a service, for applications that sign people in themselves.
//!
//! An application shows an API key and becomes a [`Caller`]; everything here takes one, and sees nothing but what is
//! that application's. People are named by the application's own ids.
//!
//! - [`users`]: whom the application knows.
//! - [`challenges`]: asking for a second step and learning what came of it; hosted (on this server's pages, [`hosted`])
//!   or headless (on the application's own).
//! - [`holder`]: the account-holder token, without which nothing changes.
//! - [`authenticators`]: setting up and removing, with such a token.
//! - [`idempotency`]: the same request, sent twice.
//!
//! The counters, the single use and the notices are those of the pages, because the code is: [`second_step`] and
//! [`enrolment`](crate::enrolment) do not know who asks.
//!
//! [`second_step`]: crate::second_step

pub mod authenticators;
pub mod challenges;
pub mod holder;
pub mod hosted;
pub mod idempotency;
pub mod users;

use crate::{Fault, Services, applications::KEY_PREFIX};
use countersign_core::{
    application::{Scope, Scopes},
    ids::ApiKeyId,
    secret::PlainHandle,
};
use countersign_store::{
    api_keys::{self, LiveApiKey},
    applications::{self, Application},
};
use std::time::Duration;

/// The last use of a key is kept to the minute, so that a request is not a write.
const USED_AFTER: Duration = Duration::from_secs(60);

/// An application whose server has just shown a live key.
#[derive(Clone, Debug)]
pub struct Caller {
    application: Application,
    key: LiveApiKey,
}

impl Caller {
    /// The application.
    pub fn application(&self) -> &Application {
        &self.application
    }

    /// Whether the key allows `scope`.
    pub fn allows(&self, scope: Scope) -> bool {
        self.key.scopes.allow(scope)
    }

    /// What the key allows.
    pub fn scopes(&self) -> &Scopes {
        &self.key.scopes
    }

    /// Whether the key may vouch that the account holder is there for a first enrolment, so that nothing has to show it.
    pub(crate) fn vouches(&self) -> bool {
        self.allows(Scope::Authenticators) && self.allows(Scope::FirstEnrolments)
    }

    /// The key, by its public name.
    pub fn key(&self) -> ApiKeyId {
        self.key.id
    }
}

/// Who shows this key. `None` for one that is unknown, revoked or expired, or whose application is switched off: one
/// answer for all of them.
pub async fn caller(s: &Services, key: &str) -> Result<Option<Caller>, Fault> {
    let Some(handle) = key.strip_prefix(KEY_PREFIX).and_then(PlainHandle::parse) else { return Ok(None) };
    let (now, stored) = (s.now(), handle.stored());
    let found = s
        .store
        .read(move |tx| {
            let Some(key) = api_keys::live(tx, &stored, now)? else { return Ok(None) };
            Ok(applications::by_id(tx, key.application)?.map(|application| Caller { application, key }))
        })
        .await?;
    let Some(caller) = found else { return Ok(None) };
    if caller.key.last_used_at.is_none_or(|last| now.since(last) >= USED_AFTER) {
        let id = caller.key.id;
        s.store.write(move |tx| api_keys::used(tx, id, now)).await?;
    }
    Ok(Some(caller))
}
