//! Where the account holder is signed in, and how to end it from here (ASVS 5.0 V7.5.2). Ending asks for no fresh proof of
//! identity, which that clause would: whoever finds a stranger in their account must be able to show them out at once. A
//! stranger who does the same sends the account holder back to the sign-in, and no further.

use crate::{Fault, Services, activity};
use countersign_core::{
    Timestamp,
    authority::CredentialAuthority,
    event::{Detail, EventKind, Origin},
    ids::SessionId,
    session::{EndReason, OwnSession},
};
use countersign_store::{
    StoreResult, Tx, ended_sessions,
    sessions::{self, SessionRow},
    users,
};

/// The account's live sessions, the newest first, the one that asks and administrators' among them.
pub async fn list(s: &Services, session: &OwnSession) -> Result<Vec<SessionRow>, Fault> {
    let (now, user) = (s.now(), session.user());
    let live_since = now.minus(s.rules.lifetimes.idle);
    s.store.read(move |tx| sessions::list(tx, user, live_since, now)).await.map_err(Into::into)
}

/// Ends one of the account's sessions; `false` if it is over already, or was never this account's.
pub async fn end(s: &Services, session: &OwnSession, id: SessionId, origin: &Origin) -> Result<bool, Fault> {
    let (now, user, origin) = (s.now(), session.user(), origin.clone());
    s.store
        .write(move |tx| {
            users::take_turn(tx, user)?;
            ended_sessions::note(tx, user, id, EndReason::Elsewhere, now)?;
            let ended = sessions::end_of_user(tx, user, id)?;
            if ended {
                let detail = Detail { count: Some(1), ..Detail::default() };
                activity::record(tx, user, EventKind::SessionEnded, detail, origin, now)?;
            }
            Ok(ended)
        })
        .await
        .map_err(Into::into)
}

/// Ends all of the account's sessions but the one that asks: how many there were. Sign-ins that wait for their second step
/// are left alone, or whoever has stolen a cookie could keep the account holder from ever getting in.
pub async fn end_others(s: &Services, session: &OwnSession, origin: &Origin) -> Result<u32, Fault> {
    let (now, user, keep, origin) = (s.now(), session.user(), session.id(), origin.clone());
    s.store
        .write(move |tx| {
            users::take_turn(tx, user)?;
            ended_sessions::note_others(tx, user, keep, EndReason::Elsewhere, now)?;
            let ended = sessions::end_others(tx, user, keep)?;
            if ended > 0 {
                let detail = Detail { count: Some(ended.into()), ..Detail::default() };
                activity::record(tx, user, EventKind::SessionEnded, detail, origin, now)?;
            }
            Ok(ended)
        })
        .await
        .map_err(Into::into)
}

/// Whether the session that asks for a change has not been ended since its request began. A change that was under way
/// when the account holder ended that session, or chose a new password by a link, must not come after it.
pub(crate) fn still_lives(
    tx: &mut Tx<'_>,
    authority: &CredentialAuthority,
    now: Timestamp,
) -> StoreResult<bool> {
    // The write is what makes two of them take turns on PostgreSQL; the read then sees how the other one ended.
    sessions::touch(tx, authority.session(), now)?;
    Ok(sessions::by_id(tx, authority.session())?.is_some_and(|session| session.user == authority.user()))
}
