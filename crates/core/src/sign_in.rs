//! A sign-in, one type per state, so that a state cannot be skipped.
//!
//! ```text
//!   password typed ──► PasswordVerified ──(no second step due)──────────────► Authenticated ──► session
//!                            │                                                     ▲
//!                            └─(due)──► Challenged ──(a code, claimed: Evidence)───┘
//! ```
//!
//! Only [`Authenticated`] buys a session, and it is consumed by it.

use crate::ambient::Timestamp;
use crate::assurance::PasswordOrigin;
use crate::ids::{ChallengeId, UserId};
use crate::second_step::{Evidence, Method, SecondSteps};

/// The password was right and the account may be used. Says nothing yet about the second step.
#[derive(Debug)]
pub struct PasswordVerified {
    user: UserId,
    at: Timestamp,
}

impl PasswordVerified {
    /// From the result of comparing the hash, and whether the account is active. Both must hold; the caller has spent
    /// the same time in either case.
    pub fn check(user: UserId, matched: bool, active: bool, at: Timestamp) -> Option<Self> {
        (matched && active).then_some(Self { user, at })
    }

    /// Whose password.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// When it was verified.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// What follows: a session at once, or a challenge.
    pub fn next(self, steps: &SecondSteps, allowed: &[Method]) -> Next {
        if steps.is_due(allowed) {
            Next::SecondStep(self)
        } else {
            let password = steps.password();
            Next::Complete(Authenticated { user: self.user, password, second_step: None, at: self.at })
        }
    }
}

/// What follows a right password.
#[derive(Debug)]
pub enum Next {
    /// Nothing more is due.
    Complete(Authenticated),
    /// A challenge must be stored, and answered.
    SecondStep(PasswordVerified),
}

/// A challenge as it is stored.
#[derive(Clone, Debug)]
pub struct ChallengeRecord {
    /// Its name.
    pub id: ChallengeId,
    /// Whose sign-in.
    pub user: UserId,
    /// Where to go afterwards: a path on this server.
    pub return_to: Option<String>,
    /// When it ends unanswered.
    pub expires_at: Timestamp,
    /// Set once, by the sign-in that it became.
    pub completed_at: Option<Timestamp>,
}

/// A sign-in that has passed the password and waits for the second step.
#[derive(Debug)]
pub struct Challenged(ChallengeRecord);

impl Challenged {
    /// The challenge of a stored record, unless it is completed or over.
    pub fn restore(record: ChallengeRecord, now: Timestamp) -> Option<Self> {
        (record.completed_at.is_none() && now < record.expires_at).then_some(Self(record))
    }

    /// The stored facts.
    pub fn record(&self) -> &ChallengeRecord {
        &self.0
    }

    /// Its name.
    pub fn id(&self) -> ChallengeId {
        self.0.id
    }

    /// Whose sign-in.
    pub fn user(&self) -> UserId {
        self.0.user
    }

    /// The person is in, if the evidence is of the same account, whose password was set as `password` says.
    pub fn answered(
        &self,
        evidence: &Evidence,
        password: PasswordOrigin,
        at: Timestamp,
    ) -> Option<Authenticated> {
        (evidence.user() == self.0.user).then_some(Authenticated {
            user: self.0.user,
            password,
            second_step: Some(evidence.method()),
            at,
        })
    }
}

/// Everything that was due has been shown.
#[derive(Debug)]
pub struct Authenticated {
    user: UserId,
    password: PasswordOrigin,
    second_step: Option<Method>,
    at: Timestamp,
}

impl Authenticated {
    /// Who it is.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// How the password had been set.
    pub fn password(&self) -> PasswordOrigin {
        self.password
    }

    /// With which second step, if one was due.
    pub fn second_step(&self) -> Option<Method> {
        self.second_step
    }

    /// When.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ambient::testing::Fill, second_step::Standing};
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn user(n: u8) -> UserId {
        UserId::generate(NOW, &Fill(n))
    }

    #[test]
    fn a_right_password_of_a_disabled_account_is_nothing() {
        assert!(PasswordVerified::check(user(1), true, false, NOW).is_none());
        assert!(PasswordVerified::check(user(1), false, true, NOW).is_none());
    }

    #[test]
    fn the_second_step_is_asked_for_where_it_is_due() {
        let verified = || PasswordVerified::check(user(1), true, true, NOW).unwrap();
        let with_mail = SecondSteps { email: Standing::Ready, ..SecondSteps::default() };
        assert!(matches!(verified().next(&with_mail, &Method::ALL), Next::SecondStep(_)));
        assert!(matches!(verified().next(&with_mail, &[Method::App]), Next::Complete(_)));
    }

    #[test]
    fn a_challenge_is_answered_once_in_time_and_by_its_own_account() {
        let record = ChallengeRecord {
            id: ChallengeId::generate(NOW, &Fill(3)),
            user: user(1),
            return_to: None,
            expires_at: NOW.plus(Duration::from_secs(600)),
            completed_at: None,
        };
        assert!(Challenged::restore(record.clone(), record.expires_at).is_none());
        let done = ChallengeRecord { completed_at: Some(NOW), ..record.clone() };
        assert!(Challenged::restore(done, NOW).is_none());
        let challenge = Challenged::restore(record, NOW).unwrap();
        let answered = |user, method| {
            challenge.answered(&Evidence::of_claim(user, method), PasswordOrigin::ResetLink, NOW)
        };
        assert!(answered(user(2), Method::App).is_none());
        let authenticated = answered(user(1), Method::Sms).unwrap();
        assert_eq!(authenticated.second_step(), Some(Method::Sms));
        assert_eq!(authenticated.password(), PasswordOrigin::ResetLink);
    }
}
