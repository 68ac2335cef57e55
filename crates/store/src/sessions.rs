//! Sessions: the account holders' own and, with an actor, impersonated ones. An ended session is a deleted row.

use crate::{
    Tx,
    error::{StoreError, StoreResult},
    grants,
    sql::Row,
};
use countersign_core::{
    Timestamp,
    assurance::{PasswordOrigin, Proofs},
    authority::{CredentialAuthority, HolderGrant, LoginAsGrant},
    event::Origin,
    ids::{SessionId, UserId},
    secret::StoredHandle,
    session::{Lifetimes, LoginAsRecord, ProvenAgain, SessionRecord},
    sign_in::Authenticated,
};

sql! {
    INSERT_OWN = "INSERT INTO sessions (id, handle, user_id, created_at, last_seen_at, proven_at, expires_at, \
        password_by_link, second_step, second_step_at, address, user_agent) \
        VALUES ($1, $2, $3, $4, $4, $4, $5, $6, $7, $8, $9, $10)";
    INSERT_HELD = "INSERT INTO sessions (id, handle, user_id, created_at, last_seen_at, proven_at, expires_at, \
        second_step, second_step_at, address, user_agent, application_id) \
        VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9, $10, $11)";
    INSERT_IMPERSONATED = "INSERT INTO sessions (id, handle, user_id, created_at, last_seen_at, proven_at, \
        expires_at, address, user_agent, actor_id, actor_session_id, organization_id, reason) \
        VALUES ($1, $2, $3, $4, $4, $4, $5, $6, $7, $8, $9, $10, $11)";
    BY_HANDLE = "SELECT id, user_id, created_at, last_seen_at, expires_at, proven_at, password_by_link, second_step, \
        second_step_at, application_id, actor_id, actor_session_id, organization_id, reason FROM sessions WHERE handle = $1";
    BY_ID = "SELECT id, user_id, created_at, last_seen_at, expires_at, proven_at, password_by_link, second_step, \
        second_step_at, application_id, actor_id, actor_session_id, organization_id, reason FROM sessions WHERE id = $1";
    TOUCH = "UPDATE sessions SET last_seen_at = $1 WHERE id = $2 AND last_seen_at < $1";
    RENEW_PROOF = "UPDATE sessions SET handle = $1, proven_at = $2, password_by_link = $3, second_step = $4, \
        second_step_at = $5 WHERE id = $6 AND user_id = $7 AND actor_id IS NULL";
    HOLD = "UPDATE sessions SET last_seen_at = last_seen_at WHERE id = $1";
    KEEP_HELD = "UPDATE sessions SET expires_at = $1 WHERE id = $2 AND application_id IS NOT NULL AND expires_at < $1";
    ROTATE = "UPDATE sessions SET handle = $1 WHERE id = $2";
    END = "DELETE FROM sessions WHERE id = $1";
    END_OF_USER = "DELETE FROM sessions WHERE id = $1 AND user_id = $2";
    END_OTHERS = "DELETE FROM sessions WHERE user_id = $1 AND id <> $2";
    END_ALL = "DELETE FROM sessions WHERE user_id = $1";
    LIST = "SELECT s.id, s.user_id, s.created_at, s.last_seen_at, s.expires_at, s.proven_at, s.password_by_link, \
        s.second_step, s.second_step_at, s.application_id, s.actor_id, s.actor_session_id, s.organization_id, s.reason, s.address, s.user_agent, actor.name \
        FROM sessions AS s LEFT JOIN users AS actor ON actor.id = s.actor_id \
        WHERE s.user_id = $1 AND s.last_seen_at > $2 AND s.expires_at > $3 \
        ORDER BY s.created_at DESC, s.id DESC";
}

/// A session as its account holder sees it in the list.
#[derive(Clone, Debug)]
pub struct SessionRow {
    /// The stored facts.
    pub record: SessionRecord,
    /// From where it began.
    pub address: String,
    /// With which browser it began.
    pub user_agent: String,
    /// The name of the administrator who is in, in an impersonated session.
    pub actor_name: Option<String>,
}

fn read(row: &mut Row) -> StoreResult<SessionRecord> {
    Ok(SessionRecord {
        id: row.parsed()?,
        user: row.parsed()?,
        created_at: row.time()?,
        last_seen_at: row.time()?,
        expires_at: row.time()?,
        proven_at: row.time()?,
        password: PasswordOrigin::from_flag(row.flag()?),
        second_step: row.maybe_parsed()?,
        second_step_at: row.maybe_time()?,
        application: row.maybe_parsed()?,
        login_as: login_as(row)?,
    })
}

fn login_as(row: &mut Row) -> StoreResult<Option<LoginAsRecord>> {
    match (row.maybe_parsed()?, row.maybe_parsed()?, row.maybe_parsed()?, row.maybe_text()?) {
        (None, None, None, None) => Ok(None),
        (Some(actor), Some(actor_session), Some(organization), Some(reason)) => {
            Ok(Some(LoginAsRecord { actor, actor_session, organization, reason }))
        }
        // The table forbids it. An impersonated session must never be taken for an own one.
        _ => Err(StoreError::Corrupt("a session's actor")),
    }
}

/// Stores the account holder's own session, which the finished sign-in buys.
#[expect(clippy::needless_pass_by_value, reason = "a finished sign-in buys one session and is used up by it")]
pub fn insert_own(
    tx: &mut Tx<'_>,
    authenticated: Authenticated,
    id: SessionId,
    handle: &StoredHandle,
    origin: &Origin,
    lifetimes: &Lifetimes,
) -> StoreResult<()> {
    let at = authenticated.at();
    let params = values![
        id,
        handle,
        authenticated.user(),
        at,
        at.plus(lifetimes.absolute),
        authenticated.password().is_reset_link(),
        authenticated.second_step(),
        authenticated.second_step().map(|_| at),
        origin.address.to_string(),
        &origin.user_agent,
    ];
    tx.execute(INSERT_OWN, params).map(drop)
}

/// Stores the session that an application holds for its user.
#[expect(clippy::needless_pass_by_value, reason = "a grant is good for one session and is used up by it")]
pub fn insert_held(
    tx: &mut Tx<'_>,
    grant: HolderGrant,
    id: SessionId,
    handle: &StoredHandle,
    origin: &Origin,
    now: Timestamp,
    expires_at: Timestamp,
) -> StoreResult<()> {
    let params = values![
        id,
        handle,
        grant.user(),
        now,
        grant.proven_at(),
        expires_at,
        grant.second_step(),
        grant.second_step().map(|_| grant.proven_at()),
        origin.address.to_string(),
        &origin.user_agent,
        grant.application(),
    ];
    tx.execute(INSERT_HELD, params).map(drop)
}

/// Lets a session that an application holds live until `until`, so that an enrolment in it can be finished. Its proof of
/// identity stays as old as it is. A session in a browser ends when it would have.
pub fn keep_held(tx: &mut Tx<'_>, authority: &CredentialAuthority, until: Timestamp) -> StoreResult<()> {
    tx.execute(KEEP_HELD, values![until, authority.session()]).map(drop)
}

/// Stores an administrator's session in somebody else's account. It ends with the session from which it was opened.
#[expect(clippy::needless_pass_by_value, reason = "a grant is good for one session and is used up by it")]
#[expect(clippy::too_many_arguments, reason = "each is a column, and each has a type of its own")]
pub fn insert_impersonated(
    tx: &mut Tx<'_>,
    grant: LoginAsGrant,
    id: SessionId,
    handle: &StoredHandle,
    reason: &str,
    origin: &Origin,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> StoreResult<()> {
    let params = values![
        id,
        handle,
        grant.subject(),
        now,
        now.plus(lifetimes.login_as),
        origin.address.to_string(),
        &origin.user_agent,
        grant.actor(),
        grant.actor_session(),
        grant.organization(),
        reason,
    ];
    tx.execute(INSERT_IMPERSONATED, params).map(drop)
}

/// The session of a handle, ended by time or not: see [`Session::restore`](countersign_core::session::Session::restore).
pub fn by_handle(tx: &mut Tx<'_>, handle: &StoredHandle) -> StoreResult<Option<SessionRecord>> {
    tx.row(BY_HANDLE, values![handle])?.map(|mut row| read(&mut row)).transpose()
}

/// The session of an id, ended by time or not.
pub fn by_id(tx: &mut Tx<'_>, id: SessionId) -> StoreResult<Option<SessionRecord>> {
    tx.row(BY_ID, values![id])?.map(|mut row| read(&mut row)).transpose()
}

/// Marks a session as seen at `now`.
pub fn touch(tx: &mut Tx<'_>, id: SessionId, now: Timestamp) -> StoreResult<()> {
    tx.execute(TOUCH, values![now, id]).map(drop)
}

/// Writes a step-up down, under a new handle (ASVS 5.0 V7.2.4); `false` if the session has ended meanwhile. What counts in
/// the session from now on, [`ProvenAgain::proofs`] says.
pub fn renew_proof(tx: &mut Tx<'_>, proven: &ProvenAgain, new: &StoredHandle) -> StoreResult<bool> {
    let Proofs { password_at, password, second_step } = *proven.proofs();
    let params = values![
        new,
        password_at,
        password.is_reset_link(),
        second_step.map(|(method, _)| method),
        second_step.map(|(_, at)| at),
        proven.session(),
        proven.user(),
    ];
    tx.changes_one(RENEW_PROOF, params)
}

/// Keeps a session from ending until this write is done; `false` if it has ended. Of a "login as", the actor's own comes
/// first: whoever ends that one ends the other by the cascade.
pub fn hold(tx: &mut Tx<'_>, id: SessionId) -> StoreResult<bool> {
    tx.changes_one(HOLD, values![id])
}

/// Gives a session a new handle; `false` if it has ended meanwhile.
pub fn rotate(tx: &mut Tx<'_>, id: SessionId, new: &StoredHandle) -> StoreResult<bool> {
    tx.changes_one(ROTATE, values![new, id])
}

/// Ends a session, and with it what was opened from it; `false` if it was over.
pub fn end(tx: &mut Tx<'_>, id: SessionId) -> StoreResult<bool> {
    tx.changes_one(END, values![id])
}

/// Ends a session of this user; `false` if it was over, or is somebody else's.
pub fn end_of_user(tx: &mut Tx<'_>, user: UserId, id: SessionId) -> StoreResult<bool> {
    tx.changes_one(END_OF_USER, values![id, user])
}

/// Ends the user's sessions but `keep`, and all that applications were granted, in `keep` as well: a token that somebody
/// has taken there must not outlive what the account holder does against them. How many sessions.
pub fn end_others(tx: &mut Tx<'_>, user: UserId, keep: SessionId) -> StoreResult<u32> {
    let ended = tx.counts(END_OTHERS, values![user, keep])?;
    grants::end_of_user(tx, user)?;
    Ok(ended)
}

/// Ends all of the user's sessions, and all that applications were granted: how many sessions.
pub fn end_all(tx: &mut Tx<'_>, user: UserId) -> StoreResult<u32> {
    let ended = tx.counts(END_ALL, values![user])?;
    grants::end_of_user(tx, user)?;
    Ok(ended)
}

/// The user's live sessions, the newest first: those seen after `live_since` (now less the idle limit) and not too old.
pub fn list(
    tx: &mut Tx<'_>,
    user: UserId,
    live_since: Timestamp,
    now: Timestamp,
) -> StoreResult<Vec<SessionRow>> {
    tx.rows(LIST, values![user, live_since, now])?
        .into_iter()
        .map(|mut row| {
            Ok(SessionRow {
                record: read(&mut row)?,
                address: row.text()?,
                user_agent: row.text()?,
                actor_name: row.maybe_text()?,
            })
        })
        .collect()
}
