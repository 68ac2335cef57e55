//! The last write of a sign-in, whichever way it came.

use super::confirm_browser;
use crate::{Services, activity, letter};
use countersign_core::{
    Timestamp,
    event::{Detail, EventKind, Origin},
    ids::SessionId,
    message::Notice,
    secret::{PlainHandle, StoredHandle},
    session::Lifetimes,
    sign_in::Authenticated,
};
use countersign_store::{
    StoreResult, Tx, backup_codes,
    known_browsers::{self, Familiarity},
    sessions, users,
};

/// What the new session is made of.
pub(super) struct Finish {
    pub(super) id: SessionId,
    pub(super) session: StoredHandle,
    pub(super) browser: StoredHandle,
    pub(super) origin: Origin,
    pub(super) lifetimes: Lifetimes,
    pub(super) now: Timestamp,
}

/// What the browser is given for it.
pub(super) struct Given {
    /// The handle for the session cookie.
    pub(super) session: PlainHandle,
    /// A handle for the known-browser cookie, where the browser brought none.
    pub(super) browser: Option<PlainHandle>,
}

impl Finish {
    /// Draws the handles; `browser` is the known-browser cookie that came with the request.
    pub(super) fn prepare(s: &Services, origin: &Origin, browser: Option<StoredHandle>) -> (Self, Given) {
        let (now, entropy) = (s.now(), &*s.entropy);
        let session = PlainHandle::generate(entropy);
        let (browser, new_browser) = match browser {
            Some(known) => (known, None),
            None => {
                let new = PlainHandle::generate(entropy);
                (new.stored(), Some(new))
            }
        };
        let finish = Self {
            id: SessionId::generate(now, entropy),
            session: session.stored(),
            browser,
            origin: origin.clone(),
            lifetimes: s.rules.lifetimes,
            now,
        };
        (finish, Given { session, browser: new_browser })
    }

    /// Inserts the session, remembers the browser, notifies the account holder of a new one, breaks the run of wrong
    /// passwords, records the event. In the caller's transaction.
    /// Returns whether the account has backup codes that were never saved.
    pub(super) fn write(&self, tx: &mut Tx<'_>, authenticated: Authenticated) -> StoreResult<bool> {
        let user = authenticated.user();
        let method = authenticated.second_step().map(|m| m.as_str().to_owned());
        users::vouched_for(tx, &authenticated)?;
        sessions::insert_own(tx, authenticated, self.id, &self.session, &self.origin, &self.lifetimes)?;
        match known_browsers::know(tx, &self.browser, user, &self.origin, self.now)? {
            // Nothing to compare with: the person who created the account expects this sign-in.
            Familiarity::FirstEver | Familiarity::Known | Familiarity::AnotherTab => {}
            Familiarity::New => letter::tell(tx, user, Notice::NewBrowser, &self.origin, self.now)?,
        }
        if let Some(account) = users::by_id(tx, user)? {
            confirm_browser::forget(tx, &account)?;
        }
        let detail = Detail { method, ..Detail::default() };
        activity::record(tx, user, EventKind::SignedIn, detail, self.origin.clone(), self.now)?;
        Ok(backup_codes::status(tx, user)?.is_some_and(|status| !status.saved))
    }
}
