//! Applications and their addresses.

use crate::{Tx, error::StoreResult, sql::Row};
use countersign_core::{
    Timestamp,
    application::{AddressKind, ClientAuth, ReturnAddress, SigningAlgorithm},
    authority::ApplicationAuthority,
    ids::{ApplicationId, OrganizationId},
    secret::StoredHandle,
};

sql! {
    INSERT = "INSERT INTO applications (id, organization_id, name, first_party, for_everyone, app_required, \
        id_token_alg, created_at, accepts_login_as) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    BY_ID = "SELECT id, organization_id, name, first_party, for_everyone, app_required, accepts_login_as, client_auth, \
        id_token_alg, client_keys, disabled_at FROM applications WHERE id = $1";
    LIST = "SELECT id, organization_id, name, first_party, for_everyone, app_required, accepts_login_as, client_auth, \
        id_token_alg, client_keys, disabled_at FROM applications WHERE organization_id = $1 ORDER BY created_at, id";
    UPDATE = "UPDATE applications SET name = COALESCE($1, name), app_required = COALESCE($2, app_required), \
        accepts_login_as = COALESCE($3, accepts_login_as) WHERE id = $4 AND organization_id = $5";
    SET_CLIENT = "UPDATE applications SET client_auth = $1, client_secret = $2, client_keys = $3, id_token_alg = $4 \
        WHERE id = $5 AND organization_id = $6";
    KEEP_SECRET = "UPDATE applications SET id_token_alg = $1 \
        WHERE id = $2 AND organization_id = $3 AND client_auth = 'client-secret'";
    REMOVE_CLIENT = "UPDATE applications SET client_auth = NULL, client_secret = NULL, client_keys = NULL \
        WHERE id = $1 AND organization_id = $2 AND client_auth IS NOT NULL";
    SET_SECRET = "UPDATE applications SET client_secret = $1 \
        WHERE id = $2 AND organization_id = $3 AND client_auth = 'client-secret'";
    HAS_SECRET = "SELECT id FROM applications WHERE id = $1 AND client_secret = $2 AND client_auth = 'client-secret' \
        AND disabled_at IS NULL";
    DISABLE = "UPDATE applications SET disabled_at = $1 \
        WHERE id = $2 AND organization_id = $3 AND disabled_at IS NULL";
    ENABLE = "UPDATE applications SET disabled_at = NULL \
        WHERE id = $1 AND organization_id = $2 AND disabled_at IS NOT NULL";
    ADD_ADDRESS = "INSERT INTO application_addresses (application_id, kind, address) \
        SELECT a.id, $2, $3 FROM applications AS a WHERE a.id = $1 AND a.organization_id = $4 \
        ON CONFLICT (application_id, kind, address) DO NOTHING";
    REMOVE_ADDRESS = "DELETE FROM application_addresses WHERE application_id = $1 AND kind = $2 AND address = $3 \
        AND EXISTS (SELECT 1 FROM applications AS a WHERE a.id = $1 AND a.organization_id = $4)";
    ADDRESSES = "SELECT address FROM application_addresses WHERE application_id = $1 AND kind = $2 ORDER BY address";
    HAS_ADDRESS = "SELECT address FROM application_addresses WHERE application_id = $1 AND kind = $2 AND address = $3";
}

/// An application as it is stored.
#[derive(Clone, Debug)]
pub struct Application {
    /// Its id; as an OpenID Connect client, its `client_id`.
    pub id: ApplicationId,
    /// The organization that registered it.
    pub organization: OrganizationId,
    /// Its name, as people see it.
    pub name: String,
    /// The operator's own: people are not asked for consent.
    pub first_party: bool,
    /// Everybody may sign in to it, not only members of its organization.
    pub for_everyone: bool,
    /// At a hosted second step, whoever has no authenticator app sets one up.
    pub app_required: bool,
    /// An administrator may enter it in a member's account ("login as"): it declares that it honors `act`.
    pub accepts_login_as: bool,
    /// How it signs people in by OpenID Connect; `None` where it does not.
    pub client: Option<Client>,
    /// Whether it may be used at all.
    pub active: bool,
}

impl Application {
    /// The OpenID Connect part, if it is switched on and signs people in.
    pub fn signing_in(&self) -> Option<&Client> {
        self.client.as_ref().filter(|_| self.active)
    }
}

/// The OpenID Connect part of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// How it shows who it is.
    pub auth: ClientAuth,
    /// How its ID tokens are signed.
    pub id_token_alg: SigningAlgorithm,
    /// Its public keys (a JWK Set, RFC 7517 §5), where it signs assertions.
    pub keys: Option<String>,
}

/// An application that is about to be stored.
#[derive(Clone, Debug)]
pub struct NewApplication {
    /// Its id.
    pub id: ApplicationId,
    /// Its name.
    pub name: String,
    /// At a hosted second step, whoever has no authenticator app sets one up.
    pub app_required: bool,
    /// It accepts "login as".
    pub accepts_login_as: bool,
}

/// What is to change about an application; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct ApplicationUpdate {
    /// Its name.
    pub name: Option<String>,
    /// Whether an authenticator app is required at a hosted second step.
    pub app_required: Option<bool>,
    /// Whether it accepts "login as".
    pub accepts_login_as: Option<bool>,
}

fn read(mut row: Row) -> StoreResult<Application> {
    let (id, organization, name) = (row.parsed()?, row.parsed()?, row.text()?);
    let (first_party, for_everyone, app_required) = (row.flag()?, row.flag()?, row.flag()?);
    let accepts_login_as = row.flag()?;
    let (auth, id_token_alg, keys) = (row.maybe_parsed()?, row.parsed()?, row.maybe_text()?);
    let client = auth.map(|auth| Client { auth, id_token_alg, keys });
    let active = row.maybe_time()?.is_none();
    Ok(Application {
        id,
        organization,
        name,
        first_party,
        for_everyone,
        app_required,
        accepts_login_as,
        client,
        active,
    })
}

/// Stores an application of the authority's organization. First-party and open to everyone are what the authority says.
pub fn insert(
    tx: &mut Tx<'_>,
    authority: &ApplicationAuthority,
    new: &NewApplication,
    now: Timestamp,
) -> StoreResult<()> {
    let params = values![
        new.id,
        authority.organization(),
        &new.name,
        authority.first_party(),
        authority.for_everyone(),
        new.app_required,
        SigningAlgorithm::Rs256,
        now,
        new.accepts_login_as,
    ];
    tx.execute(INSERT, params).map(drop)
}

/// The application of an id, switched off or not.
pub fn by_id(tx: &mut Tx<'_>, id: ApplicationId) -> StoreResult<Option<Application>> {
    tx.row(BY_ID, values![id])?.map(read).transpose()
}

/// The applications of an organization, the oldest first.
pub fn list(tx: &mut Tx<'_>, organization: OrganizationId) -> StoreResult<Vec<Application>> {
    tx.rows(LIST, values![organization])?.into_iter().map(read).collect()
}

/// Changes an application. `false` if it is not one of this organization's.
pub fn update(
    tx: &mut Tx<'_>,
    authority: &ApplicationAuthority,
    id: ApplicationId,
    update: &ApplicationUpdate,
) -> StoreResult<bool> {
    let ApplicationUpdate { name, app_required, accepts_login_as } = update;
    let params = values![name.as_ref(), *app_required, *accepts_login_as, id, authority.organization()];
    tx.changes_one(UPDATE, params)
}

/// Says how the application signs people in; whatever secret it had is worthless. `false` as above.
pub fn set_client(
    tx: &mut Tx<'_>,
    authority: &ApplicationAuthority,
    id: ApplicationId,
    client: &Client,
    secret: Option<&StoredHandle>,
) -> StoreResult<bool> {
    let params = values![
        client.auth,
        secret,
        client.keys.as_ref(),
        client.id_token_alg,
        id,
        authority.organization(),
    ];
    tx.changes_one(SET_CLIENT, params)
}

/// Changes how the ID tokens of a client with a secret are signed; its secret stays. `false` if it is none such.
pub fn set_signing_of_secret_client(
    tx: &mut Tx<'_>,
    authority: &ApplicationAuthority,
    id: ApplicationId,
    id_token_alg: SigningAlgorithm,
) -> StoreResult<bool> {
    tx.changes_one(KEEP_SECRET, values![id_token_alg, id, authority.organization()])
}

/// Makes it sign nobody in any more; its secret and its keys are forgotten. `false` if it signed nobody in, or is not one
/// of this organization's.
pub fn remove_client(
    tx: &mut Tx<'_>,
    authority: &ApplicationAuthority,
    id: ApplicationId,
) -> StoreResult<bool> {
    tx.changes_one(REMOVE_CLIENT, values![id, authority.organization()])
}

/// Replaces the client's secret; `false` if it is not a client with a secret, or not of this organization.
pub fn set_secret(
    tx: &mut Tx<'_>,
    authority: &ApplicationAuthority,
    id: ApplicationId,
    secret: &StoredHandle,
) -> StoreResult<bool> {
    tx.changes_one(SET_SECRET, values![secret, id, authority.organization()])
}

/// Whether this is the secret of the client. Found by its SHA-256, of which nothing can be learnt by timing.
pub fn has_secret(tx: &mut Tx<'_>, id: ApplicationId, secret: &StoredHandle) -> StoreResult<bool> {
    Ok(tx.row(HAS_SECRET, values![id, secret])?.is_some())
}

/// Switches an application off: its keys and its sign-ins are refused from now on. `false` if it was off, or is not one
/// of this organization's.
pub fn disable(
    tx: &mut Tx<'_>,
    authority: &ApplicationAuthority,
    id: ApplicationId,
    now: Timestamp,
) -> StoreResult<bool> {
    tx.changes_one(DISABLE, values![now, id, authority.organization()])
}

/// Switches it on again; `false` if it was on, or is not one of this organization's.
pub fn enable(tx: &mut Tx<'_>, authority: &ApplicationAuthority, id: ApplicationId) -> StoreResult<bool> {
    tx.changes_one(ENABLE, values![id, authority.organization()])
}

/// Registers an address; `false` if it is registered already, or the application is not one of this organization's.
pub fn add_address(
    tx: &mut Tx<'_>,
    authority: &ApplicationAuthority,
    id: ApplicationId,
    kind: AddressKind,
    address: &ReturnAddress,
) -> StoreResult<bool> {
    tx.changes_one(ADD_ADDRESS, values![id, kind, address.as_str(), authority.organization()])
}

/// Removes an address; `false` if it is not there.
pub fn remove_address(
    tx: &mut Tx<'_>,
    authority: &ApplicationAuthority,
    id: ApplicationId,
    kind: AddressKind,
    address: &str,
) -> StoreResult<bool> {
    tx.changes_one(REMOVE_ADDRESS, values![id, kind, address, authority.organization()])
}

/// The addresses of one kind.
pub fn addresses(tx: &mut Tx<'_>, id: ApplicationId, kind: AddressKind) -> StoreResult<Vec<ReturnAddress>> {
    tx.rows(ADDRESSES, values![id, kind])?.into_iter().map(|mut row| row.parsed()).collect()
}

/// The address that was registered exactly as `text`, if there is one.
pub fn address(
    tx: &mut Tx<'_>,
    id: ApplicationId,
    kind: AddressKind,
    text: &str,
) -> StoreResult<Option<ReturnAddress>> {
    match tx.row(HAS_ADDRESS, values![id, kind, text])? {
        None => Ok(None),
        Some(_) => Ok(text.parse().ok()),
    }
}
