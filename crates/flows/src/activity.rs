//! What happened on the account: written down by the flows, read by its holder.

use crate::{Fault, Services, security_log::Entry};
use countersign_core::{
    Timestamp,
    event::{Detail, EventKind, Origin},
    ids::UserId,
    session::OwnSession,
};
use countersign_store::{
    StoreResult, Tx,
    events::{self, Cursor, EventRow},
};

/// How many events a page shows.
pub const PAGE: u32 = 50;

/// How many events are deleted in one write, so that sign-ins do not wait for it.
const BATCH: u32 = 1000;

/// Some of an account's events.
pub struct Page {
    /// The newest first; at most [`PAGE`].
    pub events: Vec<EventRow>,
    /// Where the older ones begin, if there are any.
    pub older: Option<Cursor>,
}

/// The account's activity: the newest events, or those before `before`.
pub async fn page(s: &Services, session: &OwnSession, before: Option<Cursor>) -> Result<Page, Fault> {
    let user = session.user();
    // One more than is shown says whether there are older ones.
    let mut events = s.store.read(move |tx| events::page(tx, user, before, PAGE + 1)).await?;
    let shown = usize::try_from(PAGE).unwrap_or(usize::MAX);
    let more = events.len() > shown;
    events.truncate(shown);
    let older = events.last().filter(|_| more).map(EventRow::cursor);
    Ok(Page { events, older })
}

/// Deletes the events of all accounts that have been kept long enough (`activity.keep_…_days`). How many.
pub async fn forget_old(s: &Services) -> Result<u32, Fault> {
    let (now, retention) = (s.now(), s.rules.events_kept);
    let mut all = 0_u32;
    loop {
        let forgotten = s.store.write(move |tx| events::forget(tx, &retention, now, BATCH)).await?;
        all = all.saturating_add(forgotten);
        if forgotten < BATCH {
            return Ok(all);
        }
    }
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
    let logged = Entry::of_activity(kind, user, actor, &detail, &origin);
    events::record(tx, &events::NewEvent { user, actor, kind, detail, origin }, now)?;
    if let Some(entry) = logged {
        tx.after_commit(move || entry.log());
    }
    Ok(())
}
