//! API keys: what an application's server shows. Only their SHA-256 is kept, and a hint for people.

use crate::{Tx, error::StoreResult, sql::Row};
use countersign_core::{
    Timestamp,
    application::Scopes,
    authority::ApplicationAuthority,
    ids::{ApiKeyId, ApplicationId},
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
    LIST = "SELECT id, name, scopes, hint, created_at, expires_at, last_used_at, revoked_at FROM api_keys \
        WHERE application_id = $1 ORDER BY created_at DESC, id DESC";
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
    Ok(ApiKeyRow {
        id: row.parsed()?,
        name: row.text()?,
        scopes: row.parsed()?,
        hint: row.text()?,
        created_at: row.time()?,
        expires_at: row.maybe_time()?,
        last_used_at: row.maybe_time()?,
        revoked_at: row.maybe_time()?,
    })
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
