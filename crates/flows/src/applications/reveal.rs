//! The one showing of a new secret, to the session that made it.

use crate::{Fault, Services};
use countersign_core::{Timestamp, authority::ApplicationAuthority, ids::ApplicationId, session::OwnSession};
use countersign_store::{
    StoreResult, Tx,
    application_reveals::{self, Reveal},
};
use std::time::Duration;

/// So long a new secret waits for its page.
const REVEAL: Duration = Duration::from_secs(5 * 60);

/// Lays a new secret ready for the session that asked; the operator needs no such thing. `false` where the session has
/// ended, and nothing may be made for it any more.
pub(super) fn put(
    tx: &mut Tx<'_>,
    authority: &ApplicationAuthority,
    application: ApplicationId,
    reveal: &Reveal,
    now: Timestamp,
) -> StoreResult<bool> {
    match authority.shown_to() {
        Some(session) => {
            application_reveals::put(tx, authority, session, application, reveal, now.plus(REVEAL))
        }
        None => Ok(true),
    }
}

/// The secrets that this session has made for an application, the first time this is asked.
pub async fn take(
    s: &Services,
    session: &OwnSession,
    application: ApplicationId,
) -> Result<Vec<Reveal>, Fault> {
    let (now, id, user) = (s.now(), session.id(), session.user());
    s.store
        .write(move |tx| application_reveals::take(tx, id, user, application, now))
        .await
        .map_err(Into::into)
}
