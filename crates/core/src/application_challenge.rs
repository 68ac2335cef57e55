//! A second step that an application asks for.
//!
//! ```text
//!                     ┌─(a code, claimed: Evidence)───────────┐
//!   asked ──► pending ┤                                       ├──► verified ──(result redeemed, once)──► the application knows
//!               │     └─(hosted, no app yet: one is set up)───┘       └─(token taken, once; never with an actor)──► changes
//!               └─(fifteen minutes)──► over
//! ```
//!
//! In the application's own "log in as" the person at the keyboard is its *actor*: the second step asked for is theirs,
//! not the subject's, whose code they cannot have; nothing can be set up, and no token can be taken.

use crate::ambient::Timestamp;
use crate::application::ReturnAddress;
use crate::ids::{ApplicationChallengeId, ApplicationId, SessionId, UserId};
use crate::second_step::{Evidence, Method, SecondSteps, Standing};

/// A challenge as it is stored.
#[derive(Clone, Debug)]
pub struct ApplicationChallengeRecord {
    /// Its name.
    pub id: ApplicationChallengeId,
    /// Who asked.
    pub application: ApplicationId,
    /// Who has to show the second step: the person at the keyboard.
    pub user: UserId,
    /// With an actor: whose account the person is looking at.
    pub subject: Option<UserId>,
    /// In a hosted challenge, the way back.
    pub return_to: Option<ReturnAddress>,
    /// What the application wants to find again on the way back.
    pub state: Option<String>,
    /// Whoever has no app sets one up.
    pub set_up: bool,
    /// The session in which an app is being set up.
    pub session: Option<SessionId>,
    /// When it ends unanswered.
    pub expires_at: Timestamp,
    /// When it was answered, and by which kind of code.
    pub verified: Option<(Timestamp, Method)>,
    /// It was answered by setting up an app.
    pub enrolled: bool,
    /// A result has been made for it.
    pub has_result: bool,
}

/// A challenge that waits for its answer.
#[derive(Debug)]
pub struct Pending(ApplicationChallengeRecord);

/// What a hosted challenge shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The second step.
    Show,
    /// The set-up of the first app.
    SetUp,
}

/// The answer to a challenge, in the transaction that claimed the code.
#[derive(Debug)]
pub struct Answered {
    challenge: ApplicationChallengeId,
    user: UserId,
    method: Method,
}

impl Pending {
    /// The challenge of a stored record, unless it is answered or over.
    pub fn restore(record: ApplicationChallengeRecord, now: Timestamp) -> Option<Self> {
        (record.verified.is_none() && now < record.expires_at).then_some(Self(record))
    }

    /// The stored facts.
    pub fn record(&self) -> &ApplicationChallengeRecord {
        &self.0
    }

    /// Its name.
    pub fn id(&self) -> ApplicationChallengeId {
        self.0.id
    }

    /// Who has to show the second step.
    pub fn user(&self) -> UserId {
        self.0.user
    }

    /// Whether it is answered on this server's own pages.
    pub fn is_hosted(&self) -> bool {
        self.0.return_to.is_some()
    }

    /// What its page shows. An app is set up only where there is none, working or not: one that is switched off must not
    /// be replaced without a second step. Never in a "log in as".
    pub fn step(&self, steps: &SecondSteps) -> Step {
        if self.0.set_up && self.0.subject.is_none() && steps.app == Standing::Absent {
            Step::SetUp
        } else {
            Step::Show
        }
    }

    /// Answered, if the evidence is of the one who was asked.
    pub fn answered(&self, evidence: &Evidence) -> Option<Answered> {
        (evidence.user() == self.0.user).then_some(Answered {
            challenge: self.0.id,
            user: self.0.user,
            method: evidence.method(),
        })
    }
}

impl Answered {
    /// Which challenge.
    pub fn challenge(&self) -> ApplicationChallengeId {
        self.challenge
    }

    /// Who showed the second step.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// By which kind of code.
    pub fn method(&self) -> Method {
        self.method
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
    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn user(n: u8) -> UserId {
        UserId::generate(NOW, &Fill(n))
    }

    fn record(set_up: bool, actor: bool) -> ApplicationChallengeRecord {
        ApplicationChallengeRecord {
            id: ApplicationChallengeId::generate(NOW, &Fill(1)),
            application: ApplicationId::generate(NOW, &Fill(2)),
            user: user(3),
            subject: actor.then(|| user(4)),
            return_to: None,
            state: None,
            set_up,
            session: None,
            expires_at: NOW.plus(Duration::from_secs(900)),
            verified: None,
            enrolled: false,
            has_result: false,
        }
    }

    proptest! {
        /// An app is set up where the application asks for it, by the account holder, who has none; never else.
        #[test]
        fn an_app_is_set_up_by_its_own_account_holder_who_has_none(set_up: bool, actor: bool, app in 0_u8..3) {
            let app = [Standing::Absent, Standing::Ready, Standing::Disabled][usize::from(app)];
            let pending = Pending::restore(record(set_up, actor), NOW).unwrap();
            let steps = SecondSteps { app, email: Standing::Ready, ..SecondSteps::default() };
            let wanted = set_up && !actor && app == Standing::Absent;
            prop_assert_eq!(pending.step(&steps) == Step::SetUp, wanted);
        }
    }

    #[test]
    fn it_is_answered_once_in_time_and_by_the_one_who_was_asked() {
        let open = record(false, true);
        assert!(Pending::restore(open.clone(), open.expires_at).is_none());
        let done = ApplicationChallengeRecord { verified: Some((NOW, Method::App)), ..open.clone() };
        assert!(Pending::restore(done, NOW).is_none());
        let pending = Pending::restore(open, NOW).unwrap();
        // The subject's code is not the actor's.
        assert!(pending.answered(&Evidence::of_claim(user(4), Method::App)).is_none());
        let answered = pending.answered(&Evidence::of_claim(user(3), Method::Sms)).unwrap();
        assert_eq!((answered.user(), answered.method()), (user(3), Method::Sms));
    }
}
