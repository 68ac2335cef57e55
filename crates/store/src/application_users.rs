//! People whom an application knows by an id of its own.

use crate::{Tx, error::StoreResult, sql::Row};
use countersign_core::{
    Timestamp,
    application::ExternalId,
    authority::CredentialAuthority,
    email::EmailAddress,
    ids::{ApplicationId, UserId},
};

sql! {
    CREATE = "INSERT INTO users (id, email, name, created_at, application_id, external_id, contact_email) \
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (application_id, external_id) DO NOTHING";
    BY_EXTERNAL_ID = "SELECT id, external_id, contact_email, name, disabled_at, created_at FROM users \
        WHERE application_id = $1 AND external_id = $2";
    BY_ID = "SELECT id, external_id, contact_email, name, disabled_at, created_at FROM users \
        WHERE application_id = $1 AND id = $2";
    LIST = "SELECT id, external_id, contact_email, name, disabled_at, created_at FROM users \
        WHERE application_id = $1 AND id > $2 ORDER BY id LIMIT $3";
    SET_NAME = "UPDATE users SET name = $1 WHERE application_id = $2 AND external_id = $3";
    SET_EMAIL = "UPDATE users SET contact_email = $1, contact_proven_at = NULL \
        WHERE id = $2 AND application_id IS NOT NULL";
    PROVE_EMAIL = "UPDATE users SET contact_proven_at = $1 \
        WHERE id = $2 AND application_id IS NOT NULL AND contact_proven_at IS NULL";
    PROVEN = "SELECT contact_proven_at FROM users WHERE id = $1";
    DISABLE = "UPDATE users SET disabled_at = $1 WHERE application_id = $2 AND id = $3 AND disabled_at IS NULL";
    ENABLE = "UPDATE users SET disabled_at = NULL WHERE application_id = $1 AND id = $2 AND disabled_at IS NOT NULL";
}

/// Somebody whom an application knows.
#[derive(Clone, Debug)]
pub struct ApplicationUser {
    /// The account.
    pub id: UserId,
    /// The application's own id.
    pub external: ExternalId,
    /// Where codes and notices go.
    pub email: EmailAddress,
    /// The name.
    pub name: String,
    /// Whether the account may be used.
    pub active: bool,
    /// Since when the application has known them here.
    pub created_at: Timestamp,
}

fn read(mut row: Row) -> StoreResult<ApplicationUser> {
    Ok(ApplicationUser {
        id: row.parsed()?,
        external: row.parsed()?,
        email: row.parsed()?,
        name: row.text()?,
        active: row.maybe_time()?.is_none(),
        created_at: row.time()?,
    })
}

/// Makes somebody known; `false` if the application knows them already.
pub fn create(
    tx: &mut Tx<'_>,
    application: ApplicationId,
    user: &ApplicationUser,
    now: Timestamp,
) -> StoreResult<bool> {
    // The `.invalid` domain is no one's (RFC 2606 §2), so that nobody signs in here under this name.
    let unroutable = format!("{}@application.invalid", user.id);
    let params =
        values![user.id, unroutable, &user.name, now, application, user.external.as_str(), &user.email];
    tx.changes_one(CREATE, params)
}

/// The one whom the application knows by this id.
pub fn by_external_id(
    tx: &mut Tx<'_>,
    application: ApplicationId,
    external: &ExternalId,
) -> StoreResult<Option<ApplicationUser>> {
    tx.row(BY_EXTERNAL_ID, values![application, external.as_str()])?.map(read).transpose()
}

/// The one whose account it is, if this application knows them.
pub fn by_id(
    tx: &mut Tx<'_>,
    application: ApplicationId,
    id: UserId,
) -> StoreResult<Option<ApplicationUser>> {
    tx.row(BY_ID, values![application, id])?.map(read).transpose()
}

/// At most `limit` of those whom the application knows, in the order in which they became known, behind `after`.
pub fn list(
    tx: &mut Tx<'_>,
    application: ApplicationId,
    after: Option<UserId>,
    limit: u32,
) -> StoreResult<Vec<ApplicationUser>> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    tx.rows(LIST, values![application, after, limit])?.into_iter().map(read).collect()
}

/// Changes the name.
pub fn set_name(
    tx: &mut Tx<'_>,
    application: ApplicationId,
    external: &ExternalId,
    name: &str,
) -> StoreResult<bool> {
    tx.changes_one(SET_NAME, values![name, application, external.as_str()])
}

/// Changes where codes and notices go.
pub fn set_email(
    tx: &mut Tx<'_>,
    authority: &CredentialAuthority,
    email: &EmailAddress,
) -> StoreResult<bool> {
    tx.changes_one(SET_EMAIL, values![email, authority.user()])
}

/// A code has shown that the account holder reads the mailbox.
pub fn prove_email(tx: &mut Tx<'_>, user: UserId, now: Timestamp) -> StoreResult<()> {
    tx.execute(PROVE_EMAIL, values![now, user]).map(drop)
}

/// Whether one ever has, for the mailbox that the account has now.
pub fn has_proven_email(tx: &mut Tx<'_>, user: UserId) -> StoreResult<bool> {
    Ok(tx.row(PROVEN, values![user])?.map(|mut row| row.maybe_time()).transpose()?.flatten().is_some())
}

/// Switches the account off; `false` if it was.
pub fn disable(tx: &mut Tx<'_>, application: ApplicationId, id: UserId, now: Timestamp) -> StoreResult<bool> {
    tx.changes_one(DISABLE, values![now, application, id])
}

/// Switches the account on again, with the second steps that it has; `false` if it was on.
pub fn enable(tx: &mut Tx<'_>, application: ApplicationId, id: UserId) -> StoreResult<bool> {
    tx.changes_one(ENABLE, values![application, id])
}
