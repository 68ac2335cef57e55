//! Signing out.

use crate::{Fault, Services, activity, login_as::record_end};
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
            let actor = session.login_as.as_ref().map(|login_as| login_as.actor);
            users::take_turns(tx, [Some(session.user), actor].into_iter().flatten())?;
            if let Some(login_as) = &session.login_as {
                sessions::end(tx, login_as.actor_session)?;
            }
            sessions::end(tx, session.id)?;
            match &session.login_as {
                None => {
                    let kind = EventKind::SignedOut;
                    activity::record(tx, session.user, kind, Detail::default(), origin, now)
                }
                Some(login_as) => record_end(tx, &session, login_as, origin, now),
            }
        })
        .await
        .map_err(Into::into)
}
