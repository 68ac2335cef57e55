//! What a member may do in an organization.

use std::{fmt, str::FromStr};

/// A membership's role. The order is the rank: `Member < Admin < Owner`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Uses the application.
    Member,
    /// Runs the team.
    Admin,
    /// Answers for the organization.
    Owner,
}

impl Role {
    /// The word for the database, the API and the pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// Whether this role may see the members of its organization.
    pub fn sees_members(self) -> bool {
        self >= Self::Admin
    }

    /// Whether this role may register applications and create their keys.
    pub fn runs_applications(self) -> bool {
        self >= Self::Admin
    }

    /// Whether this role may "login as" a member with the role `subject`: only downwards, never a peer.
    pub fn may_log_in_as(self, subject: Self) -> bool {
        self.sees_members() && subject < self
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no role.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a role")]
pub struct NotARole;

impl FromStr for Role {
    type Err = NotARole;

    fn from_str(text: &str) -> Result<Self, NotARole> {
        [Self::Member, Self::Admin, Self::Owner].into_iter().find(|r| r.as_str() == text).ok_or(NotARole)
    }
}

#[cfg(test)]
mod tests {
    use super::Role::{Admin, Member, Owner};

    #[test]
    fn login_as_goes_downwards_only() {
        let allowed: Vec<_> = [Member, Admin, Owner]
            .into_iter()
            .flat_map(|actor| [Member, Admin, Owner].map(|subject| (actor, subject)))
            .filter(|(actor, subject)| actor.may_log_in_as(*subject))
            .collect();
        assert_eq!(allowed, [(Admin, Member), (Owner, Member), (Owner, Admin)]);
    }
}
