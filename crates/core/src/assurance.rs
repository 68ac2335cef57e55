//! How sure it is who somebody is, and since when: what an ID token may say as `acr`, `amr` and `auth_time`.
//!
//! A session can vouch for up to two statements, and each has an age of its own:
//!
//! ```text
//!   one step:   the password            since the password was last typed
//!   two steps:  password and code       since the *older* of the two was last shown
//! ```
//!
//! An application that asks for more, or for something fresher, than any statement says is never given a lower one in
//! silence: the person is asked again ([`Answer::StepUp`]), or the application is told ([`Answer::Unmet`]).
//!
//! The names are our own. NIST's AAL2 wants what is not held here for every kind of code (SP 800-63B-4 §2.2: a code by
//! e-mail is no authenticator at all), and a level that is sometimes true is not claimed.

use crate::ambient::Timestamp;
use crate::second_step::{Evidence, Method};
use std::{fmt, str::FromStr};

/// An authentication context class (OpenID Connect Core §2, `acr`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Acr {
    /// The password alone.
    OneStep,
    /// The password, and a second step.
    TwoSteps,
}

impl Acr {
    /// Both, the lower one first.
    pub const ALL: [Self; 2] = [Self::OneStep, Self::TwoSteps];

    /// The value as applications ask for it and read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OneStep => "urn:countersign:acr:one-step",
            Self::TwoSteps => "urn:countersign:acr:two-steps",
        }
    }
}

impl fmt::Display for Acr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no class of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an authentication context class of this server")]
pub struct NotAnAcr;

impl FromStr for Acr {
    type Err = NotAnAcr;

    fn from_str(text: &str) -> Result<Self, NotAnAcr> {
        Self::ALL.into_iter().find(|acr| acr.as_str() == text).ok_or(NotAnAcr)
    }
}

/// What the person at the keyboard has shown in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proofs {
    /// When the password was last typed.
    pub password_at: Timestamp,
    /// The last second step, and when it was shown.
    pub second_step: Option<(Method, Timestamp)>,
}

/// What an ID token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The second step that it counts, if it does.
    pub second_step: Option<Method>,
    /// Since when all that it counts has been shown.
    pub auth_time: Timestamp,
}

impl Statement {
    /// Its class.
    pub fn acr(&self) -> Acr {
        if self.second_step.is_some() { Acr::TwoSteps } else { Acr::OneStep }
    }

    /// Its authentication methods.
    pub fn amr(&self) -> Vec<&'static str> {
        amr(self.second_step)
    }
}

/// The authentication methods of a sign-in by password and, where one was shown, a second step (RFC 8176 §2).
pub fn amr(second_step: Option<Method>) -> Vec<&'static str> {
    match second_step {
        None => vec!["pwd"],
        Some(method) => vec!["pwd", method.amr(), "mfa"],
    }
}

/// What an application asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// The classes that it accepts, the preferred one first; `None` where it does not say. A list without any that is
    /// known here cannot be met.
    pub acceptable: Option<Vec<Acr>>,
    /// All that is counted has to have been shown at this moment or later (`max_age`, `prompt=login`).
    pub since: Option<Timestamp>,
}

/// How a demand is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This may be said.
    Met(Statement),
    /// The person can meet it by showing who they are again.
    StepUp {
        /// Whether that has to include a second step.
        second_step: bool,
    },
    /// This person cannot meet it here.
    Unmet,
}

impl Proofs {
    /// The statement of a class, where these proofs bear it.
    fn statement(&self, acr: Acr) -> Option<Statement> {
        match acr {
            Acr::OneStep => Some(Statement { second_step: None, auth_time: self.password_at }),
            Acr::TwoSteps => self.second_step.map(|(method, at)| Statement {
                second_step: Some(method),
                auth_time: at.min(self.password_at),
            }),
        }
    }

    /// Answers a demand at `now`; `can_take` says whether the person has a second step that works.
    pub fn answer(&self, demand: &Demand, can_take: bool, now: Timestamp) -> Answer {
        // A proof from the future (the clock was set back) says nothing about how fresh it is.
        let fresh = |statement: &Statement| {
            demand.since.is_none_or(|since| since <= statement.auth_time && statement.auth_time <= now)
        };
        let said = |acr: Acr| self.statement(acr).filter(fresh);
        let Some(acceptable) = &demand.acceptable else {
            let best = said(Acr::TwoSteps).or_else(|| said(Acr::OneStep));
            return best.map_or(Answer::StepUp { second_step: false }, Answer::Met);
        };
        for acr in acceptable {
            if let Some(statement) = said(*acr) {
                return Answer::Met(statement);
            }
            if *acr == Acr::OneStep || can_take {
                return Answer::StepUp { second_step: *acr == Acr::TwoSteps };
            }
        }
        Answer::Unmet
    }

    /// These proofs after a step-up at `at`. A step-up by the password alone does not make an older second step younger.
    #[must_use]
    pub fn renewed(self, at: Timestamp, evidence: Option<&Evidence>) -> Self {
        let second_step = evidence.map(|evidence| (evidence.method(), at)).or(self.second_step);
        Self { password_at: at, second_step }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn moments() -> impl Strategy<Value = Timestamp> {
        (0_i64..40).prop_map(at)
    }

    fn methods() -> impl Strategy<Value = Method> {
        prop::sample::select(Method::ALL.to_vec())
    }

    fn proofs() -> impl Strategy<Value = Proofs> {
        (moments(), prop::option::of((methods(), moments())))
            .prop_map(|(password_at, second_step)| Proofs { password_at, second_step })
    }

    fn demands() -> impl Strategy<Value = Demand> {
        let acrs = prop::collection::vec(prop::sample::select(Acr::ALL.to_vec()), 0..3);
        (prop::option::of(acrs), prop::option::of(moments()))
            .prop_map(|(acceptable, since)| Demand { acceptable, since })
    }

    proptest! {
        #[test]
        fn nothing_is_said_that_was_not_asked_for_or_is_not_so(
            proofs in proofs(), demand in demands(), can_take: bool, now in moments()
        ) {
            let Answer::Met(statement) = proofs.answer(&demand, can_take, now) else { return Ok(()) };
            if let Some(acceptable) = &demand.acceptable {
                prop_assert!(acceptable.contains(&statement.acr()));
            }
            if let Some(since) = demand.since {
                prop_assert!(since <= statement.auth_time && statement.auth_time <= now);
            }
            // auth_time is never later than anything that is counted.
            prop_assert!(statement.auth_time <= proofs.password_at);
            if let Some(method) = statement.second_step {
                let (shown, when) = proofs.second_step.unwrap();
                prop_assert!(shown == method && statement.auth_time <= when);
            }
        }

        #[test]
        fn the_step_up_that_is_asked_for_is_enough_and_no_circle(
            proofs in proofs(), acceptable in demands(), method in methods(), can_take: bool
        ) {
            let now = at(50);
            let demand = Demand { since: acceptable.since.map(|_| now), ..acceptable };
            if let Answer::StepUp { second_step } = proofs.answer(&demand, can_take, now) {
                let user = crate::ids::UserId::generate(now, &Zero);
                let evidence = Evidence::of_claim(user, method);
                let after = proofs.renewed(at(51), second_step.then_some(&evidence));
                prop_assert!(matches!(after.answer(&demand, can_take, at(51)), Answer::Met(_)));
            }
        }

        #[test]
        fn a_step_up_by_password_alone_never_freshens_the_second_step(
            proofs in proofs(), now in moments()
        ) {
            let after = proofs.renewed(now, None);
            prop_assert_eq!(after.second_step, proofs.second_step);
            let demand = Demand { acceptable: Some(vec![Acr::TwoSteps]), since: None };
            if let Answer::Met(statement) = after.answer(&demand, true, now) {
                prop_assert!(statement.auth_time <= proofs.second_step.unwrap().1);
            }
        }
    }

    struct Zero;
    impl crate::Entropy for Zero {
        fn fill(&self, out: &mut [u8]) {
            out.fill(0);
        }
    }

    #[test]
    fn a_fresh_password_is_told_as_one_step_where_the_second_is_older() {
        let proofs = Proofs { password_at: at(30), second_step: Some((Method::App, at(10))) };
        let since = |since| Demand { acceptable: None, since };
        let one = Statement { second_step: None, auth_time: at(30) };
        let two = Statement { second_step: Some(Method::App), auth_time: at(10) };
        assert_eq!(proofs.answer(&since(None), true, at(40)), Answer::Met(two));
        assert_eq!(proofs.answer(&since(Some(at(20))), true, at(40)), Answer::Met(one));
        let both = Demand { acceptable: Some(vec![Acr::TwoSteps]), since: Some(at(20)) };
        assert_eq!(proofs.answer(&both, true, at(40)), Answer::StepUp { second_step: true });
        assert_eq!(proofs.answer(&both, false, at(40)), Answer::Unmet);
        let unknown = Demand { acceptable: Some(vec![]), since: None };
        assert_eq!(proofs.answer(&unknown, true, at(40)), Answer::Unmet);
    }

    #[test]
    fn the_methods_are_those_of_rfc_8176() {
        let with = |method| Statement { second_step: method, auth_time: at(0) }.amr();
        assert_eq!(with(None), ["pwd"]);
        assert_eq!(with(Some(Method::Sms)), ["pwd", "sms", "mfa"]);
        for method in [Method::App, Method::Email, Method::BackupCode] {
            assert_eq!(with(Some(method)), ["pwd", "otp", "mfa"]);
        }
        assert_eq!("urn:countersign:acr:two-steps".parse(), Ok(Acr::TwoSteps));
        assert_eq!("2".parse::<Acr>(), Err(NotAnAcr));
    }
}
