//! Signing out.

use crate::{Fault, Services, activity};
use countersign_core::{
    event::{Detail, EventKind, Origin},
    secret::PlainHandle,
};
use countersign_store::{challenges, sessions, users};

/// Ends whatever the handle stands for: a session, or a sign-in that waits. Whoever signs out of an impersonated session
/// wants to be out: the actor's own session, to which nobody could return any more, ends with it.
pub async fn sign_out(s: &Services, handle: &PlainHandle, origin: &Origin) -> Result<(), Fault> {
    let (now, stored, origin) = (s.now(), handle.stored(), origin.clone());
    s.store
        .write(move |tx| {
            if let Some(challenge) = challenges::by_handle(tx, &stored)? {
                challenges::end(tx, challenge.id)?;
            }
            let Some(session) = sessions::by_handle(tx, &stored)? else { return Ok(()) };
            let (kind, actor, parked) = match &session.login_as {
                None => (EventKind::SignedOut, None, None),
                Some(l) => (EventKind::LoginAsEnded, Some(l.actor), Some(l.actor_session)),
            };
            users::take_turns(tx, [Some(session.user), actor].into_iter().flatten())?;
            if let Some(parked) = parked {
                sessions::end(tx, parked)?;
            }
            sessions::end(tx, session.id)?;
            activity::record_by(tx, session.user, actor, kind, Detail::default(), origin, now)
        })
        .await
        .map_err(Into::into)
}
