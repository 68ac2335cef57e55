//! What happened on an account: who did it, when and from where.

use crate::{
    Tx,
    error::{StoreError, StoreResult},
};
use countersign_core::{
    Timestamp,
    event::{Detail, EventKind, Origin},
    ids::{EventId, UserId},
};

sql! {
    RECORD = "INSERT INTO events (id, user_id, actor_id, kind, detail, address, user_agent, at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    RECENT = "SELECT e.kind, e.detail, e.at, e.address, e.user_agent, e.actor_id, actor.name FROM events AS e \
        LEFT JOIN users AS actor ON actor.id = e.actor_id WHERE e.user_id = $1 \
        ORDER BY e.at DESC, e.id DESC LIMIT $2";
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
    /// What happened.
    pub kind: EventKind,
    /// What belongs to it.
    pub detail: Detail,
    /// When.
    pub at: Timestamp,
    /// From where.
    pub address: String,
    /// With which browser.
    pub user_agent: String,
    /// Who did it, if it was not the account holder.
    pub actor: Option<UserId>,
    /// Their name.
    pub actor_name: Option<String>,
}

/// Records an event.
pub fn record(tx: &mut Tx<'_>, event: &NewEvent, now: Timestamp) -> StoreResult<()> {
    let detail = serde_json::to_string(&event.detail).map_err(|e| StoreError::Refused(e.to_string()))?;
    let params = values![
        EventId::generate(now, tx.entropy),
        event.user,
        event.actor,
        event.kind,
        detail,
        event.origin.address.to_string(),
        &event.origin.user_agent,
        now,
    ];
    tx.execute(RECORD, params).map(drop)
}

/// The account's newest events, at most `limit`, the newest first.
pub fn recent(tx: &mut Tx<'_>, user: UserId, limit: u32) -> StoreResult<Vec<EventRow>> {
    tx.rows(RECENT, values![user, limit])?
        .into_iter()
        .map(|mut row| {
            Ok(EventRow {
                kind: row.parsed()?,
                detail: serde_json::from_str(&row.text()?)
                    .map_err(|_| StoreError::Corrupt("events.detail"))?,
                at: row.time()?,
                address: row.text()?,
                user_agent: row.text()?,
                actor: row.maybe_parsed()?,
                actor_name: row.maybe_text()?,
            })
        })
        .collect()
}
