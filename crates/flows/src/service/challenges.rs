//! Asking for a second step, and learning what came of it.

use super::{Caller, users::known};
use crate::{
    Fault, Services, activity,
    second_step::{self, Asked, CodeRefusal, Purpose, SendOutcome, Target},
};
use countersign_core::{
    Timestamp,
    application::{AddressKind, ExternalId},
    application_challenge::{ApplicationChallengeRecord, Pending, Step},
    event::{Detail, EventKind, Origin},
    ids::{ApplicationChallengeId, ApplicationId},
    message::Content,
    phone,
    second_step::{Method, Standing},
    secret::PlainHandle,
};
use countersign_store::{
    StoreError, StoreResult, Tx, application_challenges, application_users, applications, backup_codes,
    phones, second_steps, users,
};
use std::time::Duration;
use zeroize::Zeroizing;

/// What an application may want to find again on the way back has at most this many characters.
pub const STATE_LENGTH: usize = 500;

/// How long a result can be redeemed: the browser carries it, and does not stop on the way.
pub(super) const RESULT: Duration = Duration::from_secs(120);

/// A challenge that an application asks for.
#[derive(Clone, Debug)]
pub struct ChallengeDraft {
    /// Whose account it is.
    pub user: ExternalId,
    /// In the application's own "log in as": who is at the keyboard, and so has to show the second step.
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
    /// There is no second step that could be shown, and none is to be set up.
    NothingToShow,
}

/// Where a challenge stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeStatus {
    /// It waits for its answer.
    Pending,
    /// It was answered.
    Verified,
    /// It was not answered in time.
    Expired,
}

/// A kind of second step that can be shown.
#[derive(Clone, Debug)]
pub struct MethodView {
    /// The kind.
    pub method: Method,
    /// Where a code would go, masked.
    pub to: Option<String>,
}

/// A challenge, as its application sees it.
#[derive(Clone, Debug)]
pub struct ChallengeView {
    /// Its id.
    pub id: ApplicationChallengeId,
    /// Whose account it is.
    pub user: ExternalId,
    /// Who has to show the second step, if that is somebody else.
    pub actor: Option<ExternalId>,
    /// Where to send the browser; said once, when a hosted challenge is made.
    pub url: Option<String>,
    /// Where it stands.
    pub status: ChallengeStatus,
    /// What can be shown.
    pub methods: Vec<MethodView>,
    /// Whether the person will set up an app instead.
    pub set_up: bool,
    /// When it ends unanswered.
    pub expires_at: Timestamp,
    /// In a headless one that was answered, the answer. A hosted one tells it to whoever redeems its result.
    pub verified: Option<Verified>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The challenge.
    pub challenge: ApplicationChallengeId,
    /// Whose account it is.
    pub user: ExternalId,
    /// Who showed the second step, if that is somebody else.
    pub actor: Option<ExternalId>,
    /// By which kind of code.
    pub method: Method,
    /// When.
    pub verified_at: Timestamp,
    /// By setting up an app.
    pub enrolled: bool,
    /// After a backup code: how many are left.
    pub backup_codes_left: Option<u32>,
}

/// What became of a code.
#[derive(Debug)]
pub enum VerifyOutcome {
    /// Right.
    Verified(Verified),
    /// Not, and why.
    Refused(CodeRefusal),
    /// There is no such headless challenge, or it is answered or over.
    Gone,
}

pub(super) fn asked(challenge: &Pending) -> Asked {
    Asked { purpose: Purpose::SignIn, owner: challenge.id().to_string() }
}

/// Asks for a second step.
pub async fn create(s: &Services, caller: &Caller, draft: ChallengeDraft) -> Result<CreateOutcome, Fault> {
    let too_long = draft.state.as_ref().is_some_and(|state| state.chars().count() > STATE_LENGTH);
    if too_long || (draft.state.is_some() && draft.return_to.is_none()) {
        return Ok(CreateOutcome::State);
    }
    let (now, application, permitted) = (s.now(), caller.application.clone(), second_step::permitted(s));
    let handle = PlainHandle::generate(&*s.entropy);
    let stored = handle.stored();
    let (id, expires_at) =
        (ApplicationChallengeId::generate(now, &*s.entropy), now.plus(s.rules.challenge_lifetime));
    let mut outcome = s
        .store
        .write(move |tx| {
            let Some(subject) = known(tx, application.id, &draft.user)? else {
                return Ok(CreateOutcome::UnknownUser);
            };
            let actor = match &draft.actor {
                None => None,
                Some(actor) if *actor == draft.user => return Ok(CreateOutcome::ActorIsUser),
                Some(actor) => match known(tx, application.id, actor)? {
                    None => return Ok(CreateOutcome::UnknownActor),
                    actor => actor,
                },
            };
            if !subject.active || actor.as_ref().is_some_and(|actor| !actor.active) {
                return Ok(CreateOutcome::Inactive);
            }
            let hosted = match &draft.return_to {
                None => None,
                Some(text) => match applications::address(tx, application.id, AddressKind::SecondStep, text)?
                {
                    None => return Ok(CreateOutcome::ReturnAddress),
                    Some(address) => Some((stored, address)),
                },
            };
            let at_keyboard = actor.as_ref().unwrap_or(&subject).id;
            let person = users::by_id(tx, at_keyboard)?.ok_or(StoreError::Corrupt("a challenge's user"))?;
            let steps = second_steps::of(tx, &person)?;
            let wanted = draft.set_up.unwrap_or(application.app_required);
            let set_up = wanted && hosted.is_some() && actor.is_none();
            if steps.usable(&permitted).is_empty() && !(set_up && steps.app == Standing::Absent) {
                return Ok(CreateOutcome::NothingToShow);
            }
            let new = application_challenges::NewChallenge {
                id,
                application: application.id,
                user: at_keyboard,
                subject: actor.is_some().then_some(subject.id),
                set_up,
                hosted,
                state: draft.state,
                expires_at,
            };
            application_challenges::insert(tx, &new, now)?;
            let record = application_challenges::by_id(tx, id)?.ok_or(StoreError::Corrupt("a challenge"))?;
            Ok(CreateOutcome::Created(view(tx, record, &permitted, now)?))
        })
        .await?;
    if let CreateOutcome::Created(view) = &mut outcome
        && view.url.is_some()
    {
        view.url = Some(format!("{}/second-step/{}", s.rules.public_url, handle.to_text()));
    }
    Ok(outcome)
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
            let view = view(tx, record, &permitted, now)?;
            Ok(Some(ChallengeView { url: None, ..view }))
        })
        .await
        .map_err(Into::into)
}

/// Sends a code for a headless challenge; `None` if there is none such that waits.
pub async fn send(
    s: &Services,
    caller: &Caller,
    id: ApplicationChallengeId,
    method: Method,
    origin: &Origin,
) -> Result<Option<SendOutcome>, Fault> {
    let Some(pending) = headless(s, caller, id).await? else { return Ok(None) };
    send_for(s, &pending, method, origin).await.map(Some)
}

/// Checks a code for a headless challenge; if it is right, one write spends it and answers the challenge.
pub async fn verify(
    s: &Services,
    caller: &Caller,
    id: ApplicationChallengeId,
    method: Method,
    code: &str,
    origin: &Origin,
) -> Result<VerifyOutcome, Fault> {
    let Some(pending) = headless(s, caller, id).await? else { return Ok(VerifyOutcome::Gone) };
    let written = answer(s, pending, method, code, origin, None).await?;
    Ok(match written {
        Written::Refused(refusal) => VerifyOutcome::Refused(refusal),
        Written::Gone => VerifyOutcome::Gone,
        Written::Verified { verified, .. } => VerifyOutcome::Verified(verified),
    })
}

/// Redeems the result of a hosted challenge, once. `None` for one that is unknown, spent, too old or another
/// application's: one answer for all of them.
pub async fn redeem(s: &Services, caller: &Caller, result: &str) -> Result<Option<Verified>, Fault> {
    let Some(result) = PlainHandle::parse(result) else { return Ok(None) };
    let (now, application, stored) = (s.now(), caller.application.id, result.stored());
    let verified = s
        .store
        .write(move |tx| {
            let Some(id) = application_challenges::redeem(tx, application, &stored, now)? else {
                return Ok(None);
            };
            let Some(record) = of(tx, application, id)? else { return Ok(None) };
            // Who was switched off on the way back is not let in. The result is spent all the same.
            if all_active(tx, &record)? { verified(tx, &record) } else { Ok(None) }
        })
        .await?;
    let outcome = if verified.is_some() { "redeemed" } else { "refused" };
    metrics::counter!("countersign_second_step_results_total", "outcome" => outcome).increment(1);
    Ok(verified)
}

/// A code for a waiting challenge.
pub(super) async fn send_for(
    s: &Services,
    pending: &Pending,
    method: Method,
    origin: &Origin,
) -> Result<SendOutcome, Fault> {
    // Which page the code is typed on decides whether the message may bind it to this server's host.
    let content: fn(String, u64) -> Content = if pending.is_hosted() {
        |code, minutes| Content::SignInCode { code, minutes }
    } else {
        |code, minutes| Content::SignInCodeElsewhere { code, minutes }
    };
    second_step::send(s, pending.user(), asked(pending), method, Target::Own, content, origin).await
}

/// What an answer's write came to.
#[expect(clippy::large_enum_variant, reason = "one is made a request, and the large one is the usual one")]
pub(super) enum Written {
    Verified { verified: Verified, record: ApplicationChallengeRecord },
    Refused(CodeRefusal),
    Gone,
}

/// Checks a code for a waiting challenge. One write spends it, answers the challenge and (in a hosted one) makes the
/// result.
pub(super) async fn answer(
    s: &Services,
    pending: Pending,
    method: Method,
    code: &str,
    origin: &Origin,
    result: Option<&PlainHandle>,
) -> Result<Written, Fault> {
    let claim = match second_step::guess(s, pending.user(), asked(&pending), method, code, origin).await? {
        Ok(claim) => claim,
        Err(refusal) => return Ok(Written::Refused(refusal)),
    };
    let (now, origin, result) = (s.now(), origin.clone(), result.map(PlainHandle::stored));
    let written = s
        .store
        .write(move |tx| {
            users::take_turn(tx, pending.user())?;
            let Some(evidence) = claim.spend(tx, now)? else {
                return Ok(Written::Refused(CodeRefusal::AlreadyUsed));
            };
            let Some(answered) = pending.answered(&evidence) else { return Ok(Written::Gone) };
            if !application_challenges::answer(tx, answered, now)? {
                return Ok(Written::Gone);
            }
            if let Some(result) = result {
                application_challenges::put_result(tx, pending.id(), &result, now.plus(RESULT))?;
            }
            told(tx, &pending, method, &origin, now)?;
            let record = of(tx, pending.record().application, pending.id())?;
            let record = record.ok_or(StoreError::Corrupt("a challenge"))?;
            let verified = verified(tx, &record)?.ok_or(StoreError::Corrupt("a challenge's answer"))?;
            Ok(Written::Verified { verified, record })
        })
        .await?;
    s.ring();
    Ok(written)
}

/// What is recorded and told when a second step was shown.
pub(super) fn told(
    tx: &mut Tx<'_>,
    pending: &Pending,
    method: Method,
    origin: &Origin,
    now: Timestamp,
) -> StoreResult<()> {
    let record = pending.record();
    let application = applications::by_id(tx, record.application)?.map(|a| a.name);
    let text = Some(application.unwrap_or_default());
    let detail = Detail { method: Some(method.as_str().to_owned()), text, count: None };
    if let Some(subject) = record.subject {
        // The account that is looked into has it on record as well, with who is at the keyboard.
        let event = countersign_store::events::NewEvent {
            user: subject,
            actor: Some(record.user),
            kind: EventKind::LoginAsBegun,
            detail: detail.clone(),
            origin: origin.clone(),
        };
        countersign_store::events::record(tx, &event, now)?;
    }
    activity::record(tx, record.user, EventKind::VerifiedForApplication, detail, origin.clone(), now)?;
    if method == Method::BackupCode {
        second_step::backup_code_used(tx, record.user, origin, now)?;
    }
    Ok(())
}

async fn headless(
    s: &Services,
    caller: &Caller,
    id: ApplicationChallengeId,
) -> Result<Option<Pending>, Fault> {
    let (now, application) = (s.now(), caller.application.id);
    let record = s
        .store
        .read(move |tx| {
            let Some(record) = of(tx, application, id)? else { return Ok(None) };
            Ok(all_active(tx, &record)?.then_some(record))
        })
        .await?;
    let pending = record.and_then(|record| Pending::restore(record, now));
    Ok(pending.filter(|pending| !pending.is_hosted()))
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

/// The application's ids of the account and of the actor.
fn names(
    tx: &mut Tx<'_>,
    record: &ApplicationChallengeRecord,
) -> StoreResult<(ExternalId, Option<ExternalId>)> {
    let gone = StoreError::Corrupt("a challenge's user");
    let mut name = |id| application_users::by_id(tx, record.application, id);
    let person = name(record.user)?.ok_or(gone)?.external;
    match record.subject {
        None => Ok((person, None)),
        Some(subject) => {
            let subject = name(subject)?.ok_or(StoreError::Corrupt("a challenge's subject"))?.external;
            Ok((subject, Some(person)))
        }
    }
}

/// The answer that a record holds.
pub(super) fn verified(
    tx: &mut Tx<'_>,
    record: &ApplicationChallengeRecord,
) -> StoreResult<Option<Verified>> {
    let Some((verified_at, method)) = record.verified else { return Ok(None) };
    let (user, actor) = names(tx, record)?;
    let backup_codes_left =
        if method == Method::BackupCode { backup_codes::left(tx, record.user)? } else { None };
    let (challenge, enrolled) = (record.id, record.enrolled);
    Ok(Some(Verified { challenge, user, actor, method, verified_at, enrolled, backup_codes_left }))
}

fn view(
    tx: &mut Tx<'_>,
    record: ApplicationChallengeRecord,
    permitted: &[Method],
    now: Timestamp,
) -> StoreResult<ChallengeView> {
    let (user, actor) = names(tx, &record)?;
    let (id, expires_at, hosted) = (record.id, record.expires_at, record.return_to.is_some());
    let answer = if hosted { None } else { verified(tx, &record)? };
    let status = match (&record.verified, now < expires_at) {
        (Some(_), _) => ChallengeStatus::Verified,
        (None, true) => ChallengeStatus::Pending,
        (None, false) => ChallengeStatus::Expired,
    };
    let person = users::by_id(tx, record.user)?.ok_or(StoreError::Corrupt("a challenge's user"))?;
    let steps = second_steps::of(tx, &person)?;
    let phone = phones::of_user(tx, person.id)?.map(|phone| phone::mask(&phone.number));
    let to = |method| match method {
        Method::Email => Some(person.email.masked()),
        Method::Sms => phone.clone(),
        Method::App | Method::BackupCode => None,
    };
    let pending = Pending::restore(record, now);
    let set_up = pending.as_ref().is_some_and(|pending| pending.step(&steps) == Step::SetUp);
    let methods = match &pending {
        None => Vec::new(),
        Some(_) => {
            let usable = steps.usable(permitted).into_iter();
            usable.map(|method| MethodView { method, to: to(method) }).collect()
        }
    };
    let url = hosted.then(String::new);
    Ok(ChallengeView { id, user, actor, url, status, methods, set_up, expires_at, verified: answer })
}

/// The address to which the browser goes with a result.
pub(super) fn way_back(
    record: &ApplicationChallengeRecord,
    outcome: (&str, &str),
) -> Option<Zeroizing<String>> {
    let address = record.return_to.as_ref()?;
    let mut pairs = vec![outcome];
    if let Some(state) = &record.state {
        pairs.push(("state", state));
    }
    Some(Zeroizing::new(address.with(&pairs)))
}
