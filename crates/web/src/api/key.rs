//! Who calls. A handler asks for one of these, and cannot be reached without it:
//!
//! ```text
//!   Key<S>       a live API key that has the scope S (AnyScope: whatever its scopes)
//!    └─ Alone<S>    and no actor: what changes authenticators, codes or tokens
//!        └─ Holder     and the account holder's own token, of the {user} in the path (scope `authenticators`)
//! ```
//!
//! Cookies are never looked at: a browser that is signed in here gives an API request nothing.

use super::{header, path::UserPath, problem::ApiProblem, problem_type as kinds, query};
use crate::{app::App, extract::Browser};
use axum::extract::FromRequestParts;
use countersign_core::{
    application::{ExternalId, Scope},
    event::Origin,
    session::HolderSession,
};
use countersign_flows::{
    security_log::{Entry, Event},
    service::{self, Caller},
};
use http::{HeaderName, header::AUTHORIZATION, request::Parts};
use std::{marker::PhantomData, net::IpAddr};

/// The header of an account-holder token.
pub(crate) const ACCOUNT_HOLDER: HeaderName = HeaderName::from_static("countersign-account-holder");

/// The header that says who is at the keyboard, where that is not the account holder.
pub(crate) const ACTOR: HeaderName = HeaderName::from_static("countersign-actor");

/// A scope, as a type.
pub(crate) trait Allows: Send + Sync + 'static {
    /// `None` where every key will do.
    const SCOPE: Option<Scope>;
}

macro_rules! scopes {
    ($($name:ident)*) => {$(
        #[doc = concat!("[`Scope::", stringify!($name), "`]")]
        pub(crate) struct $name;

        impl Allows for $name {
            const SCOPE: Option<Scope> = Some(Scope::$name);
        }
    )*};
}

scopes! { UsersRead UsersWrite Challenges Authenticators }

/// Any scope: what concerns only the key itself.
pub(crate) struct AnyScope;

impl Allows for AnyScope {
    const SCOPE: Option<Scope> = None;
}

/// What every request with a key has.
pub(crate) trait Party: Send + Sync + 'static {
    /// The proof of the key.
    fn caller(&self) -> &Caller;
}

/// A live API key with the scope `S`.
pub(crate) struct Key<S> {
    pub(crate) caller: Caller,
    /// Who is at the keyboard, if the application says that it is not the account holder.
    pub(crate) actor: Option<ExternalId>,
    pub(crate) origin: Origin,
    scope: PhantomData<S>,
}

impl<S: Allows> Key<S> {
    /// Reads a request's head, in which no parameter but `parameters` may be.
    pub(crate) async fn read(parts: &Parts, app: &App, parameters: &[&str]) -> Result<Self, ApiProblem> {
        let origin = Browser::read(parts, app).origin;
        let Some(caller) = caller(parts, app).await? else {
            return Err(no_key(parts, app, origin.address));
        };
        let standing = app.api.limits.requests.charge(caller.application().id, app.services.now());
        if let Some(told) = parts.extensions.get::<super::told::Told>() {
            told.standing(standing);
        }
        if standing.over {
            return Err(ApiProblem::plain(kinds::RATE_LIMITED).after(standing.resets_in));
        }
        if let Some(scope) = S::SCOPE.filter(|scope| !caller.allows(*scope)) {
            return Err(scope_missing(scope));
        }
        query::only(&parts.uri, parameters)?;
        let actor =
            header::parsed(&parts.headers, &ACTOR, "the id of a user: 1 to 128 visible ASCII characters")?;
        Ok(Self { caller, actor, origin, scope: PhantomData })
    }
}

impl<S: Allows> Party for Key<S> {
    fn caller(&self) -> &Caller {
        &self.caller
    }
}

impl<S: Allows> FromRequestParts<App> for Key<S> {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiProblem> {
        Self::read(parts, app, &[]).await
    }
}

/// A key with the scope `S`, and nobody but the account holder at the keyboard.
pub(crate) struct Alone<S>(pub(crate) Key<S>);

impl<S: Allows> Party for Alone<S> {
    fn caller(&self) -> &Caller {
        &self.0.caller
    }
}

impl<S: Allows> FromRequestParts<App> for Alone<S> {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiProblem> {
        let key = Key::from_request_parts(parts, app).await?;
        if key.actor.is_some() { Err(actor_may_not()) } else { Ok(Self(key)) }
    }
}

/// Who calls, and what the path names: in this order, so that a stranger learns nothing of what exists.
pub(crate) struct At<P, T> {
    pub(crate) party: P,
    pub(crate) at: T,
}

impl<P: Party, T: Send + Sync + 'static> Party for At<P, T> {
    fn caller(&self) -> &Caller {
        self.party.caller()
    }
}

impl<P, T> FromRequestParts<App> for At<P, T>
where
    P: FromRequestParts<App, Rejection = ApiProblem> + Send,
    T: FromRequestParts<App, Rejection = ApiProblem>,
{
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiProblem> {
        let party = P::from_request_parts(parts, app).await?;
        Ok(Self { party, at: T::from_request_parts(parts, app).await? })
    }
}

/// A key that may write users, the one whom the path names, and their own token where there is one. With an actor no token
/// counts, and a false one is refused all the same.
pub(crate) struct UserWriter {
    pub(crate) key: Key<UsersWrite>,
    pub(crate) user: ExternalId,
    pub(crate) holder: Option<HolderSession>,
}

impl FromRequestParts<App> for UserWriter {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiProblem> {
        let key = Key::<UsersWrite>::from_request_parts(parts, app).await?;
        let UserPath(user) = UserPath::from_request_parts(parts, app).await?;
        let holder = session(parts, app, &key.caller, &user).await?.filter(|_| key.actor.is_none());
        Ok(Self { key, user, holder })
    }
}

/// The account holder, by the token that the application was given for the `{user}` of the path.
pub(crate) struct Holder {
    pub(crate) key: Key<Authenticators>,
    pub(crate) session: HolderSession,
}

impl Party for Holder {
    fn caller(&self) -> &Caller {
        &self.key.caller
    }
}

impl FromRequestParts<App> for Holder {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiProblem> {
        let Alone(key) = Alone::<Authenticators>::from_request_parts(parts, app).await?;
        let UserPath(user) = UserPath::from_request_parts(parts, app).await?;
        let session = session(parts, app, &key.caller, &user).await?;
        let session = session.ok_or_else(|| ApiProblem::plain(kinds::ACCOUNT_HOLDER_TOKEN_REFUSED))?;
        Ok(Self { key, session })
    }
}

/// The session of the account-holder token in the header; `None` without one. One that is not this user's is refused.
async fn session(
    parts: &Parts,
    app: &App,
    caller: &Caller,
    user: &ExternalId,
) -> Result<Option<HolderSession>, ApiProblem> {
    let Some(token) = header::only(&parts.headers, &ACCOUNT_HOLDER)? else { return Ok(None) };
    match service::holder::holder(&app.services, caller, user, token).await? {
        Some(session) => Ok(Some(session)),
        None => Err(ApiProblem::plain(kinds::ACCOUNT_HOLDER_TOKEN_REFUSED)),
    }
}

/// The key may not do this.
pub(crate) fn scope_missing(scope: Scope) -> ApiProblem {
    let detail = format!("This key lacks the scope “{scope}”. Create one that has it.");
    ApiProblem::new(kinds::SCOPE_MISSING, detail).with("scope", scope.as_str())
}

/// An actor asks for what is the account holder's.
pub(crate) fn actor_may_not() -> ApiProblem {
    ApiProblem::plain(kinds::ACTOR_MAY_NOT_CHANGE)
}

/// Whose key it is. Whatever is wrong with the header has the one answer of a wrong key.
async fn caller(parts: &Parts, app: &App) -> Result<Option<Caller>, ApiProblem> {
    let Ok(Some(value)) = header::only(&parts.headers, &AUTHORIZATION) else { return Ok(None) };
    let Some(key) = bearer(value) else { return Ok(None) };
    Ok(service::caller(&app.services, key).await?)
}

/// The credentials of the scheme `Bearer`, whose name is written in any case (RFC 9110 §11.1, RFC 6750 §2.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, rest) = value.split_once(' ')?;
    let key = rest.trim_start_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty() && !key.contains(' ')).then_some(key)
}

/// Counts it for the network. A right key never comes here, and so is never held up by others' wrong ones.
fn no_key(parts: &Parts, app: &App, address: IpAddr) -> ApiProblem {
    let standing = app.api.limits.wrong_key(address, app.services.now());
    // A request without a key is no guess.
    let missing = !parts.headers.contains_key(AUTHORIZATION);
    Entry::new(Event::ApiKey, if missing { "missing" } else { "refused" }).log();
    if standing.over {
        return ApiProblem::plain(kinds::TOO_MANY_WRONG_KEYS).after(standing.resets_in);
    }
    ApiProblem::plain(kinds::API_KEY_REFUSED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_strictly() {
        for good in ["Bearer csk_x", "bearer csk_x", "BEARER  csk_x"] {
            assert_eq!(bearer(good), Some("csk_x"), "{good}");
        }
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            "csk_x",
            "Basic csk_x",
            "Bearer csk_x y",
            "Bearercsk_x",
            "Bearer\tcsk_x",
        ] {
            assert_eq!(bearer(bad), None, "{bad}");
        }
    }
}
