//! A request to `/oauth2/authorize`, read.
//!
//! First who asks and where the answer would go: while either is in doubt the answer is a page of our own, and nobody is
//! sent anywhere (RFC 6749 §4.1.2.1). Then everything else, whose errors go back to the application.

use super::{
    Parameters,
    claims::{self, ClaimsParameter, Requested},
    keys,
};
use crate::{Fault, Services};
use countersign_core::{
    Timestamp,
    application::{AddressKind, ClientAuth, ReturnAddress},
    assurance::Demand,
    authorization::{AuthorizeError, Prompt},
    ids::UserId,
    oauth::{CodeChallenge, OauthScope, ScopeSet},
};
use countersign_store::{
    StoreResult, Tx,
    applications::{self, Application},
};
use std::time::Duration;

/// A longer request could not travel through a sign-in and back.
const LONGEST: usize = 6_000;

/// No `nonce` and no `state` has more bytes.
const LONGEST_TEXT: usize = 2_000;

/// Why a request is answered on a page of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAClient {
    /// No such client, or it is switched off, or signs nobody in.
    Unknown,
    /// The address is not one that it has registered.
    Address,
    /// Longer than any request has to be.
    TooLong,
}

/// Who asks, and where the answer goes.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    pub(super) application: Application,
    pub(super) redirect_uri: ReturnAddress,
    pub(super) state: Option<String>,
}

impl Asker {
    /// Finds the client and its registered address: the same byte by byte, but for the port of a native app that waits on
    /// this very machine.
    pub(super) async fn find(
        s: &Services,
        parameters: &Parameters,
    ) -> Result<Result<Self, NotAClient>, Fault> {
        if parameters.to_query().len() > LONGEST {
            return Ok(Err(NotAClient::TooLong));
        }
        let id = parameters.get("client_id").and_then(|id| id.parse().ok());
        let Some(id) = id else { return Ok(Err(NotAClient::Unknown)) };
        let address = parameters.get("redirect_uri").unwrap_or_default().to_owned();
        let usable = |application: &Application| application.signing_in().is_some();
        let found = s
            .store
            .read(move |tx| {
                let Some(application) = applications::by_id(tx, id)?.filter(usable) else { return Ok(None) };
                let redirect_uri = redirect_uri(tx, &application, &address)?;
                Ok(Some((application, redirect_uri)))
            })
            .await?;
        let Some((application, redirect_uri)) = found else { return Ok(Err(NotAClient::Unknown)) };
        let Some(redirect_uri) = redirect_uri else { return Ok(Err(NotAClient::Address)) };
        let state = parameters.get("state").map(str::to_owned);
        Ok(Ok(Self { application, redirect_uri, state }))
    }

    /// The address with an answer: `state` as it came, and who answers (RFC 9207).
    pub(super) fn answer(&self, s: &Services, pairs: &[(&str, &str)]) -> String {
        let mut pairs = pairs.to_vec();
        pairs.extend(self.state.as_deref().map(|state| ("state", state)));
        pairs.push(("iss", super::issuer(s)));
        self.redirect_uri.with(&pairs)
    }

    /// The address with an error.
    pub(super) fn refuse(&self, s: &Services, error: AuthorizeError) -> String {
        self.answer(s, &[("error", error.as_str())])
    }
}

/// The address to which the answer goes, if `text` is one of the application's. A native app is given its port by the
/// system when it begins, so for a public client a loopback address fits at any port (RFC 8252 §7.3).
fn redirect_uri(
    tx: &mut Tx<'_>,
    application: &Application,
    text: &str,
) -> StoreResult<Option<ReturnAddress>> {
    let exact = applications::address(tx, application.id, AddressKind::Redirect, text)?;
    let public = application.client.as_ref().is_some_and(|client| client.auth == ClientAuth::None);
    if exact.is_some() || !public {
        return Ok(exact);
    }
    let registered = applications::addresses(tx, application.id, AddressKind::Redirect)?;
    Ok(registered.iter().find_map(|address| address.at_port_of(text)))
}

/// All the rest.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) scope: ScopeSet,
    pub(super) requested: Requested,
    pub(super) prompt: Prompt,
    pub(super) max_age: Option<Duration>,
    pub(super) acceptable: Option<Vec<countersign_core::assurance::Acr>>,
    pub(super) challenge: CodeChallenge,
    pub(super) nonce: Option<String>,
    /// The people about whom it may be: the account's `sub` has to be in each of these.
    about: Vec<Vec<String>>,
}

impl Request {
    /// Reads it.
    pub(super) async fn read(
        s: &Services,
        parameters: &Parameters,
    ) -> Result<Result<Self, AuthorizeError>, Fault> {
        let mut request = match Self::parse(parameters) {
            Ok(request) => request,
            Err(error) => return Ok(Err(error)),
        };
        if let Some(hint) = parameters.get("id_token_hint") {
            let claims = keys::own_token(s, hint).await?;
            match claims.as_ref().and_then(|claims| claims["sub"].as_str()) {
                Some(sub) => request.about.push(vec![sub.to_owned()]),
                None => return Ok(Err(AuthorizeError::InvalidRequest)),
            }
        }
        Ok(Ok(request))
    }

    /// All but the hint, which has to be looked up.
    pub(super) fn parse(parameters: &Parameters) -> Result<Self, AuthorizeError> {
        use AuthorizeError as E;
        if parameters.is_damaged() {
            return Err(E::InvalidRequest);
        }
        for (name, error) in [
            ("request", E::RequestNotSupported),
            ("request_uri", E::RequestUriNotSupported),
            ("registration", E::RegistrationNotSupported),
        ] {
            if parameters.get(name).is_some() {
                return Err(error);
            }
        }
        match parameters.get("response_type") {
            Some("code") => {}
            Some(_) => return Err(E::UnsupportedResponseType),
            None => return Err(E::InvalidRequest),
        }
        if parameters.get("response_mode").is_some_and(|mode| mode != "query") {
            return Err(E::InvalidRequest);
        }
        let scope = ScopeSet::requested(parameters.get("scope").unwrap_or_default());
        if !scope.has(OauthScope::OpenId) {
            return Err(E::InvalidScope);
        }
        let challenge = match parameters.get("code_challenge_method") {
            Some("S256") => parameters.get("code_challenge").and_then(CodeChallenge::parse),
            _ => None,
        };
        let claims = match parameters.get("claims") {
            None => ClaimsParameter::default(),
            Some(text) => ClaimsParameter::parse(text).ok_or(E::InvalidRequest)?,
        };
        let nonce = parameters.get("nonce").map(str::to_owned);
        let too_long = |text: Option<&str>| text.is_some_and(|text| text.len() > LONGEST_TEXT);
        if too_long(nonce.as_deref()) || too_long(parameters.get("state")) {
            return Err(E::InvalidRequest);
        }
        let acr_values = parameters.get("acr_values").map(|text| claims::known_acrs(text.split(' ')));
        Ok(Self {
            scope,
            requested: claims.requested,
            prompt: Prompt::parse(parameters.get("prompt").unwrap_or_default()).ok_or(E::InvalidRequest)?,
            max_age: max_age(parameters)?,
            // The claims parameter is the more exact way to say it.
            acceptable: claims.acr.or(acr_values),
            challenge: challenge.ok_or(E::InvalidRequest)?,
            nonce,
            about: claims.subs,
        })
    }

    /// Which proof it wants, if it was first seen at `asked_at`. Ages count from then: a proof that was fresh enough when
    /// it was asked for does not grow too old on the way back.
    pub(super) fn demand(&self, asked_at: Timestamp) -> Demand {
        let by_age = self.max_age.map(|age| asked_at.minus(age));
        let by_prompt = self.prompt.login.then_some(asked_at);
        Demand { acceptable: self.acceptable.clone(), since: by_age.max(by_prompt) }
    }

    /// Whether it may be about this account.
    pub(super) fn may_be_about(&self, user: UserId) -> bool {
        let sub = user.to_string();
        self.about.iter().all(|list| list.contains(&sub))
    }

    /// All to which the person has to agree.
    pub(super) fn to_agree(&self) -> ScopeSet {
        self.scope.and(&self.requested.scopes())
    }
}

fn max_age(parameters: &Parameters) -> Result<Option<Duration>, AuthorizeError> {
    let Some(text) = parameters.get("max_age") else { return Ok(None) };
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.parse::<u32>().ok().filter(|_| digits);
    seconds.map(|seconds| Some(Duration::from_secs(seconds.into()))).ok_or(AuthorizeError::InvalidRequest)
}
