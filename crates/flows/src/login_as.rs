//! "Log in as": an administrator looks into a member's account, and can touch nothing in it.

use crate::{
    Fault, Services, activity, letter,
    security_log::{Entry, Event},
};
use countersign_core::{
    authority::{LoginAsAuthority, LoginAsRefusal, SharedMembership},
    event::{Detail, EventKind, Origin},
    ids::{SessionId, UserId},
    message::Notice,
    secret::PlainHandle,
    session::ImpersonatedSession,
    text::{TextError, short_text},
};
use countersign_store::{StoreResult, Tx, members, sessions, sites, users};

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
            let (actor, parked) = (session.login_as().actor, session.login_as().actor_session);
            let user = session.subject();
            users::take_turns(tx, [user, actor])?;
            sessions::hold(tx, parked)?;
            if !sessions::end(tx, session.id())? {
                return Ok(false);
            }
            let (kind, detail) = (EventKind::LoginAsEnded, Detail::default());
            activity::record_by(tx, user, Some(actor), kind, detail, origin, now)?;
            sessions::rotate(tx, parked, &stored)
        })
        .await?;
    Ok(back.then_some(handle))
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
