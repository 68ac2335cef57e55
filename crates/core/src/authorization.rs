//! What follows a request to `/oauth2/authorize`: one decision, from facts alone.
//!
//! ```text
//!   asked ──(nobody is here)────────────────────► SignIn ──┐
//!     │ └──(not one of the application's people)► Refuse   │
//!     ▼                                                    │ the person comes back with the same request,
//!   known ──(too old, or too few steps)─────────► StepUp ──┤ and all is looked at once more
//!     │ └──(cannot be met)──────────────────────► Refuse   │
//!     ▼                                                    │
//!   sure ───(not agreed yet)────────────────────► Consent ─┐
//!     │ └───(an unproven client, no page yet)───► Confirm ─┤ answered on the page, in the same request
//!     ▼                                                    │
//!   Issue ◄────────────────────────────────────────────────┘
//! ```
//!
//! `prompt=none`, and an administrator's look into an account, take none of the ways to the right: nobody is there who
//! could answer. They are refused instead. Such a look enters only what accepts it, in the organization that it is bound to.

use crate::ambient::Timestamp;
use crate::assurance::{Answer, Demand, Proofs, Statement};
use crate::oauth::LoginAsDenied;

/// The errors of the authorization endpoint (RFC 6749 §4.1.2.1; OpenID Connect Core §3.1.2.6; OpenID Connect Core
/// Error Code `unmet_authentication_requirements`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthorizeError {
    /// A parameter is missing, doubled or makes no sense.
    InvalidRequest,
    /// Not `code`.
    UnsupportedResponseType,
    /// No `openid`.
    InvalidScope,
    /// Not one of the application's people, or they said no.
    AccessDenied,
    /// Nobody may be asked, and nobody is signed in, or not recently enough.
    LoginRequired,
    /// Nobody may be asked, and it has not been agreed to.
    ConsentRequired,
    /// Nobody may be asked, and a page has to be shown.
    InteractionRequired,
    /// The class of authentication cannot be met.
    UnmetAuthenticationRequirements,
    /// A `request` parameter.
    RequestNotSupported,
    /// A `request_uri` parameter.
    RequestUriNotSupported,
    /// A `registration` parameter.
    RegistrationNotSupported,
}

impl AuthorizeError {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::AccessDenied => "access_denied",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::InteractionRequired => "interaction_required",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::RegistrationNotSupported => "registration_not_supported",
        }
    }
}

/// What the person may, or must, be asked (OpenID Connect Core §3.1.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// Nothing at all.
    pub none: bool,
    /// Who they are, again. `select_account` means the same here: a browser has one account at a time.
    pub login: bool,
    /// Whether they agree, again.
    pub consent: bool,
}

impl Prompt {
    /// Reads the parameter; `None` for a word that is not known, and for `none` beside another.
    pub fn parse(text: &str) -> Option<Self> {
        let mut prompt = Self::default();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            match word {
                "none" => prompt.none = true,
                "login" | "select_account" => prompt.login = true,
                "consent" => prompt.consent = true,
                _ => return None,
            }
        }
        let contradiction = prompt.none && (prompt.login || prompt.consent);
        (!contradiction).then_some(prompt)
    }
}

/// Who is at the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Present {
    /// Nobody is signed in.
    Nobody,
    /// The account holder.
    Holder(Proofs),
    /// An administrator in somebody's account, with what *they* have shown in their own session.
    Actor(Proofs),
}

/// Everything that the decision rests on.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Who is at the browser.
    pub present: Present,
    /// Whether the account is one of the application's people.
    pub admitted: bool,
    /// Why an administrator in a member's account does not enter; looked at only where one is present.
    pub login_as_denied: Option<LoginAsDenied>,
    /// What may be asked.
    pub prompt: Prompt,
    /// Which proof is wanted.
    pub demand: Demand,
    /// Whether the person has a second factor that works.
    pub has_factor: bool,
    /// Whether the application is the operator's own, and needs no consent.
    pub first_party: bool,
    /// Whether nothing shows that the answer reaches the application itself: it has no credential of its own, and its
    /// redirect URI is not https. Any program on the device can then claim to be it, and gets no code unless a page was
    /// shown for this very request (RFC 8252 §8.6).
    pub unproven_client: bool,
    /// Whether this very request was answered on such a page, in the session that is present.
    pub page_answered: bool,
    /// When the person agreed to all that is asked for.
    pub agreed_at: Option<Timestamp>,
    /// When this request was first seen.
    pub asked_at: Timestamp,
    /// The present moment.
    pub now: Timestamp,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// To the sign-in, and back.
    SignIn,
    /// To the identity proof, and back.
    StepUp,
    /// Ask whether they agree.
    Consent,
    /// They agreed before: ask whether they want to go on to this application.
    Confirm,
    /// A code, and this is what its ID token will say.
    Issue(Statement),
    /// Back to the application with an error.
    Refuse(AuthorizeError),
    /// A page of our own for the administrator, which leads back with `access_denied`.
    DenyLoginAs(LoginAsDenied),
}

impl Facts {
    /// Decides.
    pub fn next(&self) -> NextStep {
        use AuthorizeError as E;
        let (proofs, can_answer) = match self.present {
            Present::Nobody if self.prompt.none => return NextStep::Refuse(E::LoginRequired),
            Present::Nobody => return NextStep::SignIn,
            Present::Holder(proofs) => (proofs, !self.prompt.none),
            Present::Actor(proofs) => match self.login_as_denied {
                Some(_) if self.prompt.none => return NextStep::Refuse(E::AccessDenied),
                Some(why) => return NextStep::DenyLoginAs(why),
                None => (proofs, false),
            },
        };
        if !self.admitted {
            return NextStep::Refuse(E::AccessDenied);
        }
        let statement = match proofs.answer(&self.demand, self.has_factor, self.now) {
            Answer::Met(statement) => statement,
            Answer::StepUp { .. } if can_answer => return NextStep::StepUp,
            Answer::StepUp { factor: false } => return NextStep::Refuse(E::LoginRequired),
            Answer::StepUp { factor: true } | Answer::Unmet => {
                return NextStep::Refuse(E::UnmetAuthenticationRequirements);
            }
        };
        let page_due = self.unproven_client && !self.page_answered;
        match (self.is_agreed(), page_due, can_answer) {
            (true, false, _) => NextStep::Issue(statement),
            (true, true, true) => NextStep::Confirm,
            (true, true, false) => NextStep::Refuse(E::InteractionRequired),
            (false, _, true) => NextStep::Consent,
            (false, _, false) => NextStep::Refuse(E::ConsentRequired),
        }
    }

    fn is_agreed(&self) -> bool {
        if self.prompt.consent {
            return self.agreed_at.is_some_and(|at| at >= self.asked_at);
        }
        self.first_party || self.agreed_at.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assurance::{Acr, PasswordOrigin};
    use crate::second_step::Method;
    use proptest::prelude::*;

    fn moments() -> impl Strategy<Value = Timestamp> {
        (0_i64..40).prop_map(Timestamp::from_millis)
    }

    fn present() -> impl Strategy<Value = Present> {
        let proofs = (moments(), prop::option::of(moments())).prop_map(|(password_at, step)| Proofs {
            password_at,
            password: PasswordOrigin::Chosen,
            second_step: step.map(|at| (Method::App, at)),
        });
        (0..3_u8, proofs).prop_map(|(who, proofs)| match who {
            0 => Present::Nobody,
            1 => Present::Holder(proofs),
            _ => Present::Actor(proofs),
        })
    }

    prop_compose! {
        fn facts()(
            present in present(),
            word in prop::sample::select(vec!["", "none", "login", "consent", "login consent"]),
            acceptable in prop::option::of(prop::collection::vec(prop::sample::select(Acr::ALL.to_vec()), 0..3)),
            since in prop::option::of(moments()),
            agreed_at in prop::option::of(moments()),
            (asked_at, now) in (moments(), moments()),
            (admitted, has_factor, first_party) in any::<(bool, bool, bool)>(),
            (unproven_client, page_answered) in any::<(bool, bool)>(),
            login_as_denied in prop::sample::select(vec![
                None, Some(LoginAsDenied::NotAccepted), Some(LoginAsDenied::OtherOrganization),
            ]),
        ) -> Facts {
            Facts {
                present, admitted, login_as_denied, prompt: Prompt::parse(word).unwrap(), demand: Demand { acceptable, since },
                has_factor, first_party, unproven_client, page_answered, agreed_at, asked_at, now,
            }
        }
    }

    proptest! {
        #[test]
        fn a_code_is_never_given_for_less_than_was_asked_for(facts in facts()) {
            let NextStep::Issue(statement) = facts.next() else { return Ok(()) };
            prop_assert!(facts.admitted);
            prop_assert!(facts.present != Present::Nobody);
            if let Some(acceptable) = &facts.demand.acceptable {
                prop_assert!(acceptable.contains(&statement.assurance().acr));
            }
            if let Some(since) = facts.demand.since {
                prop_assert!(statement.auth_time >= since);
            }
            prop_assert!(facts.first_party || facts.agreed_at.is_some());
            if facts.prompt.consent {
                prop_assert!(facts.agreed_at.unwrap() >= facts.asked_at);
            }
            prop_assert!(!facts.unproven_client || facts.page_answered);
        }

        #[test]
        fn whoever_cannot_answer_is_not_asked(facts in facts()) {
            let silent = facts.prompt.none || matches!(facts.present, Present::Actor(_));
            if silent {
                let next = facts.next();
                prop_assert!(matches!(next, NextStep::Issue(_) | NextStep::Refuse(_) | NextStep::DenyLoginAs(_)));
                prop_assert!(!facts.prompt.none || !matches!(next, NextStep::DenyLoginAs(_)), "no page where none may be");
            }
        }

        #[test]
        fn a_look_into_an_account_enters_only_what_accepts_it(facts in facts()) {
            if matches!(facts.present, Present::Actor(_)) && facts.login_as_denied.is_some() {
                prop_assert!(matches!(
                    facts.next(), NextStep::DenyLoginAs(_) | NextStep::Refuse(AuthorizeError::AccessDenied)
                ));
            } else {
                prop_assert!(!matches!(facts.next(), NextStep::DenyLoginAs(_)));
            }
        }

        #[test]
        fn a_look_into_an_account_gives_no_consent(facts in facts()) {
            if matches!(facts.present, Present::Actor(_)) && !facts.first_party && facts.agreed_at.is_none() {
                prop_assert!(matches!(facts.next(), NextStep::Refuse(_) | NextStep::DenyLoginAs(_)));
            }
        }

        /// Each detour, done as asked, is the last of its kind: nobody goes in circles.
        #[test]
        fn every_detour_leads_on(facts in facts()) {
            let now = Timestamp::from_millis(100);
            let mut facts = Facts { now, asked_at: now, ..facts };
            facts.demand.since = facts.demand.since.map(|_| now);
            let mut steps = 0;
            loop {
                steps += 1;
                prop_assert!(steps <= 4);
                match facts.next() {
                    NextStep::SignIn => {
                        let second_step = facts.has_factor.then_some((Method::Email, now));
                        let password = PasswordOrigin::Chosen;
                        facts.present = Present::Holder(Proofs { password_at: now, password, second_step });
                    }
                    NextStep::StepUp => {
                        let Present::Holder(proofs) = facts.present else { unreachable!() };
                        let answer = proofs.answer(&facts.demand, facts.has_factor, now);
                        let Answer::StepUp { factor } = answer else { unreachable!() };
                        prop_assert!(!factor || facts.has_factor);
                        let shown = factor.then_some((Method::App, now)).or(proofs.second_step);
                        facts.present = Present::Holder(Proofs { password_at: now, second_step: shown, ..proofs });
                    }
                    NextStep::Consent => (facts.agreed_at, facts.page_answered) = (Some(now), true),
                    NextStep::Confirm => facts.page_answered = true,
                    NextStep::Issue(_) | NextStep::Refuse(_) | NextStep::DenyLoginAs(_) => break,
                }
            }
        }
    }

    /// RFC 8252 §8.6, each combination of what is known about the client with what the person has agreed to.
    #[test]
    fn an_unproven_client_gets_no_code_without_a_page() {
        let now = Timestamp::from_millis(50);
        let proofs = Proofs { password_at: now, password: PasswordOrigin::Chosen, second_step: None };
        let facts = |unproven_client, page_answered, agreed: bool, first_party| Facts {
            present: Present::Holder(proofs),
            admitted: true,
            login_as_denied: None,
            prompt: Prompt::default(),
            demand: Demand::default(),
            has_factor: false,
            first_party,
            unproven_client,
            page_answered,
            agreed_at: agreed.then_some(now),
            asked_at: now,
            now,
        };
        let silent = |facts: Facts| Facts { prompt: Prompt::parse("none").unwrap(), ..facts }.next();
        let looked_into = |facts: Facts| Facts { present: Present::Actor(proofs), ..facts }.next();
        let refused = |error| NextStep::Refuse(error);
        for (agreed, first_party) in [(true, false), (false, true), (true, true)] {
            let with = |unproven, answered| facts(unproven, answered, agreed, first_party);
            assert_eq!(with(true, false).next(), NextStep::Confirm);
            assert_eq!(silent(with(true, false)), refused(AuthorizeError::InteractionRequired));
            assert_eq!(looked_into(with(true, false)), refused(AuthorizeError::InteractionRequired));
            for (unproven, answered) in [(true, true), (false, false), (false, true)] {
                assert!(matches!(with(unproven, answered).next(), NextStep::Issue(_)));
            }
        }
        for unproven in [true, false] {
            for answered in [true, false] {
                let third = || facts(unproven, answered, false, false);
                assert_eq!(third().next(), NextStep::Consent);
                assert_eq!(silent(third()), refused(AuthorizeError::ConsentRequired));
                assert_eq!(looked_into(third()), refused(AuthorizeError::ConsentRequired));
            }
        }
    }

    #[test]
    fn prompts_are_read_strictly() {
        assert_eq!(Prompt::parse("select_account"), Prompt::parse("login"));
        assert!(Prompt::parse("login consent").is_some_and(|prompt| prompt.login && prompt.consent));
        for bad in ["none login", "create", "LOGIN"] {
            assert_eq!(Prompt::parse(bad), None, "{bad}");
        }
    }
}
