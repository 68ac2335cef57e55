//! Asking for a second step, and learning what came of it.
//!
//! - `answer`: sending a code, and what a right one is worth.
//! - `view`: a challenge, as its application sees it.

mod answer;
mod view;

pub(super) use answer::{Handles, RESULT, Written, answer, asked, send_for, told, wanted, way_back};
pub use view::{ChallengeStatus, ChallengeView, MethodView, Verified};

use super::{Caller, users::known};
use crate::{
    Fault, Recorder, Services,
    second_step::{self, CodeRefusal, SendOutcome},
};
use countersign_core::{
    application::{AddressKind, ExternalId},
    application_challenge::{ApplicationChallengeRecord, Pending, Step},
    event::Origin,
    ids::{ApplicationChallengeId, ApplicationId, UserId},
    second_step::Method,
    secret::PlainHandle,
};
use countersign_store::{
    StoreError, StoreResult, Tx, application_challenges, applications, second_steps,
    users::{self, User},
};
use view::{verified, view};

/// What an application may want to find again on the way back has at most this many characters.
pub const STATE_LENGTH: usize = 500;

/// A challenge that an application asks for.
#[derive(Clone, Debug)]
pub struct ChallengeDraft {
    /// Whose account it is.
    pub user: ExternalId,
    /// In the application's own "login as": who is at the keyboard, and so has to show the second step.
    pub actor: Option<ExternalId>,
    /// The way back: hosted. Without: headless.
    pub return_to: Option<String>,
    /// What the application wants to find again on the way back.
    pub state: Option<String>,
    /// Whether somebody without an authenticator app sets one up; where it is not said, the application's policy holds.
    pub set_up: Option<bool>,
}

/// What became of it.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one is made a request, and the large one is the usual one")]
pub enum CreateOutcome {
    /// It waits for its answer.
    Created(ChallengeView),
    /// The application knows nobody with this id.
    UnknownUser,
    /// The application knows nobody with the actor's id.
    UnknownActor,
    /// Nobody logs in as themself.
    ActorIsUser,
    /// The account, or the actor's, is switched off.
    Inactive,
    /// The address is not registered.
    ReturnAddress,
    /// The state is too long, or there is no way back on which it could be found.
    State,
    /// An app is to be set up without a way back from the hosted pages, or with an actor.
    SetUp,
    /// There is no second step that could be shown, and none is to be set up.
    NothingToShow,
    /// An app is to be set up, but nothing can show first that the account holder is there: there is no second step, the
    /// mailbox takes no more codes, and the key may not vouch for them.
    SetUpUnproven,
}

/// What became of a code.
#[derive(Debug)]
pub enum VerifyOutcome {
    /// Right.
    Verified(Verified),
    /// Not, and why.
    Refused(CodeRefusal),
    /// The challenge does not wait for a code.
    NotWaiting(NotWaiting),
}

/// Why a headless challenge does not wait for a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotWaiting {
    /// It was answered before.
    Answered,
    /// The application has no such headless challenge, or it is over.
    Gone,
}

/// Asks for a second step.
pub async fn create<A: Send + 'static>(
    s: &Services,
    caller: &Caller,
    draft: ChallengeDraft,
    recorder: Recorder<CreateOutcome, A>,
) -> Result<A, Fault> {
    if let Some(refusal) = draft.contradiction() {
        return recorder.refuse(s, refusal).await;
    }
    let (now, application, permitted) = (s.now(), caller.application.clone(), second_step::permitted(s));
    let handle = PlainHandle::generate(&*s.entropy);
    let (hosted, vouched) = (draft.return_to.is_some(), caller.vouches());
    let url = hosted.then(|| format!("{}/second-step/{}", s.rules.public_url, handle.to_text()));
    let (id, expires_at) =
        (ApplicationChallengeId::generate(now, &*s.entropy), now.plus(s.rules.challenge_lifetime));
    recorder
        .write(s, move |tx| {
            let (person, subject) = match people(tx, application.id, &draft)? {
                Ok(people) => people,
                Err(refusal) => return Ok(refusal),
            };
            let return_to = match &draft.return_to {
                None => None,
                Some(text) => match applications::address(tx, application.id, AddressKind::SecondStep, text)?
                {
                    None => return Ok(CreateOutcome::ReturnAddress),
                    address => address,
                },
            };
            let wanted = draft.set_up.unwrap_or(application.app_required);
            let record = ApplicationChallengeRecord {
                id,
                application: application.id,
                user: person.id,
                set_up: wanted && hosted && subject.is_none(),
                subject,
                return_to,
                state: draft.state,
                vouched,
                shown: None,
                mailbox_confirmed: false,
                browser: None,
                session: None,
                expires_at,
                verified: None,
                enrolled: false,
                has_result: false,
            };
            let steps = second_steps::of(tx, &person)?;
            let new = Pending::restore(record.clone(), now);
            if let Some(new) = new.filter(|new| !new.leads_on(&steps, &permitted)) {
                let unproven = new.step(&steps, &permitted) == Step::ConfirmMailbox;
                return Ok(if unproven {
                    CreateOutcome::SetUpUnproven
                } else {
                    CreateOutcome::NothingToShow
                });
            }
            let stored = hosted.then(|| handle.stored());
            application_challenges::insert(tx, &record, stored.as_ref(), now)?;
            let view = view(tx, record, &permitted, now)?;
            Ok(CreateOutcome::Created(ChallengeView { url, ..view }))
        })
        .await
}

impl ChallengeDraft {
    /// What is wrong with it whoever is asked: what is said only of the hosted pages, without a way back from them.
    fn contradiction(&self) -> Option<CreateOutcome> {
        let too_long = self.state.as_ref().is_some_and(|state| state.chars().count() > STATE_LENGTH);
        let headless = self.return_to.is_none();
        if too_long || (self.state.is_some() && headless) {
            return Some(CreateOutcome::State);
        }
        (self.set_up == Some(true) && (headless || self.actor.is_some())).then_some(CreateOutcome::SetUp)
    }
}

/// Who has to show the second step, and with an actor, whose account it is about.
fn people(
    tx: &mut Tx<'_>,
    application: ApplicationId,
    draft: &ChallengeDraft,
) -> StoreResult<Result<(User, Option<UserId>), CreateOutcome>> {
    let Some(subject) = known(tx, application, &draft.user)? else {
        return Ok(Err(CreateOutcome::UnknownUser));
    };
    let actor = match &draft.actor {
        None => None,
        Some(actor) if *actor == draft.user => return Ok(Err(CreateOutcome::ActorIsUser)),
        Some(actor) => match known(tx, application, actor)? {
            None => return Ok(Err(CreateOutcome::UnknownActor)),
            actor => actor,
        },
    };
    if !subject.active || actor.as_ref().is_some_and(|actor| !actor.active) {
        return Ok(Err(CreateOutcome::Inactive));
    }
    let (at_keyboard, subject) = match actor {
        None => (subject.id, None),
        Some(actor) => (actor.id, Some(subject.id)),
    };
    let person = users::by_id(tx, at_keyboard)?.ok_or(StoreError::Corrupt("a challenge's user"))?;
    Ok(Ok((person, subject)))
}

/// A challenge of the application.
pub async fn get(
    s: &Services,
    caller: &Caller,
    id: ApplicationChallengeId,
) -> Result<Option<ChallengeView>, Fault> {
    let (now, application, permitted) = (s.now(), caller.application.id, second_step::permitted(s));
    s.store
        .read(move |tx| {
            let Some(record) = of(tx, application, id)? else { return Ok(None) };
            view(tx, record, &permitted, now).map(Some)
        })
        .await
        .map_err(Into::into)
}

/// Sends a code for a headless challenge that waits.
pub async fn send<A: Send + 'static>(
    s: &Services,
    caller: &Caller,
    id: ApplicationChallengeId,
    method: Method,
    origin: &Origin,
    recorder: Recorder<Result<SendOutcome, NotWaiting>, A>,
) -> Result<A, Fault> {
    let pending = match headless(s, caller, id).await? {
        Ok(pending) => pending,
        Err(why) => return recorder.refuse(s, Err(why)).await,
    };
    send_for(s, &pending, method, origin, recorder.after(|_, outcome| Ok(Ok(outcome)))).await
}

/// Checks a code for a headless challenge; if it is right, one write spends it and answers the challenge.
pub async fn verify<A: Send + 'static>(
    s: &Services,
    caller: &Caller,
    id: ApplicationChallengeId,
    method: Method,
    code: &str,
    origin: &Origin,
    recorder: Recorder<VerifyOutcome, A>,
) -> Result<A, Fault> {
    let pending = match headless(s, caller, id).await? {
        Ok(pending) => pending,
        Err(why) => return recorder.refuse(s, VerifyOutcome::NotWaiting(why)).await,
    };
    let application = caller.application.id;
    let recorder = recorder.after(move |tx, written| {
        Ok(match written {
            Written::Refused(refusal) => VerifyOutcome::Refused(refusal),
            // Perhaps another request has just answered it. An app is set up on the hosted pages only.
            Written::Gone | Written::Shown => {
                let answered = of(tx, application, id)?.is_some_and(|record| record.verified.is_some());
                VerifyOutcome::NotWaiting(if answered { NotWaiting::Answered } else { NotWaiting::Gone })
            }
            Written::Verified { verified, .. } => VerifyOutcome::Verified(verified),
        })
    });
    answer(s, pending, method, code, origin, None, recorder).await
}

/// Redeems the result of a hosted challenge, once. `None` for one that is unknown, spent, too old or another
/// application's: one answer for all of them.
pub async fn redeem<A: Send + 'static>(
    s: &Services,
    caller: &Caller,
    result: &str,
    recorder: Recorder<Option<Verified>, A>,
) -> Result<A, Fault> {
    let Some(result) = PlainHandle::parse(result) else { return recorder.refuse(s, None).await };
    let (now, application, stored) = (s.now(), caller.application.id, result.stored());
    let recorder = recorder.after(|_, verified: Option<Verified>| {
        let outcome = if verified.is_some() { "redeemed" } else { "refused" };
        metrics::counter!("countersign_second_step_results_total", "outcome" => outcome).increment(1);
        Ok(verified)
    });
    recorder
        .write(s, move |tx| {
            let Some(id) = application_challenges::redeem(tx, application, &stored, now)? else {
                return Ok(None);
            };
            let Some(record) = of(tx, application, id)? else { return Ok(None) };
            // Someone whose account was deactivated on the way back is not let in. The result is spent all the same.
            if all_active(tx, &record)? { verified(tx, &record) } else { Ok(None) }
        })
        .await
}

async fn headless(
    s: &Services,
    caller: &Caller,
    id: ApplicationChallengeId,
) -> Result<Result<Pending, NotWaiting>, Fault> {
    let (now, application) = (s.now(), caller.application.id);
    let record = s
        .store
        .read(move |tx| {
            let Some(record) = of(tx, application, id)? else { return Ok(None) };
            let usable = record.return_to.is_none() && all_active(tx, &record)?;
            Ok(usable.then_some(record))
        })
        .await?;
    let Some(record) = record else { return Ok(Err(NotWaiting::Gone)) };
    if record.verified.is_some() {
        return Ok(Err(NotWaiting::Answered));
    }
    Ok(Pending::restore(record, now).ok_or(NotWaiting::Gone))
}

/// Whether everybody whom the challenge is about may still be used.
pub(super) fn all_active(tx: &mut Tx<'_>, record: &ApplicationChallengeRecord) -> StoreResult<bool> {
    let mut active = true;
    for user in [Some(record.user), record.subject].into_iter().flatten() {
        active &= users::by_id(tx, user)?.is_some_and(|user| user.active);
    }
    Ok(active)
}

/// A challenge of this application.
pub(super) fn of(
    tx: &mut Tx<'_>,
    application: ApplicationId,
    id: ApplicationChallengeId,
) -> StoreResult<Option<ApplicationChallengeRecord>> {
    let found = application_challenges::by_id(tx, id)?;
    Ok(found.filter(|record| record.application == application))
}
