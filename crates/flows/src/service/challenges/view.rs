//! A challenge, as its application sees it.

use countersign_core::{
    Timestamp,
    application::ExternalId,
    application_challenge::{ApplicationChallengeRecord, Pending},
    assurance::second_step_amr,
    ids::ApplicationChallengeId,
    phone,
    second_step::Method,
};
use countersign_store::{
    StoreError, StoreResult, Tx, application_users, backup_codes, phones, second_steps, users,
};

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
    /// Whether the person will set up an app, after showing whatever can be shown.
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
    /// What was shown, as authentication method references (RFC 8176) without the password. An app that was set up on the
    /// way proves nothing about the person yet: then it is what was shown before that.
    pub amr: Vec<&'static str>,
    /// After a backup code: how many are left.
    pub backup_codes_left: Option<u32>,
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
    let amr = second_step_amr(if enrolled { record.shown } else { Some(method) });
    Ok(Some(Verified { challenge, user, actor, method, verified_at, enrolled, amr, backup_codes_left }))
}

pub(super) fn view(
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
    let set_up = pending.as_ref().is_some_and(|pending| pending.sets_up(&steps, permitted));
    let methods = match &pending {
        None => Vec::new(),
        Some(_) => {
            let usable = steps.usable(permitted).into_iter();
            usable.map(|method| MethodView { method, to: to(method) }).collect()
        }
    };
    Ok(ChallengeView { id, user, actor, url: None, status, methods, set_up, expires_at, verified: answer })
}
