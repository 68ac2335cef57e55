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
    application_challenge::{ApplicationChallengeRecord, Pending, Progress},
    event::{Detail, EventKind, Origin},
    message::Content,
    second_step::Method,
    secret::PlainHandle,
};
use countersign_store::{
    StoreError, StoreResult, Tx, application_challenges, applications, second_steps, users,
};
use std::time::Duration;
use zeroize::Zeroizing;

/// How long a result can be redeemed: the browser carries it, and does not stop on the way.
pub(in crate::service) const RESULT: Duration = Duration::from_secs(120);

pub(in crate::service) fn asked(challenge: &Pending) -> Asked {
    Asked { purpose: Purpose::SignIn, owner: challenge.id().to_string(), browser: None }
}

/// A code for a waiting challenge.
pub(in crate::service) async fn send_for<A: Send + 'static>(
    s: &Services,
    pending: &Pending,
    method: Method,
    origin: &Origin,
    recorder: Recorder<SendOutcome, A>,
) -> Result<A, Fault> {
    // Which page the code is typed on decides whether the message may bind it to this server's host.
    let content: fn(String, u64) -> Content = if pending.is_hosted() {
        |code, minutes| Content::SignInCode { code, minutes }
    } else {
        |code, minutes| Content::SignInCodeElsewhere { code, minutes }
    };
    let (user, asked) = (pending.user(), asked(pending));
    second_step::send_recorded(s, user, asked, method, Target::Own, content, origin, recorder).await
}

/// What a right or wrong code came to.
#[expect(clippy::large_enum_variant, reason = "one is made a request, and the large one is the usual one")]
pub(in crate::service) enum Written {
    /// It answered the challenge.
    Verified {
        verified: Verified,
        record: ApplicationChallengeRecord,
    },
    /// It was due before the set-up, which comes now.
    Shown,
    Refused(CodeRefusal),
    Gone,
}

/// Checks a code for a waiting challenge. One write spends it, answers the challenge and (in a hosted one) makes the
/// result; or it writes down that the second step was shown which is due before the set-up.
pub(in crate::service) async fn answer<A: Send + 'static>(
    s: &Services,
    pending: Pending,
    method: Method,
    code: &str,
    origin: &Origin,
    result: Option<&PlainHandle>,
    recorder: Recorder<Written, A>,
) -> Result<A, Fault> {
    let claim = match second_step::guess(s, pending.user(), asked(&pending), method, code, origin).await? {
        Ok(claim) => claim,
        Err(refusal) => return recorder.refuse(s, Written::Refused(refusal)).await,
    };
    let (now, origin, result) = (s.now(), origin.clone(), result.map(PlainHandle::stored));
    let permitted = second_step::permitted(s);
    let written = recorder
        .write(s, move |tx| {
            users::take_turn(tx, pending.user())?;
            let Some(evidence) = claim.spend(tx, now)? else {
                return Ok(Written::Refused(CodeRefusal::AlreadyUsed));
            };
            let Some(person) = users::by_id(tx, pending.user())? else { return Ok(Written::Gone) };
            let steps = second_steps::of(tx, &person)?;
            let Some(progress) = pending.progress(&evidence, &steps, &permitted) else {
                return Ok(Written::Gone);
            };
            // Whatever it comes to: the code is spent, and that is told.
            told(tx, &pending, method, &origin, now)?;
            let answered = match progress {
                Progress::Answered(answered) => answered,
                Progress::Shown(shown) => {
                    let first = application_challenges::shown(tx, shown, now)?;
                    return Ok(if first { Written::Shown } else { Written::Gone });
                }
            };
            if !application_challenges::answer(tx, answered, now)? {
                return Ok(Written::Gone);
            }
            if let Some(result) = result {
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
    let detail = Detail { method: Some(method.as_str().to_owned()), text, count: None };
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
