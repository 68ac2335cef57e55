//! A second step that an application asks for.
//!
//! ```text
//!   asked ──► pending ─(a code, claimed: Evidence)──────────────────► verified ─(result redeemed, once)──► the application knows
//!               │ │                                                    ▲    └─(token taken, once; never with an actor)──► changes
//!               │ └─(hosted, no app yet)─► the same, if one is due ─► an app is set up
//!               └─(fifteen minutes)──► over
//! ```
//!
//! Setting up the first app never stands in for a second step that the account has: a stolen password would be enough for
//! an app of the thief's own (NIST SP 800-63B-4 §4.1.2: another authenticator is bound by what the account has already).
//!
//! In the application's own "login as" the person at the keyboard is its *actor*: the second step asked for is theirs,
//! not the subject's, whose code they cannot have; nothing can be set up, and no token can be taken.

use crate::ambient::Timestamp;
use crate::application::ReturnAddress;
use crate::authority::HolderGrant;
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
    /// The second step that was shown before the set-up.
    pub shown: Option<Method>,
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

/// What a right code is worth to a challenge, in the transaction that claimed it.
#[derive(Debug)]
pub enum Progress {
    /// It is the answer.
    Answered(Answered),
    /// It was due before the set-up, which is still to come.
    Shown(Shown),
}

/// A second step that was shown before the set-up of the first app.
#[derive(Debug)]
pub struct Shown(Answered);

/// The answer to a challenge.
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

    /// Whether an app is set up in it: on the hosted pages, where there is none, working or not (one that is switched off must
    /// not be replaced without a second step), and apps are permitted. Never in a "login as".
    pub fn sets_up(&self, steps: &SecondSteps, permitted: &[Method]) -> bool {
        self.0.set_up
            && self.is_hosted()
            && self.0.subject.is_none()
            && steps.app == Standing::Absent
            && permitted.contains(&Method::App)
    }

    /// What its page shows: the set-up as soon as every second step that is due has been shown.
    pub fn step(&self, steps: &SecondSteps, permitted: &[Method]) -> Step {
        let shown = self.0.shown.is_some() || !steps.is_due(permitted);
        if shown && self.sets_up(steps, permitted) { Step::SetUp } else { Step::Show }
    }

    /// Whether there is anything to show: a second step that can be used, or the set-up.
    pub fn leads_on(&self, steps: &SecondSteps, permitted: &[Method]) -> bool {
        self.step(steps, permitted) == Step::SetUp || !steps.usable(permitted).is_empty()
    }

    /// A session for the set-up, once it is the set-up's turn. Its identity counts as proven now: whatever was due was shown
    /// in this challenge, which lives fifteen minutes in all.
    pub fn set_up_grant(
        &self,
        steps: &SecondSteps,
        permitted: &[Method],
        now: Timestamp,
    ) -> Option<HolderGrant> {
        let turn = self.step(steps, permitted) == Step::SetUp;
        turn.then(|| HolderGrant::of_set_up(self.0.user, self.0.application, self.0.shown, now))
    }

    /// What the evidence is worth, if it is of the one who was asked.
    pub fn progress(
        &self,
        evidence: &Evidence,
        steps: &SecondSteps,
        permitted: &[Method],
    ) -> Option<Progress> {
        if evidence.user() != self.0.user {
            return None;
        }
        let answered = Answered { challenge: self.0.id, user: self.0.user, method: evidence.method() };
        Some(if self.sets_up(steps, permitted) {
            Progress::Shown(Shown(answered))
        } else {
            Progress::Answered(answered)
        })
    }
}

impl Shown {
    /// Which challenge.
    pub fn challenge(&self) -> ApplicationChallengeId {
        self.0.challenge
    }

    /// Who showed it.
    pub fn user(&self) -> UserId {
        self.0.user
    }

    /// By which kind of code.
    pub fn method(&self) -> Method {
        self.0.method
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
    use crate::ambient::testing::Fill;
    use proptest::prelude::*;
    use std::time::Duration;

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
            return_to: Some("https://crm.example.com/back".parse().unwrap()),
            state: None,
            set_up,
            shown: None,
            session: None,
            expires_at: NOW.plus(Duration::from_secs(900)),
            verified: None,
            enrolled: false,
            has_result: false,
        }
    }

    const STANDINGS: [Standing; 3] = [Standing::Absent, Standing::Ready, Standing::Disabled];

    proptest! {
        /// An app is set up where the application asks for it, by the account holder, who has none, after every second
        /// step that is due; never else.
        #[test]
        fn an_app_is_set_up_by_its_own_account_holder_who_has_none(
            set_up: bool, actor: bool, hosted: bool, shown: bool, permitted: bool, app in 0_usize..3, email in 0_usize..3,
        ) {
            let steps = SecondSteps { app: STANDINGS[app], email: STANDINGS[email], ..SecondSteps::default() };
            let mut record = record(set_up, actor);
            record.shown = shown.then_some(Method::Email);
            if !hosted {
                record.return_to = None;
            }
            let pending = Pending::restore(record, NOW).unwrap();
            let permitted: &[Method] =
                if permitted { &[Method::App, Method::Email] } else { &[Method::Email] };
            let wanted = set_up && hosted && !actor && steps.app == Standing::Absent && permitted.len() == 2;
            prop_assert_eq!(pending.sets_up(&steps, permitted), wanted);
            let due = steps.email != Standing::Absent;
            let turn = wanted && (shown || !due);
            prop_assert_eq!(pending.step(&steps, permitted) == Step::SetUp, turn);
            prop_assert_eq!(pending.set_up_grant(&steps, permitted, NOW).is_some(), turn);
            let evidence = Evidence::of_claim(user(3), Method::Email);
            let progress = pending.progress(&evidence, &steps, permitted).unwrap();
            prop_assert_eq!(matches!(progress, Progress::Shown(_)), wanted);
        }
    }

    #[test]
    fn a_second_step_that_no_longer_works_is_not_skipped_by_a_set_up() {
        let pending = Pending::restore(record(true, false), NOW).unwrap();
        let off = SecondSteps { email: Standing::Disabled, ..SecondSteps::default() };
        assert_eq!(pending.step(&off, &Method::ALL), Step::Show);
        assert!(!pending.leads_on(&off, &Method::ALL));
        let none = SecondSteps::default();
        assert!(pending.leads_on(&none, &Method::ALL), "where nothing is due, there is the set-up");
    }

    #[test]
    fn it_is_answered_once_in_time_and_by_the_one_who_was_asked() {
        let open = record(false, true);
        assert!(Pending::restore(open.clone(), open.expires_at).is_none());
        let done = ApplicationChallengeRecord { verified: Some((NOW, Method::App)), ..open.clone() };
        assert!(Pending::restore(done, NOW).is_none());
        let pending = Pending::restore(open, NOW).unwrap();
        let progress = |who, method| {
            pending.progress(&Evidence::of_claim(who, method), &SecondSteps::default(), &Method::ALL)
        };
        // The subject's code is not the actor's.
        assert!(progress(user(4), Method::App).is_none());
        let Some(Progress::Answered(answered)) = progress(user(3), Method::Sms) else {
            panic!("not answered")
        };
        assert_eq!((answered.user(), answered.method()), (user(3), Method::Sms));
    }
}
