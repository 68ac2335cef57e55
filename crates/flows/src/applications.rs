//! Applications: registered by an organization's administrators or by the operator, and given keys.
//!
//! Whatever is made here and is secret (an API key, a client's secret) is kept as its SHA-256. Its text goes to whoever
//! made it, once: the operator reads it at the console; an administrator's waits, sealed, for their page.

mod client;
mod keys;
mod operator;
mod reveal;

pub use client::{ClientDraft, ClientOutcome, NewSecret, new_secret, remove_client, set_client};
pub(crate) use keys::PREFIX as KEY_PREFIX;
pub use keys::{KeyDraft, KeyOutcome, NewKey, make_key, revoke_key};
pub use operator::{
    CreateOutcome, Draft, create, list_all, operators_authority, operators_authority_over, show_any,
};
pub use reveal::take as reveal;

use crate::{Fault, Services, activity, members::run_by};
use countersign_core::{
    Timestamp,
    application::{AddressError, AddressKind, ReturnAddress},
    authority::ApplicationAuthority,
    event::{Detail, EventKind, Origin},
    ids::{ApplicationId, OrganizationId},
    public_name::public_name,
    role::Role,
    session::{OwnSession, ProofTooOld},
    text::TextError,
};
use countersign_store::{StoreResult, Tx, api_keys, applications, members};
pub use countersign_store::{
    api_keys::{ApiKeyRow, KeyCreator},
    application_reveals::{Reveal, SecretOf},
    applications::{Application, ApplicationUpdate, Client},
};

/// An application's and a key's name have at most this many characters.
pub const NAME_LENGTH: usize = 60;

/// An organization has at most this many applications, and an application this many addresses and keys: enough for
/// anybody, and an end for a script that has gone astray.
pub const MOST: usize = 100;

/// An application with everything that its page shows.
#[derive(Clone, Debug)]
pub struct ApplicationView {
    /// The application.
    pub application: Application,
    /// Its keys, the newest first; revoked ones as well.
    pub keys: Vec<ApiKeyRow>,
    /// Its addresses, by kind.
    pub addresses: Vec<(AddressKind, ReturnAddress)>,
}

/// What became of a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegisterOutcome {
    /// Here it is.
    Registered(ApplicationId),
    /// Not a name.
    Name(TextError),
    /// There are [`MOST`] already.
    TooMany,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateOutcome {
    /// Done.
    Done,
    /// No such application in this organization.
    NotFound,
    /// Not a name.
    Name(TextError),
    /// Only an owner may say that it accepts "login as".
    OwnersOnly,
}

/// What became of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressOutcome {
    /// It is registered.
    Added,
    /// No such application in this organization.
    NotFound,
    /// Not an address.
    Address(AddressError),
    /// It is registered already.
    Doubled,
    /// There are [`MOST`] of its kind already.
    TooMany,
}

/// The authority over the applications of the organization that this session's account holder runs; `Err` where the proof of
/// identity is too old, `None` for somebody who runs none.
pub async fn authority(
    s: &Services,
    session: &OwnSession,
) -> Result<Result<Option<ApplicationAuthority>, ProofTooOld>, Fault> {
    let (user, now, max_age) = (session.user(), s.now(), s.rules.step_up_max_age);
    Ok(match s.store.read(move |tx| run_by(tx, user)).await? {
        Some(own) => session.application_authority(own.organization, own.role, now, max_age),
        None => Ok(None),
    })
}

/// The applications of an organization, the oldest first.
pub async fn list(s: &Services, organization: OrganizationId) -> Result<Vec<Application>, Fault> {
    s.store.read(move |tx| applications::list(tx, organization)).await.map_err(Into::into)
}

/// One application of an organization.
pub async fn show(
    s: &Services,
    organization: OrganizationId,
    id: ApplicationId,
) -> Result<Option<ApplicationView>, Fault> {
    s.store
        .read(move |tx| {
            let Some(application) = applications::by_id(tx, id)?.filter(|a| a.organization == organization)
            else {
                return Ok(None);
            };
            let mut addresses = Vec::new();
            for kind in AddressKind::ALL {
                let of_kind = applications::addresses(tx, id, *kind)?;
                addresses.extend(of_kind.into_iter().map(|address| (*kind, address)));
            }
            Ok(Some(ApplicationView { application, keys: api_keys::list(tx, id)?, addresses }))
        })
        .await
        .map_err(Into::into)
}

/// Registers an application.
pub async fn register(
    s: &Services,
    authority: ApplicationAuthority,
    name: &str,
    app_required: bool,
    origin: &Origin,
) -> Result<RegisterOutcome, Fault> {
    let name = match public_name(name, NAME_LENGTH) {
        Ok(name) => name,
        Err(error) => return Ok(RegisterOutcome::Name(error)),
    };
    let (now, origin) = (s.now(), origin.clone());
    let id = ApplicationId::generate(now, &*s.entropy);
    s.store
        .write(move |tx| {
            if applications::list(tx, authority.organization())?.len() >= MOST {
                return Ok(RegisterOutcome::TooMany);
            }
            let new = applications::NewApplication { id, name, app_required, accepts_login_as: false };
            applications::insert(tx, &authority, &new, now)?;
            record(tx, &authority, EventKind::ApplicationRegistered, &new.name, &origin, now)?;
            Ok(RegisterOutcome::Registered(id))
        })
        .await
        .map_err(Into::into)
}

/// Changes an application. That it accepts "login as" is an owner's or the operator's to say: someone who may enter a
/// member's account must not also decide where that leads.
pub async fn update(
    s: &Services,
    authority: ApplicationAuthority,
    id: ApplicationId,
    update: ApplicationUpdate,
    origin: &Origin,
) -> Result<UpdateOutcome, Fault> {
    let name = match update.name.map(|name| public_name(&name, NAME_LENGTH)).transpose() {
        Ok(name) => name,
        Err(error) => return Ok(UpdateOutcome::Name(error)),
    };
    let update = ApplicationUpdate { name, ..update };
    let (now, origin) = (s.now(), origin.clone());
    s.store
        .write(move |tx| {
            if update.accepts_login_as == Some(true) && !is_at_least(tx, &authority, Role::Owner)? {
                return Ok(UpdateOutcome::OwnersOnly);
            }
            if !applications::update(tx, &authority, id, &update)? {
                return Ok(UpdateOutcome::NotFound);
            }
            record_of(tx, &authority, EventKind::ApplicationChanged, id, &origin, now)?;
            Ok(UpdateOutcome::Done)
        })
        .await
        .map_err(Into::into)
}

/// Whether the authority is the operator's, or that of someone who has this role or a higher one now: it is looked up in the
/// write, because a role may have been lost since the request began.
fn is_at_least(tx: &mut Tx<'_>, authority: &ApplicationAuthority, role: Role) -> StoreResult<bool> {
    let Some(user) = authority.by() else { return Ok(true) };
    let member = members::one(tx, authority.organization(), user)?;
    Ok(member.is_some_and(|member| member.active && member.role >= role))
}

/// Switches an application off, or on again; `false` if it was so, or is none of this organization.
pub async fn set_active(
    s: &Services,
    authority: ApplicationAuthority,
    id: ApplicationId,
    active: bool,
    origin: &Origin,
) -> Result<bool, Fault> {
    let work = move |tx: &mut Tx<'_>, authority: &ApplicationAuthority, now| {
        if active {
            applications::enable(tx, authority, id)
        } else {
            applications::disable(tx, authority, id, now)
        }
    };
    change(s, authority, id, origin, work).await
}

/// Changes something, and writes that down if anything has changed.
async fn change(
    s: &Services,
    authority: ApplicationAuthority,
    id: ApplicationId,
    origin: &Origin,
    work: impl FnOnce(&mut Tx<'_>, &ApplicationAuthority, Timestamp) -> StoreResult<bool> + Send + 'static,
) -> Result<bool, Fault> {
    let (now, origin) = (s.now(), origin.clone());
    s.store
        .write(move |tx| {
            let done = work(tx, &authority, now)?;
            if done {
                record_of(tx, &authority, EventKind::ApplicationChanged, id, &origin, now)?;
            }
            Ok(done)
        })
        .await
        .map_err(Into::into)
}

/// Registers an address.
pub async fn add_address(
    s: &Services,
    authority: ApplicationAuthority,
    id: ApplicationId,
    kind: AddressKind,
    text: &str,
    origin: &Origin,
) -> Result<AddressOutcome, Fault> {
    let address = match kind.address(text.trim()) {
        Ok(address) => address,
        Err(error) => return Ok(AddressOutcome::Address(error)),
    };
    let (now, origin) = (s.now(), origin.clone());
    s.store
        .write(move |tx| {
            if !is_of(tx, &authority, id)? {
                return Ok(AddressOutcome::NotFound);
            }
            if applications::addresses(tx, id, kind)?.len() >= MOST {
                return Ok(AddressOutcome::TooMany);
            }
            if !applications::add_address(tx, &authority, id, kind, &address)? {
                return Ok(AddressOutcome::Doubled);
            }
            record_of(tx, &authority, EventKind::ApplicationChanged, id, &origin, now)?;
            Ok(AddressOutcome::Added)
        })
        .await
        .map_err(Into::into)
}

/// Removes an address; `false` if there is none such.
pub async fn remove_address(
    s: &Services,
    authority: ApplicationAuthority,
    id: ApplicationId,
    kind: AddressKind,
    address: &str,
    origin: &Origin,
) -> Result<bool, Fault> {
    let address = address.to_owned();
    let work = move |tx: &mut Tx<'_>, authority: &ApplicationAuthority, _| {
        applications::remove_address(tx, authority, id, kind, &address)
    };
    change(s, authority, id, origin, work).await
}

/// Whether the application is one of the authority's organization.
fn is_of(tx: &mut Tx<'_>, authority: &ApplicationAuthority, id: ApplicationId) -> StoreResult<bool> {
    Ok(applications::by_id(tx, id)?.is_some_and(|found| found.organization == authority.organization()))
}

/// Writes down what an administrator did, in their own activity. The operator's console leaves its own traces.
fn record(
    tx: &mut Tx<'_>,
    authority: &ApplicationAuthority,
    kind: EventKind,
    text: &str,
    origin: &Origin,
    now: Timestamp,
) -> StoreResult<()> {
    let Some(user) = authority.by() else { return Ok(()) };
    let detail = Detail { text: Some(text.to_owned()), ..Detail::default() };
    activity::record(tx, user, kind, detail, origin.clone(), now)
}

/// The same, with the application's name as the text.
fn record_of(
    tx: &mut Tx<'_>,
    authority: &ApplicationAuthority,
    kind: EventKind,
    id: ApplicationId,
    origin: &Origin,
    now: Timestamp,
) -> StoreResult<()> {
    let name = applications::by_id(tx, id)?.map(|found| found.name).unwrap_or_default();
    record(tx, authority, kind, &name, origin, now)
}
