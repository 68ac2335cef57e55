//! The last write of a sign-in, whichever way it came.

use countersign_core::{
    Timestamp,
    event::{Detail, EventKind, Origin},
    ids::SessionId,
    secret::StoredHandle,
    session::Lifetimes,
    sign_in::Authenticated,
};
use countersign_store::{StoreResult, Tx, events, known_browsers, sessions, users};

/// What the new session is made of.
pub(super) struct Finish {
    pub(super) id: SessionId,
    pub(super) session: StoredHandle,
    pub(super) browser: StoredHandle,
    pub(super) origin: Origin,
    pub(super) lifetimes: Lifetimes,
    pub(super) now: Timestamp,
}

impl Finish {
    /// Inserts the session, remembers the browser, records the event. In the caller's transaction.
    pub(super) fn write(&self, tx: &mut Tx<'_>, authenticated: Authenticated) -> StoreResult<()> {
        let user = authenticated.user();
        let method = authenticated.second_step().map(|m| m.as_str().to_owned());
        users::vouched_for(tx, &authenticated)?;
        sessions::insert_own(tx, authenticated, self.id, &self.session, &self.origin, &self.lifetimes)?;
        known_browsers::know(tx, &self.browser, user, self.now)?;
        let event = events::NewEvent {
            user,
            actor: None,
            kind: EventKind::SignedIn,
            detail: Detail { method, ..Detail::default() },
            origin: self.origin.clone(),
        };
        events::record(tx, &event, self.now)
    }
}
