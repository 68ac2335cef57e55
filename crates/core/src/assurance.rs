//! How strongly someone was authenticated, and when: the `acr`, `amr` and `auth_time` of an ID token, and what a protected
//! site's rule looks at.
//!
//! [`assurance`] is the whole mapping, one row for each combination. Everything that reports or demands assurance reads
//! it: ID tokens, introspection, the API's results, the headers for protected sites, and the step-up.
//!
//! A code sent by email is a *step* and never a *factor*: a mailbox is not an authenticator (NIST SP 800-63B-4 §3.1.3.1).
//! It is never `otp` or `mfa` in `amr`, and no two-factor `acr` rests on it. When a reset link to the mailbox has set the
//! password, a code to the same mailbox adds nothing: both together are one step.
//!
//! A session can vouch for up to two statements, and each has its own age:
//!
//! ```text
//!   the password                      since the password was last entered
//!   the password and a second step    since the *older* of the two was last shown
//! ```
//!
//! An application that asks for more, or for something fresher, than any statement says never silently gets less: the
//! person is asked again ([`Answer::StepUp`]), or the application gets an error ([`Answer::Unmet`]).
//!
//! The names of the classes are our own. They do not claim one of NIST's levels: AAL2 has conditions that are not met for
//! every kind of code (SP 800-63B-4 §2.2).

use crate::ambient::Timestamp;
use crate::second_step::{Evidence, Method};
use crate::site_access::Level;
use std::{fmt, str::FromStr, time::Duration};

/// An authentication context class (OpenID Connect Core §2, `acr`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Acr {
    /// The password, with or without a code sent by email.
    OneFactor,
    /// The password and a second factor: an app, a phone number or a backup code.
    TwoFactor,
}

impl Acr {
    /// Both, the lower one first.
    pub const ALL: [Self; 2] = [Self::OneFactor, Self::TwoFactor];

    /// The value as applications ask for it and read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OneFactor => "urn:countersign:acr:one-factor",
            Self::TwoFactor => "urn:countersign:acr:two-factor",
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

/// How the password that a session rests on was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PasswordOrigin {
    /// By its owner. This includes an account's first password.
    Chosen,
    /// By a reset link to the mailbox, and nothing but the mailbox has vouched for the account holder since.
    ResetLink,
}

impl PasswordOrigin {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Chosen, Self::ResetLink];

    /// From what is stored.
    pub fn from_flag(by_link: bool) -> Self {
        if by_link { Self::ResetLink } else { Self::Chosen }
    }

    /// For the database.
    pub fn is_reset_link(self) -> bool {
        self == Self::ResetLink
    }
}

/// What one combination of password and second step is reported as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assurance {
    /// Its class.
    pub acr: Acr,
    /// Its authentication methods (RFC 8176 §2).
    pub amr: &'static [&'static str],
    /// The independent steps that were completed, as the claim [`STEPS_CLAIM`] reports them.
    pub steps: &'static [&'static str],
}

/// The claim that lists the completed steps, with `email` among them. It is ours: RFC 8176 has no value for a code sent by
/// email but `otp`, which would make a factor of it.
pub const STEPS_CLAIM: &str = "countersign_steps";

/// The mapping: how the password was set × the second step → `acr`, `amr` and steps. `docs/OPENID_CONNECT.md` has the same
/// table, and a test compares the two.
pub fn assurance(password: PasswordOrigin, second_step: Option<Method>) -> Assurance {
    use Acr::{OneFactor, TwoFactor};
    use PasswordOrigin::{Chosen, ResetLink};
    let row = |acr, amr, steps| Assurance { acr, amr, steps };
    match (password, second_step) {
        (Chosen | ResetLink, None) => row(OneFactor, &["pwd"], &["password"]),
        (Chosen | ResetLink, Some(Method::App)) => {
            row(TwoFactor, &["pwd", "otp", "mfa"], &["password", "app"])
        }
        (Chosen | ResetLink, Some(Method::Sms)) => {
            row(TwoFactor, &["pwd", "sms", "mfa"], &["password", "sms"])
        }
        (Chosen | ResetLink, Some(Method::BackupCode)) => {
            row(TwoFactor, &["pwd", "otp", "mfa"], &["password", "backup-code"])
        }
        (Chosen, Some(Method::Email)) => row(OneFactor, &["pwd"], &["password", "email"]),
        // The link and the code went to the same mailbox.
        (ResetLink, Some(Method::Email)) => row(OneFactor, &["pwd"], &["email"]),
    }
}

impl Assurance {
    /// The highest level of a protected site's rule that it reaches.
    pub fn level(&self) -> Level {
        match (self.acr, self.steps.len()) {
            (Acr::TwoFactor, _) => Level::TwoFactor,
            (Acr::OneFactor, 0 | 1) => Level::OneStep,
            (Acr::OneFactor, _) => Level::TwoSteps,
        }
    }
}

/// The authentication methods of a second step on its own (RFC 8176 §2), for an application that has checked the password
/// itself: the row of [`assurance`] without `pwd`. Empty for none, and for a code sent by email.
pub fn second_step_amr(second_step: Option<Method>) -> Vec<&'static str> {
    let amr = assurance(PasswordOrigin::Chosen, second_step).amr;
    amr.iter().copied().filter(|method| *method != "pwd").collect()
}

/// What the person using a session has proved in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proofs {
    /// When the password was last entered.
    pub password_at: Timestamp,
    /// How that password had been set.
    pub password: PasswordOrigin,
    /// The second step that counts, and when it was shown. See [`Proofs::renewed`].
    pub second_step: Option<(Method, Timestamp)>,
}

impl Proofs {
    /// Whether a second step was shown within `max_age`. One from the future (the clock was set back) counts as none.
    pub fn second_step_within(&self, now: Timestamp, max_age: Duration) -> bool {
        self.second_step.is_some_and(|(_, at)| at <= now && now.since(at) <= max_age)
    }
}

/// What an ID token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    /// How the password had been set.
    pub password: PasswordOrigin,
    /// The second step that it counts, if it does.
    pub second_step: Option<Method>,
    /// Since when all that it counts has been shown.
    pub auth_time: Timestamp,
}

impl Statement {
    /// The row of the mapping.
    pub fn assurance(&self) -> Assurance {
        assurance(self.password, self.second_step)
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
        /// Whether that has to include a second factor.
        factor: bool,
    },
    /// This person cannot meet it here.
    Unmet,
}

impl Proofs {
    /// What the session has reached, whenever each part of it was shown.
    pub fn assurance(&self) -> Assurance {
        assurance(self.password, self.second_step.map(|(method, _)| method))
    }

    /// The statements that these proofs support, the one that says the most first.
    fn statements(&self) -> impl Iterator<Item = Statement> {
        let password = self.password;
        let with_second_step = self.second_step.map(|(method, at)| Statement {
            password,
            second_step: Some(method),
            auth_time: at.min(self.password_at),
        });
        let alone = Statement { password, second_step: None, auth_time: self.password_at };
        with_second_step.into_iter().chain([alone])
    }

    /// Answers a demand at `now`; `has_factor` says whether the account has a second factor that works.
    pub fn answer(&self, demand: &Demand, has_factor: bool, now: Timestamp) -> Answer {
        // A proof from the future (the clock was set back) says nothing about how fresh it is.
        let fresh = |statement: &Statement| {
            demand.since.is_none_or(|since| since <= statement.auth_time && statement.auth_time <= now)
        };
        let Some(acceptable) = &demand.acceptable else {
            return self.statements().find(fresh).map_or(Answer::StepUp { factor: false }, Answer::Met);
        };
        for acr in acceptable {
            let says = |statement: &Statement| statement.assurance().acr == *acr && fresh(statement);
            if let Some(statement) = self.statements().find(says) {
                return Answer::Met(statement);
            }
            let factor = *acr == Acr::TwoFactor;
            if !factor || has_factor {
                return Answer::StepUp { factor };
            }
        }
        Answer::Unmet
    }

    /// These proofs after a step-up at `at`. One without a second step does not make an older second step younger, and a
    /// code sent by email does not replace a second factor: the session keeps the strongest that it has.
    #[must_use]
    pub fn renewed(self, at: Timestamp, password: PasswordOrigin, evidence: Option<&Evidence>) -> Self {
        let shown = evidence.map(|evidence| (evidence.method(), at));
        let second_step = match (self.second_step, shown) {
            (Some(held), Some((Method::Email, _))) if held.0 != Method::Email => Some(held),
            (held, shown) => shown.or(held),
        };
        Self { password_at: at, password, second_step }
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

    fn origins() -> impl Strategy<Value = PasswordOrigin> {
        prop::sample::select(PasswordOrigin::ALL.to_vec())
    }

    fn factors() -> impl Strategy<Value = Method> {
        methods().prop_filter("a factor", |method| *method != Method::Email)
    }

    fn proofs() -> impl Strategy<Value = Proofs> {
        (moments(), origins(), prop::option::of((methods(), moments())))
            .prop_map(|(password_at, password, second_step)| Proofs { password_at, password, second_step })
    }

    fn demands() -> impl Strategy<Value = Demand> {
        let acrs = prop::collection::vec(prop::sample::select(Acr::ALL.to_vec()), 0..3);
        (prop::option::of(acrs), prop::option::of(moments()))
            .prop_map(|(acceptable, since)| Demand { acceptable, since })
    }

    fn evidence(method: Method) -> Evidence {
        Evidence::of_claim(crate::ids::UserId::generate(at(0), &Zero), method)
    }

    proptest! {
        #[test]
        fn nothing_is_said_that_was_not_asked_for_or_is_not_so(
            proofs in proofs(), demand in demands(), has_factor: bool, now in moments()
        ) {
            let Answer::Met(statement) = proofs.answer(&demand, has_factor, now) else { return Ok(()) };
            if let Some(acceptable) = &demand.acceptable {
                prop_assert!(acceptable.contains(&statement.assurance().acr));
            }
            if let Some(since) = demand.since {
                prop_assert!(since <= statement.auth_time && statement.auth_time <= now);
            }
            // auth_time is never later than anything that is counted.
            prop_assert!(statement.auth_time <= proofs.password_at);
            prop_assert_eq!(statement.password, proofs.password);
            if let Some(method) = statement.second_step {
                let (shown, when) = proofs.second_step.unwrap();
                prop_assert!(shown == method && statement.auth_time <= when);
            }
        }

        #[test]
        fn the_step_up_that_is_asked_for_is_enough_and_no_circle(
            proofs in proofs(), acceptable in demands(), factor in factors(), email: bool, has_factor: bool,
        ) {
            let now = at(50);
            let demand = Demand { since: acceptable.since.map(|_| now), ..acceptable };
            if let Answer::StepUp { factor: wanted } = proofs.answer(&demand, has_factor, now) {
                prop_assert!(!wanted || has_factor);
                let shown = if wanted { Some(factor) } else { email.then_some(Method::Email) };
                let after = proofs.renewed(at(51), proofs.password, shown.map(evidence).as_ref());
                prop_assert!(matches!(after.answer(&demand, has_factor, at(51)), Answer::Met(_)));
            }
        }

        #[test]
        fn a_step_up_without_a_factor_never_freshens_an_older_one(
            proofs in proofs(), origin in origins(), now in moments(), email: bool
        ) {
            let shown = email.then(|| evidence(Method::Email));
            let after = proofs.renewed(now, origin, shown.as_ref());
            let demand = Demand { acceptable: Some(vec![Acr::TwoFactor]), since: None };
            if let Answer::Met(statement) = after.answer(&demand, true, now) {
                prop_assert_eq!(after.second_step, proofs.second_step);
                prop_assert!(statement.auth_time <= proofs.second_step.unwrap().1);
            }
        }

        /// Whatever was shown, and in whatever order: email never becomes a factor.
        #[test]
        fn a_mailbox_is_never_a_factor(
            password_at in moments(), origin in origins(), again in prop::collection::vec((moments(), any::<bool>()), 0..4)
        ) {
            let mut proofs = Proofs { password_at, password: origin, second_step: None };
            for (at, email) in again {
                proofs = proofs.renewed(at, origin, email.then(|| evidence(Method::Email)).as_ref());
                let reached = proofs.assurance();
                prop_assert_eq!((reached.acr, reached.amr), (Acr::OneFactor, &["pwd"][..]));
                prop_assert!(reached.level() < Level::TwoFactor);
                prop_assert!(origin == PasswordOrigin::Chosen || reached.level() == Level::OneStep);
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
    fn a_fresh_password_is_reported_as_one_factor_where_the_second_is_older() {
        let password = PasswordOrigin::Chosen;
        let proofs = Proofs { password_at: at(30), password, second_step: Some((Method::App, at(10))) };
        let since = |since| Demand { acceptable: None, since };
        let one = Statement { password, second_step: None, auth_time: at(30) };
        let two = Statement { password, second_step: Some(Method::App), auth_time: at(10) };
        assert_eq!(proofs.answer(&since(None), true, at(40)), Answer::Met(two));
        assert_eq!(proofs.answer(&since(Some(at(20))), true, at(40)), Answer::Met(one));
        let both = Demand { acceptable: Some(vec![Acr::TwoFactor]), since: Some(at(20)) };
        assert_eq!(proofs.answer(&both, true, at(40)), Answer::StepUp { factor: true });
        assert_eq!(proofs.answer(&both, false, at(40)), Answer::Unmet);
        let unknown = Demand { acceptable: Some(vec![]), since: None };
        assert_eq!(proofs.answer(&unknown, true, at(40)), Answer::Unmet);
    }

    #[test]
    fn a_session_keeps_its_factor_when_email_confirms_it_again() {
        let password = PasswordOrigin::Chosen;
        let with = |method| Proofs { password_at: at(1), password, second_step: Some((method, at(1))) };
        let again = |proofs: Proofs, method| proofs.renewed(at(9), password, Some(&evidence(method)));
        assert_eq!(again(with(Method::App), Method::Email).second_step, Some((Method::App, at(1))));
        assert_eq!(again(with(Method::App), Method::Sms).second_step, Some((Method::Sms, at(9))));
        assert_eq!(again(with(Method::Email), Method::Email).second_step, Some((Method::Email, at(9))));
        assert_eq!(again(with(Method::Email), Method::App).second_step, Some((Method::App, at(9))));
    }

    /// The table of the documentation, from the code.
    fn table() -> String {
        let list =
            |words: &[&str]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let mut text = format!(
            "| Password | Second step | `acr` | `amr` | `{STEPS_CLAIM}` | A site's rule |\n|---|---|---|---|---|---|\n"
        );
        for origin in PasswordOrigin::ALL {
            for step in [None].into_iter().chain(Method::ALL.map(Some)) {
                let reached = assurance(origin, step);
                let password = match origin {
                    PasswordOrigin::Chosen => "chosen",
                    PasswordOrigin::ResetLink => "set by a reset link",
                };
                let step = match step {
                    None => "none",
                    Some(Method::App) => "authenticator app",
                    Some(Method::Sms) => "text message",
                    Some(Method::Email) => "email",
                    Some(Method::BackupCode) => "backup code",
                };
                let (amr, steps) = (list(reached.amr), list(reached.steps));
                let row = format!(
                    "| {password} | {step} | `{}` | {amr} | {steps} | `{}` |\n",
                    reached.acr,
                    reached.level()
                );
                text.push_str(&row);
            }
        }
        text
    }

    #[test]
    fn the_documentation_has_the_same_table() {
        let table = table();
        let documentation = include_str!("../../../docs/OPENID_CONNECT.md");
        assert!(documentation.contains(&table), "docs/OPENID_CONNECT.md lacks this table:\n{table}");
    }

    #[test]
    fn the_api_reports_the_second_step_only() {
        assert_eq!(second_step_amr(Some(Method::App)), ["otp", "mfa"]);
        assert_eq!(second_step_amr(Some(Method::BackupCode)), ["otp", "mfa"]);
        assert_eq!(second_step_amr(Some(Method::Sms)), ["sms", "mfa"]);
        assert!(second_step_amr(Some(Method::Email)).is_empty());
        assert!(second_step_amr(None).is_empty());
    }

    #[test]
    fn the_classes_are_read_back() {
        for acr in Acr::ALL {
            assert_eq!(acr.as_str().parse(), Ok(acr));
        }
        for other in ["2", "urn:countersign:acr:two-steps"] {
            assert_eq!(other.parse::<Acr>(), Err(NotAnAcr));
        }
    }
}
