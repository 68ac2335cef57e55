//! "Log in as": an administrator looks into a member's account, and can touch nothing in it.

mod summary;

pub use summary::{Summary, summary};

use crate::{
    Fault, Services, activity,
    identity::alive,
    letter,
    security_log::{Entry, Event},
};
use countersign_core::{
    Timestamp,
    application::AddressKind,
    authority::{LoginAsAuthority, LoginAsRefusal, SharedMembership},
    event::{Detail, EventKind, Origin},
    ids::{SessionId, UserId},
    message::Notice,
    secret::{PlainHandle, StoredHandle},
    session::{ImpersonatedSession, LoginAsRecord, Session, SessionRecord},
    text::{TextError, short_text},
};
use countersign_store::{StoreResult, Tx, applications, members, sessions, sites, users};
use std::time::Duration;

/// A reason has at most this many characters.
pub const REASON_LENGTH: usize = 200;

/// What became of it.
#[derive(Debug)]
pub enum LoginAsOutcome {
    /// The impersonated session has begun.
    Begun {
        /// The handle for the cookie.
        handle: PlainHandle,
    },
    /// No such member in an organization that the actor runs.
    NotFound,
    /// Not of lower rank, or switched off.
    Refused(LoginAsRefusal),
    /// The reason is missing or cannot be used.
    Reason(TextError),
}

/// Something that can be opened in the member's account, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The application's name, or a site's host.
    pub name: String,
    /// Where it is: the origin of a registered address. `None` where only an app's own scheme is registered.
    pub address: Option<String>,
    /// Whether it accepts "login as".
    pub accepted: bool,
}

/// A "login as" that has ended in this browser, while the administrator's own session still lives.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The administrator's name.
    pub actor: String,
    /// The member's name.
    pub subject: String,
    /// When it ended.
    pub at: Timestamp,
}

/// Opens an impersonated session, and tells the member by e-mail.
pub async fn begin(
    s: &Services,
    authority: LoginAsAuthority,
    subject: UserId,
    reason: &str,
    origin: &Origin,
) -> Result<LoginAsOutcome, Fault> {
    let reason = match short_text(reason, REASON_LENGTH) {
        Ok(reason) => reason,
        Err(error) => return Ok(LoginAsOutcome::Reason(error)),
    };
    let (now, lifetimes, origin) = (s.now(), s.rules.lifetimes, origin.clone());
    let actor = authority.actor();
    let handle = PlainHandle::generate(&*s.entropy);
    let (id, stored) = (SessionId::generate(now, &*s.entropy), handle.stored());
    let refused = s
        .store
        .write(move |tx| {
            let actor = authority.actor();
            let Some((shared, organization)) = shared(tx, actor, subject)? else {
                return Ok(Some(LoginAsOutcome::NotFound));
            };
            let grant = match authority.over(shared) {
                Ok(grant) => grant,
                Err(refusal) => return Ok(Some(LoginAsOutcome::Refused(refusal))),
            };
            // Ended meanwhile: there is nothing to come back to, and nobody is told that they were visited.
            if sessions::by_id(tx, grant.actor_session())?.is_none() {
                return Ok(Some(LoginAsOutcome::NotFound));
            }
            // From now on this browser is somebody else at the sites, too.
            sites::forget(tx, grant.actor_session())?;
            sessions::insert_impersonated(tx, grant, id, &stored, &reason, &origin, &lifetimes, now)?;
            let name = users::by_id(tx, subject)?.map(|subject| subject.name);
            let own = Detail { text: name, subject: Some(subject.to_string()), ..Detail::default() };
            activity::record(tx, actor, EventKind::LoggedInAs, own, origin.clone(), now)?;
            let detail = Detail { text: Some(reason.clone()), ..Detail::default() };
            activity::record_by(
                tx,
                subject,
                Some(actor),
                EventKind::LoginAsBegun,
                detail,
                origin.clone(),
                now,
            )?;
            let actor = users::by_id(tx, actor)?.map(|actor| actor.name).unwrap_or_default();
            letter::tell(tx, subject, Notice::LoginAs { actor, organization, reason }, &origin, now)?;
            Ok(None)
        })
        .await?;
    if let Some(refused) = &refused {
        let reason = if matches!(refused, LoginAsOutcome::NotFound) { "not-found" } else { "role" };
        Entry::new(Event::LoginAs, "refused").because(reason).account(subject).actor(actor).log();
    }
    s.ring();
    Ok(refused.unwrap_or(LoginAsOutcome::Begun { handle }))
}

/// Ends the impersonated session; the actor's own continues under a new handle, if it still lives.
pub async fn stop(
    s: &Services,
    session: ImpersonatedSession,
    origin: &Origin,
) -> Result<Option<PlainHandle>, Fault> {
    let (now, origin) = (s.now(), origin.clone());
    let handle = PlainHandle::generate(&*s.entropy);
    let stored = handle.stored();
    let back = s
        .store
        .write(move |tx| {
            let parked = session.login_as().actor_session;
            users::take_turns(tx, [session.subject(), session.login_as().actor])?;
            sessions::hold(tx, parked)?;
            if !sessions::end(tx, session.id())? {
                return Ok(false);
            }
            record_end(tx, session.record(), session.login_as(), origin, now)?;
            sessions::rotate(tx, parked, &stored)
        })
        .await?;
    Ok(back.then_some(handle))
}

/// The same for a "login as" that has ended by time, or because the administrator may no longer look into the account: the new
/// handle, and whose account it was. `None` where there is none such under this handle.
pub async fn leave(
    s: &Services,
    handle: &PlainHandle,
    origin: &Origin,
) -> Result<Option<(PlainHandle, UserId)>, Fault> {
    let (now, idle, origin) = (s.now(), s.rules.lifetimes.idle, origin.clone());
    let (old, new) = (handle.stored(), PlainHandle::generate(&*s.entropy));
    let stored = new.stored();
    let subject = s
        .store
        .write(move |tx| {
            let Some((record, login_as)) = over(tx, &old, now, idle)? else { return Ok(None) };
            users::take_turns(tx, [record.user, login_as.actor])?;
            sessions::hold(tx, login_as.actor_session)?;
            if !sessions::end(tx, record.id)? {
                return Ok(None);
            }
            record_end(tx, &record, &login_as, origin, now)?;
            let back = sessions::rotate(tx, login_as.actor_session, &stored)?;
            Ok(back.then_some(record.user))
        })
        .await?;
    Ok(subject.map(|subject| (new, subject)))
}

/// The "login as" that has ended under this handle, if the administrator can still go back to their own session.
pub async fn ended(s: &Services, handle: &PlainHandle) -> Result<Option<Ended>, Fault> {
    let (now, idle, stored) = (s.now(), s.rules.lifetimes.idle, handle.stored());
    s.store
        .read(move |tx| {
            let Some((record, login_as)) = over(tx, &stored, now, idle)? else { return Ok(None) };
            let [actor, subject] = [login_as.actor, record.user].map(|id| users::by_id(tx, id));
            let name = |user: Option<users::User>| user.map(|user| user.name).unwrap_or_default();
            let at = record.expires_at.min(now);
            Ok(Some(Ended { actor: name(actor?), subject: name(subject?), at }))
        })
        .await
        .map_err(Into::into)
}

/// The impersonated session of this handle, if it has ended and the actor's own has not.
fn over(
    tx: &mut Tx<'_>,
    handle: &StoredHandle,
    now: Timestamp,
    idle: Duration,
) -> StoreResult<Option<(SessionRecord, LoginAsRecord)>> {
    let Some(record) = sessions::by_handle(tx, handle)? else { return Ok(None) };
    let Some(login_as) = record.login_as.clone() else { return Ok(None) };
    if alive(tx, record.clone(), now, idle)?.is_some() {
        return Ok(None);
    }
    let Some(own) = sessions::by_id(tx, login_as.actor_session)? else { return Ok(None) };
    let own = if own.user == login_as.actor { alive(tx, own, now, idle)? } else { None };
    Ok(matches!(own, Some(Session::Own(_))).then_some((record, login_as)))
}

/// Records the end of a "login as" for the member, and for the administrator with how long it lasted.
pub(crate) fn record_end(
    tx: &mut Tx<'_>,
    record: &SessionRecord,
    login_as: &LoginAsRecord,
    origin: Origin,
    now: Timestamp,
) -> StoreResult<()> {
    let (subject, actor, at) = (record.user, login_as.actor, record.expires_at.min(now));
    let own = Detail {
        text: users::by_id(tx, subject)?.map(|subject| subject.name),
        count: Some(at.since(record.created_at).as_secs()),
        subject: Some(subject.to_string()),
        ..Detail::default()
    };
    activity::record(tx, actor, EventKind::LoggedInAsEnded, own, origin.clone(), now)?;
    let (kind, detail) = (EventKind::LoginAsEnded, Detail::default());
    activity::record_by(tx, subject, Some(actor), kind, detail, origin, at)
}

/// What can be opened in this "login as", and what does not accept it: the applications that sign the organization's members
/// in, and the sites that accept it.
pub async fn destinations(s: &Services, session: &ImpersonatedSession) -> Result<Vec<Destination>, Fault> {
    let organization = session.login_as().organization;
    let mut all = s
        .store
        .read(move |tx| {
            let mut all = Vec::new();
            for found in applications::list(tx, organization)? {
                if found.signing_in().is_none() {
                    continue;
                }
                let addresses = applications::addresses(tx, found.id, AddressKind::Redirect)?;
                // An app's own scheme has no origin that a browser could open.
                let address = addresses
                    .iter()
                    .map(|address| address.origin())
                    .find(|origin| origin.starts_with("http"));
                all.push(Destination { name: found.name, address, accepted: found.accepts_login_as });
            }
            Ok(all)
        })
        .await?;
    let sites = s.rules.sites.iter().filter(|site| site.accepts_login_as);
    all.extend(sites.map(|site| Destination {
        name: site.origin.rsplit('/').next().unwrap_or_default().to_owned(),
        address: Some(site.origin.clone()),
        accepted: true,
    }));
    Ok(all)
}

/// The organization that both belong to and in which the actor sees members, with its name.
pub(crate) fn shared(
    tx: &mut Tx<'_>,
    actor: UserId,
    subject: UserId,
) -> StoreResult<Option<(SharedMembership, String)>> {
    for own in members::of_user(tx, actor)?.into_iter().filter(|own| own.role.sees_members()) {
        if let Some(member) = members::one(tx, own.organization, subject)? {
            let shared = SharedMembership {
                organization: own.organization,
                actor_role: own.role,
                subject,
                subject_role: member.role,
                subject_active: member.active,
            };
            return Ok(Some((shared, own.organization_name)));
        }
    }
    Ok(None)
}
