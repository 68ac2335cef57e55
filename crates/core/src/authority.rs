//! Proof as a type.
//!
//! A function that changes a credential, in the flows and in the store, takes one of these and reads the account *from
//! it*. None can be built from an impersonated session, none can be copied, and none outlives the request that proved
//! it. So "the check was forgotten" is not a mistake that this program can contain: it does not compile.
//!
//! ```compile_fail,E0451
//! # use countersign_core::{authority::CredentialAuthority, ids::{SessionId, UserId}};
//! fn forge(user: UserId, session: SessionId) -> CredentialAuthority {
//!     CredentialAuthority { user, session } // the fields are private
//! }
//! ```
//!
//! ```compile_fail,E0599
//! # use countersign_core::authority::CredentialAuthority;
//! fn keep(authority: &CredentialAuthority) -> CredentialAuthority {
//!     authority.clone() // not Clone
//! }
//! ```
//!
//! ```compile_fail,E0599
//! # use countersign_core::{session::ImpersonatedSession, Timestamp};
//! fn as_administrator(session: &ImpersonatedSession, now: Timestamp) {
//!     let _ = session.credential_authority(now, std::time::Duration::MAX); // no such method
//! }
//! ```
//!
//! ```compile_fail,E0599
//! # use countersign_core::{session::ImpersonatedSession, Timestamp, role::Role, ids::UserId};
//! fn nested(session: &ImpersonatedSession, now: Timestamp) {
//!     let _ = session.login_as_authority(now, std::time::Duration::MAX); // cannot be nested
//! }
//! ```

use crate::ambient::Timestamp;
use crate::ids::{ApplicationId, OrganizationId, SessionId, UserId};
use crate::role::Role;
use crate::second_step::{Method, SecondSteps, Standing};

/// The account holder's own session asked, and proved who it is only just now. Made by
/// [`OwnSession::credential_authority`](crate::session::OwnSession::credential_authority) alone.
#[derive(Debug)]
pub struct CredentialAuthority {
    user: UserId,
    session: SessionId,
}

impl CredentialAuthority {
    pub(crate) fn of(user: UserId, session: SessionId) -> Self {
        Self { user, session }
    }

    /// The account that may be changed.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// The session that asked, which survives when the account's others are ended.
    pub fn session(&self) -> SessionId {
        self.session
    }
}

/// Somebody followed a link that was sent to the account's mailbox, and the link has just been spent. Sets a password,
/// and nothing else: a reset never touches the second step.
#[derive(Debug)]
pub struct RecoveryAuthority {
    user: UserId,
}

impl RecoveryAuthority {
    /// For the store alone, after its conditional write spent the link.
    pub fn of_spent_link(user: UserId) -> Self {
        Self { user }
    }

    /// The account whose password may be set.
    pub fn user(&self) -> UserId {
        self.user
    }
}

/// The operator, at the server's own console. Creates accounts; made by the command line alone.
#[derive(Debug)]
pub struct OperatorAuthority(());

impl OperatorAuthority {
    /// For the command line alone: whoever can run it holds the keys and the database anyway.
    pub fn at_the_console() -> Self {
        Self(())
    }
}

/// An application may hold a short session for somebody whom it knows: the account holder has just shown the second step
/// to it, or has none yet and is about to set up the first app.
///
/// ```compile_fail,E0451
/// # use countersign_core::{authority::HolderGrant, ids::{ApplicationId, UserId}};
/// fn forge(user: UserId, application: ApplicationId) -> HolderGrant {
///     HolderGrant { user, application, second_step: None, proven_at: todo!() } // the fields are private
/// }
/// ```
#[derive(Debug)]
pub struct HolderGrant {
    user: UserId,
    application: ApplicationId,
    second_step: Option<Method>,
    proven_at: Timestamp,
}

impl HolderGrant {
    /// For the store alone, after its conditional write used up a challenge that the account holder themself answered:
    /// with a second step, or by setting up the first app after none.
    pub fn of_spent_challenge(
        user: UserId,
        application: ApplicationId,
        second_step: Option<Method>,
        proven_at: Timestamp,
    ) -> Self {
        Self { user, application, second_step, proven_at }
    }

    /// For the set-up of the first app in a challenge, made by
    /// [`Pending::set_up_grant`](crate::application_challenge::Pending::set_up_grant) alone.
    pub(crate) fn of_set_up(
        user: UserId,
        application: ApplicationId,
        shown: Option<Method>,
        now: Timestamp,
    ) -> Self {
        Self { user, application, second_step: shown, proven_at: now }
    }

    /// For a first enrolment, which the application declares as such: the account has no app, working or not. Whatever other
    /// second step it has is *not* asked for, so it takes a key with a scope of its own.
    pub fn first_enrolment(
        user: UserId,
        application: ApplicationId,
        steps: &SecondSteps,
        now: Timestamp,
    ) -> Option<Self> {
        let first = steps.app == Standing::Absent;
        first.then_some(Self { user, application, second_step: None, proven_at: now })
    }

    /// Whose account.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// Which application holds the session.
    pub fn application(&self) -> ApplicationId {
        self.application
    }

    /// The second step that was shown; `None` where none was before the first app.
    pub fn second_step(&self) -> Option<Method> {
        self.second_step
    }

    /// When the identity was proven.
    pub fn proven_at(&self) -> Timestamp {
        self.proven_at
    }
}

/// Registers applications in one organization, and gives them keys: an administrator of it, proven only just now, or the
/// operator.
#[derive(Debug)]
pub struct ApplicationAuthority {
    organization: OrganizationId,
    by: Option<(UserId, SessionId)>,
    first_party: bool,
    for_everyone: bool,
}

impl ApplicationAuthority {
    /// For an administrator. Whatever they register asks people for consent, and admits members of their organization
    /// alone: other organizations' people are not theirs to invite to a page that says "sign in".
    pub(crate) fn of_administrator(by: UserId, session: SessionId, organization: OrganizationId) -> Self {
        Self { organization, by: Some((by, session)), first_party: false, for_everyone: false }
    }

    /// For the operator, who may say that an application is their own and is for everyone.
    pub fn of_operator(
        _: &OperatorAuthority,
        organization: OrganizationId,
        first_party: bool,
        for_everyone: bool,
    ) -> Self {
        Self { organization, by: None, first_party, for_everyone }
    }

    /// The organization whose applications may be changed.
    pub fn organization(&self) -> OrganizationId {
        self.organization
    }

    /// The administrator, if it is one.
    pub fn by(&self) -> Option<UserId> {
        self.by.map(|(user, _)| user)
    }

    /// The administrator and the session that asked: it alone is shown a new secret. `None` for the operator, who reads it
    /// at the console.
    pub fn shown_to(&self) -> Option<(UserId, SessionId)> {
        self.by
    }

    /// Whether a new application is the operator's own.
    pub fn first_party(&self) -> bool {
        self.first_party
    }

    /// Whether a new application is for everyone.
    pub fn for_everyone(&self) -> bool {
        self.for_everyone
    }
}

/// An administrator's own session, proven only just now, that wants to "login as" somebody.
#[derive(Debug)]
pub struct LoginAsAuthority {
    actor: UserId,
    session: SessionId,
}

/// Why "login as" is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoginAsRefusal {
    /// The subject's role is not below the actor's (this includes oneself).
    #[error("not of lower rank")]
    Rank,
    /// The subject's account is switched off.
    #[error("the account is switched off")]
    Inactive,
}

/// A membership in the organization that actor and subject share.
#[derive(Debug, Clone, Copy)]
pub struct SharedMembership {
    /// The organization in which both are members, and to which the session will be bound.
    pub organization: OrganizationId,
    /// The actor's role in it.
    pub actor_role: Role,
    /// Whose account it is about.
    pub subject: UserId,
    /// The subject's role in it.
    pub subject_role: Role,
    /// Whether the subject's account can be used at all.
    pub subject_active: bool,
}

/// A "login as" that may be written down: actor, subject, organization.
#[derive(Debug)]
pub struct LoginAsGrant {
    actor: UserId,
    actor_session: SessionId,
    subject: UserId,
    organization: OrganizationId,
}

impl LoginAsAuthority {
    pub(crate) fn of(actor: UserId, session: SessionId) -> Self {
        Self { actor, session }
    }

    /// Who is at the keyboard.
    pub fn actor(&self) -> UserId {
        self.actor
    }

    /// Decides whether the actor may enter the subject's account.
    pub fn over(self, shared: SharedMembership) -> Result<LoginAsGrant, LoginAsRefusal> {
        shared.permits(self.actor)?;
        Ok(LoginAsGrant {
            actor: self.actor,
            actor_session: self.session,
            subject: shared.subject,
            organization: shared.organization,
        })
    }
}

impl SharedMembership {
    /// Whether `actor` may enter the subject's account, once they have proven who they are.
    pub fn permits(&self, actor: UserId) -> Result<(), LoginAsRefusal> {
        if self.subject == actor || !self.actor_role.may_log_in_as(self.subject_role) {
            return Err(LoginAsRefusal::Rank);
        }
        if self.subject_active { Ok(()) } else { Err(LoginAsRefusal::Inactive) }
    }
}

impl LoginAsGrant {
    /// Who is at the keyboard.
    pub fn actor(&self) -> UserId {
        self.actor
    }

    /// The actor's own session, to which "back to my own account" returns.
    pub fn actor_session(&self) -> SessionId {
        self.actor_session
    }

    /// Whose account it is.
    pub fn subject(&self) -> UserId {
        self.subject
    }

    /// The organization to which the session is bound.
    pub fn organization(&self) -> OrganizationId {
        self.organization
    }
}
