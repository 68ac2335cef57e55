//! A second step that an application asks for.
//!
//! ```text
//!   asked ──► pending ─(a code, claimed: Evidence)──────────────────► verified ─(result redeemed, once)──► the application knows
//!               │ │                                                    ▲    └─(token taken, once; never with an actor)──► changes
//!               │ └─(hosted, no app yet)─► the same, if one is due ─► an app is set up
//!               │                        └► or a code to the mailbox ┘
//!               └─(fifteen minutes)──► over
//! ```
//!
//! Setting up the first app never stands in for a second step that the account has: a stolen password would be enough for
//! an app of the thief's own (NIST SP 800-63B-4 §4.1.2: another authenticator is bound by what the account has already).
//! Where no second step is due, a code to the account's mailbox comes first, unless the key that asked may vouch for a first
//! enrolment. That code is no second step and is never reported as one.
//!
//! From the first right code on, a set-up belongs to the browser that entered it. Another browser that has the address starts
//! again at the second step: see [`ApplicationChallengeRecord::seen_by`].
//!
//! In the application's own "login as" the person at the keyboard is its *actor*: the second step asked for is theirs,
//! not the subject's, whose code they cannot have; nothing can be set up, and no token can be taken.

use crate::ambient::Timestamp;
use crate::application::ReturnAddress;
use crate::authority::HolderGrant;
use crate::ids::{ApplicationChallengeId, ApplicationId, SessionId, UserId};
use crate::second_step::{Evidence, Method, SecondSteps, Standing};
use crate::secret::StoredHandle;

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
    /// The key that asked for it may vouch for a first enrolment: no code to the mailbox comes before the set-up.
    pub vouched: bool,
    /// The second step that was shown before the set-up.
    pub shown: Option<Method>,
    /// A code has confirmed the account's mailbox before the set-up, where no second step was due.
    pub mailbox_confirmed: bool,
    /// The browser that the set-up belongs to.
    pub browser: Option<StoredHandle>,
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

impl ApplicationChallengeRecord {
    /// Whether the set-up belongs to another browser than this one.
    pub fn is_elsewhere(&self, browser: Option<&StoredHandle>) -> bool {
        self.browser.is_some() && self.browser.as_ref() != browser
    }

    /// The challenge as this browser may see it: in any but its own, nothing has been shown and no app is being set up.
    #[must_use]
    pub fn seen_by(self, browser: Option<&StoredHandle>) -> Self {
        if self.browser.is_some() && !self.is_elsewhere(browser) {
            return self;
        }
        Self { shown: None, mailbox_confirmed: false, session: None, ..self }
    }
}

/// A challenge that waits for its answer.
#[derive(Debug)]
pub struct Pending(ApplicationChallengeRecord);

/// What a hosted challenge shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The second step.
    Show,
    /// A code to the account's mailbox, before the set-up.
    ConfirmMailbox,
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
    /// The account's mailbox is confirmed, and the set-up is still to come.
    MailboxConfirmed(MailboxConfirmed),
}

/// A second step that was shown before the set-up of the first app.
#[derive(Debug)]
pub struct Shown(Answered);

/// A code to the mailbox was entered before the set-up of the first app. It is no second step.
#[derive(Debug)]
pub struct MailboxConfirmed(Answered);

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

    /// What its page shows: the set-up as soon as every second step that is due has been shown. Where none is due, the mailbox
    /// is confirmed first, unless the key that asked may vouch for the person.
    pub fn step(&self, steps: &SecondSteps, permitted: &[Method]) -> Step {
        if !self.sets_up(steps, permitted) {
            return Step::Show;
        }
        match (self.0.shown, steps.is_due(permitted)) {
            (Some(_), _) => Step::SetUp,
            (None, true) => Step::Show,
            (None, false) if self.0.vouched || self.0.mailbox_confirmed => Step::SetUp,
            (None, false) => Step::ConfirmMailbox,
        }
    }

    /// The kinds of code that its page takes now, the one to offer first in front.
    pub fn methods(&self, steps: &SecondSteps, permitted: &[Method]) -> Vec<Method> {
        match self.step(steps, permitted) {
            Step::Show => steps.usable(permitted),
            Step::ConfirmMailbox if steps.email == Standing::Ready => vec![Method::Email],
            Step::ConfirmMailbox | Step::SetUp => Vec::new(),
        }
    }

    /// Whether there is anything to show: a code that can be entered, or the set-up.
    pub fn leads_on(&self, steps: &SecondSteps, permitted: &[Method]) -> bool {
        self.step(steps, permitted) == Step::SetUp || !self.methods(steps, permitted).is_empty()
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
        match self.step(steps, permitted) {
            Step::Show if self.sets_up(steps, permitted) => Some(Progress::Shown(Shown(answered))),
            Step::Show => Some(Progress::Answered(answered)),
            Step::ConfirmMailbox => Some(Progress::MailboxConfirmed(MailboxConfirmed(answered))),
            // All that was due was shown before.
            Step::SetUp => None,
        }
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

impl MailboxConfirmed {
    /// Which challenge.
    pub fn challenge(&self) -> ApplicationChallengeId {
        self.0.challenge
    }

    /// Whose mailbox.
    pub fn user(&self) -> UserId {
        self.0.user
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
            vouched: true,
            shown: None,
            mailbox_confirmed: false,
            browser: None,
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
            set_up: bool, actor: bool, hosted: bool, shown: bool, permitted: bool,
            vouched: bool, confirmed: bool, email_permitted: bool, app in 0_usize..3, email in 0_usize..3,
        ) {
            let steps = SecondSteps { app: STANDINGS[app], email: STANDINGS[email], ..SecondSteps::default() };
            let mut record = record(set_up, actor);
            record.shown = shown.then_some(Method::Email);
            (record.vouched, record.mailbox_confirmed) = (vouched, confirmed);
            if !hosted {
                record.return_to = None;
            }
            let pending = Pending::restore(record, NOW).unwrap();
            let kinds = [(Method::App, permitted), (Method::Email, email_permitted)];
            let permitted: Vec<Method> = kinds.iter().filter(|kind| kind.1).map(|kind| kind.0).collect();
            let permitted = permitted.as_slice();
            let wanted = set_up && hosted && !actor && steps.app == Standing::Absent && permitted.contains(&Method::App);
            prop_assert_eq!(pending.sets_up(&steps, permitted), wanted);
            let due = email_permitted && steps.email != Standing::Absent;
            let turn = wanted && (shown || (!due && (vouched || confirmed)));
            prop_assert_eq!(pending.step(&steps, permitted) == Step::SetUp, turn);
            prop_assert_eq!(pending.set_up_grant(&steps, permitted, NOW).is_some(), turn);
            let evidence = Evidence::of_claim(user(3), Method::Email);
            let progress = pending.progress(&evidence, &steps, permitted);
            prop_assert_eq!(matches!(progress, Some(Progress::Answered(_))), !wanted);
            prop_assert_eq!(progress.is_none(), turn);
            // A code to the mailbox is reported as a second step only where it is one.
            let reported = matches!(progress, Some(Progress::Shown(_) | Progress::Answered(_)));
            prop_assert!(!reported || !wanted || due);
        }

        /// What was shown in one browser is seen in no other.
        #[test]
        fn another_browser_starts_again(own: [u8; 32], other: [u8; 32], vouched: bool) {
            let steps = SecondSteps { email: Standing::Ready, ..SecondSteps::default() };
            let bound = ApplicationChallengeRecord {
                shown: Some(Method::Email),
                mailbox_confirmed: true,
                session: Some(SessionId::generate(NOW, &Fill(5))),
                browser: Some(StoredHandle::from_bytes(own)),
                vouched,
                ..record(true, false)
            };
            let step = |browser: Option<[u8; 32]>| {
                let browser = browser.map(StoredHandle::from_bytes);
                let seen = bound.clone().seen_by(browser.as_ref());
                (seen.session.is_some(), Pending::restore(seen, NOW).unwrap().step(&steps, &Method::ALL))
            };
            prop_assert_eq!(step(Some(own)), (true, Step::SetUp));
            prop_assert_eq!(step(None), (false, Step::Show));
            if own != other {
                prop_assert_eq!(step(Some(other)), (false, Step::Show));
            }
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
    fn without_a_second_step_the_mailbox_comes_first_unless_the_key_vouches() {
        let only_apps = [Method::App];
        let of = |vouched| {
            let record = ApplicationChallengeRecord { vouched, ..record(true, false) };
            Pending::restore(record, NOW).unwrap()
        };
        let reads = SecondSteps { email: Standing::Ready, ..SecondSteps::default() };
        assert_eq!(of(true).step(&reads, &only_apps), Step::SetUp);
        assert_eq!(of(false).step(&reads, &only_apps), Step::ConfirmMailbox);
        assert_eq!(of(false).methods(&reads, &only_apps), [Method::Email]);
        let off = SecondSteps { email: Standing::Disabled, ..SecondSteps::default() };
        assert!(!of(false).leads_on(&off, &only_apps), "a mailbox that takes no more codes confirms nothing");
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
