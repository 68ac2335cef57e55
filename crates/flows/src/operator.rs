//! What the operator does to accounts at the console: find one, disable it, sign it out, let its holder back in.
//!
//! Nothing here signs anyone in or shows a secret that works without the account holder: a reset link still needs the
//! second step, and a reset second step still needs the password. Each change is recorded in the account's activity and
//! sent to its holder.

use crate::{Fault, Services, activity, letter, second_step};
use countersign_core::{
    Timestamp,
    authority::OperatorAuthority,
    email::EmailAddress,
    event::{Detail, EventKind, Origin},
    ids::UserId,
    message::{Notice, OperatorChange},
    second_step::SecondSteps,
    secret::PlainHandle,
    session::EndReason,
    text::{TextError, short_text},
};
use countersign_store::{
    StoreResult, Tx, application_challenges, apps, backup_codes, browser_links, challenges,
    confirmed_browsers, ended_sessions,
    events::{self, EventRow},
    failures, known_browsers,
    members::{self, Membership},
    password_resets, phones, second_steps, sent_codes, sessions, throttles,
    users::{self, FoundUser, User},
};
use zeroize::Zeroizing;

/// At most this many lines in a list.
pub const LISTED: u32 = 1000;

/// A reason has at most this many characters.
pub const REASON_LENGTH: usize = 200;

/// How many entries of the activity [`show`] returns.
const RECENT: u32 = 10;

/// An account in full, without any secret.
#[derive(Debug)]
pub struct Account {
    /// The account.
    pub user: User,
    /// The organizations to which it belongs.
    pub memberships: Vec<Membership>,
    /// Its second steps, and which of them work.
    pub steps: SecondSteps,
    /// Backup codes that are left; `None` where none were made.
    pub backup_codes_left: Option<u32>,
    /// Until when the second step is paused after wrong codes.
    pub paused_until: Option<Timestamp>,
    /// How many sessions are open.
    pub sessions: usize,
    /// The newest entries of its activity.
    pub activity: Vec<EventRow>,
}

/// What [`reset_second_step`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondStepReset {
    /// The account has no app, phone or backup code any more, and is signed out everywhere.
    Done {
        /// How many apps were removed.
        apps: u32,
        /// Whether a phone was removed.
        phone: bool,
    },
    /// There is no such account.
    NotFound,
    /// The reason cannot be used.
    Reason(TextError),
}

/// The accounts whose address or name contains `text`, by address; at most [`LISTED`] lines, one for each membership.
pub async fn list(s: &Services, _: &OperatorAuthority, text: &str) -> Result<Vec<FoundUser>, Fault> {
    let text = text.to_owned();
    s.store.read(move |tx| users::search(tx, &text, LISTED)).await.map_err(Into::into)
}

/// The account that signs in with this address, or that has this id.
pub async fn find(s: &Services, _: &OperatorAuthority, who: &str) -> Result<Option<UserId>, Fault> {
    if let Ok(id) = who.parse::<UserId>() {
        return Ok(s.store.read(move |tx| users::by_id(tx, id)).await?.map(|user| user.id));
    }
    let Ok(email) = who.parse::<EmailAddress>() else { return Ok(None) };
    Ok(s.store.read(move |tx| users::by_email(tx, &email)).await?.map(|user| user.id))
}

/// An account in full; `None` if there is no such account.
pub async fn show(s: &Services, _: &OperatorAuthority, id: UserId) -> Result<Option<Account>, Fault> {
    let now = s.now();
    let live_since = now.minus(s.rules.lifetimes.idle);
    s.store
        .read(move |tx| {
            let Some(user) = users::by_id(tx, id)? else { return Ok(None) };
            let paused = throttles::peek(tx, &second_step::counter(id), now)?;
            Ok(Some(Account {
                memberships: members::of_user(tx, id)?,
                steps: second_steps::of(tx, &user)?,
                backup_codes_left: backup_codes::left(tx, id)?,
                paused_until: paused.err().map(|closed| closed.until),
                sessions: sessions::list(tx, id, live_since, now)?.len(),
                activity: events::page(tx, id, None, RECENT)?,
                user,
            }))
        })
        .await
        .map_err(Into::into)
}

/// Disables an account and ends all that is open on it, or enables it again; `false` if it was so already.
pub async fn set_active(
    s: &Services,
    operator: OperatorAuthority,
    id: UserId,
    active: bool,
) -> Result<bool, Fault> {
    let now = s.now();
    let changed = s
        .store
        .write(move |tx| {
            users::take_turn(tx, id)?;
            if !users::set_active(tx, &operator, id, active, now)? {
                return Ok(false);
            }
            let (kind, change) = if active {
                (EventKind::AccountEnabled, OperatorChange::Enabled)
            } else {
                end_everything(tx, id, now)?;
                (EventKind::AccountDisabled, OperatorChange::Disabled)
            };
            record(tx, id, kind, Detail::default(), change, now)?;
            Ok(true)
        })
        .await?;
    s.ring();
    Ok(changed)
}

/// Signs an account out everywhere: how many sessions there were.
pub async fn end_sessions(s: &Services, _: OperatorAuthority, id: UserId) -> Result<u32, Fault> {
    let now = s.now();
    let ended = s
        .store
        .write(move |tx| {
            users::take_turn(tx, id)?;
            let ended = end_everything(tx, id, now)?;
            let detail = Detail { count: Some(ended.into()), ..Detail::default() };
            record(tx, id, EventKind::SessionsEndedByOperator, detail, OperatorChange::SignedOut, now)?;
            Ok(ended)
        })
        .await?;
    s.ring();
    Ok(ended)
}

/// Makes a link to choose a new password, for the operator to hand over; `None` where the account cannot sign in here.
/// The account holder is notified, and the second step stays as it is.
pub async fn reset_link(
    s: &Services,
    _: OperatorAuthority,
    id: UserId,
) -> Result<Option<Zeroizing<String>>, Fault> {
    let now = s.now();
    let link = PlainHandle::generate(&*s.entropy);
    let (stored, expires_at) = (link.stored(), now.plus(s.rules.reset_lifetime));
    let made = s
        .store
        .write(move |tx| {
            users::take_turn(tx, id)?;
            let usable = |user: &User| user.active && user.application.is_none();
            if !users::by_id(tx, id)?.as_ref().is_some_and(usable) {
                return Ok(false);
            }
            password_resets::insert(tx, &stored, id, expires_at)?;
            record(tx, id, EventKind::ResetLinkMade, Detail::default(), OperatorChange::ResetLink, now)?;
            Ok(true)
        })
        .await?;
    s.ring();
    let text = Zeroizing::new(format!("{}/reset-password/{}", s.rules.public_url, link.to_text()));
    Ok(made.then_some(text))
}

/// Removes every app, the phone and the backup codes of an account, and signs it out everywhere. The next sign-in asks for
/// the password and, where the policy permits it, a code by email.
pub async fn reset_second_step(
    s: &Services,
    operator: OperatorAuthority,
    id: UserId,
    reason: &str,
) -> Result<SecondStepReset, Fault> {
    let reason = match short_text(reason, REASON_LENGTH) {
        Ok(reason) => reason,
        Err(error) => return Ok(SecondStepReset::Reason(error)),
    };
    let now = s.now();
    let reset = s
        .store
        .write(move |tx| {
            users::take_turn(tx, id)?;
            if users::by_id(tx, id)?.is_none() {
                return Ok(SecondStepReset::NotFound);
            }
            let removed = apps::remove_all(tx, &operator, id)?;
            let phone = phones::remove_by_operator(tx, &operator, id)?;
            backup_codes::remove_all_by_operator(tx, &operator, id)?;
            failures::clear_all(tx, id)?;
            second_step::lift(tx, id)?;
            known_browsers::forget_all(tx, id)?;
            end_everything(tx, id, now)?;
            let detail = Detail { text: Some(reason.clone()), ..Detail::default() };
            record(
                tx,
                id,
                EventKind::SecondStepReset,
                detail,
                OperatorChange::SecondStepReset { reason },
                now,
            )?;
            Ok(SecondStepReset::Done { apps: removed, phone })
        })
        .await?;
    s.ring();
    Ok(reset)
}

/// Ends the sessions, waiting sign-ins, codes, links and grants of an account: how many sessions.
fn end_everything(tx: &mut Tx<'_>, id: UserId, now: Timestamp) -> StoreResult<u32> {
    challenges::end_of_user(tx, id)?;
    application_challenges::end_all(tx, id)?;
    sent_codes::end_of_user(tx, id)?;
    password_resets::end_of_user(tx, id)?;
    browser_links::end_of_user(tx, id)?;
    confirmed_browsers::forget_all(tx, id)?;
    ended_sessions::note_all(tx, id, EndReason::Operator, now)?;
    sessions::end_all(tx, id)
}

/// Writes down what the operator did at the console, and so from this machine, and notifies the account holder.
fn record(
    tx: &mut Tx<'_>,
    id: UserId,
    kind: EventKind,
    detail: Detail,
    change: OperatorChange,
    now: Timestamp,
) -> StoreResult<()> {
    activity::record(tx, id, kind, detail, Origin::console(), now)?;
    letter::tell(tx, id, Notice::ByOperator(change), &Origin::console(), now)
}
