//! A pending enrolment of an authenticator app.
//!
//! ```text
//!   begin ──► pending ──(right code, in time, same session)──► active app, time step spent
//!               │
//!               ├─(wrong code)──► pending
//!               ├─(begin again, for the same purpose)──► pending, with the same key
//!               └─(ten minutes, cancel, session ends, begin for another purpose)──► gone; what was active before still is
//! ```

use crate::ambient::Timestamp;
use crate::authority::CredentialAuthority;
use crate::ids::{AuthenticatorId, EnrolmentId, SessionId, UserId};
use crate::session::OwnSession;

/// A pending enrolment as it is stored, without its secret.
#[derive(Clone, Debug)]
pub struct EnrolmentRecord {
    /// Its name.
    pub id: EnrolmentId,
    /// Whose account.
    pub user: UserId,
    /// The session that began it, the only one that can see or confirm it.
    pub session: SessionId,
    /// When it ends unconfirmed.
    pub expires_at: Timestamp,
    /// The app that is removed when this one is confirmed. It works until then.
    pub replaces: Option<AuthenticatorId>,
    /// Its session has cancelled it. The row stays until it would have expired, without its secret, so that a tab that
    /// still shows the key can say what happened.
    pub cancelled: bool,
}

impl EnrolmentRecord {
    /// Whether it can still be confirmed.
    pub fn is_pending(&self, now: Timestamp) -> bool {
        !self.cancelled && now < self.expires_at
    }
}

/// An enrolment that its own session may look at and confirm now.
#[derive(Debug)]
pub struct Pending(EnrolmentRecord);

impl Pending {
    /// The enrolment of a stored record, for its account holder's own `session`, unless it is over.
    pub fn restore(record: EnrolmentRecord, session: &OwnSession, now: Timestamp) -> Option<Self> {
        let own = record.user == session.user() && record.session == session.id();
        (own && record.is_pending(now)).then_some(Self(record))
    }

    /// The stored facts.
    pub fn record(&self) -> &EnrolmentRecord {
        &self.0
    }

    /// The authority to finish what was begun. Beginning asked for a fresh proof of identity in this very session; who
    /// then has to find an app in a shop and install it is not asked again within the enrolment's ten minutes.
    pub fn authority(&self) -> CredentialAuthority {
        CredentialAuthority::of(self.0.user, self.0.session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::testing::Fill;
    use proptest::prelude::*;
    use std::time::Duration;

    fn session(id: SessionId, user: UserId, at: Timestamp) -> OwnSession {
        let record = crate::session::SessionRecord {
            id,
            user,
            created_at: at,
            last_seen_at: at,
            expires_at: at.plus(Duration::from_secs(86_400)),
            proven_at: at,
            password: crate::assurance::PasswordOrigin::Chosen,
            second_step: None,
            second_step_at: None,
            application: None,
            login_as: None,
        };
        match crate::session::Session::restore(record, at, Duration::from_secs(3_600)) {
            Some(crate::session::Session::Own(own)) => own,
            other => panic!("not an own session: {other:?}"),
        }
    }

    proptest! {
        /// Whoever asks and whenever: only the same account, in the same session, in time.
        #[test]
        fn only_its_own_session_in_time(
            same_user: bool, same_session: bool, cancelled: bool, after in 0_u64..1_200
        ) {
            let start = Timestamp::from_millis(1_000_000);
            let record = EnrolmentRecord {
                id: EnrolmentId::generate(start, &Fill(1)),
                user: UserId::generate(start, &Fill(2)),
                session: SessionId::generate(start, &Fill(3)),
                expires_at: start.plus(Duration::from_secs(600)),
                replaces: None,
                cancelled,
            };
            let user = UserId::generate(start, &Fill(if same_user { 2 } else { 4 }));
            let id = SessionId::generate(start, &Fill(if same_session { 3 } else { 5 }));
            let now = start.plus(Duration::from_secs(after));
            let pending = Pending::restore(record, &session(id, user, start), now);
            prop_assert_eq!(pending.is_some(), same_user && same_session && !cancelled && after < 600);
            if let Some(pending) = pending {
                prop_assert_eq!((pending.authority().user(), pending.authority().session()), (user, id));
            }
        }
    }
}
