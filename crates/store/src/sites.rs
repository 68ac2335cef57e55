//! Sign-ins to sites behind a reverse proxy: tickets on the way there, and what a site's cookie stands for.
//!
//! Whoever ends a session locks its row and then, by the cascade, the rows here. So does everything that writes here:
//! the session's row first.

use crate::{Tx, error::StoreResult, sessions};
use countersign_core::{
    Timestamp,
    ids::SessionId,
    secret::StoredHandle,
    session::{Session, SessionRecord},
};

sql! {
    INSERT_TICKET = "INSERT INTO site_tickets (handle, session_id, site, nonce, expires_at) VALUES ($1, $2, $3, $4, $5)";
    TICKET = "SELECT session_id FROM site_tickets WHERE handle = $1 AND used_at IS NULL";
    SPEND_TICKET = "UPDATE site_tickets SET used_at = $1 \
        WHERE handle = $2 AND site = $3 AND nonce = $4 AND used_at IS NULL AND expires_at > $1";
    INSERT_SESSION = "INSERT INTO site_sessions (handle, session_id, site, created_at) VALUES ($1, $2, $3, $4)";
    FORGET_SESSIONS = "DELETE FROM site_sessions WHERE session_id = $1";
    FORGET_TICKETS = "DELETE FROM site_tickets WHERE session_id = $1";
    SESSION = "SELECT session_id FROM site_sessions WHERE handle = $1 AND site = $2";
}

/// Stores a ticket to `site` for the browser that holds the nonce; `false` if the session has ended meanwhile.
pub fn insert_ticket(
    tx: &mut Tx<'_>,
    session: &Session,
    ticket: &StoredHandle,
    site: &str,
    nonce: &StoredHandle,
    expires_at: Timestamp,
) -> StoreResult<bool> {
    let session = session.record().id;
    Ok(sessions::hold(tx, session)?
        && tx.changes_one(INSERT_TICKET, values![ticket, session, site, nonce, expires_at])?)
}

/// Spends a ticket, once, at its own site and in its own browser, and stores what that site's cookie will stand for.
/// `false` for a ticket that cannot be spent, for whatever reason.
pub fn enter(
    tx: &mut Tx<'_>,
    ticket: &StoredHandle,
    site: &str,
    nonce: &StoredHandle,
    cookie: &StoredHandle,
    now: Timestamp,
) -> StoreResult<bool> {
    let Some(mut row) = tx.row(TICKET, values![ticket])? else { return Ok(false) };
    let session: SessionId = row.parsed()?;
    if !sessions::hold(tx, session)? || !tx.changes_one(SPEND_TICKET, values![now, ticket, site, nonce])? {
        return Ok(false);
    }
    tx.execute(INSERT_SESSION, values![cookie, session, site, now])?;
    Ok(true)
}

/// The session behind a site's cookie, over or not.
pub fn session(tx: &mut Tx<'_>, cookie: &StoredHandle, site: &str) -> StoreResult<Option<SessionRecord>> {
    match tx.row(SESSION, values![cookie, site])? {
        None => Ok(None),
        Some(mut row) => sessions::by_id(tx, row.parsed()?),
    }
}

/// Forgets every site's cookie of a session, which goes on, and the tickets to them: what was copied of them opens
/// nothing any more, and a browser that still has the session gets new ones without being asked anything.
pub fn forget(tx: &mut Tx<'_>, session: SessionId) -> StoreResult<()> {
    sessions::hold(tx, session)?;
    tx.execute(FORGET_TICKETS, values![session])?;
    tx.execute(FORGET_SESSIONS, values![session]).map(drop)
}
