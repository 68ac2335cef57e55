//! A second step on this server's own pages, for an application's sign-in. The application never sees a code or a
//! secret: the browser brings it a result, which its server redeems.
//!
//! ```text
//!   the address in the answer ──► second step ──(right code)──────────────────────────► back, with a result
//!                             │        └─(no app yet)─┐
//!                             ├─(none is due)─► a code to the mailbox ┤
//!                             └─(nor that: the key vouches)─► set-up ──(right code)──► ten backup codes ──(go on)──► back, with a result
//!                             └─(not now)──────────────────────────────────────────────► back, with error=access_denied
//! ```
//!
//! The application's server has the address as well, and must not see what is set up here. So from the first right code on
//! (where there is none, from the beginning of the set-up) the set-up belongs to one browser, by a cookie of 256 random bits
//! of which the challenge keeps the hash. Another browser starts again at the second step; where none can be asked for, it is
//! asked to continue in the first one. See decision 0026.

use super::challenges::{
    Handles, RESULT, Written, all_active, answer, asked, send_for, told, wanted, way_back,
};
use crate::{
    Fault, Recorder, Services,
    backup_codes::{self, Reveal, SetStatus},
    enrolment::{self, ConfirmOutcome, Entered, PendingView},
    second_step::{self, CodeRefusal, SendOutcome, StepView},
    step_up,
};
use countersign_core::{
    application::AddressKind,
    application_challenge::{ApplicationChallengeRecord, Pending, Step},
    event::Origin,
    ids::SessionId,
    second_step::Method,
    secret::{PlainHandle, StoredHandle},
    session::HolderSession,
};
use countersign_store::{
    StoreError, Tx, application_challenges,
    applications::{self, Application},
    second_steps, sessions, users,
};
use std::time::Duration;
use zeroize::Zeroizing;

/// How long the backup codes may be read after a set-up that was finished in the challenge's last moment.
const READING: Duration = Duration::from_secs(10 * 60);

/// A hosted challenge, as the browser that has its address may see it.
pub struct Visit {
    /// Where it stands.
    pub stage: Stage,
    /// What the pages say about it.
    pub about: About,
}

/// What the pages of a hosted challenge say.
#[derive(Clone, Debug)]
pub struct About {
    /// Which application asks.
    pub application: String,
    /// The name of the person who has to show the second step.
    pub name: String,
    /// In the application's "login as": the name of the one whose account it is about.
    pub subject: Option<String>,
    /// The origin to which the person goes back.
    pub origin: String,
    /// Where to go without an answer.
    pub way_out: Zeroizing<String>,
    /// The first app is set up before the person goes back.
    pub sets_up: bool,
    /// Before that, a code to the mailbox: no second step is due.
    pub confirms_mailbox: bool,
    /// The set-up belongs to another browser, and starts again in this one.
    pub elsewhere: bool,
}

/// Where a hosted challenge stands.
pub enum Stage {
    /// The second step is to be shown.
    Show(Pending),
    /// The first app is to be set up, and that has not begun.
    SetUp(Pending),
    /// An app is being set up.
    SettingUp(Pending, HolderSession),
    /// An app was set up; the backup codes are shown, and then the person goes on.
    Enrolled(ApplicationChallengeRecord, HolderSession),
    /// The set-up belongs to another browser, and there is nothing by which this one could start again.
    Elsewhere,
    /// It is answered, or over.
    Over,
}

/// What became of a code.
#[derive(Debug)]
pub enum HostedOutcome {
    /// Right: the address to go to, with the result.
    Back(Zeroizing<String>),
    /// Right, and now an app is set up, in the browser that gets this handle in a cookie.
    SetUp(PlainHandle),
    /// Not, and why.
    Refused(CodeRefusal),
    /// The challenge is answered or over.
    Gone,
}

/// A set-up that has begun.
#[derive(Debug)]
pub struct Begun {
    /// For the cookie, if the set-up belongs to this browser only from now on.
    pub browser: Option<PlainHandle>,
}

/// What the browser with this address, and this cookie, sees; `None` for an address that was never given, for an application or a person
/// that is switched off, and where the way back is no longer registered.
pub async fn visit(
    s: &Services,
    handle: &PlainHandle,
    browser: Option<StoredHandle>,
) -> Result<Option<Visit>, Fault> {
    let (now, stored, permitted) = (s.now(), handle.stored(), second_step::permitted(s));
    let found = s
        .store
        .read(move |tx| {
            let Some(record) = application_challenges::by_handle(tx, &stored)? else { return Ok(None) };
            let Some(application) = applications::by_id(tx, record.application)? else { return Ok(None) };
            let Some(back) = &record.return_to else { return Ok(None) };
            let back = applications::address(tx, application.id, AddressKind::SecondStep, back.as_str())?;
            if back.is_none() || !application.active || !all_active(tx, &record)? {
                return Ok(None);
            }
            let gone = || StoreError::Corrupt("a challenge's user");
            let user = users::by_id(tx, record.user)?.ok_or_else(gone)?;
            let subject = match record.subject {
                None => None,
                Some(subject) => Some(users::by_id(tx, subject)?.ok_or_else(gone)?.name),
            };
            let elsewhere = record.verified.is_none() && record.is_elsewhere(browser.as_ref());
            let record = record.seen_by(browser.as_ref());
            let session = match record.session {
                None => None,
                Some(session) => sessions::by_id(tx, session)?,
            };
            let steps = second_steps::of(tx, &user)?;
            let Some(about) = about(&application, user.name, subject, &record) else { return Ok(None) };
            let about = About { elsewhere, ..about };
            Ok(Some((record, steps, session, application.id, about)))
        })
        .await?;
    let Some((record, steps, session, application, mut about)) = found else { return Ok(None) };
    let session = session.and_then(|session| HolderSession::restore(session, application, now));
    let pending = Pending::restore(record.clone(), now);
    about.sets_up = pending.as_ref().is_some_and(|pending| pending.sets_up(&steps, &permitted));
    let step = pending.as_ref().map(|pending| pending.step(&steps, &permitted));
    about.confirms_mailbox = step == Some(Step::ConfirmMailbox);
    let stage = match (pending, session) {
        (Some(pending), session) => match (pending.step(&steps, &permitted), session) {
            (Step::Show | Step::ConfirmMailbox, _) => Stage::Show(pending),
            (Step::SetUp, _) if about.elsewhere => Stage::Elsewhere,
            (Step::SetUp, None) => Stage::SetUp(pending),
            (Step::SetUp, Some(session)) => Stage::SettingUp(pending, session),
        },
        (None, Some(session)) if record.enrolled && !record.has_result => Stage::Enrolled(record, session),
        (None, _) => Stage::Over,
    };
    Ok(Some(Visit { stage, about }))
}

fn about(
    application: &Application,
    name: String,
    subject: Option<String>,
    record: &ApplicationChallengeRecord,
) -> Option<About> {
    let origin = record.return_to.as_ref()?.origin();
    let way_out = way_back(record, ("error", "access_denied"))?;
    let application = application.name.clone();
    let (sets_up, confirms_mailbox, elsewhere) = (false, false, false);
    Some(About { application, name, subject, origin, way_out, sets_up, confirms_mailbox, elsewhere })
}

/// What the page of the second step offers.
pub async fn step(s: &Services, pending: &Pending) -> Result<StepView, Fault> {
    let (step, methods) = wanted(s, pending).await?;
    let view = second_step::view(s, pending.user(), asked(pending, step)).await?;
    Ok(StepView { methods, ..view })
}

/// Sends a code.
pub async fn send_code(
    s: &Services,
    pending: &Pending,
    method: Method,
    origin: &Origin,
) -> Result<SendOutcome, Fault> {
    send_for(s, pending, method, origin, Recorder::unkept()).await
}

/// Checks a code; if it is right, one write spends it, answers the challenge and makes the result, or opens the set-up.
pub async fn verify(
    s: &Services,
    pending: Pending,
    method: Method,
    code: &str,
    origin: &Origin,
) -> Result<HostedOutcome, Fault> {
    let draw = || PlainHandle::generate(&*s.entropy);
    let handles = Handles { result: draw(), browser: draw() };
    let written = answer(s, pending, method, code, origin, Some(&handles), Recorder::unkept()).await?;
    Ok(match written {
        Written::Refused(refusal) => HostedOutcome::Refused(refusal),
        Written::Shown => HostedOutcome::SetUp(handles.browser),
        Written::Gone => HostedOutcome::Gone,
        Written::Verified { record, .. } => back(&record, &handles.result),
    })
}

/// Begins the set-up of the first app, in a session of its own that ends with the challenge. `None` if it is not the set-up's
/// turn: the challenge is answered or over, the set-up belongs to another browser, or an app has been set up meanwhile.
pub async fn begin_set_up(
    s: &Services,
    pending: Pending,
    browser: Option<StoredHandle>,
    origin: &Origin,
) -> Result<Option<Begun>, Fault> {
    let (now, from, permitted) = (s.now(), origin.clone(), second_step::permitted(s));
    // Nobody ever holds this handle: the session is found through its challenge.
    let handle = PlainHandle::generate(&*s.entropy);
    let (id, stored) = (SessionId::generate(now, &*s.entropy), handle.stored());
    let fresh = PlainHandle::generate(&*s.entropy);
    let drawn = fresh.stored();
    let begun = s
        .store
        .write(move |tx| {
            let (user, application) = (pending.user(), pending.record().application);
            users::take_turn(tx, user)?;
            let Some(account) = users::by_id(tx, user)? else { return Ok(None) };
            let steps = second_steps::of(tx, &account)?;
            let Some(record) = application_challenges::by_id(tx, pending.id())? else { return Ok(None) };
            let (before, binds) = (record.session, record.browser.is_none());
            let owner = if binds { drawn } else { browser.unwrap_or(drawn) };
            let Some(pending) = Pending::restore(record.seen_by(Some(&owner)), now) else { return Ok(None) };
            let Some(grant) = pending.set_up_grant(&steps, &permitted, now) else { return Ok(None) };
            // The pages of the set-up may be read for as long as the challenge lives, and a little longer: the backup
            // codes come last.
            let expires_at = pending.record().expires_at.plus(READING);
            sessions::insert_held(tx, grant, id, &stored, &from, now, expires_at)?;
            if !application_challenges::set_up_in(tx, pending.id(), user, id, &owner, now)? {
                sessions::end(tx, id)?;
                return Ok(None);
            }
            // It begins again: what was shown before is forgotten.
            if let Some(before) = before {
                sessions::end(tx, before)?;
            }
            let session =
                sessions::by_id(tx, id)?.and_then(|record| HolderSession::restore(record, application, now));
            Ok(session.map(|session| (session, binds)))
        })
        .await?;
    let Some((session, binds)) = begun else { return Ok(None) };
    let Ok(authority) = step_up::authority(s, session.own()) else { return Ok(None) };
    enrolment::begin(s, authority, None).await?;
    Ok(Some(Begun { browser: binds.then_some(fresh) }))
}

/// What the set-up page shows; `None` where the enrolment's ten minutes are over, and it has to begin again.
pub async fn pending_app(s: &Services, session: &HolderSession) -> Result<Option<PendingView>, Fault> {
    enrolment::pending(s, session.own()).await
}

/// Makes the pending app active, if the code is right, and answers the challenge with it in the same write: an app whose
/// backup codes nobody could come back to read is not set up.
pub async fn confirm_set_up(
    s: &Services,
    pending: Pending,
    session: &HolderSession,
    entered: Entered<'_>,
    origin: &Origin,
) -> Result<ConfirmOutcome, Fault> {
    let (id, from) = (session.own().id(), origin.clone());
    let answers = move |tx: &mut Tx<'_>, now| {
        let answered = application_challenges::enrolled(tx, pending.id(), id, now)?;
        if answered {
            told(tx, &pending, Method::App, &from, now)?;
        }
        Ok(answered)
    };
    enrolment::confirm_with(s, session.own(), entered, origin, answers, Recorder::unkept()).await
}

/// The ten backup codes and their set, while the set-up's session may see them: for five minutes.
pub async fn reveal(s: &Services, session: &HolderSession) -> Result<Option<(SetStatus, Reveal)>, Fault> {
    let current = backup_codes::current(s, session.own()).await?;
    Ok(current.and_then(|(status, reveal)| Some((status, reveal?))))
}

/// Goes on after a set-up: makes the result and ends the session of the set-up, and with it the copy of the codes. The
/// button says that they are saved.
pub async fn finish(
    s: &Services,
    record: ApplicationChallengeRecord,
    session: HolderSession,
) -> Result<HostedOutcome, Fault> {
    let now = s.now();
    let result = PlainHandle::generate(&*s.entropy);
    let (id, user, stored, ends) = (record.id, record.user, result.stored(), session.own().id());
    let made = s
        .store
        .write(move |tx| {
            users::take_turn(tx, user)?;
            let made = application_challenges::put_result(tx, id, &stored, now.plus(RESULT))?;
            if made {
                backup_codes::mark_current_saved(tx, user, now)?;
                sessions::end(tx, ends)?;
            }
            Ok(made)
        })
        .await?;
    Ok(if made { back(&record, &result) } else { HostedOutcome::Gone })
}

fn back(record: &ApplicationChallengeRecord, result: &PlainHandle) -> HostedOutcome {
    let result = Zeroizing::new(result.to_text());
    way_back(record, ("result", &result)).map_or(HostedOutcome::Gone, HostedOutcome::Back)
}
