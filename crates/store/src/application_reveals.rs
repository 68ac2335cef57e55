//! An application's new secrets on their way to the page that shows them once, to the session that made them.

use crate::{
    Tx,
    error::{StoreError, StoreResult},
    keyring::{Place, Sealed},
};
use countersign_core::{
    Timestamp,
    authority::ApplicationAuthority,
    ids::{ApiKeyId, ApplicationId, SessionId, UserId},
};
use std::fmt;
use zeroize::Zeroizing;

sql! {
    PUT = "INSERT INTO application_reveals \
        (session_id, application_id, secret_of, user_id, secret, key_id, expires_at) \
        SELECT s.id, a.id, $3, s.user_id, $5, $6, $7 FROM sessions AS s CROSS JOIN applications AS a \
        WHERE s.id = $1 AND a.id = $2 AND s.user_id = $4 AND a.organization_id = $8 \
        ON CONFLICT (session_id, application_id, secret_of) DO UPDATE SET secret = excluded.secret, \
        key_id = excluded.key_id, expires_at = excluded.expires_at";
    TAKE = "DELETE FROM application_reveals WHERE session_id = $1 AND user_id = $2 AND application_id = $3 \
        RETURNING secret_of, expires_at, key_id, secret";
}

/// Which secret it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretOf {
    /// This API key.
    ApiKey(ApiKeyId),
    /// The client's secret.
    Client,
}

/// A secret, for its one showing.
#[derive(Clone, PartialEq, Eq)]
pub struct Reveal {
    /// Which one.
    pub of: SecretOf,
    /// Its text.
    pub secret: Zeroizing<String>,
}

impl fmt::Debug for Reveal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reveal").field("of", &self.of).finish_non_exhaustive()
    }
}

const CLIENT: &str = "client-secret";

impl SecretOf {
    fn text(self) -> String {
        match self {
            Self::ApiKey(id) => id.to_string(),
            Self::Client => CLIENT.to_owned(),
        }
    }

    fn read(text: &str) -> StoreResult<Self> {
        match text {
            CLIENT => Ok(Self::Client),
            id => id.parse().map(Self::ApiKey).map_err(|_| StoreError::Corrupt("application_reveals")),
        }
    }
}

/// Session, application and kind together are the row.
fn row(session: SessionId, application: ApplicationId, of: &str) -> String {
    format!("{session}/{application}/{of}")
}

fn place<'a>(user: &'a str, row: &'a str) -> Place<'a> {
    Place { table: "application_reveals", column: "secret", user, row }
}

/// Lays a new secret, sealed, ready for the session `shown_to` of this user. `false` if the session has ended, or the
/// application is not one of the authority's organization.
pub fn put(
    tx: &mut Tx<'_>,
    authority: &ApplicationAuthority,
    shown_to: (UserId, SessionId),
    application: ApplicationId,
    reveal: &Reveal,
    expires_at: Timestamp,
) -> StoreResult<bool> {
    let ((user, session), of) = (shown_to, reveal.of.text());
    let (user_text, row) = (user.to_string(), row(session, application, &of));
    let sealed = tx.keyring.seal(tx.entropy, place(&user_text, &row), reveal.secret.as_bytes())?;
    let params = values![
        session,
        application,
        of,
        user,
        sealed.bytes,
        sealed.key_id,
        expires_at,
        authority.organization(),
    ];
    tx.changes_one(PUT, params)
}

/// Takes what is laid ready about an application, once: keys in the order in which they were made, then the client's
/// secret. What is too late for its showing goes, unseen.
pub fn take(
    tx: &mut Tx<'_>,
    session: SessionId,
    user: UserId,
    application: ApplicationId,
    now: Timestamp,
) -> StoreResult<Vec<Reveal>> {
    let mut taken = Vec::new();
    for mut found in tx.rows(TAKE, values![session, user, application])? {
        let (of, expires_at) = (found.text()?, found.time()?);
        let sealed = Sealed { key_id: found.text()?, bytes: found.bytes()? };
        if expires_at <= now {
            continue;
        }
        let (user, row) = (user.to_string(), row(session, application, &of));
        let opened = tx.keyring.open(place(&user, &row), &sealed)?;
        let text = std::str::from_utf8(&opened).map_err(|_| StoreError::Corrupt("application_reveals"))?;
        taken.push(Reveal { of: SecretOf::read(&of)?, secret: Zeroizing::new(text.to_owned()) });
    }
    taken.sort_by_key(|reveal| reveal.of);
    Ok(taken)
}
