//! API keys of an application.

use super::{MOST, NAME_LENGTH, is_at_least, is_of, record, reveal};
use crate::{Fault, Services, activity, letter};
use countersign_core::{
    Timestamp,
    application::{Scope, Scopes},
    authority::ApplicationAuthority,
    event::{Detail, EventKind, Origin},
    ids::{ApiKeyId, ApplicationId},
    message::Notice,
    role::Role,
    secret::PlainHandle,
    text::{TextError, short_text},
};
use countersign_store::{
    StoreResult, Tx, api_keys,
    application_reveals::{Reveal, SecretOf},
    applications, members, users,
};
use std::{fmt, time::Duration};
use zeroize::Zeroizing;

/// What every API key begins with, so that people and scanners for leaked secrets recognise one.
pub(crate) const PREFIX: &str = "csk_";

/// How many of a key's last characters are kept, to tell it from others.
const HINT: usize = 4;

/// A key that is wanted.
#[derive(Clone, Debug)]
pub struct KeyDraft {
    /// Its name, for people.
    pub name: String,
    /// What it allows.
    pub scopes: Scopes,
    /// When it ends by itself.
    pub lifetime: Option<Duration>,
}

/// A key that was made. Its text is here and nowhere else.
pub struct NewKey {
    /// Its id.
    pub id: ApiKeyId,
    /// The key: shown once.
    pub key: Zeroizing<String>,
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What became of it.
#[derive(Debug)]
pub enum KeyOutcome {
    /// Made.
    Made(NewKey),
    /// No such application in this organization; or the session that asked has ended meanwhile.
    NotFound,
    /// Not a name.
    Name(TextError),
    /// There are [`MOST`] already that are not revoked.
    TooMany,
    /// Only an owner may grant this.
    OwnersOnly(Scope),
}

/// A key that was drawn and is not yet stored.
pub(super) struct Drawn {
    new: api_keys::NewApiKey,
    key: Zeroizing<String>,
}

/// Why a drawn key was not stored.
pub(super) enum NotStored {
    NotFound,
    TooMany,
    OwnersOnly(Scope),
}

impl Drawn {
    /// Draws a key: 256 random bits behind a prefix.
    pub(super) fn draw(
        s: &Services,
        application: ApplicationId,
        draft: &KeyDraft,
    ) -> Result<Self, TextError> {
        let name = short_text(&draft.name, NAME_LENGTH)?;
        let now = s.now();
        let handle = PlainHandle::generate(&*s.entropy);
        let key = Zeroizing::new(format!("{PREFIX}{}", handle.to_text()));
        let new = api_keys::NewApiKey {
            id: ApiKeyId::generate(now, &*s.entropy),
            application,
            handle: handle.stored(),
            name,
            scopes: draft.scopes.clone(),
            hint: key[key.len() - HINT..].to_owned(),
            expires_at: draft.lifetime.map(|lifetime| now.plus(lifetime)),
        };
        Ok(Self { new, key })
    }

    /// Stores its SHA-256, in the write of which it is a part.
    pub(super) fn store(
        &self,
        tx: &mut Tx<'_>,
        authority: &ApplicationAuthority,
        origin: &Origin,
        now: Timestamp,
    ) -> StoreResult<Result<(), NotStored>> {
        let application = self.new.application;
        let guarded = self.new.scopes.owners().next();
        if let Some(scope) = guarded
            && !is_at_least(tx, authority, Role::Owner)?
        {
            return Ok(Err(NotStored::OwnersOnly(scope)));
        }
        if api_keys::list(tx, application)?.iter().filter(|key| key.revoked_at.is_none()).count() >= MOST {
            return Ok(Err(NotStored::TooMany));
        }
        let reveal = Reveal { of: SecretOf::ApiKey(self.new.id), secret: self.key.clone() };
        let stored = reveal::put(tx, authority, application, &reveal, now)?
            && api_keys::insert(tx, authority, &self.new, now)?;
        if !stored {
            return Ok(Err(NotStored::NotFound));
        }
        record(tx, authority, EventKind::ApiKeyMade, &self.new.name, origin, now)?;
        if guarded.is_some() {
            self.tell_owners(tx, authority, origin, now)?;
        }
        Ok(Ok(()))
    }

    /// Notifies every owner, the one who created it as well: their session may have been in other hands.
    fn tell_owners(
        &self,
        tx: &mut Tx<'_>,
        authority: &ApplicationAuthority,
        origin: &Origin,
        now: Timestamp,
    ) -> StoreResult<()> {
        let organization = authority.organization();
        let creator = authority.by().map(|by| users::by_id(tx, by)).transpose()?.flatten();
        let notice = Notice::ApiKeyCreated {
            key: self.new.name.clone(),
            application: applications::by_id(tx, self.new.application)?.map(|a| a.name).unwrap_or_default(),
            organization: members::organization_name(tx, organization)?.unwrap_or_default(),
            by: creator.map(|creator| creator.name),
            scopes: self.new.scopes.to_string(),
        };
        for owner in members::owners(tx, organization)? {
            letter::tell(tx, owner.id, notice.clone(), origin, now)?;
            if authority.by() != Some(owner.id) {
                let (kind, text) = (EventKind::OwnersKeyMade, Some(self.new.name.clone()));
                let detail = Detail { text, ..Detail::default() };
                activity::record_by(tx, owner.id, authority.by(), kind, detail, origin.clone(), now)?;
            }
        }
        Ok(())
    }

    /// What its one reader sees.
    pub(super) fn shown(self) -> NewKey {
        NewKey { id: self.new.id, key: self.key }
    }
}

/// Makes a key.
pub async fn make_key(
    s: &Services,
    authority: ApplicationAuthority,
    application: ApplicationId,
    draft: KeyDraft,
    origin: &Origin,
) -> Result<KeyOutcome, Fault> {
    let drawn = match Drawn::draw(s, application, &draft) {
        Ok(drawn) => drawn,
        Err(error) => return Ok(KeyOutcome::Name(error)),
    };
    let (now, origin) = (s.now(), origin.clone());
    s.store
        .write(move |tx| {
            if !is_of(tx, &authority, application)? {
                return Ok(KeyOutcome::NotFound);
            }
            Ok(match drawn.store(tx, &authority, &origin, now)? {
                Ok(()) => KeyOutcome::Made(drawn.shown()),
                Err(NotStored::NotFound) => KeyOutcome::NotFound,
                Err(NotStored::TooMany) => KeyOutcome::TooMany,
                Err(NotStored::OwnersOnly(scope)) => KeyOutcome::OwnersOnly(scope),
            })
        })
        .await
        .inspect(|_| s.ring())
        .map_err(Into::into)
}

/// Revokes a key at once, for good; `false` if there is none such, or it is revoked already.
pub async fn revoke_key(
    s: &Services,
    authority: ApplicationAuthority,
    application: ApplicationId,
    id: ApiKeyId,
    origin: &Origin,
) -> Result<bool, Fault> {
    let (now, origin) = (s.now(), origin.clone());
    s.store
        .write(move |tx| {
            let done = api_keys::revoke(tx, &authority, application, id, now)?;
            if done {
                let named = api_keys::list(tx, application)?.into_iter().find(|key| key.id == id);
                let name = named.map(|key| key.name).unwrap_or_default();
                record(tx, &authority, EventKind::ApiKeyRevoked, &name, &origin, now)?;
            }
            Ok(done)
        })
        .await
        .map_err(Into::into)
}
