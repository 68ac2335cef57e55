//! What happened on the account: written down by the flows, read by its holder.

use crate::{Fault, Services};
use countersign_core::{
    Timestamp,
    event::{Detail, EventKind, Origin},
    ids::UserId,
    session::OwnSession,
};
use countersign_store::{
    StoreResult, Tx,
    events::{self, EventRow},
};

/// How many entries the page shows.
pub const SHOWN: u32 = 100;

/// The account's newest activity, the newest first; at most [`SHOWN`] entries.
pub async fn recent(s: &Services, session: &OwnSession) -> Result<Vec<EventRow>, Fault> {
    let user = session.user();
    s.store.read(move |tx| events::recent(tx, user, SHOWN)).await.map_err(Into::into)
}

/// Writes down what the account holder did, in the write that does it.
pub(crate) fn record(
    tx: &mut Tx<'_>,
    user: UserId,
    kind: EventKind,
    detail: Detail,
    origin: Origin,
    now: Timestamp,
) -> StoreResult<()> {
    record_by(tx, user, None, kind, detail, origin, now)
}

/// The same of what somebody else may have done there: an administrator in a "login as", if one is named.
pub(crate) fn record_by(
    tx: &mut Tx<'_>,
    user: UserId,
    actor: Option<UserId>,
    kind: EventKind,
    detail: Detail,
    origin: Origin,
    now: Timestamp,
) -> StoreResult<()> {
    events::record(tx, &events::NewEvent { user, actor, kind, detail, origin }, now)
}
