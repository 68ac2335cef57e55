//! What applications were granted: one row a sign-in of a person in an application. A code buys it, tokens stand for it,
//! and whatever ends it makes all of them worthless at once.

use crate::{Tx, error::StoreResult, sql::Row};
use countersign_core::{
    Timestamp,
    assurance::{PasswordOrigin, Statement},
    ids::{ApplicationId, GrantId, OrganizationId, SessionId, UserId},
    oauth::ScopeSet,
    session::Session,
};

sql! {
    INSERT_BOUND = "INSERT INTO grants (id, application_id, user_id, session_id, sid, actor_id, organization_id, \
        scope, claims, password_by_link, second_step, auth_time, created_at, expires_at) \
        SELECT $1, $2, s.user_id, s.id, s.id, s.actor_id, s.organization_id, $3, $4, $5, $6, $7, $8, s.expires_at \
        FROM sessions AS s WHERE s.id = $9";
    INSERT_OFFLINE = "INSERT INTO grants (id, application_id, user_id, sid, scope, claims, password_by_link, \
        second_step, auth_time, created_at, expires_at) SELECT $1, $2, s.user_id, s.id, $3, $4, $5, $6, $7, $8, $9 \
        FROM sessions AS s WHERE s.id = $10 AND s.actor_id IS NULL";
    BY_ID = "SELECT id, application_id, user_id, session_id, sid, actor_id, organization_id, scope, claims, \
        password_by_link, second_step, auth_time, expires_at, ended_at FROM grants WHERE id = $1";
    HOLD = "UPDATE grants SET ended_at = ended_at WHERE id = $1";
    END = "UPDATE grants SET ended_at = $1 WHERE id = $2 AND ended_at IS NULL";
    END_OF_USER = "DELETE FROM grants WHERE user_id = $1";
    END_OF_APPLICATION = "DELETE FROM grants WHERE user_id = $1 AND application_id = $2";
    ACTIVE = "SELECT g.application_id, g.scope, g.created_at FROM grants AS g WHERE g.user_id = $1 \
        AND g.actor_id IS NULL AND g.ended_at IS NULL AND g.expires_at > $2 \
        AND (g.session_id IS NULL OR EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = g.session_id \
                AND s.expires_at > $2 AND s.last_seen_at > $3)) \
        AND (EXISTS (SELECT 1 FROM refresh_tokens AS r WHERE r.grant_id = g.id AND r.used_at IS NULL \
                AND r.expires_at > $2) \
            OR EXISTS (SELECT 1 FROM access_tokens AS a WHERE a.grant_id = g.id AND a.expires_at > $2)) \
        ORDER BY g.created_at DESC, g.id";
}

/// A grant as it is stored.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// To which application.
    pub application: ApplicationId,
    /// Whose account it is about.
    pub user: UserId,
    /// The session with which it ends; `None` where it goes on without.
    pub session: Option<SessionId>,
    /// The session in which it was given.
    pub sid: SessionId,
    /// The administrator who was in the account by "login as", and the organization to which that was bound.
    pub actor: Option<(UserId, OrganizationId)>,
    /// What it covers.
    pub scope: ScopeSet,
    /// The single claims that were asked for, as the flows write them.
    pub claims: String,
    /// What had been shown.
    pub statement: Statement,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// Whether it was ended before.
    pub ended: bool,
}

impl Grant {
    /// In a "login as", the one organization whose business it is.
    pub fn bound(&self) -> Option<OrganizationId> {
        self.actor.map(|(_, organization)| organization)
    }
}

/// A grant that is about to be stored.
#[derive(Clone, Debug)]
pub struct NewGrant {
    /// Its id.
    pub id: GrantId,
    /// To which application.
    pub application: ApplicationId,
    /// What it covers.
    pub scope: ScopeSet,
    /// The single claims that were asked for.
    pub claims: String,
    /// What has been shown.
    pub statement: Statement,
    /// Set where it goes on without the session: until then.
    pub offline_until: Option<Timestamp>,
}

/// A code or a refresh token was spent by this very transaction: buys tokens of its grant.
#[derive(Debug)]
pub struct Spent {
    grant: GrantId,
}

impl Spent {
    /// For the two conditional writes alone.
    pub(crate) fn of(grant: GrantId) -> Self {
        Self { grant }
    }

    /// Of which grant.
    pub fn grant(&self) -> GrantId {
        self.grant
    }
}

fn read(mut row: Row) -> StoreResult<Grant> {
    let (id, application, user) = (row.parsed()?, row.parsed()?, row.parsed()?);
    let (session, sid) = (row.maybe_parsed()?, row.parsed()?);
    let (actor, organization) = (row.maybe_parsed()?, row.maybe_parsed()?);
    let (scope, claims) = (row.parsed()?, row.text()?);
    let password = PasswordOrigin::from_flag(row.flag()?);
    let statement = Statement { password, second_step: row.maybe_parsed()?, auth_time: row.time()? };
    Ok(Grant {
        id,
        application,
        user,
        session,
        sid,
        actor: actor.zip(organization),
        scope,
        claims,
        statement,
        expires_at: row.time()?,
        ended: row.maybe_time()?.is_some(),
    })
}

/// Stores a grant of the session that asks: whose it is, and who is at the keyboard, is what the session says. `false`
/// if the session has ended meanwhile, or if it is an administrator's and was to go on without.
pub fn insert(tx: &mut Tx<'_>, session: &Session, new: &NewGrant, now: Timestamp) -> StoreResult<bool> {
    let sid = session.record().id;
    let (scope, claims) = (new.scope.to_string(), &new.claims);
    let Statement { password, second_step, auth_time } = new.statement;
    let by_link = password.is_reset_link();
    match new.offline_until {
        None => tx.changes_one(
            INSERT_BOUND,
            values![new.id, new.application, scope, claims, by_link, second_step, auth_time, now, sid],
        ),
        Some(until) => tx.changes_one(
            INSERT_OFFLINE,
            values![new.id, new.application, scope, claims, by_link, second_step, auth_time, now, until, sid],
        ),
    }
}

/// The grant of an id, ended or not.
pub fn by_id(tx: &mut Tx<'_>, id: GrantId) -> StoreResult<Option<Grant>> {
    tx.row(BY_ID, values![id])?.map(read).transpose()
}

/// Keeps a grant for this transaction, unchanged; `false` if it is gone.
///
/// Whatever ends a grant locks its row first, and then the rows that stand for it, which are deleted with it. So whoever
/// spends one of those and stores others, whose foreign key locks the grant, has to begin with the grant as well: in the
/// other order the two wait for each other (PostgreSQL 13.3.4, deadlocks).
pub fn hold(tx: &mut Tx<'_>, id: GrantId) -> StoreResult<bool> {
    tx.changes_one(HOLD, values![id])
}

/// Ends a grant, with all its tokens; `false` if it was over.
pub fn end(tx: &mut Tx<'_>, id: GrantId, now: Timestamp) -> StoreResult<bool> {
    tx.changes_one(END, values![now, id])
}

/// Ends all that applications were granted by one account: whenever its sessions are ended all at once.
pub(crate) fn end_of_user(tx: &mut Tx<'_>, user: UserId) -> StoreResult<u32> {
    tx.counts(END_OF_USER, values![user])
}

/// Ends all that an application was granted by one account: how many.
pub fn end_of_application(tx: &mut Tx<'_>, user: UserId, application: ApplicationId) -> StoreResult<u32> {
    tx.counts(END_OF_APPLICATION, values![user, application])
}

/// What an application holds for an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveGrant {
    /// The application.
    pub application: ApplicationId,
    /// What the grant covers.
    pub scope: ScopeSet,
    /// When it was given.
    pub granted_at: Timestamp,
}

/// The grants of this account's own sessions that an application can use now, the newest first: with a token that has not
/// expired and, where the grant ends with a session, a live one (`seen_after` is the moment before which a session has idled
/// away). Grants of a "login as" are the administrator's, and not among them.
pub fn active(
    tx: &mut Tx<'_>,
    user: UserId,
    now: Timestamp,
    seen_after: Timestamp,
) -> StoreResult<Vec<ActiveGrant>> {
    tx.rows(ACTIVE, values![user, now, seen_after])?
        .into_iter()
        .map(|mut row| {
            Ok(ActiveGrant { application: row.parsed()?, scope: row.parsed()?, granted_at: row.time()? })
        })
        .collect()
}
