//! Who is asking: from the handle in a cookie to a session, a waiting sign-in, or nobody.

use crate::{Fault, Services, members::run_by};
use countersign_core::{
    Timestamp,
    ids::UserId,
    secret::PlainHandle,
    session::{EndReason, LoginAsRecord, OwnSession, Session, SessionRecord},
    sign_in::Challenged,
};
use countersign_store::{
    StoreError, StoreResult, Tx, challenges, ended_sessions,
    members::{self, Membership},
    pending_forms, sessions, sites, users,
};
use std::time::Duration;

/// The last request is kept to the minute, so that reading a page is not a write.
const TOUCH_AFTER: Duration = Duration::from_secs(60);

/// What a page says about the person who looks at it.
#[derive(Clone, Debug)]
pub struct Who {
    /// Whose account it is.
    pub id: UserId,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Their organization, if they are a member of one.
    pub organization: Option<String>,
    /// The organization that they run, if they do; nothing in an impersonated session.
    pub runs: Option<Membership>,
    /// Set in an impersonated session: who is really there.
    pub login_as: Option<LoginAsView>,
}

/// An impersonated session, as its banner tells it.
#[derive(Clone, Debug)]
pub struct LoginAsView {
    /// Who is at the keyboard.
    pub actor: String,
    /// Whose account it is.
    pub subject: String,
    /// The organization to which it is bound.
    pub organization: String,
    /// Why.
    pub reason: String,
    /// When it ends by itself.
    pub ends_at: Timestamp,
    /// Whether the account is an administrator's or owner's.
    pub subject_runs: bool,
}

/// The live session of a handle, whose account is active. Marks it as seen, once a minute at most.
pub async fn current(s: &Services, handle: &PlainHandle) -> Result<Option<Session>, Fault> {
    let stored = handle.stored();
    live(s, move |tx| sessions::by_handle(tx, &stored)).await
}

/// The same, for a session that is found in another way.
pub(crate) async fn live(
    s: &Services,
    find: impl FnOnce(&mut Tx<'_>) -> StoreResult<Option<SessionRecord>> + Send + 'static,
) -> Result<Option<Session>, Fault> {
    let (now, idle) = (s.now(), s.rules.lifetimes.idle);
    let found = s
        .store
        .read(move |tx| match find(tx)? {
            None => Ok(None),
            Some(record) => alive(tx, record, now, idle),
        })
        .await?;
    let Some(session) = found else { return Ok(None) };
    let record = session.record();
    if now.since(record.last_seen_at) >= TOUCH_AFTER {
        // The session to which "back to my own account" returns must not idle away meanwhile.
        let parked = record.login_as.as_ref().map(|login_as| login_as.actor_session);
        let id = record.id;
        s.store
            .write(move |tx| {
                if let Some(parked) = parked {
                    sessions::touch(tx, parked, now)?;
                }
                sessions::touch(tx, id, now)
            })
            .await?;
    }
    Ok(Some(session))
}

/// A new handle for this session, after a change of credentials: a copy of the old one opens nothing any more. `None` if
/// the session has ended meanwhile.
pub async fn renewed(s: &Services, session: &OwnSession) -> Result<Option<PlainHandle>, Fault> {
    let handle = PlainHandle::generate(&*s.entropy);
    let (id, stored) = (session.id(), handle.stored());
    let rotated = s
        .store
        .write(move |tx| {
            sites::forget(tx, id)?;
            // Someone with a copy of the old handle may have left a form: it must not go on later.
            pending_forms::forget(tx, id)?;
            sessions::rotate(tx, id, &stored)
        })
        .await?;
    Ok(rotated.then_some(handle))
}

/// The session of a record, if it is live: not over, of an active account, and a "login as" that may still look.
pub(crate) fn alive(
    tx: &mut Tx<'_>,
    record: SessionRecord,
    now: Timestamp,
    idle: Duration,
) -> StoreResult<Option<Session>> {
    let active = users::by_id(tx, record.user)?.is_some_and(|user| user.active);
    let permitted = match &record.login_as {
        None => true,
        Some(login_as) => may_still_look(tx, record.user, login_as, now)?,
    };
    Ok(if active && permitted { Session::restore(record, now, idle) } else { None })
}

/// The session in which the person at the keyboard has shown who they are: this one, or in a "login as" the actor's own,
/// if it is still there.
pub(crate) fn at_keyboard(tx: &mut Tx<'_>, record: &SessionRecord) -> StoreResult<Option<SessionRecord>> {
    match &record.login_as {
        None => Ok(Some(record.clone())),
        Some(login_as) => sessions::by_id(tx, login_as.actor_session),
    }
}

/// An actor who was switched off, has lost the role, or whose own session has run out, no longer looks into anything.
fn may_still_look(
    tx: &mut Tx<'_>,
    subject: UserId,
    login_as: &LoginAsRecord,
    now: Timestamp,
) -> StoreResult<bool> {
    let active = users::by_id(tx, login_as.actor)?.is_some_and(|actor| actor.active);
    let own = sessions::by_id(tx, login_as.actor_session)?.is_some_and(|own| now < own.expires_at);
    let shared = crate::login_as::shared(tx, login_as.actor, subject)?;
    let outranks = shared.is_some_and(|(shared, _)| {
        shared.organization == login_as.organization && shared.actor_role.may_log_in_as(shared.subject_role)
    });
    Ok(active && own && outranks)
}

/// Why the session of this handle is over; `None` where there was none, nothing is known about it, or it is not over.
pub async fn why_ended(s: &Services, handle: &PlainHandle) -> Result<Option<EndReason>, Fault> {
    let (now, idle, stored) = (s.now(), s.rules.lifetimes.idle, handle.stored());
    s.store
        .read(move |tx| {
            let Some(record) = sessions::by_handle(tx, &stored)? else {
                return ended_sessions::reason(tx, &stored, now);
            };
            if record.application.is_some() || alive(tx, record.clone(), now, idle)?.is_some() {
                return Ok(None);
            }
            let otherwise = if record.login_as.is_some() { EndReason::LoginAs } else { EndReason::Operator };
            Ok(Some(record.over(now, idle).unwrap_or(otherwise)))
        })
        .await
        .map_err(Into::into)
}

/// The sign-in that waits for its second step under this handle.
pub async fn waiting(s: &Services, handle: &PlainHandle) -> Result<Option<Challenged>, Fault> {
    let (now, stored) = (s.now(), handle.stored());
    let record = s
        .store
        .read(move |tx| {
            let Some(record) = challenges::by_handle(tx, &stored)? else { return Ok(None) };
            let active = users::by_id(tx, record.user)?.is_some_and(|user| user.active);
            Ok(active.then_some(record))
        })
        .await?;
    Ok(record.and_then(|record| Challenged::restore(record, now)))
}

/// Names for the page.
pub async fn who(s: &Services, session: &Session) -> Result<Who, Fault> {
    let record = session.record().clone();
    s.store
        .read(move |tx| {
            let gone = StoreError::Corrupt("a session's user");
            let user = users::by_id(tx, record.user)?.ok_or(gone)?;
            let memberships = members::of_user(tx, record.user)?;
            let login_as = match &record.login_as {
                None => None,
                Some(login_as) => Some(LoginAsView {
                    actor: users::by_id(tx, login_as.actor)?.map(|actor| actor.name).unwrap_or_default(),
                    subject: user.name.clone(),
                    organization: memberships
                        .iter()
                        .find(|m| m.organization == login_as.organization)
                        .map(|m| m.organization_name.clone())
                        .unwrap_or_default(),
                    reason: login_as.reason.clone(),
                    ends_at: record.expires_at,
                    subject_runs: memberships
                        .iter()
                        .any(|own| own.organization == login_as.organization && own.role.sees_members()),
                }),
            };
            let runs = if login_as.is_some() { None } else { run_by(tx, record.user)? };
            Ok(Who {
                id: user.id,
                name: user.name,
                email: user.email.to_string(),
                organization: memberships.into_iter().next().map(|first| first.organization_name),
                runs,
                login_as,
            })
        })
        .await
        .map_err(Into::into)
}
