//! Whether a grant still holds. Looked up whenever something that stands for it is shown.

use crate::{Services, identity, members};
use countersign_core::{
    Timestamp,
    ids::{GrantId, OrganizationId, SessionId, UserId},
    oauth::{self, LoginAsDenied},
};
use countersign_store::{
    StoreResult, Tx,
    applications::{self, Application},
    grants::{self, Grant},
    sessions,
    users::{self, User},
};
use std::time::Duration;

/// A grant that holds, with everything that it is about.
pub(super) struct Live {
    pub(super) grant: Grant,
    pub(super) application: Application,
    pub(super) user: User,
}

/// The moment, and what this server calls idle.
#[derive(Clone, Copy)]
pub(super) struct Look {
    pub(super) now: Timestamp,
    idle: Duration,
}

impl Look {
    pub(super) fn now(s: &Services) -> Self {
        Self { now: s.now(), idle: s.rules.lifetimes.idle }
    }

    /// The grant, if all of this is so: it has not ended; its session is live, where it has one; the account is active,
    /// and one of the application's people; the application is switched on, and signs people in.
    pub(super) fn at(self, tx: &mut Tx<'_>, id: GrantId) -> StoreResult<Option<Live>> {
        let Some(grant) = grants::by_id(tx, id)?.filter(|grant| !grant.ended && self.now < grant.expires_at)
        else {
            return Ok(None);
        };
        let Some(user) = users::by_id(tx, grant.user)?.filter(|user| user.active) else { return Ok(None) };
        let usable = |application: &Application| application.signing_in().is_some();
        let Some(application) = applications::by_id(tx, grant.application)?.filter(usable) else {
            return Ok(None);
        };
        let holds = admitted(tx, &application, grant.user, grant.bound())?
            && match grant.session {
                None => true,
                Some(session) => self.lives(tx, session)?,
            };
        Ok(holds.then_some(Live { grant, application, user }))
    }

    fn lives(self, tx: &mut Tx<'_>, id: SessionId) -> StoreResult<bool> {
        let Some(record) = sessions::by_id(tx, id)? else { return Ok(false) };
        Ok(identity::alive(tx, record, self.now, self.idle)?.is_some())
    }
}

/// Why an administrator in a member's account, whose "login as" is bound to this organization, does not enter the application.
pub(super) fn login_as_denied(
    application: &Application,
    bound: Option<OrganizationId>,
) -> Option<LoginAsDenied> {
    let denied =
        |bound| oauth::admits_login_as(application.organization, application.accepts_login_as, bound).err();
    bound.and_then(denied)
}

/// Whether the account is one of the application's people; in a "login as" (`bound`), whether that may enter at all.
pub(super) fn admitted(
    tx: &mut Tx<'_>,
    application: &Application,
    user: UserId,
    bound: Option<OrganizationId>,
) -> StoreResult<bool> {
    if login_as_denied(application, bound).is_some() {
        return Ok(false);
    }
    let counting = members::counting(tx, user, bound)?;
    let of: Vec<OrganizationId> = counting.into_iter().map(|own| own.organization).collect();
    Ok(oauth::admits(application.organization, application.for_everyone, &of))
}
