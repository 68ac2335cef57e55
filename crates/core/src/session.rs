//! Who is asking.
//!
//! A session is one of two types. An [`OwnSession`] is the account holder's; an [`ImpersonatedSession`] is an
//! administrator's look into it ("login as"), and has none of the methods from which a change could follow.
//!
//! ```text
//!   sign-in ──► OwnSession ──(step-up)──► OwnSession, proven again, new handle
//!                   │
//!                   └─(login as, proven)───► ImpersonatedSession ──(stop)──► the actor's OwnSession, new handle
//!   every session ──(sign-out, idle, too old, ended by another)──► gone
//! ```

use crate::ambient::Timestamp;
use crate::assurance::{PasswordOrigin, Proofs};
use crate::authority::{ApplicationAuthority, CredentialAuthority, LoginAsAuthority};
use crate::ids::{ApplicationId, OrganizationId, SessionId, UserId};
use crate::role::Role;
use crate::second_step::{Evidence, Method, SecondSteps};
use crate::sign_in::PasswordVerified;
use std::{str::FromStr, time::Duration};

/// How long sessions live (ASVS 5.0 V7.3; NIST SP 800-63B-4 §2.2.3).
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// Without any request, a session ends after this.
    pub idle: Duration,
    /// However busy, a session ends after this.
    pub absolute: Duration,
    /// An impersonated session ends after this.
    pub login_as: Duration,
}

/// A session as it is stored.
#[derive(Clone, Debug)]
pub struct SessionRecord {
    /// Its public name.
    pub id: SessionId,
    /// Whose account it is.
    pub user: UserId,
    /// When it began.
    pub created_at: Timestamp,
    /// The last request (kept to the minute).
    pub last_seen_at: Timestamp,
    /// When it ends however busy it is.
    pub expires_at: Timestamp,
    /// When the account holder last proved who they are; meaningless in an impersonated session.
    pub proven_at: Timestamp,
    /// How the password had been set with which they did.
    pub password: PasswordOrigin,
    /// The second step that counts in it, if there was one: at the sign-in, or in a step-up. See [`Proofs::renewed`].
    pub second_step: Option<Method>,
    /// When that was.
    pub second_step_at: Option<Timestamp>,
    /// Set in a session that an application holds for its user, and only there. See [`HolderSession`].
    pub application: Option<ApplicationId>,
    /// Set in an impersonated session, and only there.
    pub login_as: Option<LoginAsRecord>,
}

/// The part of a [`SessionRecord`] that only an impersonated session has.
#[derive(Clone, Debug)]
pub struct LoginAsRecord {
    /// Who is at the keyboard.
    pub actor: UserId,
    /// The actor's own session, to return to.
    pub actor_session: SessionId,
    /// The organization to which it is bound.
    pub organization: OrganizationId,
    /// Why, in the actor's words.
    pub reason: String,
}

/// Why a session ended, as the sign-in says it to the browser that held it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// Without a request for too long.
    Idle,
    /// However busy, it was over.
    Age,
    /// Another browser of the account ended it.
    Elsewhere,
    /// The password was changed, or set anew by a link.
    Password,
    /// The email address was changed.
    Email,
    /// An authenticator app was added or removed.
    SecondStep,
    /// The operator ended it, or deactivated the account.
    Operator,
    /// An impersonated session: it ended by time, or with what it was opened from.
    LoginAs,
}

impl EndReason {
    const ALL: [Self; 8] = [
        Self::Idle,
        Self::Age,
        Self::Elsewhere,
        Self::Password,
        Self::Email,
        Self::SecondStep,
        Self::Operator,
        Self::LoginAs,
    ];

    /// The word for the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Age => "age",
            Self::Elsewhere => "elsewhere",
            Self::Password => "password",
            Self::Email => "email",
            Self::SecondStep => "second-step",
            Self::Operator => "operator",
            Self::LoginAs => "login-as",
        }
    }
}

/// The word is none of a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a reason for which a session ends")]
pub struct NotAReason;

impl FromStr for EndReason {
    type Err = NotAReason;

    fn from_str(word: &str) -> Result<Self, NotAReason> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word).ok_or(NotAReason)
    }
}

impl SessionRecord {
    /// Why it is over by `now`; `None` while time has not ended it.
    pub fn over(&self, now: Timestamp, idle: Duration) -> Option<EndReason> {
        let by_time = if now >= self.expires_at {
            EndReason::Age
        } else if now >= self.last_seen_at.plus(idle) {
            EndReason::Idle
        } else {
            return None;
        };
        Some(if self.login_as.is_some() { EndReason::LoginAs } else { by_time })
    }

    /// What has been shown in it. Of an impersonated session this says nothing: ask the actor's own.
    pub fn proofs(&self) -> Proofs {
        // A second step without a moment of its own was shown when the session began.
        let at = self.second_step_at.unwrap_or(self.created_at);
        Proofs {
            password_at: self.proven_at,
            password: self.password,
            second_step: self.second_step.map(|method| (method, at)),
        }
    }
}

/// A live session.
#[derive(Debug)]
pub enum Session {
    /// The account holder's own.
    Own(OwnSession),
    /// Somebody else's look into the account.
    Impersonated(ImpersonatedSession),
}

/// The account holder's own session.
#[derive(Debug)]
pub struct OwnSession(SessionRecord);

/// An administrator's session in somebody else's account. It can be looked at and ended, nothing more.
#[derive(Debug)]
pub struct ImpersonatedSession {
    record: SessionRecord,
    login_as: LoginAsRecord,
}

/// The account holder's own session, held by the application that knows them: what an account-holder token opens. It is
/// the same thing as an [`OwnSession`] to every rule, and yet no browser's cookie opens it, and no other application's
/// key.
#[derive(Debug)]
pub struct HolderSession(OwnSession);

impl HolderSession {
    /// The session of a stored record that `application` holds, unless it has ended by `now`.
    pub fn restore(record: SessionRecord, application: ApplicationId, now: Timestamp) -> Option<Self> {
        let held = record.application == Some(application) && record.login_as.is_none();
        (held && now < record.expires_at).then_some(Self(OwnSession(record)))
    }

    /// As the flows of *My Profile* take it.
    pub fn own(&self) -> &OwnSession {
        &self.0
    }

    /// The authority to change where codes and notices go: one that a second step has bought, within `max_age`. A first
    /// enrolment proves nothing about who holds the mailbox.
    pub fn mailbox_authority(&self, now: Timestamp, max_age: Duration) -> Option<CredentialAuthority> {
        self.0.0.second_step?;
        self.0.credential_authority(now, max_age).ok()
    }
}

/// The identity proof is too old for what was asked: step up first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the identity proof is too old")]
pub struct ProofTooOld;

impl Session {
    /// The session of a stored record, unless it has ended by `now`, or is one that an application holds.
    pub fn restore(record: SessionRecord, now: Timestamp, idle: Duration) -> Option<Self> {
        if record.application.is_some() || record.over(now, idle).is_some() {
            return None;
        }
        Some(match record.login_as.clone() {
            None => Self::Own(OwnSession(record)),
            Some(login_as) => Self::Impersonated(ImpersonatedSession { record, login_as }),
        })
    }

    /// What both kinds have in common.
    pub fn record(&self) -> &SessionRecord {
        match self {
            Self::Own(own) => &own.0,
            Self::Impersonated(other) => &other.record,
        }
    }
}

impl OwnSession {
    /// The stored facts.
    pub fn record(&self) -> &SessionRecord {
        &self.0
    }

    /// Its public name.
    pub fn id(&self) -> SessionId {
        self.0.id
    }

    /// The account holder.
    pub fn user(&self) -> UserId {
        self.0.user
    }

    /// The authority to change this account's credentials, if the identity was proven within `max_age`
    /// (ASVS 5.0 V7.5.1: full re-authentication before sensitive changes).
    pub fn credential_authority(
        &self,
        now: Timestamp,
        max_age: Duration,
    ) -> Result<CredentialAuthority, ProofTooOld> {
        self.proven_within(now, max_age)?;
        Ok(CredentialAuthority::of(self.0.user, self.0.id))
    }

    /// The authority to ask for a "login as", under the same condition.
    pub fn login_as_authority(
        &self,
        now: Timestamp,
        max_age: Duration,
    ) -> Result<LoginAsAuthority, ProofTooOld> {
        self.proven_within(now, max_age)?;
        Ok(LoginAsAuthority::of(self.0.user, self.0.id))
    }

    /// The authority over the applications of `organization`, for somebody whose role in it is `role`, under the same
    /// condition. `None` for a member who is no administrator.
    pub fn application_authority(
        &self,
        organization: OrganizationId,
        role: Role,
        now: Timestamp,
        max_age: Duration,
    ) -> Result<Option<ApplicationAuthority>, ProofTooOld> {
        self.proven_within(now, max_age)?;
        let administrator = role.runs_applications();
        let (user, session) = (self.0.user, self.0.id);
        Ok(administrator.then(|| ApplicationAuthority::of_administrator(user, session, organization)))
    }

    /// A proof from the future (the clock was set back) counts as none.
    fn proven_within(&self, now: Timestamp, max_age: Duration) -> Result<(), ProofTooOld> {
        let proven = self.0.proven_at;
        if proven <= now && now.since(proven) <= max_age { Ok(()) } else { Err(ProofTooOld) }
    }
}

impl ImpersonatedSession {
    /// The stored facts.
    pub fn record(&self) -> &SessionRecord {
        &self.record
    }

    /// Its public name.
    pub fn id(&self) -> SessionId {
        self.record.id
    }

    /// Whose account it is.
    pub fn subject(&self) -> UserId {
        self.record.user
    }

    /// Who is at the keyboard, from where, and why.
    pub fn login_as(&self) -> &LoginAsRecord {
        &self.login_as
    }
}

/// A finished step-up: this session's account holder has proved who they are again.
#[derive(Debug)]
pub struct ProvenAgain {
    session: SessionId,
    user: UserId,
    second_step: Option<Method>,
    proofs: Proofs,
}

/// What is not enough for a step-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StepUpRefusal {
    /// The password or code belongs to another account.
    #[error("another account's proof")]
    OtherAccount,
    /// A second step is due and none was shown.
    #[error("the second step is missing")]
    SecondStepMissing,
}

impl ProvenAgain {
    /// What a sign-in to the account would want now: its password and, where one is due, a second step. `steps` is what the
    /// account has, `allowed` what the policy permits.
    pub fn by(
        session: &OwnSession,
        password: &PasswordVerified,
        second_step: Option<&Evidence>,
        steps: &SecondSteps,
        allowed: &[Method],
    ) -> Result<Self, StepUpRefusal> {
        if password.user() != session.user() || second_step.is_some_and(|e| e.user() != session.user()) {
            return Err(StepUpRefusal::OtherAccount);
        }
        if steps.is_due(allowed) && second_step.is_none() {
            return Err(StepUpRefusal::SecondStepMissing);
        }
        let proofs = session.record().proofs().renewed(password.at(), steps.password(), second_step);
        let second_step = second_step.map(Evidence::method);
        Ok(Self { session: session.id(), user: session.user(), second_step, proofs })
    }

    /// The session that proved it.
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// The account holder.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// The second step that was part of it, if one was.
    pub fn second_step(&self) -> Option<Method> {
        self.second_step
    }

    /// All that counts in the session from now on.
    pub fn proofs(&self) -> &Proofs {
        &self.proofs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::Entropy;
    use crate::second_step::Standing;
    use crate::sign_in::Next;

    struct Counting(std::sync::atomic::AtomicU8);
    impl Entropy for Counting {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    const MINUTE: Duration = Duration::from_secs(60);

    fn record(at: Timestamp) -> SessionRecord {
        let entropy = Counting(std::sync::atomic::AtomicU8::new(1));
        SessionRecord {
            id: SessionId::generate(at, &entropy),
            user: UserId::generate(at, &entropy),
            created_at: at,
            last_seen_at: at,
            expires_at: at.plus(24 * 60 * MINUTE),
            proven_at: at,
            password: PasswordOrigin::Chosen,
            second_step: Some(Method::App),
            second_step_at: Some(at),
            application: None,
            login_as: None,
        }
    }

    #[test]
    fn a_session_ends_idle_and_ends_anyway() {
        let start = Timestamp::from_millis(1_000_000);
        let live = |record: &SessionRecord, now| Session::restore(record.clone(), now, 60 * MINUTE).is_some();
        let mut record = record(start);
        assert!(live(&record, start.plus(59 * MINUTE)));
        assert!(!live(&record, start.plus(60 * MINUTE)));
        record.last_seen_at = start.plus(24 * 60 * MINUTE).minus(MINUTE);
        assert!(live(&record, record.last_seen_at));
        assert!(!live(&record, record.expires_at));
    }

    #[test]
    fn what_an_application_holds_is_no_browsers_session() {
        let start = Timestamp::from_millis(1_000_000);
        let entropy = Counting(std::sync::atomic::AtomicU8::new(50));
        let [mine, other] = [0, 1].map(|_| ApplicationId::generate(start, &entropy));
        let held = SessionRecord { application: Some(mine), ..record(start) };
        assert!(Session::restore(held.clone(), start, 60 * MINUTE).is_none());
        assert!(HolderSession::restore(held.clone(), mine, start).is_some());
        assert!(HolderSession::restore(held.clone(), other, start).is_none());
        assert!(HolderSession::restore(held.clone(), mine, held.expires_at).is_none());
        assert!(HolderSession::restore(record(start), mine, start).is_none());
        let mailbox = |second_step| {
            let held = SessionRecord { second_step, ..held.clone() };
            let holder = HolderSession::restore(held, mine, start).unwrap();
            holder.mailbox_authority(start, MINUTE).is_some()
        };
        assert!(mailbox(Some(Method::Email)) && !mailbox(None));
    }

    #[test]
    fn the_authority_needs_a_fresh_proof() {
        let start = Timestamp::from_millis(1_000_000);
        let own = OwnSession(record(start));
        assert!(own.credential_authority(start.plus(5 * MINUTE), 5 * MINUTE).is_ok());
        let late = start.plus(5 * MINUTE + Duration::from_millis(1));
        assert_eq!(own.credential_authority(late, 5 * MINUTE).unwrap_err(), ProofTooOld);
        assert_eq!(own.credential_authority(start.minus(MINUTE), 5 * MINUTE).unwrap_err(), ProofTooOld);
    }

    #[test]
    fn a_step_up_is_of_the_same_account_and_complete() {
        let start = Timestamp::from_millis(1_000_000);
        let own = OwnSession(record(start));
        let entropy = Counting(std::sync::atomic::AtomicU8::new(99));
        let other = UserId::generate(start, &entropy);
        let mine = PasswordVerified::check(own.user(), true, true, start).unwrap();
        let theirs = PasswordVerified::check(other, true, true, start).unwrap();
        let my_code = Evidence::of_claim(own.user(), Method::App);
        let their_code = Evidence::of_claim(other, Method::App);
        let has = SecondSteps { email: Standing::Ready, ..SecondSteps::default() };
        let by = |password, code| ProvenAgain::by(&own, password, code, &has, &Method::ALL);
        assert!(by(&mine, Some(&my_code)).is_ok());
        assert_eq!(by(&mine, None).unwrap_err(), StepUpRefusal::SecondStepMissing);
        assert_eq!(by(&theirs, Some(&my_code)).unwrap_err(), StepUpRefusal::OtherAccount);
        assert_eq!(by(&mine, Some(&their_code)).unwrap_err(), StepUpRefusal::OtherAccount);
    }

    /// For every account and every policy: what a sign-in wants, a step-up wants, and nothing else.
    #[test]
    fn a_step_up_wants_what_a_sign_in_wants() {
        use Standing::{Absent, Disabled, Ready};
        let start = Timestamp::from_millis(1_000_000);
        let own = OwnSession(record(start));
        let password = || PasswordVerified::check(own.user(), true, true, start).unwrap();
        let some = [Absent, Ready, Disabled];
        let mut wanted = 0;
        for (app, sms, email, backup_code) in some.iter().flat_map(|app| {
            let rest = move |sms| some.map(move |email| some.map(move |code| (*app, sms, email, code)));
            some.into_iter().flat_map(rest).flatten()
        }) {
            for password_by_link in [false, true] {
                let steps = SecondSteps { app, sms, email, backup_code, password_by_link };
                for policy in 0..16_u8 {
                    let allowed: Vec<Method> =
                        (0..4).filter(|bit| policy & (1 << bit) != 0).map(|bit| Method::ALL[bit]).collect();
                    let sign_in = matches!(password().next(&steps, &allowed), Next::SecondStep(_));
                    let step_up = ProvenAgain::by(&own, &password(), None, &steps, &allowed);
                    assert_eq!(step_up.is_err(), sign_in, "{steps:?} {allowed:?}");
                    assert_eq!(
                        steps.usable_for(&allowed, crate::site_access::Level::OneStep),
                        steps.usable(&allowed)
                    );
                    wanted += u32::from(sign_in);
                }
            }
        }
        assert!(wanted > 1_000, "{wanted}");
    }
}
