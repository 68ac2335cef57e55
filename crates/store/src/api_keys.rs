//! API keys: what an application's server shows. Only their SHA-256 is kept, and a hint for people.

use crate::{Tx, error::StoreResult, sql::Row};
use countersign_core::{
    Timestamp,
    application::Scopes,
    authority::ApplicationAuthority,
    ids::{ApiKeyId, ApplicationId},
    role::Role,
    secret::StoredHandle,
};

sql! {
    INSERT = "INSERT INTO api_keys (id, application_id, handle, name, scopes, hint, created_by, created_at, expires_at) \
        SELECT $1, a.id, $3, $4, $5, $6, $7, $8, $9 FROM applications AS a WHERE a.id = $2 AND a.organization_id = $10";
    LIVE = "SELECT k.id, k.application_id, k.scopes, k.last_used_at FROM api_keys AS k \
        JOIN applications AS a ON a.id = k.application_id \
        WHERE k.handle = $1 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2) \
        AND a.disabled_at IS NULL";
    USED = "UPDATE api_keys SET last_used_at = $1 WHERE id = $2 AND (last_used_at IS NULL OR last_used_at < $1)";
    LIST = "SELECT k.id, k.name, k.scopes, k.hint, k.created_at, k.expires_at, k.last_used_at, k.revoked_at, \
        u.name, u.disabled_at, m.role FROM api_keys AS k JOIN applications AS a ON a.id = k.application_id \
        LEFT JOIN users AS u ON u.id = k.created_by \
        LEFT JOIN memberships AS m ON m.user_id = k.created_by AND m.organization_id = a.organization_id \
        WHERE k.application_id = $1 ORDER BY k.created_at DESC, k.id DESC";
    REVOKE = "UPDATE api_keys SET revoked_at = $1 WHERE id = $2 AND application_id = $3 AND revoked_at IS NULL \
        AND EXISTS (SELECT 1 FROM applications AS a WHERE a.id = $3 AND a.organization_id = $4)";
}

/// A key that is about to be stored.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Whose it is.
    pub application: ApplicationId,
    /// Its SHA-256.
    pub handle: StoredHandle,
    /// Its name.
    pub name: String,
    /// What it allows.
    pub scopes: Scopes,
    /// Its last characters, by which people tell it from others.
    pub hint: String,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// A key that was shown and is live.
#[derive(Clone, Debug)]
pub struct LiveApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Whose it is.
    pub application: ApplicationId,
    /// What it allows.
    pub scopes: Scopes,
    /// When it was last used (kept to the minute).
    pub last_used_at: Option<Timestamp>,
}

/// Who created a key, as they are now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCreator {
    /// Their name.
    pub name: String,
    /// Their role in the application's organization, if they are still a member and their account is active.
    pub role: Option<Role>,
}

/// A key as it is listed.
#[derive(Clone, Debug)]
pub struct ApiKeyRow {
    /// Its id.
    pub id: ApiKeyId,
    /// Its name.
    pub name: String,
    /// What it allows.
    pub scopes: Scopes,
    /// Its last characters.
    pub hint: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was last used (kept to the minute).
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Who created it; `None` for the operator.
    pub creator: Option<KeyCreator>,
}

impl ApiKeyRow {
    /// Whether who created it could create it today. The operator always can.
    pub fn creator_still_may(&self) -> bool {
        let may = |creator: &KeyCreator| creator.role.is_some_and(|role| self.scopes.grantable_by(role));
        self.creator.as_ref().is_none_or(may)
    }
}

/// Stores a key; `false` if the application is not one of the authority's organization.
pub fn insert(
    tx: &mut Tx<'_>,
    authority: &ApplicationAuthority,
    key: &NewApiKey,
    now: Timestamp,
) -> StoreResult<bool> {
    let params = values![
        key.id,
        key.application,
        &key.handle,
        &key.name,
        &key.scopes,
        &key.hint,
        authority.by(),
        now,
        key.expires_at,
        authority.organization(),
    ];
    tx.changes_one(INSERT, params)
}

/// The live key of a handle: neither revoked nor expired, and of an application that is not switched off.
pub fn live(tx: &mut Tx<'_>, handle: &StoredHandle, now: Timestamp) -> StoreResult<Option<LiveApiKey>> {
    let Some(mut row) = tx.row(LIVE, values![handle, now])? else { return Ok(None) };
    Ok(Some(LiveApiKey {
        id: row.parsed()?,
        application: row.parsed()?,
        scopes: row.parsed()?,
        last_used_at: row.maybe_time()?,
    }))
}

/// Notes that a key was used at `now`.
pub fn used(tx: &mut Tx<'_>, id: ApiKeyId, now: Timestamp) -> StoreResult<()> {
    tx.execute(USED, values![now, id]).map(drop)
}

/// The keys of an application, the newest first; revoked ones as well.
pub fn list(tx: &mut Tx<'_>, application: ApplicationId) -> StoreResult<Vec<ApiKeyRow>> {
    tx.rows(LIST, values![application])?.into_iter().map(read).collect()
}

fn read(mut row: Row) -> StoreResult<ApiKeyRow> {
    let (id, name, scopes, hint) = (row.parsed()?, row.text()?, row.parsed()?, row.text()?);
    let (created_at, expires_at) = (row.time()?, row.maybe_time()?);
    let (last_used_at, revoked_at) = (row.maybe_time()?, row.maybe_time()?);
    let (creator, disabled, role) = (row.maybe_text()?, row.maybe_time()?.is_some(), row.maybe_parsed()?);
    let creator = creator.map(|name| KeyCreator { name, role: role.filter(|_| !disabled) });
    Ok(ApiKeyRow { id, name, scopes, hint, created_at, expires_at, last_used_at, revoked_at, creator })
}

/// Revokes a key, at once and for good; `false` if it is revoked already, or not of this application and organization.
pub fn revoke(
    tx: &mut Tx<'_>,
    authority: &ApplicationAuthority,
    application: ApplicationId,
    id: ApiKeyId,
    now: Timestamp,
) -> StoreResult<bool> {
    tx.changes_one(REVOKE, values![now, id, application, authority.organization()])
}
