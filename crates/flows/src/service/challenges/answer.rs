//! Sending a code for a challenge, and what a right one is worth.

use super::{
    of,
    view::{Verified, verified},
};
use crate::{
    Fault, Recorder, Services, activity,
    second_step::{self, Asked, CodeRefusal, Purpose, SendOutcome, Target},
};
use countersign_core::{
    Timestamp,
    application_challenge::{ApplicationChallengeRecord, Pending, Progress, Step},
    event::{Detail, EventKind, Origin},
    message::Content,
    second_step::Method,
    secret::{PlainHandle, StoredHandle},
};
use countersign_store::{
    StoreError, StoreResult, Tx, application_challenges, applications, second_steps, sessions, users,
};
use std::time::Duration;
use zeroize::Zeroizing;

/// How long a result can be redeemed: the browser carries it, and does not stop on the way.
pub(in crate::service) const RESULT: Duration = Duration::from_secs(120);

/// What a challenge's page takes now: the step, and the kinds of code.
pub(in crate::service) async fn wanted(
    s: &Services,
    pending: &Pending,
) -> Result<(Step, Vec<Method>), Fault> {
    let (user, permitted) = (pending.user(), second_step::permitted(s));
    let steps = s.store.read(move |tx| second_step::facts(tx, user)).await?;
    Ok((pending.step(&steps, &permitted), pending.methods(&steps, &permitted)))
}

/// What a code is bound to. One that confirms the mailbox before a set-up is no code for a second step.
pub(in crate::service) fn asked(challenge: &Pending, step: Step) -> Asked {
    let purpose = match step {
        Step::ConfirmMailbox => Purpose::ConfirmEmail,
        Step::Show | Step::SetUp => Purpose::SignIn,
    };
    Asked { purpose, owner: challenge.id().to_string(), browser: None }
}

/// A code for a waiting challenge.
pub(in crate::service) async fn send_for<A: Send + 'static>(
    s: &Services,
    pending: &Pending,
    method: Method,
    origin: &Origin,
    recorder: Recorder<SendOutcome, A>,
) -> Result<A, Fault> {
    let (step, methods) = wanted(s, pending).await?;
    if !methods.contains(&method) {
        return recorder.refuse(s, SendOutcome::NotAvailable).await;
    }
    // Which page the code is typed on decides whether the message may bind it to this server's host.
    let (target, content): (_, fn(String, u64) -> Content) = match step {
        Step::ConfirmMailbox => (Target::Mailbox, |code, minutes| Content::SetUpCode { code, minutes }),
        _ if pending.is_hosted() => (Target::Own, |code, minutes| Content::SignInCode { code, minutes }),
        _ => (Target::Own, |code, minutes| Content::SignInCodeElsewhere { code, minutes }),
    };
    let (user, asked) = (pending.user(), asked(pending, step));
    second_step::send_recorded(s, user, asked, method, target, content, origin, recorder).await
}

/// What a right or wrong code came to.
#[expect(clippy::large_enum_variant, reason = "one is made a request, and the large one is the usual one")]
pub(in crate::service) enum Written {
    /// It answered the challenge.
    Verified {
        verified: Verified,
        record: ApplicationChallengeRecord,
    },
    /// It was due before the set-up, which comes now, in this browser.
    Shown,
    Refused(CodeRefusal),
    Gone,
}

/// What is drawn for an answer on the hosted pages.
pub(in crate::service) struct Handles {
    /// For the way back.
    pub(in crate::service) result: PlainHandle,
    /// For the cookie of the browser that the set-up will belong to. It is new with every right code, so that no one can
    /// plant it before (session fixation; ASVS 5.0 V7.2.4).
    pub(in crate::service) browser: PlainHandle,
}

/// Checks a code for a waiting challenge. One write spends it, answers the challenge and (in a hosted one) makes the
/// result; or it writes down that what is due before the set-up was shown, and in which browser.
pub(in crate::service) async fn answer<A: Send + 'static>(
    s: &Services,
    pending: Pending,
    method: Method,
    code: &str,
    origin: &Origin,
    hosted: Option<&Handles>,
    recorder: Recorder<Written, A>,
) -> Result<A, Fault> {
    let (step, methods) = wanted(s, &pending).await?;
    if !methods.contains(&method) {
        return recorder.refuse(s, Written::Refused(CodeRefusal::NotAvailable)).await;
    }
    let asked = asked(&pending, step);
    let claim = match second_step::guess(s, pending.user(), asked, method, code, origin).await? {
        Ok(claim) => claim,
        Err(refusal) => return recorder.refuse(s, Written::Refused(refusal)).await,
    };
    let (now, origin, permitted) = (s.now(), origin.clone(), second_step::permitted(s));
    let stored = hosted.map(|handles| (handles.result.stored(), handles.browser.stored()));
    let written = recorder
        .write(s, move |tx| {
            users::take_turn(tx, pending.user())?;
            let Some(evidence) = claim.spend(tx, now)? else {
                return Ok(Written::Refused(CodeRefusal::AlreadyUsed));
            };
            let Some(person) = users::by_id(tx, pending.user())? else { return Ok(Written::Gone) };
            let steps = second_steps::of(tx, &person)?;
            // A code that was asked for as one thing is not worth another.
            let progress = pending.progress(&evidence, &steps, &permitted);
            let Some(progress) = progress.filter(|_| pending.step(&steps, &permitted) == step) else {
                return Ok(Written::Gone);
            };
            let answered = match progress {
                Progress::Answered(answered) => answered,
                before => {
                    return before_set_up(
                        tx,
                        &pending,
                        before,
                        stored.map(|(_, browser)| browser),
                        &origin,
                        now,
                    );
                }
            };
            // Whatever it comes to: the code is spent, and that is told.
            told(tx, &pending, method, &origin, now)?;
            if !application_challenges::answer(tx, answered, now)? {
                return Ok(Written::Gone);
            }
            if let Some((result, _)) = stored {
                application_challenges::put_result(tx, pending.id(), &result, now.plus(RESULT))?;
            }
            let record = of(tx, pending.record().application, pending.id())?;
            let record = record.ok_or(StoreError::Corrupt("a challenge"))?;
            let verified = verified(tx, &record)?.ok_or(StoreError::Corrupt("a challenge's answer"))?;
            Ok(Written::Verified { verified, record })
        })
        .await?;
    s.ring();
    Ok(written)
}

/// Writes down what comes before the set-up, and the browser that the set-up belongs to from now on. What another browser has
/// begun ends here: its secret is never shown in this one.
fn before_set_up(
    tx: &mut Tx<'_>,
    pending: &Pending,
    progress: Progress,
    browser: Option<StoredHandle>,
    origin: &Origin,
    now: Timestamp,
) -> StoreResult<Written> {
    let Some(browser) = browser else { return Ok(Written::Gone) };
    let begun = application_challenges::by_id(tx, pending.id())?.and_then(|record| record.session);
    let written = match progress {
        Progress::Shown(shown) => {
            told(tx, pending, shown.method(), origin, now)?;
            application_challenges::shown(tx, shown, &browser, now)?
        }
        Progress::MailboxConfirmed(confirmed) => {
            let application = applications::by_id(tx, pending.record().application)?.map(|a| a.name);
            let detail = Detail { text: application, ..Detail::default() };
            activity::record(tx, pending.user(), EventKind::MailboxConfirmed, detail, origin.clone(), now)?;
            application_challenges::mailbox_confirmed(tx, confirmed, &browser, now)?
        }
        Progress::Answered(_) => false,
    };
    if let Some(begun) = begun.filter(|_| written) {
        sessions::end(tx, begun)?;
    }
    Ok(if written { Written::Shown } else { Written::Gone })
}

/// What is recorded and told when a second step was shown.
pub(in crate::service) fn told(
    tx: &mut Tx<'_>,
    pending: &Pending,
    method: Method,
    origin: &Origin,
    now: Timestamp,
) -> StoreResult<()> {
    let record = pending.record();
    let application = applications::by_id(tx, record.application)?.map(|a| a.name);
    let text = Some(application.unwrap_or_default());
    let detail = Detail { method: Some(method.as_str().to_owned()), text, ..Detail::default() };
    if let Some(subject) = record.subject {
        // The account that is looked into has it on record as well, with who is at the keyboard.
        let (actor, detail, origin) = (Some(record.user), detail.clone(), origin.clone());
        activity::record_by(tx, subject, actor, EventKind::LoginAsBegun, detail, origin, now)?;
    }
    activity::record(tx, record.user, EventKind::VerifiedForApplication, detail, origin.clone(), now)?;
    if method == Method::BackupCode {
        second_step::backup_code_used(tx, record.user, origin, now)?;
    }
    Ok(())
}

/// The address to which the browser goes with a result.
pub(in crate::service) fn way_back(
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
