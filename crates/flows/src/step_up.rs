//! Step-up: proving identity again before a sensitive change. It wants what a sign-in to the account would want now: the
//! password and, where one is due, a second step (`docs/decisions/0024`).

use crate::{
    Fault, Services, activity,
    hashing::Share,
    second_step::{self, Asked, Claim, CodeRefusal, Purpose, SendOutcome, StepView, Target},
    security_log::{Entry, Event},
};
use countersign_core::{
    authority::{CredentialAuthority, LoginAsAuthority},
    event::{Detail, EventKind, Origin},
    message::Content,
    password::{PasswordError, PlainPassword},
    second_step::Method,
    secret::{PlainHandle, StoredHandle},
    session::{OwnSession, ProofTooOld, ProvenAgain, Session},
    sign_in::PasswordVerified,
    site_access::Level,
    throttle::Verdict,
};
use countersign_store::{sessions, sites, throttles, users};
use std::time::Duration;

/// What became of it.
#[derive(Debug)]
pub enum StepUpOutcome {
    /// Proven; the session has a new handle.
    Proven {
        /// The handle for the cookie.
        handle: PlainHandle,
    },
    /// Not the password.
    WrongPassword,
    /// Not a password at all.
    BadPassword(PasswordError),
    /// The password was right; the code was not.
    Code(CodeRefusal),
    /// Too many wrong passwords.
    Closed {
        /// When to come back.
        retry_after: Duration,
    },
}

/// What became of a password that an account holder typed in their own session.
pub(crate) enum OwnPassword {
    Right(PasswordVerified),
    Wrong,
    Closed { retry_after: Duration },
}

fn asked(session: &OwnSession, browser: Option<StoredHandle>) -> Asked {
    Asked { purpose: Purpose::ConfirmIdentity, owner: session.id().to_string(), browser }
}

/// The authority to change this account's credentials, if the proof is fresh.
pub fn authority(s: &Services, session: &OwnSession) -> Result<CredentialAuthority, ProofTooOld> {
    session.credential_authority(s.now(), s.rules.step_up_max_age)
}

/// The authority to ask for a "login as", if the proof is fresh.
pub fn login_as_authority(s: &Services, session: &OwnSession) -> Result<LoginAsAuthority, ProofTooOld> {
    session.login_as_authority(s.now(), s.rules.step_up_max_age)
}

/// What the page offers: the methods of a sign-in. Where an application or a protected site wants a certain level
/// (`wanted`), only those that reach it.
pub async fn view(s: &Services, session: &OwnSession, wanted: Level) -> Result<StepView, Fault> {
    let mut view = second_step::view(s, session.user(), asked(session, None)).await?;
    let (_, methods) = due(s, session, wanted).await?;
    view.methods.retain(|method| methods.contains(method));
    Ok(view)
}

/// Whether a second step is due, and by which methods.
async fn due(s: &Services, session: &OwnSession, wanted: Level) -> Result<(bool, Vec<Method>), Fault> {
    let user = session.user();
    let steps = s.store.read(move |tx| second_step::facts(tx, user)).await?;
    let permitted = second_step::permitted(s);
    Ok((steps.is_due(&permitted), steps.usable_for(&permitted, wanted)))
}

/// Sends a code for this step-up. `wanted` as for [`view`]; `browser` is the known-browser cookie.
pub async fn send_code(
    s: &Services,
    session: &OwnSession,
    method: Method,
    wanted: Level,
    origin: &Origin,
    browser: Option<StoredHandle>,
) -> Result<SendOutcome, Fault> {
    if !due(s, session, wanted).await?.1.contains(&method) {
        return Ok(SendOutcome::NotAvailable);
    }
    let content = |code, minutes| Content::ConfirmIdentityCode { code, minutes };
    let asked = asked(session, browser);
    second_step::send(s, session.user(), asked, method, Target::Own, content, origin).await
}

/// What a person enters to confirm their identity, and in which browser.
#[derive(Clone, Copy)]
pub struct Entered<'a> {
    /// The password.
    pub password: &'a str,
    /// The kind of second step, where one was chosen.
    pub method: Option<Method>,
    /// Its code.
    pub code: &'a str,
    /// The known-browser cookie, if there is one.
    pub browser: Option<StoredHandle>,
}

/// Checks password and code; one write spends the code and renews the proof. `wanted` as for [`view`].
pub async fn confirm(
    s: &Services,
    session: &OwnSession,
    entered: Entered<'_>,
    wanted: Level,
    origin: &Origin,
) -> Result<StepUpOutcome, Fault> {
    let shown = match check(s, session, entered, wanted, origin).await? {
        Ok(shown) => shown,
        Err(refusal) => return Ok(refusal),
    };
    let (now, origin) = (s.now(), origin.clone());
    let handle = PlainHandle::generate(&*s.entropy);
    let stored = handle.stored();
    // The closure outlives this borrow of the session, so it takes the facts with it.
    let (record, account) = (session.record().clone(), session.user());
    let (idle, permitted) = (s.rules.lifetimes.idle, second_step::permitted(s));
    let proven = s
        .store
        .write(move |tx| {
            users::take_turn(tx, account)?;
            // As it was when the code was shown: the last backup code is spent next.
            let steps = second_step::facts(tx, account)?;
            let evidence = match &shown.claim {
                None => None,
                Some(claim) => match claim.spend(tx, now)? {
                    Some(evidence) => Some(evidence),
                    None => return Ok(Err(CodeRefusal::AlreadyUsed)),
                },
            };
            let Some(Session::Own(own)) = Session::restore(record, now, idle) else {
                return Ok(Err(CodeRefusal::Expired));
            };
            let by = ProvenAgain::by(&own, &shown.password, evidence.as_ref(), &steps, &permitted);
            let Ok(proven) = by else { return Ok(Err(CodeRefusal::NotAvailable)) };
            if !sessions::renew_proof(tx, &proven, &stored)? {
                return Ok(Err(CodeRefusal::Expired));
            }
            users::vouched_for_again(tx, &proven)?;
            // A copy of a site's cookie must not rise with the session.
            sites::forget(tx, own.id())?;
            if proven.second_step() == Some(Method::BackupCode) {
                second_step::backup_code_used(tx, own.user(), &origin, now)?;
            }
            let method = proven.second_step().map(|m| m.as_str().to_owned());
            let detail = Detail { method, ..Detail::default() };
            activity::record(tx, own.user(), EventKind::IdentityConfirmed, detail, origin, now)?;
            Ok(Ok(()))
        })
        .await?;
    s.ring();
    Ok(match proven {
        Ok(()) => StepUpOutcome::Proven { handle },
        Err(refusal) => StepUpOutcome::Code(refusal),
    })
}

/// What was right.
struct Shown {
    password: PasswordVerified,
    claim: Option<Claim>,
}

async fn check(
    s: &Services,
    session: &OwnSession,
    entered: Entered<'_>,
    wanted: Level,
    origin: &Origin,
) -> Result<Result<Shown, StepUpOutcome>, Fault> {
    let typed = match PlainPassword::typed(entered.password) {
        Ok(typed) => typed,
        Err(error) => return Ok(Err(StepUpOutcome::BadPassword(error))),
    };
    let password = match own_password(s, session.user(), typed).await? {
        OwnPassword::Right(verified) => verified,
        OwnPassword::Wrong => return Ok(Err(StepUpOutcome::WrongPassword)),
        OwnPassword::Closed { retry_after } => return Ok(Err(StepUpOutcome::Closed { retry_after })),
    };
    let (due, methods) = due(s, session, wanted).await?;
    let claim = match (due, entered.method) {
        (false, _) => None,
        (true, None) => return Ok(Err(StepUpOutcome::Code(CodeRefusal::Empty))),
        (true, Some(method)) if !methods.contains(&method) => {
            return Ok(Err(StepUpOutcome::Code(CodeRefusal::NotAvailable)));
        }
        (true, Some(method)) => {
            let asked = asked(session, entered.browser);
            match second_step::guess(s, session.user(), asked, method, entered.code, origin).await? {
                Ok(claim) => Some(claim),
                Err(refusal) => return Ok(Err(StepUpOutcome::Code(refusal))),
            }
        }
    };
    Ok(Ok(Shown { password, claim }))
}

/// Checks the account holder's own password, on a counter that only somebody inside the account can charge.
pub(crate) async fn own_password(
    s: &Services,
    user: countersign_core::ids::UserId,
    typed: PlainPassword,
) -> Result<OwnPassword, Fault> {
    let key = format!("password-own:{user}");
    let turn = s.hashing.turn(Share::account(user)).await?;
    let (now, limits, charged_key) = (s.now(), s.rules.password_pair, key.clone());
    let (account, charged) = s
        .store
        .write(move |tx| Ok((users::by_id(tx, user)?, throttles::charge(tx, &charged_key, now, &limits)?)))
        .await?;
    let ticket = match charged {
        Ok(ticket) => ticket,
        Err(closed) => {
            Entry::new(Event::StepUp, "locked").account(user).log();
            return Ok(OwnPassword::Closed { retry_after: closed.until.since(now) });
        }
    };
    let active = account.as_ref().is_some_and(|account| account.active);
    let checked = turn.verify(typed, account.and_then(|account| account.password_hash)).await?;
    let Some(verified) = PasswordVerified::check(user, checked.matched, active, s.now()) else {
        Entry::new(Event::StepUp, "wrong_password").account(user).log();
        return Ok(OwnPassword::Wrong);
    };
    s.store.write(move |tx| throttles::settle(tx, &key, ticket, Verdict::Right)).await?;
    Ok(OwnPassword::Right(verified))
}
