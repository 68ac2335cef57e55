//! `/oauth2/logout`: an application asks to sign somebody out here too (OpenID Connect RP-Initiated Logout 1.0).
//!
//! An ID token of this very session is enough to do it at once: only the application that signed the person in has it.
//! Anybody else can at most have a page shown that asks. And nobody is sent to an address that is not registered.

use super::{Parameters, keys};
use crate::{Fault, Services};
use countersign_core::{
    application::{AddressKind, ReturnAddress},
    ids::ApplicationId,
    session::Session,
};
use countersign_store::applications;
use serde_json::Value;

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// End this session now; then on to the registered address, if there is one.
    Now {
        /// Where to.
        to: Option<String>,
    },
    /// Ask first.
    Ask(Asked),
    /// Nobody is signed in: on to the registered address, if there is one.
    Nobody {
        /// Where to.
        to: Option<String>,
    },
}

/// What the page that asks says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The application's name, where it is known.
    pub application: Option<String>,
    /// The registered address.
    pub address: Option<ReturnAddress>,
    /// The address with `state`.
    pub to: Option<String>,
    /// The request, as a query: what the page's form carries.
    pub request: String,
}

/// Reads the request, and says what follows. Ending the session is the caller's.
pub async fn wanted(
    s: &Services,
    parameters: &Parameters,
    session: Option<&Session>,
) -> Result<Wanted, Fault> {
    let hint = match parameters.get("id_token_hint") {
        Some(text) => keys::own_token(s, text).await?,
        None => None,
    };
    let id = named(parameters, hint.as_ref());
    let asker = match id {
        Ok(Some(id)) => asker(s, parameters, id).await?,
        Ok(None) | Err(Contradiction) => None,
    };
    let (application, address) = asker.map_or((None, None), |(name, address)| (Some(name), address));
    let to = address.as_ref().map(|address| match parameters.get("state") {
        Some(state) => address.with(&[("state", state)]),
        None => address.as_str().to_owned(),
    });
    let Some(session) = session else {
        // Without a hint that proves who asks, no stranger's link leads through here to anywhere.
        return Ok(Wanted::Nobody { to: to.filter(|_| hint.is_some()) });
    };
    let sid = session.record().id.to_string();
    let is_this_session = hint.as_ref().is_some_and(|hint| hint["sid"] == sid.as_str());
    if is_this_session && id.is_ok() && !parameters.is_damaged() {
        return Ok(Wanted::Now { to });
    }
    let request = parameters.without(&["csrf_token", "sign_out"]).to_query();
    Ok(Wanted::Ask(Asked { application, address, to, request }))
}

/// An ID token of one application, and the name of another.
#[derive(Clone, Copy)]
struct Contradiction;

/// The application that asks, by the audience of its ID token or by its name. Where both are given they have to be the
/// same (RP-Initiated Logout 1.0 §2).
fn named(parameters: &Parameters, hint: Option<&Value>) -> Result<Option<ApplicationId>, Contradiction> {
    let parsed = |text: &str| text.parse::<ApplicationId>().ok();
    let by_hint = hint.and_then(|hint| hint["aud"].as_str()).and_then(parsed);
    let by_name = parameters.get("client_id").map(parsed);
    match (by_hint, by_name) {
        (by_hint, None) => Ok(by_hint),
        (None, Some(by_name)) => Ok(by_name),
        (by_hint, Some(by_name)) if by_hint == by_name => Ok(by_hint),
        _ => Err(Contradiction),
    }
}

/// The application's name, and the registered address to which it wants to go on.
async fn asker(
    s: &Services,
    parameters: &Parameters,
    id: ApplicationId,
) -> Result<Option<(String, Option<ReturnAddress>)>, Fault> {
    let address = parameters.get("post_logout_redirect_uri").unwrap_or_default().to_owned();
    s.store
        .read(move |tx| {
            let application = applications::by_id(tx, id)?.filter(|found| found.signing_in().is_some());
            let Some(application) = application else { return Ok(None) };
            let address = applications::address(tx, id, AddressKind::PostLogout, &address)?;
            Ok(Some((application.name, address)))
        })
        .await
        .map_err(Into::into)
}
