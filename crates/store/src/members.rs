//! Organizations and who belongs to them.

use crate::{Tx, error::StoreResult, sql::Row};
use countersign_core::{
    Timestamp,
    authority::OperatorAuthority,
    ids::{OrganizationId, UserId},
    role::Role,
    second_step::{SecondSteps, Standing},
};

sql! {
    OF_USER = "SELECT o.id, o.name, m.role FROM memberships AS m \
        JOIN organizations AS o ON o.id = m.organization_id \
        WHERE m.user_id = $1 ORDER BY m.created_at, o.id";
    CREATE_ORGANIZATION = "INSERT INTO organizations (id, name, created_at) VALUES ($1, $2, $3)";
    ADD = "INSERT INTO memberships (organization_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)";
    // Of each kind of second step: how many there are, and how many of them are disabled.
    LIST = "SELECT u.id, u.name, u.email, m.role, u.disabled_at, u.password_by_link_at, \
        (SELECT count(*) FROM apps AS a WHERE a.user_id = u.id), \
        (SELECT count(*) FROM apps AS a JOIN failures AS f ON f.user_id = a.user_id AND f.method = 'app' \
            AND f.authenticator = a.id AND f.disabled_at IS NOT NULL WHERE a.user_id = u.id), \
        (SELECT count(*) FROM phones AS p WHERE p.user_id = u.id), \
        (SELECT count(*) FROM phones AS p JOIN failures AS f ON f.user_id = p.user_id AND f.method = 'sms' \
            AND f.authenticator = p.id AND f.disabled_at IS NOT NULL WHERE p.user_id = u.id), \
        (SELECT count(*) FROM failures AS f WHERE f.user_id = u.id AND f.method = 'email' \
            AND f.authenticator = u.email AND f.disabled_at IS NOT NULL), \
        (SELECT count(*) FROM backup_codes AS b WHERE b.user_id = u.id AND b.used_at IS NULL), \
        (SELECT count(*) FROM backup_codes AS b JOIN failures AS f ON f.user_id = b.user_id \
            AND f.method = 'backup-code' AND f.authenticator = b.set_id AND f.disabled_at IS NOT NULL \
            WHERE b.user_id = u.id AND b.used_at IS NULL) \
        FROM memberships AS m JOIN users AS u ON u.id = m.user_id \
        WHERE m.organization_id = $1 AND m.user_id = COALESCE($2, m.user_id)";
    ORGANIZATION_NAME = "SELECT name FROM organizations WHERE id = $1";
    ORGANIZATIONS = "SELECT id, name FROM organizations ORDER BY created_at, id";
    OWNERS = "SELECT count(*) FROM memberships WHERE role = 'owner'";
}

/// A membership, as its user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The organization.
    pub organization: OrganizationId,
    /// Its name.
    pub organization_name: String,
    /// The user's role in it.
    pub role: Role,
}

/// A member, as administrators see them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Their account.
    pub id: UserId,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Their role in the organization.
    pub role: Role,
    /// Whether their account may be used.
    pub active: bool,
    /// How many authenticator apps they have.
    pub apps: u32,
    /// Whether they have a confirmed phone.
    pub phone: bool,
    /// What they have of every kind of second step, as in [`second_steps::of`](crate::second_steps::of).
    pub steps: SecondSteps,
}

/// What there is of one kind, of which so many are disabled.
fn standing(count: u32, disabled: u32) -> Standing {
    match count {
        0 => Standing::Absent,
        _ if disabled >= count => Standing::Disabled,
        _ => Standing::Ready,
    }
}

fn read(mut row: Row) -> StoreResult<Member> {
    let (id, name, email, role) = (row.parsed()?, row.text()?, row.text()?, row.parsed()?);
    let (active, password_by_link) = (row.maybe_time()?.is_none(), row.maybe_time()?.is_some());
    let (apps, apps_disabled) = (row.count()?, row.count()?);
    let (phones, phones_disabled) = (row.count()?, row.count()?);
    let email_disabled = row.count()?;
    let (codes, codes_disabled) = (row.count()?, row.count()?);
    let steps = SecondSteps {
        app: standing(apps, apps_disabled),
        sms: standing(phones, phones_disabled),
        email: standing(1, email_disabled),
        backup_code: standing(codes, codes_disabled),
        password_by_link,
    };
    Ok(Member { id, name, email, role, active, apps, phone: phones > 0, steps })
}

/// The organizations of a user, the oldest membership first.
pub fn of_user(tx: &mut Tx<'_>, user: UserId) -> StoreResult<Vec<Membership>> {
    tx.rows(OF_USER, values![user])?
        .into_iter()
        .map(|mut row| {
            Ok(Membership {
                organization: row.parsed()?,
                organization_name: row.text()?,
                role: row.parsed()?,
            })
        })
        .collect()
}

/// Creates an organization without members.
pub fn create_organization(
    tx: &mut Tx<'_>,
    _: &OperatorAuthority,
    id: OrganizationId,
    name: &str,
    now: Timestamp,
) -> StoreResult<()> {
    tx.execute(CREATE_ORGANIZATION, values![id, name, now]).map(drop)
}

/// Makes a user a member.
pub fn add(
    tx: &mut Tx<'_>,
    _: &OperatorAuthority,
    organization: OrganizationId,
    user: UserId,
    role: Role,
    now: Timestamp,
) -> StoreResult<()> {
    tx.execute(ADD, values![organization, user, role, now]).map(drop)
}

/// The members of an organization, by name.
pub fn list(tx: &mut Tx<'_>, organization: OrganizationId) -> StoreResult<Vec<Member>> {
    let rows = tx.rows(LIST, values![organization, None::<UserId>])?;
    let mut members = rows.into_iter().map(read).collect::<StoreResult<Vec<_>>>()?;
    // The engines collate differently; this is the same everywhere.
    members.sort_by_cached_key(|member| (member.name.to_lowercase(), member.id));
    Ok(members)
}

/// The owners of an organization whose accounts are active, by name.
pub fn owners(tx: &mut Tx<'_>, organization: OrganizationId) -> StoreResult<Vec<Member>> {
    let mut members = list(tx, organization)?;
    members.retain(|member| member.active && member.role == Role::Owner);
    Ok(members)
}

/// One member of an organization; `None` if the user is not one.
pub fn one(tx: &mut Tx<'_>, organization: OrganizationId, user: UserId) -> StoreResult<Option<Member>> {
    tx.row(LIST, values![organization, Some(user)])?.map(read).transpose()
}

/// Every organization, the oldest first, by its name.
pub fn organizations(tx: &mut Tx<'_>) -> StoreResult<Vec<(OrganizationId, String)>> {
    tx.rows(ORGANIZATIONS, values![])?.into_iter().map(|mut row| Ok((row.parsed()?, row.text()?))).collect()
}

/// The name of one organization.
pub fn organization_name(tx: &mut Tx<'_>, id: OrganizationId) -> StoreResult<Option<String>> {
    tx.row(ORGANIZATION_NAME, values![id])?.map(|mut row| row.text()).transpose()
}

/// Whether there is an owner of any organization: whether anybody has set this server up.
pub fn any_owner(tx: &mut Tx<'_>) -> StoreResult<bool> {
    tx.row(OWNERS, values![])?.map_or(Ok(false), |mut row| Ok(row.count()? > 0))
}
