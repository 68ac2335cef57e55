//! Accounts.

use crate::{Tx, error::StoreResult, sql::Row};
use countersign_core::{
    Timestamp,
    authority::{CredentialAuthority, OperatorAuthority, RecoveryAuthority},
    email::EmailAddress,
    ids::{ApplicationId, UserId},
    role::Role,
    second_step::Method,
    session::ProvenAgain,
    sign_in::{Authenticated, PasswordVerified},
};
use std::collections::BTreeSet;
use std::fmt;

sql! {
    BY_EMAIL = "SELECT id, email, name, password_hash, disabled_at, password_by_link_at, application_id FROM users \
        WHERE email = $1 AND application_id IS NULL";
    BY_ID = "SELECT id, COALESCE(contact_email, email), name, password_hash, disabled_at, password_by_link_at, \
        application_id FROM users WHERE id = $1";
    CREATE = "INSERT INTO users (id, email, name, password_hash, password_changed_at, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (email) DO NOTHING";
    SET_PASSWORD = "UPDATE users SET password_hash = $1, password_changed_at = $2 WHERE id = $3";
    SET_PASSWORD_BY_LINK = "UPDATE users SET password_by_link_at = CASE WHEN password_hash IS NULL \
        THEN password_by_link_at ELSE $2 END, password_hash = $1, password_changed_at = $2 WHERE id = $3";
    VOUCHED_FOR = "UPDATE users SET password_by_link_at = NULL \
        WHERE id = $1 AND password_by_link_at IS NOT NULL";
    REHASH = "UPDATE users SET password_hash = $1 WHERE id = $2 AND password_hash = $3";
    DISABLE = "UPDATE users SET disabled_at = $1 WHERE id = $2 AND disabled_at IS NULL";
    ENABLE = "UPDATE users SET disabled_at = NULL WHERE id = $1 AND disabled_at IS NOT NULL";
    SEARCH = "SELECT u.id, u.email, u.name, u.disabled_at, o.name, m.role FROM users AS u \
        LEFT JOIN memberships AS m ON m.user_id = u.id LEFT JOIN organizations AS o ON o.id = m.organization_id \
        WHERE u.application_id IS NULL AND (lower(u.email) LIKE $1 ESCAPE '!' OR lower(u.name) LIKE $1 ESCAPE '!') \
        ORDER BY u.email, o.name LIMIT $2";
    SET_EMAIL = "UPDATE users SET email = $1 WHERE id = $2 AND application_id IS NULL \
        AND NOT EXISTS (SELECT 1 FROM users AS other WHERE other.email = $1 AND other.id <> $2)";
}

/// An account as it is stored.
#[derive(Clone)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The address under which its holder signs in.
    pub email: EmailAddress,
    /// Its holder's name.
    pub name: String,
    /// The password's Argon2id hash, as a PHC string; `None` where no password can sign in.
    pub password_hash: Option<String>,
    /// Whether it may be used at all.
    pub active: bool,
    /// When a link to the mailbox replaced the password, if no second step but email has been used since.
    pub password_by_link_at: Option<Timestamp>,
    /// The application that knows this account by an id of its own; `None` for those who sign in here.
    pub application: Option<ApplicationId>,
}

/// An account that is about to be created.
#[derive(Clone)]
pub struct NewUser {
    /// Its id.
    pub id: UserId,
    /// The address under which its holder will sign in.
    pub email: EmailAddress,
    /// Its holder's name.
    pub name: String,
    /// The password's Argon2id hash, as a PHC string.
    pub password_hash: Option<String>,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("id", &self.id).field("active", &self.active).finish_non_exhaustive()
    }
}

impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewUser").field("id", &self.id).finish_non_exhaustive()
    }
}

fn read(mut row: Row) -> StoreResult<User> {
    Ok(User {
        id: row.parsed()?,
        email: row.parsed()?,
        name: row.text()?,
        password_hash: row.maybe_text()?,
        active: row.maybe_time()?.is_none(),
        password_by_link_at: row.maybe_time()?,
        application: row.maybe_parsed()?,
    })
}

/// The account of an address, among those that sign in here.
pub fn by_email(tx: &mut Tx<'_>, email: &EmailAddress) -> StoreResult<Option<User>> {
    tx.row(BY_EMAIL, values![email])?.map(read).transpose()
}

/// The account of an id.
pub fn by_id(tx: &mut Tx<'_>, id: UserId) -> StoreResult<Option<User>> {
    tx.row(BY_ID, values![id])?.map(read).transpose()
}

/// One line of a search: an account that signs in here, and one of its memberships if it has any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundUser {
    /// The account.
    pub id: UserId,
    /// The address under which its holder signs in.
    pub email: String,
    /// Its holder's name.
    pub name: String,
    /// Whether it may be used.
    pub active: bool,
    /// An organization to which it belongs, and its role there.
    pub membership: Option<(String, Role)>,
}

/// The accounts whose address or name contains `text` in any case, by address; at most `limit` lines. Without text, all.
pub fn search(tx: &mut Tx<'_>, text: &str, limit: u32) -> StoreResult<Vec<FoundUser>> {
    let literal = text.to_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_");
    tx.rows(SEARCH, values![format!("%{literal}%"), limit])?
        .into_iter()
        .map(|mut row| {
            Ok(FoundUser {
                id: row.parsed()?,
                email: row.text()?,
                name: row.text()?,
                active: row.maybe_time()?.is_none(),
                membership: row.maybe_text()?.zip(row.maybe_parsed()?),
            })
        })
        .collect()
}

/// Disables an account, or enables it again; `false` if it was so already. Whoever disables it also ends what is open.
pub fn set_active(
    tx: &mut Tx<'_>,
    _: &OperatorAuthority,
    id: UserId,
    active: bool,
    now: Timestamp,
) -> StoreResult<bool> {
    if active { tx.changes_one(ENABLE, values![id]) } else { tx.changes_one(DISABLE, values![now, id]) }
}

/// Creates an account; `false` if the address is taken.
pub fn create(tx: &mut Tx<'_>, _: &OperatorAuthority, user: &NewUser, now: Timestamp) -> StoreResult<bool> {
    let changed_at = user.password_hash.as_ref().map(|_| now);
    take_turns_at_an_address(tx)?;
    tx.changes_one(
        CREATE,
        values![user.id, &user.email, &user.name, user.password_hash.as_ref(), changed_at, now],
    )
}

/// Sets the password, to an Argon2id hash. If the one before was set by a link to the mailbox, this one still rests on the
/// mailbox only: someone who has the mailbox can do both.
pub fn set_password(
    tx: &mut Tx<'_>,
    authority: &CredentialAuthority,
    hash: &str,
    now: Timestamp,
) -> StoreResult<()> {
    tx.execute(SET_PASSWORD, values![hash, now, authority.user()]).map(drop)
}

/// Sets the password after a reset link was spent, to an Argon2id hash. An account's first password replaces none: there was
/// nothing that the link could have stood in for.
pub fn set_password_by_recovery(
    tx: &mut Tx<'_>,
    authority: &RecoveryAuthority,
    hash: &str,
    now: Timestamp,
) -> StoreResult<()> {
    tx.execute(SET_PASSWORD_BY_LINK, values![hash, now, authority.user()]).map(drop)
}

/// Notes that more than the mailbox has vouched for the account holder since the last reset: a second step of another
/// kind, at a sign-in.
pub fn vouched_for(tx: &mut Tx<'_>, authenticated: &Authenticated) -> StoreResult<()> {
    vouch(tx, authenticated.user(), authenticated.second_step())
}

/// The same, at a step-up.
pub fn vouched_for_again(tx: &mut Tx<'_>, proven: &ProvenAgain) -> StoreResult<()> {
    vouch(tx, proven.user(), proven.second_step())
}

fn vouch(tx: &mut Tx<'_>, user: UserId, second_step: Option<Method>) -> StoreResult<()> {
    match second_step {
        None | Some(Method::Email) => Ok(()),
        Some(Method::App | Method::Sms | Method::BackupCode) => {
            tx.execute(VOUCHED_FOR, values![user]).map(drop)
        }
    }
}

/// Forgets that a link to the mailbox set the password: where the policy permits no second step but email, nothing else
/// could ever vouch for the account holder.
pub fn forget_reset_link(tx: &mut Tx<'_>, authority: &CredentialAuthority) -> StoreResult<()> {
    tx.execute(VOUCHED_FOR, values![authority.user()]).map(drop)
}

/// Replaces the hash of an unchanged password by one with today's parameters; `false` if the password has been changed
/// meanwhile.
pub fn rehash(tx: &mut Tx<'_>, verified: &PasswordVerified, old: &str, new: &str) -> StoreResult<bool> {
    tx.changes_one(REHASH, values![new, verified.user(), old])
}

/// Changes the address under which the account signs in; `false` if another account has it.
pub fn set_email(
    tx: &mut Tx<'_>,
    authority: &CredentialAuthority,
    email: &EmailAddress,
) -> StoreResult<bool> {
    take_turns_at_an_address(tx)?;
    tx.changes_one(SET_EMAIL, values![email, authority.user()])
}

/// Lets the writes of one account pass one after the other, where several rows decide together: whether a password still
/// counts and which sign-ins it has begun, say. To be asked for first, before any row of the account is touched.
pub fn take_turn(tx: &mut Tx<'_>, user: UserId) -> StoreResult<()> {
    tx.take_turns(&format!("account.{user}"))
}

/// The same for several accounts, in one order, so that no two who ask for the same wait for each other.
pub fn take_turns(tx: &mut Tx<'_>, users: impl IntoIterator<Item = UserId>) -> StoreResult<()> {
    let users: BTreeSet<UserId> = users.into_iter().collect();
    users.into_iter().try_for_each(|user| take_turn(tx, user))
}

/// Two who want one address at the same moment: the second must see the first, not run into the unique index.
fn take_turns_at_an_address(tx: &mut Tx<'_>) -> StoreResult<()> {
    tx.take_turns("users.email")
}
