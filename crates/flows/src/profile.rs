//! *My Profile*: what the account has, and what it still has to prove.

use crate::{
    Fault, Services,
    second_step::{self, Asked, Claim, Purpose},
};
use countersign_core::{
    Timestamp,
    ids::SessionId,
    phone,
    second_step::{Method, SecondSteps},
    session::OwnSession,
};
use countersign_store::{
    StoreError, StoreResult, Tx,
    apps::{self, AppSummary},
    backup_codes, phones, second_steps, sent_codes, users,
};
use std::time::Duration;

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Overview {
    /// The account holder's name.
    pub name: String,
    /// The address under which they sign in.
    pub email: String,
    /// Their authenticator apps.
    pub apps: Vec<AppSummary>,
    /// How many backup codes are left; `None` where there were never any.
    pub backup_codes_left: Option<u32>,
    /// Whether there are any, and nothing shows that the account holder has saved them.
    pub backup_codes_unsaved: bool,
    /// Until when this session can see them, if it generated them less than five minutes ago.
    pub backup_codes_shown_until: Option<Timestamp>,
    /// The confirmed phone, masked.
    pub phone_masked: Option<String>,
    /// What the account has of every kind of second step.
    pub steps: SecondSteps,
    /// The methods that a sign-in would take now; the first is the one that it asks for.
    pub usable: Vec<Method>,
    /// Whether a sign-in asks for a second step at all.
    pub due: bool,
    /// Whether a phone can be added: the server sends text messages, and the settings permit them as a second step.
    pub sms_on_offer: bool,
    /// Whether there is a password; the first one is set by a link to the mailbox.
    pub has_password: bool,
}

/// Everything for the page, as of one moment.
pub async fn overview(s: &Services, session: &OwnSession) -> Result<Overview, Fault> {
    let (user, id, now) = (session.user(), session.id(), s.now());
    let permitted = second_step::permitted(s);
    let sms_on_offer = permitted.contains(&Method::Sms);
    s.store
        .read(move |tx| {
            let account = users::by_id(tx, user)?.ok_or(StoreError::Corrupt("a session's user"))?;
            let steps = second_steps::of(tx, &account)?;
            let codes = backup_codes::status(tx, user)?;
            Ok(Overview {
                usable: steps.usable(&permitted),
                due: steps.is_due(&permitted),
                apps: apps::list(tx, user)?,
                backup_codes_left: codes.map(|codes| codes.left),
                backup_codes_unsaved: codes.is_some_and(|codes| !codes.saved),
                backup_codes_shown_until: backup_codes::revealed_until(tx, id, user, now)?,
                phone_masked: phones::of_user(tx, user)?.map(|phone| phone::mask(&phone.number)),
                steps,
                sms_on_offer,
                has_password: account.password_hash.is_some(),
                name: account.name,
                email: account.email.to_string(),
            })
        })
        .await
        .map_err(Into::into)
}

/// A code to a new address or number belongs to the session that asked for it, and to what it was asked for.
pub(crate) fn asked(purpose: Purpose, session: SessionId) -> Asked {
    Asked { purpose, owner: session.to_string(), browser: None }
}

/// An address or number that a session is about to prove: a code was sent to it that can still be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unproven {
    /// The address, or the number in E.164 form.
    pub target: String,
    /// How long until another code can be sent; zero if now.
    pub resend_in: Duration,
}

/// What this session is about to prove.
pub(crate) async fn unproven(
    s: &Services,
    session: &OwnSession,
    purpose: Purpose,
) -> Result<Option<Unproven>, Fault> {
    let (now, owner, resend_after) = (s.now(), session.id().to_string(), s.rules.resend_after);
    let sent = s.store.read(move |tx| sent_codes::of(tx, purpose, &owner)).await?;
    let live = sent.filter(|sent| !sent.used && now < sent.expires_at);
    Ok(live
        .map(|sent| Unproven { resend_in: sent.sent_at.plus(resend_after).since(now), target: sent.target }))
}

/// Spends the code; what it proves is the address or number to which it was sent. `None`: it was spent before.
pub(crate) fn prove(tx: &mut Tx<'_>, claim: &Claim, now: Timestamp) -> StoreResult<Option<String>> {
    if claim.spend(tx, now)?.is_none() {
        return Ok(None);
    }
    // The target that the code's MAC covered when it was compared, and not what stands in the row now.
    claim.sent_to().map(|target| Some(target.to_owned())).ok_or(StoreError::Corrupt("sent_codes"))
}
