//! What the operator does with applications, at the server's own console.

use super::{
    ApplicationView, MOST, NAME_LENGTH, client,
    client::{ClientDraft, NewSecret},
    keys,
    keys::{KeyDraft, NewKey},
    show,
};
use crate::{Fault, Services};
use countersign_core::{
    application::{AddressKind, ReturnAddress},
    authority::{ApplicationAuthority, OperatorAuthority},
    event::Origin,
    ids::{ApplicationId, OrganizationId},
    public_name::public_name,
    text::TextError,
};
use countersign_store::{
    StoreError,
    applications::{self, Application},
    members,
};

/// An application that is wanted, with all that belongs to it.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Its name.
    pub name: String,
    /// At a hosted second step, whoever has no authenticator app sets one up.
    pub app_required: bool,
    /// It accepts "login as".
    pub accepts_login_as: bool,
    /// Its addresses, by kind.
    pub addresses: Vec<(AddressKind, ReturnAddress)>,
    /// How it signs people in by OpenID Connect, if it does.
    pub client: Option<ClientDraft>,
    /// Its first API key, if it is to have one.
    pub key: Option<KeyDraft>,
}

/// What became of it.
#[derive(Debug)]
pub enum CreateOutcome {
    /// Registered, and these secrets are shown once.
    Done {
        /// The new application.
        id: ApplicationId,
        /// The client's secret, where it has one.
        secret: Option<NewSecret>,
        /// The API key, where one was wanted.
        key: Option<NewKey>,
    },
    /// Not a name.
    Name(TextError),
    /// Not a name of a key.
    KeyName(TextError),
    /// The client's public keys are missing, or are no JWK Set with a key that can verify a signature.
    ClientKeys,
    /// The organization has [`MOST`] applications already, or this one would have more than [`MOST`] addresses of a kind.
    TooMany,
}

/// Every organization, the oldest first, with its applications.
pub async fn list_all(
    s: &Services,
    _: &OperatorAuthority,
) -> Result<Vec<(OrganizationId, String, Vec<Application>)>, Fault> {
    s.store
        .read(|tx| {
            let organizations = members::organizations(tx)?;
            organizations.into_iter().map(|(id, name)| Ok((id, name, applications::list(tx, id)?))).collect()
        })
        .await
        .map_err(Into::into)
}

/// An application of whichever organization.
pub async fn show_any(
    s: &Services,
    _: &OperatorAuthority,
    id: ApplicationId,
) -> Result<Option<ApplicationView>, Fault> {
    match s.store.read(move |tx| applications::by_id(tx, id)).await? {
        Some(found) => show(s, found.organization, id).await,
        None => Ok(None),
    }
}

/// The operator's authority over the applications of one organization: the named one, or the only one there is. Where that
/// does not say which, all of them.
pub async fn operators_authority(
    s: &Services,
    operator: &OperatorAuthority,
    organization: Option<OrganizationId>,
    first_party: bool,
    for_everyone: bool,
) -> Result<Result<ApplicationAuthority, Vec<(OrganizationId, String)>>, Fault> {
    let all = s.store.read(members::organizations).await?;
    let chosen = match (organization, all.as_slice()) {
        (Some(id), _) if all.iter().any(|(known, _)| *known == id) => id,
        (None, [(only, _)]) => *only,
        _ => return Ok(Err(all)),
    };
    Ok(Ok(ApplicationAuthority::of_operator(operator, chosen, first_party, for_everyone)))
}

/// The operator's authority over an application that is there; `None` if there is none such.
pub async fn operators_authority_over(
    s: &Services,
    operator: &OperatorAuthority,
    id: ApplicationId,
) -> Result<Option<ApplicationAuthority>, Fault> {
    let found = s.store.read(move |tx| applications::by_id(tx, id)).await?;
    Ok(found.map(|found| ApplicationAuthority::of_operator(operator, found.organization, false, false)))
}

/// Registers an application with its addresses, its client and its first key: all of it, or none.
pub async fn create(
    s: &Services,
    authority: ApplicationAuthority,
    draft: Draft,
    origin: &Origin,
) -> Result<CreateOutcome, Fault> {
    let now = s.now();
    let id = ApplicationId::generate(now, &*s.entropy);
    let name = match public_name(&draft.name, NAME_LENGTH) {
        Ok(name) => name,
        Err(error) => return Ok(CreateOutcome::Name(error)),
    };
    let key = match draft.key.map(|key| keys::Drawn::draw(s, id, &key)).transpose() {
        Ok(key) => key,
        Err(error) => return Ok(CreateOutcome::KeyName(error)),
    };
    let client = match draft.client.map(|client| client::Drawn::draw(s, client)) {
        Some(None) => return Ok(CreateOutcome::ClientKeys),
        Some(Some(client)) => Some(client),
        None => None,
    };
    let of_kind = |kind| draft.addresses.iter().filter(|(other, _)| *other == kind).count();
    if AddressKind::ALL.iter().any(|kind| of_kind(*kind) > MOST) {
        return Ok(CreateOutcome::TooMany);
    }
    let Draft { app_required, accepts_login_as, .. } = draft;
    let new = applications::NewApplication { id, name, app_required, accepts_login_as };
    let origin = origin.clone();
    s.store
        .write(move |tx| {
            if applications::list(tx, authority.organization())?.len() >= MOST {
                return Ok(CreateOutcome::TooMany);
            }
            applications::insert(tx, &authority, &new, now)?;
            for (kind, address) in &draft.addresses {
                applications::add_address(tx, &authority, id, *kind, address)?;
            }
            let secret = match client {
                Some(client) => client.store(tx, &authority, id, now)?.flatten(),
                None => None,
            };
            if let Some(key) = &key
                && key.store(tx, &authority, &origin, now)?.is_err()
            {
                // The application is new and has no other key: nothing speaks against this one.
                return Err(StoreError::Refused("the first key of a new application was not stored".into()));
            }
            Ok(CreateOutcome::Done { id, secret, key: key.map(keys::Drawn::shown) })
        })
        .await
        .inspect(|_| s.ring())
        .map_err(Into::into)
}
