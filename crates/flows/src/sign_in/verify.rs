//! The second step of a sign-in.

use super::{SignedIn, finish::Finish};
use crate::{
    Fault, Services,
    second_step::{self, Asked, CodeRefusal, Purpose, SendOutcome, StepView, Target},
};
use countersign_core::{
    event::Origin, message::Content, second_step::Method, secret::StoredHandle, sign_in::Challenged,
};
use countersign_store::{challenges, users};

/// What became of a code.
#[derive(Debug)]
pub enum VerifyOutcome {
    /// Right.
    SignedIn(SignedIn),
    /// Not, and why.
    Refused(CodeRefusal),
    /// The sign-in is over: it was completed or has expired.
    Gone,
}

enum Written {
    SignedIn { left: Option<u32>, unsaved: bool },
    LostRace,
    Gone,
}

fn asked(challenge: &Challenged, browser: Option<StoredHandle>) -> Asked {
    Asked { purpose: Purpose::SignIn, owner: challenge.id().to_string(), browser }
}

/// What the page offers.
pub async fn step(s: &Services, challenge: &Challenged) -> Result<StepView, Fault> {
    second_step::view(s, challenge.user(), asked(challenge, None)).await
}

/// Sends a code for this sign-in. `browser` is the known-browser cookie.
pub async fn send_code(
    s: &Services,
    challenge: &Challenged,
    method: Method,
    origin: &Origin,
    browser: Option<StoredHandle>,
) -> Result<SendOutcome, Fault> {
    let content = |code, minutes| Content::SignInCode { code, minutes };
    second_step::send(s, challenge.user(), asked(challenge, browser), method, Target::Own, content, origin)
        .await
}

/// Checks a code; if it is right, one write spends it, completes the challenge and makes the session.
pub async fn verify(
    s: &Services,
    challenge: Challenged,
    method: Method,
    code: &str,
    origin: &Origin,
    browser: Option<StoredHandle>,
) -> Result<VerifyOutcome, Fault> {
    let asked = asked(&challenge, browser);
    let claim = match second_step::guess(s, challenge.user(), asked, method, code, origin).await? {
        Ok(claim) => claim,
        Err(refusal) => return Ok(VerifyOutcome::Refused(refusal)),
    };
    let (finish, given) = Finish::prepare(s, origin, browser);
    let now = finish.now;
    let return_to = challenge.record().return_to.clone();
    let written = s
        .store
        .write(move |tx| {
            users::take_turn(tx, challenge.user())?;
            let password = second_step::facts(tx, challenge.user())?.password();
            let Some(evidence) = claim.spend(tx, now)? else { return Ok(Written::LostRace) };
            if !challenges::complete(tx, &challenge, now)? {
                return Ok(Written::Gone);
            }
            let Some(authenticated) = challenge.answered(&evidence, password, now) else {
                return Ok(Written::Gone);
            };
            let left = match method {
                Method::BackupCode => {
                    Some(second_step::backup_code_used(tx, challenge.user(), &finish.origin, now)?)
                }
                _ => None,
            };
            let unsaved = finish.write(tx, authenticated)?;
            Ok(Written::SignedIn { left, unsaved })
        })
        .await?;
    s.ring();
    Ok(match written {
        Written::LostRace => VerifyOutcome::Refused(CodeRefusal::AlreadyUsed),
        Written::Gone => VerifyOutcome::Gone,
        Written::SignedIn { left, unsaved } => VerifyOutcome::SignedIn(SignedIn {
            session: given.session,
            browser: given.browser,
            return_to,
            backup_codes_left: left,
            backup_codes_unsaved: unsaved,
        }),
    })
}
