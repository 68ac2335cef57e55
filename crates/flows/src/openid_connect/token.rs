//! `/oauth2/token`: a code, or a refresh token, for tokens; and `/oauth2/revoke`.
//!
//! ```text
//!   shown ─(unknown)───────────────────────► invalid_grant
//!     ▼
//!   hold the grant ─(gone, or another's)───► invalid_grant
//!     │ └──(used before)───────────────────► the grant ends, in this very write; invalid_grant
//!     ▼
//!   claim, one conditional write ─(lost)───► the same as used before
//!     ▼
//!   the grant holds? ─(no)─────────────────► invalid_grant; what was shown is spent
//!     ▼
//!   access token, ID token, and (in an own session) the next refresh token
//! ```
//!
//! A code or a refresh token that comes twice has been copied, and nothing tells which of the two is the thief: so nobody
//! keeps what it bought (RFC 6749 §4.1.2; RFC 9700 §4.14.2).

use super::{
    Kind, OFFLINE_IDLE, Parameters, TOKEN_LIFETIME,
    client::AuthenticClient,
    id_token::{self, About},
    keys::{self, Signer},
    live::{Live, Look},
};
use crate::{Fault, Services, activity};
use countersign_core::{
    event::{Detail, EventKind, Origin},
    ids::GrantId,
    oauth::{OauthScope, ScopeSet},
    secret::StoredHandle,
};
use countersign_store::{
    StoreResult, Tx, access_tokens, authorization_codes,
    grants::{self, Spent},
    refresh_tokens,
};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// The errors of the token endpoint (RFC 6749 §5.2), besides those of authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// A parameter is missing or came twice.
    InvalidRequest,
    /// The code or token is worth nothing here.
    InvalidGrant,
    /// Another `grant_type`.
    UnsupportedGrantType,
    /// More than was granted.
    InvalidScope,
}

impl TokenError {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidGrant => "invalid_grant",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
        }
    }
}

/// What the application gets.
pub struct Tokens {
    /// For the userinfo endpoint, and for the application's own services, by introspection.
    pub access_token: Zeroizing<String>,
    /// How long it is good, in seconds.
    pub expires_in: u64,
    /// The next one; none in a "login as".
    pub refresh_token: Option<Zeroizing<String>>,
    /// Who it is.
    pub id_token: String,
    /// What was granted.
    pub scope: String,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("scope", &self.scope).finish_non_exhaustive()
    }
}

/// The handles and texts that are drawn before the write.
struct Drawn {
    access: (Zeroizing<String>, StoredHandle),
    refresh: (Zeroizing<String>, StoredHandle),
}

/// What the write found.
enum Written {
    Bought(Box<Bought>),
    Refused(TokenError),
    Reused,
}

struct Bought {
    live: Live,
    told: Map<String, Value>,
    nonce: Option<String>,
    scope: ScopeSet,
    expires_in: u64,
    with_refresh: bool,
}

/// Answers a request of an authentic client.
pub async fn token(
    s: &Services,
    client: &AuthenticClient,
    parameters: &Parameters,
    origin: &Origin,
) -> Result<Result<Tokens, TokenError>, Fault> {
    let kind = match parameters.get("grant_type") {
        Some("authorization_code") => "code",
        Some("refresh_token") => "refresh",
        Some(_) => return Ok(Err(TokenError::UnsupportedGrantType)),
        None => return Ok(Err(TokenError::InvalidRequest)),
    };
    // Before anything is spent: a client that is told to come back comes back with the same code or token.
    let signer = keys::signer(s, client.id_token_alg()).await?;
    let drawn = Drawn { access: Kind::Access.draw(s), refresh: Kind::Refresh.draw(s) };
    let handles = (drawn.access.1, drawn.refresh.1);
    let written = match kind {
        "code" => code(s, client, parameters, handles, origin).await?,
        _ => refresh(s, client, parameters, handles, origin).await?,
    };
    let outcome = match &written {
        Written::Bought(_) => "issued",
        Written::Refused(error) => error.as_str(),
        Written::Reused => "reused",
    };
    metrics::counter!("countersign_tokens_total", "grant" => kind, "outcome" => outcome).increment(1);
    match written {
        Written::Bought(bought) => tokens(s, &signer, *bought, drawn).map(Ok),
        Written::Refused(error) => {
            tracing::info!(application = %client.id(), kind, error = error.as_str(), "no token");
            Ok(Err(error))
        }
        Written::Reused => {
            tracing::warn!(application = %client.id(), kind, "shown a second time: its grant has ended");
            Ok(Err(TokenError::InvalidGrant))
        }
    }
}

async fn code(
    s: &Services,
    client: &AuthenticClient,
    parameters: &Parameters,
    handles: (StoredHandle, StoredHandle),
    origin: &Origin,
) -> Result<Written, Fault> {
    let need = |name| parameters.get(name).map(str::to_owned);
    let (Some(text), Some(address), Some(verifier)) =
        (need("code"), need("redirect_uri"), need("code_verifier"))
    else {
        return Ok(Written::Refused(TokenError::InvalidRequest));
    };
    let Some(handle) = Kind::Code.stored(&text) else {
        return Ok(Written::Refused(TokenError::InvalidGrant));
    };
    let (id, look, origin) = (client.id(), Look::now(s), origin.clone());
    s.store
        .write(move |tx| {
            let refused = Ok(Written::Refused(TokenError::InvalidGrant));
            let Some((code, used)) = authorization_codes::find(tx, &handle)? else { return refused };
            if !grants::hold(tx, code.grant)? {
                return refused;
            }
            if grants::by_id(tx, code.grant)?.is_none_or(|grant| grant.application != id) {
                return refused;
            }
            if used {
                return reused(tx, look, code.grant, origin);
            }
            // Not spent by whoever cannot show the verifier: they could only take it away from its owner.
            if code.redirect_uri != address || !code.challenge.is_met_by(&verifier) {
                return refused;
            }
            let Some(spent) = authorization_codes::claim(tx, &handle, look.now)? else {
                // Too old; or somebody else was quicker, by a moment.
                let lost = authorization_codes::find(tx, &handle)?.is_some_and(|(_, used)| used);
                return if lost { reused(tx, look, code.grant, origin) } else { refused };
            };
            buy(tx, look, &spent, handles, code.nonce, None)
        })
        .await
        .map_err(Into::into)
}

async fn refresh(
    s: &Services,
    client: &AuthenticClient,
    parameters: &Parameters,
    handles: (StoredHandle, StoredHandle),
    origin: &Origin,
) -> Result<Written, Fault> {
    let Some(text) = parameters.get("refresh_token") else {
        return Ok(Written::Refused(TokenError::InvalidRequest));
    };
    let Some(handle) = Kind::Refresh.stored(text) else {
        return Ok(Written::Refused(TokenError::InvalidGrant));
    };
    let less = parameters.get("scope").map(ScopeSet::requested);
    let (id, look, origin) = (client.id(), Look::now(s), origin.clone());
    s.store
        .write(move |tx| {
            let refused = Ok(Written::Refused(TokenError::InvalidGrant));
            let Some(token) = refresh_tokens::find(tx, &handle)? else { return refused };
            if !grants::hold(tx, token.grant)? {
                return refused;
            }
            let Some(grant) = grants::by_id(tx, token.grant)?.filter(|grant| grant.application == id) else {
                return refused;
            };
            if token.used {
                return reused(tx, look, token.grant, origin);
            }
            // Before it is spent: a request that asks for too much, or for nothing that there is, costs nothing.
            let fits = |less: &ScopeSet| less.has(OauthScope::OpenId) && grant.scope.covers(less);
            if less.as_ref().is_some_and(|less| !fits(less)) {
                return Ok(Written::Refused(TokenError::InvalidScope));
            }
            let Some(spent) = refresh_tokens::claim(tx, &handle, look.now)? else {
                let lost = refresh_tokens::find(tx, &handle)?.is_some_and(|token| token.used);
                return if lost { reused(tx, look, token.grant, origin) } else { refused };
            };
            buy(tx, look, &spent, handles, None, less)
        })
        .await
        .map_err(Into::into)
}

/// The grant ends, in a write that commits, and its account holder can read about it.
fn reused(tx: &mut Tx<'_>, look: Look, id: GrantId, origin: Origin) -> StoreResult<Written> {
    if grants::end(tx, id, look.now)?
        && let Some(grant) = grants::by_id(tx, id)?
    {
        let application = countersign_store::applications::by_id(tx, grant.application)?;
        let detail = Detail { text: application.map(|application| application.name), ..Detail::default() };
        activity::record(tx, grant.user, EventKind::TokenReused, detail, origin, look.now)?;
    }
    Ok(Written::Reused)
}

/// Stores what the spent code or token buys, if its grant still holds.
fn buy(
    tx: &mut Tx<'_>,
    look: Look,
    spent: &Spent,
    (access, refresh): (StoredHandle, StoredHandle),
    nonce: Option<String>,
    less: Option<ScopeSet>,
) -> StoreResult<Written> {
    let Some(live) = look.at(tx, spent.grant())? else {
        return Ok(Written::Refused(TokenError::InvalidGrant));
    };
    let grant = &live.grant;
    let scope = less.unwrap_or_else(|| grant.scope.clone());
    let ends = look.now.plus(TOKEN_LIFETIME).min(grant.expires_at);
    access_tokens::insert(tx, spent, &access, &scope, look.now, ends)?;
    // An administrator's look into an account lasts as long as its page is open, and is not to be renewed behind it.
    let with_refresh = grant.actor.is_none();
    if with_refresh {
        let until = match grant.session {
            Some(_) => grant.expires_at,
            None => look.now.plus(OFFLINE_IDLE).min(grant.expires_at),
        };
        refresh_tokens::insert(tx, spent, &refresh, until)?;
    }
    let (told, expires_in) = (id_token::told(tx, &live)?, ends.since(look.now).as_secs());
    Ok(Written::Bought(Box::new(Bought { live, told, nonce, scope, expires_in, with_refresh })))
}

fn tokens(s: &Services, signer: &Signer, bought: Bought, drawn: Drawn) -> Result<Tokens, Fault> {
    let about = About {
        live: &bought.live,
        told: bought.told,
        nonce: bought.nonce.as_deref(),
        access_token: &drawn.access.0,
    };
    let id_token = id_token::make(s, signer, about, s.now())?;
    Ok(Tokens {
        access_token: drawn.access.0,
        expires_in: bought.expires_in,
        refresh_token: bought.with_refresh.then_some(drawn.refresh.0),
        id_token,
        scope: bought.scope.to_string(),
    })
}

/// Makes a token of this client worthless (RFC 7009): with a refresh token all that was granted with it, with an access
/// token that one alone. A token that is unknown, or another client's, is as worthless as it can be.
pub async fn revoke(s: &Services, client: &AuthenticClient, parameters: &Parameters) -> Result<bool, Fault> {
    let Some(text) = parameters.get("token") else { return Ok(false) };
    let (access, refresh) = (Kind::Access.stored(text), Kind::Refresh.stored(text));
    let (id, now) = (client.id(), s.now());
    s.store
        .write(move |tx| {
            let is_ours = |tx: &mut Tx<'_>, grant| -> StoreResult<bool> {
                Ok(grants::by_id(tx, grant)?.is_some_and(|grant| grant.application == id))
            };
            if let Some(handle) = refresh
                && let Some(token) = refresh_tokens::find(tx, &handle)?
                && is_ours(tx, token.grant)?
            {
                grants::end(tx, token.grant, now)?;
            }
            if let Some(handle) = access
                && let Some(token) = access_tokens::find(tx, &handle, now)?
                && is_ours(tx, token.grant)?
            {
                access_tokens::revoke(tx, &handle)?;
            }
            Ok(())
        })
        .await?;
    Ok(true)
}
