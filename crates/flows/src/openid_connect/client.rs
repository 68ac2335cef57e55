//! How an application shows who it is, at the endpoints for programs (RFC 6749 §2.3; OpenID Connect Core §9).

use super::{Parameters, assertion};
use crate::{
    Fault, Services,
    security_log::{Entry, Event},
    sign_in::by_network,
};
use countersign_core::{
    application::{ClientAuth, SigningAlgorithm},
    ids::ApplicationId,
    secret::PlainHandle,
};
use countersign_store::{
    applications::{self, Client},
    throttles,
};
use std::{net::IpAddr, time::Duration};

/// An application that has shown who it is. Made by [`authenticate`] alone; a public client has shown no more than a name
/// that anybody may use, and PKCE and the single use of its tokens are what protects them.
#[derive(Debug)]
pub struct AuthenticClient {
    id: ApplicationId,
    auth: ClientAuth,
    id_token_alg: SigningAlgorithm,
}

impl AuthenticClient {
    /// Its id.
    pub fn id(&self) -> ApplicationId {
        self.id
    }

    /// Whether it has shown more than a name.
    pub fn is_confidential(&self) -> bool {
        self.auth != ClientAuth::None
    }

    /// How its ID tokens are signed.
    pub(super) fn id_token_alg(&self) -> SigningAlgorithm {
        self.id_token_alg
    }
}

/// What came with a request.
pub struct Shown<'a> {
    /// `Authorization: Basic`: the id and the secret, decoded; `Err` for a header that cannot be read.
    pub basic: Option<Result<(String, String), ()>>,
    /// The form.
    pub parameters: &'a Parameters,
    /// From where.
    pub address: IpAddr,
}

/// Why it is nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAuthentic {
    /// More than one way at once, or something came twice (RFC 6749 §2.3).
    Malformed,
    /// An unknown client, a switched-off one, another way than the registered one, or a wrong secret: one answer.
    Wrong,
    /// Wrong, and too many wrong ones before it from this network for this client; or an assertion after so many.
    Closed {
        /// When to come back.
        retry_after: Duration,
    },
}

enum Way<'a> {
    Name,
    Secret(&'a str),
    Assertion(&'a str),
}

impl Way<'_> {
    /// The word under which its mistakes are counted: those of one way say nothing about another.
    fn name(&self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Secret(_) => "secret",
            Self::Assertion(_) => "assertion",
        }
    }
}

/// The client that asks.
pub async fn authenticate(
    s: &Services,
    shown: &Shown<'_>,
) -> Result<Result<AuthenticClient, NotAuthentic>, Fault> {
    let client = check(s, shown).await?;
    if let Err(refusal) = &client {
        let reason = match refusal {
            NotAuthentic::Malformed => "malformed",
            NotAuthentic::Wrong => "wrong",
            NotAuthentic::Closed { .. } => "closed",
        };
        metrics::counter!("countersign_clients_refused_total", "reason" => reason).increment(1);
        Entry::new(Event::Client, "refused").because(reason).log();
    }
    Ok(client)
}

async fn check(s: &Services, shown: &Shown<'_>) -> Result<Result<AuthenticClient, NotAuthentic>, Fault> {
    if shown.parameters.is_damaged() {
        return Ok(Err(NotAuthentic::Malformed));
    }
    let (id, way) = match read(shown) {
        Ok(read) => read,
        Err(refusal) => return Ok(Err(refusal)),
    };
    // A secret has 256 bits: what is counted here are mistakes, so that a loop of them is told to stop. What is right is
    // admitted all the same, or anybody in the client's network could shut it out.
    let prefix = format!("client:{}:{id}", way.name());
    let (counters, now) = (by_network(&prefix, shown.address, s.rules.password_network), s.now());
    // To check a signature costs more than to refuse it.
    let costly = if matches!(way, Way::Assertion(_)) { counters.clone() } else { Vec::new() };
    let (application, open) = s
        .store
        .read(move |tx| {
            let mut open = Ok(());
            for (key, _) in costly {
                open = open.and(throttles::peek(tx, &key, now)?);
            }
            Ok((applications::by_id(tx, id)?, open))
        })
        .await?;
    // Of an id that nobody has, nothing can be guessed, and so nothing is counted.
    let Some(application) = application else { return Ok(Err(NotAuthentic::Wrong)) };
    if let Err(closed) = open {
        return Ok(Err(NotAuthentic::Closed { retry_after: closed.until.since(now) }));
    }
    if let Some(client) = application.signing_in()
        && holds(s, id, client, &way).await?
    {
        return Ok(Ok(AuthenticClient { id, auth: client.auth, id_token_alg: client.id_token_alg }));
    }
    let charged = s
        .store
        .write(move |tx| {
            let counters = counters.iter().map(|(key, limits)| (key.as_str(), limits));
            throttles::charge_all(tx, counters, now)
        })
        .await?;
    Ok(Err(match charged {
        Ok(_) => NotAuthentic::Wrong,
        Err(closed) => NotAuthentic::Closed { retry_after: closed.until.since(now) },
    }))
}

/// Which client it is said to be, and how that is shown: exactly one way.
fn read<'a>(shown: &'a Shown<'_>) -> Result<(ApplicationId, Way<'a>), NotAuthentic> {
    let named = shown.parameters.get("client_id");
    let secret = shown.parameters.get("client_secret");
    let assertion = shown.parameters.get("client_assertion");
    let (name, way) = match (&shown.basic, secret, assertion) {
        (None, None, None) => (named.map(str::to_owned), Way::Name),
        (None, Some(secret), None) => (named.map(str::to_owned), Way::Secret(secret)),
        (Some(Ok((id, secret))), None, None) => {
            if named.is_some_and(|named| named != id) {
                return Err(NotAuthentic::Malformed);
            }
            (Some(id.clone()), Way::Secret(secret))
        }
        (None, None, Some(text)) => {
            if shown.parameters.get("client_assertion_type") != Some(assertion::TYPE) {
                return Err(NotAuthentic::Malformed);
            }
            let speaks_of = assertion::speaks_of(text).map(|id| id.to_string());
            if named.is_some() && named != speaks_of.as_deref() {
                return Err(NotAuthentic::Wrong);
            }
            (speaks_of, Way::Assertion(text))
        }
        (Some(Err(())), None, None) => return Err(NotAuthentic::Wrong),
        _ => return Err(NotAuthentic::Malformed),
    };
    let id = name.and_then(|name| name.parse().ok()).ok_or(NotAuthentic::Wrong)?;
    Ok((id, way))
}

/// Whether it is shown in the registered way, and rightly.
async fn holds(s: &Services, id: ApplicationId, client: &Client, way: &Way<'_>) -> Result<bool, Fault> {
    match (client.auth, way) {
        (ClientAuth::None, Way::Name) => Ok(true),
        (ClientAuth::ClientSecret, Way::Secret(secret)) => {
            let Some(secret) = PlainHandle::parse(secret).map(|secret| secret.stored()) else {
                return Ok(false);
            };
            Ok(s.store.read(move |tx| applications::has_secret(tx, id, &secret)).await?)
        }
        (ClientAuth::PrivateKeyJwt, Way::Assertion(text)) => assertion::holds(s, id, client, text).await,
        _ => Ok(false),
    }
}
