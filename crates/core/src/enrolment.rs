//! A pending enrolment of an authenticator app.
//!
//! ```text
//!   begin ──► pending ──(right code, in time, same session)──► active app, time step spent
//!               │
//!               ├─(wrong code)──► pending
//!               └─(ten minutes, cancel, begin again, session ends)──► gone; what was active before still is
//! ```

use crate::ambient::Timestamp;
use crate::authority::CredentialAuthority;
use crate::ids::{EnrolmentId, SessionId, UserId};

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
}

/// An enrolment that its own session may look at and confirm now.
#[derive(Debug)]
pub struct Pending(EnrolmentRecord);

impl Pending {
    /// The enrolment of a stored record, for a request of `session` by `user`, unless it is over.
    pub fn restore(
        record: EnrolmentRecord,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Option<Self> {
        let own = record.user == user && record.session == session;
        (own && now < record.expires_at).then_some(Self(record))
    }

    /// The stored facts.
    pub fn record(&self) -> &EnrolmentRecord {
        &self.0
    }

    /// Whether `authority` may make this enrolment an active authenticator: same account, same session.
    pub fn belongs_to(&self, authority: &CredentialAuthority) -> bool {
        self.0.user == authority.user() && self.0.session == authority.session()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::Entropy;
    use proptest::prelude::*;
    use std::time::Duration;

    struct Fill(u8);
    impl Entropy for Fill {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0);
        }
    }

    proptest! {
        /// Whoever asks and whenever: only the same account, in the same session, in time.
        #[test]
        fn only_its_own_session_in_time(same_user: bool, same_session: bool, after in 0_u64..1_200) {
            let start = Timestamp::from_millis(1_000_000);
            let record = EnrolmentRecord {
                id: EnrolmentId::generate(start, &Fill(1)),
                user: UserId::generate(start, &Fill(2)),
                session: SessionId::generate(start, &Fill(3)),
                expires_at: start.plus(Duration::from_secs(600)),
            };
            let user = UserId::generate(start, &Fill(if same_user { 2 } else { 4 }));
            let session = SessionId::generate(start, &Fill(if same_session { 3 } else { 5 }));
            let now = start.plus(Duration::from_secs(after));
            let pending = Pending::restore(record, user, session, now);
            prop_assert_eq!(pending.is_some(), same_user && same_session && after < 600);
        }
    }
}
