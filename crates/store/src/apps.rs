//! Active authenticator apps. All are the standard kind: SHA-1, six digits, thirty seconds.

use crate::{
    Tx,
    error::StoreResult,
    failures,
    keyring::{Place, Sealed},
};
use countersign_core::{
    Timestamp,
    authority::{CredentialAuthority, OperatorAuthority},
    ids::{AuthenticatorId, UserId},
    second_step::{Evidence, Method},
};
use countersign_otp::TimeStep;
use std::fmt;
use zeroize::Zeroizing;

sql! {
    OPEN_ALL = "SELECT a.id, a.name, a.last_step, a.key_id, a.secret FROM apps AS a WHERE a.user_id = $1 \
        AND NOT EXISTS (SELECT 1 FROM failures AS f WHERE f.user_id = a.user_id AND f.method = 'app' \
            AND f.authenticator = a.id AND f.disabled_at IS NOT NULL) \
        ORDER BY a.created_at, a.id";
    LIST = "SELECT a.id, a.name, a.created_at, a.last_used_at, f.disabled_at FROM apps AS a \
        LEFT JOIN failures AS f ON f.user_id = a.user_id AND f.method = 'app' AND f.authenticator = a.id \
        WHERE a.user_id = $1 ORDER BY a.created_at, a.id";
    INSERT = "INSERT INTO apps (id, user_id, name, secret, key_id, last_step, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    CLAIM_STEP = "UPDATE apps SET last_step = $1, last_used_at = $2 \
        WHERE id = $3 AND user_id = $4 AND last_step < $1";
    REMOVE = "DELETE FROM apps WHERE id = $1 AND user_id = $2 RETURNING name";
    REMOVE_ALL = "DELETE FROM apps WHERE user_id = $1";
}

/// An app with its secret, for checking a code.
pub struct App {
    /// Its id.
    pub id: AuthenticatorId,
    /// What its holder calls it.
    pub name: String,
    /// The shared secret.
    pub secret: Zeroizing<Vec<u8>>,
    /// The newest time step that has been spent.
    pub last_step: TimeStep,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("id", &self.id).finish_non_exhaustive()
    }
}

/// An app as its holder sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppSummary {
    /// Its id.
    pub id: AuthenticatorId,
    /// What its holder calls it.
    pub name: String,
    /// When it was set up.
    pub created_at: Timestamp,
    /// When a code of it was last spent, not counting the one that confirmed it.
    pub last_used_at: Option<Timestamp>,
    /// Too many wrong codes in a row have switched it off until it is enrolled again.
    pub disabled: bool,
}

fn place<'a>(user: &'a str, row: &'a str) -> Place<'a> {
    Place { table: "apps", column: "secret", user, row }
}

/// The user's apps with their secrets, the oldest first; without those that are disabled.
pub fn open_all(tx: &mut Tx<'_>, user: UserId) -> StoreResult<Vec<App>> {
    let rows = tx.rows(OPEN_ALL, values![user])?;
    let user = user.to_string();
    rows.into_iter()
        .map(|mut row| {
            let id: AuthenticatorId = row.parsed()?;
            let (name, last_step) = (row.text()?, row.step()?);
            let sealed = Sealed { key_id: row.text()?, bytes: row.bytes()? };
            let secret = tx.keyring.open(place(&user, &id.to_string()), &sealed)?;
            Ok(App { id, name, secret, last_step })
        })
        .collect()
}

/// The user's apps, the oldest first.
pub fn list(tx: &mut Tx<'_>, user: UserId) -> StoreResult<Vec<AppSummary>> {
    tx.rows(LIST, values![user])?
        .into_iter()
        .map(|mut row| {
            Ok(AppSummary {
                id: row.parsed()?,
                name: row.text()?,
                created_at: row.time()?,
                last_used_at: row.maybe_time()?,
                disabled: row.maybe_time()?.is_some(),
            })
        })
        .collect()
}

/// Makes an app active. `spent` is the time step of the code that confirmed it, which buys nothing more.
pub fn insert(
    tx: &mut Tx<'_>,
    authority: &CredentialAuthority,
    id: AuthenticatorId,
    secret: &[u8],
    name: &str,
    spent: TimeStep,
    now: Timestamp,
) -> StoreResult<()> {
    let user = authority.user();
    let sealed = tx.keyring.seal(tx.entropy, place(&user.to_string(), &id.to_string()), secret)?;
    tx.execute(INSERT, values![id, user, name, sealed.bytes, sealed.key_id, spent, now]).map(drop)
}

/// Spends a time step of an app, and with it every earlier one (RFC 6238 §5.2: a code must not be accepted twice);
/// `None` if it, or a later one, was spent before.
pub fn claim_step(
    tx: &mut Tx<'_>,
    user: UserId,
    id: AuthenticatorId,
    step: TimeStep,
    now: Timestamp,
) -> StoreResult<Option<Evidence>> {
    let claimed = tx.changes_one(CLAIM_STEP, values![step, now, id, user])?;
    Ok(claimed.then(|| Evidence::of_claim(user, Method::App)))
}

/// Removes an app and its failures: its name; `None` if the account has no such app.
pub fn remove(
    tx: &mut Tx<'_>,
    authority: &CredentialAuthority,
    id: AuthenticatorId,
) -> StoreResult<Option<String>> {
    let Some(mut row) = tx.row(REMOVE, values![id, authority.user()])? else { return Ok(None) };
    failures::clear(tx, authority.user(), Method::App, &id.to_string())?;
    row.text().map(Some)
}

/// Removes every app of an account, for the operator, and the failures against them: how many.
pub fn remove_all(tx: &mut Tx<'_>, _: &OperatorAuthority, user: UserId) -> StoreResult<u32> {
    failures::clear_method(tx, user, Method::App)?;
    tx.counts(REMOVE_ALL, values![user])
}
