//! What happened on an account: who did it, when and from where.

use crate::{
    Tx,
    error::{StoreError, StoreResult},
};
use countersign_core::{
    Timestamp,
    event::{Detail, EventClass, EventKind, Origin, Retention},
    ids::{EventId, UserId},
};
use std::{fmt, str::FromStr};

/// Attempts within the same hour (of UTC) are one event.
const RUN_MILLIS: i64 = 3_600_000;

sql! {
    RECORD = "INSERT INTO events (id, user_id, actor_id, kind, detail, address, user_agent, at, first_at, run) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
        ON CONFLICT (run) DO UPDATE SET times = events.times + 1, address = excluded.address, \
        user_agent = excluded.user_agent, at = CASE WHEN excluded.at > events.at THEN excluded.at ELSE events.at END";
    PAGE = "SELECT e.id, e.kind, e.detail, e.times, COALESCE(e.first_at, e.at), e.at, e.address, e.user_agent, \
        e.actor_id, actor.name FROM events AS e \
        LEFT JOIN users AS actor ON actor.id = e.actor_id WHERE e.user_id = $1 AND (e.at, e.id) < ($2, $3) \
        ORDER BY e.at DESC, e.id DESC LIMIT $4";
    LAST = "SELECT detail, at FROM events WHERE user_id = $1 AND kind = $2 AND at >= $3 AND at <= $4 \
        ORDER BY at DESC, id DESC LIMIT 1";
    BY_ACTOR = "SELECT kind, detail FROM events WHERE user_id = $1 AND actor_id = $2 AND at >= $3 AND at <= $4 \
        ORDER BY at, id LIMIT $5";
    FORGET = "DELETE FROM events WHERE id IN \
        (SELECT id FROM events WHERE kind = $1 AND at <= $2 ORDER BY at LIMIT $3)";
}

/// Something that has just happened.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Whose account it happened on.
    pub user: UserId,
    /// Who did it, if it was not the account holder.
    pub actor: Option<UserId>,
    /// What happened.
    pub kind: EventKind,
    /// What belongs to it.
    pub detail: Detail,
    /// From where.
    pub origin: Origin,
}

/// Something that happened, as the account holder reads it.
#[derive(Clone, Debug)]
pub struct EventRow {
    /// Its id.
    pub id: EventId,
    /// What happened.
    pub kind: EventKind,
    /// What belongs to it.
    pub detail: Detail,
    /// How many times: more than once only for attempts.
    pub times: u32,
    /// When, or the first time.
    pub first_at: Timestamp,
    /// When, or the last time.
    pub at: Timestamp,
    /// From where, the last time.
    pub address: String,
    /// With which browser, the last time.
    pub user_agent: String,
    /// Who did it, if it was not the account holder.
    pub actor: Option<UserId>,
    /// Their name.
    pub actor_name: Option<String>,
}

impl EventRow {
    /// Where the events before this one begin.
    pub fn cursor(&self) -> Cursor {
        Cursor { at: self.at, id: self.id }
    }
}

/// A place in the list of an account's events: what comes after it is older.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    at: Timestamp,
    id: EventId,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at.millis(), self.id)
    }
}

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let (at, id) = text.split_once('.').ok_or(NotACursor)?;
        let at = at.parse().map(Timestamp::from_millis).map_err(|_| NotACursor)?;
        Ok(Self { at, id: id.parse().map_err(|_| NotACursor)? })
    }
}

/// A text that is no [`Cursor`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a place in a list of events")]
pub struct NotACursor;

/// Records an event. An attempt of the same kind, with the same detail, in the same hour, raises the count of the one that is
/// there: one conditional write, so that any number at once are one row.
pub fn record(tx: &mut Tx<'_>, event: &NewEvent, now: Timestamp) -> StoreResult<()> {
    let detail = serde_json::to_string(&event.detail).map_err(|e| StoreError::Refused(e.to_string()))?;
    let run = run(event, &detail, now);
    let params = values![
        EventId::generate(now, tx.entropy),
        event.user,
        event.actor,
        event.kind,
        detail,
        event.origin.address.to_string(),
        &event.origin.user_agent,
        now,
        run.as_ref().map(|_| now),
        run,
    ];
    tx.execute(RECORD, params).map(drop)
}

/// The name of the run of attempts to which an event belongs.
fn run(event: &NewEvent, detail: &str, now: Timestamp) -> Option<String> {
    let hour = now.millis().div_euclid(RUN_MILLIS);
    let attempt = event.kind.class() == EventClass::Attempt && event.actor.is_none();
    attempt.then(|| format!("{hour} {} {} {detail}", event.user, event.kind.as_str()))
}

/// The account's events, at most `limit`, the newest first; those that are older than `before`.
pub fn page(tx: &mut Tx<'_>, user: UserId, before: Option<Cursor>, limit: u32) -> StoreResult<Vec<EventRow>> {
    let (at, id) = before.map_or((i64::MAX, String::new()), |c| (c.at.millis(), c.id.to_string()));
    tx.rows(PAGE, values![user, at, id, limit])?
        .into_iter()
        .map(|mut row| {
            Ok(EventRow {
                id: row.parsed()?,
                kind: row.parsed()?,
                detail: detail(&row.text()?)?,
                times: row.count()?,
                first_at: row.time()?,
                at: row.time()?,
                address: row.text()?,
                user_agent: row.text()?,
                actor: row.maybe_parsed()?,
                actor_name: row.maybe_text()?,
            })
        })
        .collect()
}

/// The newest event of this kind on the account from `since` to `until`, and when it was.
pub fn last(
    tx: &mut Tx<'_>,
    user: UserId,
    kind: EventKind,
    since: Timestamp,
    until: Timestamp,
) -> StoreResult<Option<(Detail, Timestamp)>> {
    let Some(mut row) = tx.row(LAST, values![user, kind, since, until])? else { return Ok(None) };
    Ok(Some((detail(&row.text()?)?, row.time()?)))
}

/// What `actor` did in the account from `since` to `until`, at most `limit` events, the oldest first.
pub fn by_actor(
    tx: &mut Tx<'_>,
    user: UserId,
    actor: UserId,
    since: Timestamp,
    until: Timestamp,
    limit: u32,
) -> StoreResult<Vec<(EventKind, Detail)>> {
    tx.rows(BY_ACTOR, values![user, actor, since, until, limit])?
        .into_iter()
        .map(|mut row| Ok((row.parsed()?, detail(&row.text()?)?)))
        .collect()
}

fn detail(json: &str) -> StoreResult<Detail> {
    serde_json::from_str(json).map_err(|_| StoreError::Corrupt("events.detail"))
}

/// Deletes events that have been kept as long as `retention` says, at most `most` of them, the oldest of each kind first.
/// How many rows; fewer than `most` when there are no more.
pub fn forget(tx: &mut Tx<'_>, retention: &Retention, now: Timestamp, most: u32) -> StoreResult<u32> {
    let mut forgotten = 0;
    for kind in EventKind::ALL {
        if let Some(kept) = retention.of(*kind) {
            forgotten += tx.counts(FORGET, values![*kind, now.minus(kept), most - forgotten])?;
        }
    }
    Ok(forgotten)
}
