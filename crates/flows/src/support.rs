//! Who can help someone who can't use any of their verification methods.
//!
//! The names of owners are only for someone who has entered the account's password: a waiting sign-in, or the account
//! holder's own session. That is why the functions take the proof, not a user's id.

use crate::{Fault, Services, second_step};
use countersign_core::{ids::UserId, second_step::Method, session::OwnSession, sign_in::Challenged};
use countersign_store::members;

/// What an account holder can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountHelp {
    /// The organizations to which the account belongs, the oldest membership first.
    pub organizations: Vec<OrganizationHelp>,
    /// Whether the account has a backup code that can be used now.
    pub has_backup_codes: bool,
}

/// Who runs an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganizationHelp {
    /// Its name.
    pub name: String,
    /// The names of its owners whose accounts are active, without the account holder.
    pub owners: Vec<String>,
}

/// For a sign-in that waits for its second step.
pub async fn for_sign_in(s: &Services, challenge: &Challenged) -> Result<AccountHelp, Fault> {
    of_account(s, challenge.user()).await
}

/// For the account holder's own session.
pub async fn for_session(s: &Services, session: &OwnSession) -> Result<AccountHelp, Fault> {
    of_account(s, session.user()).await
}

async fn of_account(s: &Services, user: UserId) -> Result<AccountHelp, Fault> {
    let has_backup_codes = second_step::usable(s, user).await?.contains(&Method::BackupCode);
    let organizations = s
        .store
        .read(move |tx| {
            let mut organizations = Vec::new();
            for membership in members::of_user(tx, user)? {
                let owners = members::owners(tx, membership.organization)?;
                let owners = owners.into_iter().filter(|owner| owner.id != user);
                organizations.push(OrganizationHelp {
                    name: membership.organization_name,
                    owners: owners.map(|owner| owner.name).collect(),
                });
            }
            Ok(organizations)
        })
        .await?;
    Ok(AccountHelp { organizations, has_backup_codes })
}
