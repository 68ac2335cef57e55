//! Who belongs to the organization, for those who run it.

use crate::{Fault, Services, login_as, second_step};
use countersign_core::{
    authority::LoginAsRefusal,
    ids::{OrganizationId, UserId},
    second_step::Method,
    session::OwnSession,
};
use countersign_store::{
    StoreResult, Tx,
    members::{self, Member, Membership},
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
        /// Whether the one who asks may "login as" this member, once they have proven who they are.
        may_log_in_as: Result<(), LoginAsRefusal>,
    },
}

/// The members of the organization that the one who asks runs (of several, the one joined first), by name; `None` if they
/// run none.
pub async fn list(s: &Services, session: &OwnSession) -> Result<Option<Vec<Member>>, Fault> {
    let user = session.user();
    s.store
        .read(move |tx| run_by(tx, user)?.map(|run| members::list(tx, run.organization)).transpose())
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
            let may_log_in_as = shared.permits(actor);
            Ok(member.map_or(Seen::NotFound, |member| Seen::Found { member, may_log_in_as }))
        })
        .await
        .map_err(Into::into)
}

/// The second steps of a member that the settings permit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberSteps {
    /// Those that work, the one to offer first in front.
    pub usable: Vec<Method>,
    /// Whether one is due at sign-in, even if none works.
    pub due: bool,
}

/// What a member is asked for at sign-in, as the settings permit it.
pub fn second_steps(s: &Services, member: &Member) -> MemberSteps {
    let permitted = second_step::permitted(s);
    MemberSteps { usable: member.steps.usable(&permitted), due: member.steps.is_due(&permitted) }
}

/// Where this account has the role of somebody who runs an organization: of several, the one joined first.
pub(crate) fn run_by(tx: &mut Tx<'_>, user: UserId) -> StoreResult<Option<Membership>> {
    Ok(members::of_user(tx, user)?.into_iter().find(|own| own.role.sees_members()))
}

/// The memberships that count: in a "login as" (`bound`) that of the organization to which it is bound. An administrator of
/// one organization has no business in another's.
pub(crate) fn counting(
    tx: &mut Tx<'_>,
    user: UserId,
    bound: Option<OrganizationId>,
) -> StoreResult<Vec<Membership>> {
    let mut memberships = members::of_user(tx, user)?;
    memberships.retain(|own| bound.is_none_or(|bound| own.organization == bound));
    Ok(memberships)
}
