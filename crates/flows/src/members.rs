//! Who belongs to the organization, for those who run it.

use crate::{Fault, Services, login_as};
use countersign_core::{
    authority::{LoginAsRefusal, SharedMembership},
    ids::{OrganizationId, UserId},
    session::OwnSession,
};
use countersign_store::{
    StoreResult, Tx,
    members::{self, Member},
};

/// One member, as somebody who runs the organization sees them.
#[derive(Debug)]
pub enum Seen {
    /// The one who asks runs no organization.
    Forbidden,
    /// No such member in an organization that they run.
    NotFound,
    /// Here they are.
    Found {
        /// The member.
        member: Member,
        /// Whether the one who asks may "log in as" this member, once they have proven who they are.
        may_log_in_as: Result<(), LoginAsRefusal>,
    },
}

/// The members of the organization that the one who asks runs (of several, the one joined first), by name; `None` if they
/// run none.
pub async fn list(s: &Services, session: &OwnSession) -> Result<Option<Vec<Member>>, Fault> {
    let user = session.user();
    s.store
        .read(move |tx| run_by(tx, user)?.map(|organization| members::list(tx, organization)).transpose())
        .await
        .map_err(Into::into)
}

/// One member of an organization that the one who asks runs.
pub async fn one(s: &Services, session: &OwnSession, subject: UserId) -> Result<Seen, Fault> {
    let actor = session.user();
    s.store
        .read(move |tx| {
            if run_by(tx, actor)?.is_none() {
                return Ok(Seen::Forbidden);
            }
            let Some((shared, _)) = login_as::shared(tx, actor, subject)? else { return Ok(Seen::NotFound) };
            let member = members::one(tx, shared.organization, subject)?;
            let may_log_in_as = may_log_in_as(&shared);
            Ok(member.map_or(Seen::NotFound, |member| Seen::Found { member, may_log_in_as }))
        })
        .await
        .map_err(Into::into)
}

fn run_by(tx: &mut Tx<'_>, user: UserId) -> StoreResult<Option<OrganizationId>> {
    let memberships = members::of_user(tx, user)?;
    Ok(memberships.into_iter().find(|own| own.role.sees_members()).map(|own| own.organization))
}

/// What [`LoginAsAuthority::over`](countersign_core::authority::LoginAsAuthority::over) will decide, for a page that only
/// asks whether to offer it. The decision itself stays there: this one has no proof of identity to stand on.
fn may_log_in_as(shared: &SharedMembership) -> Result<(), LoginAsRefusal> {
    if !shared.actor_role.may_log_in_as(shared.subject_role) {
        return Err(LoginAsRefusal::Rank);
    }
    if shared.subject_active { Ok(()) } else { Err(LoginAsRefusal::Inactive) }
}
