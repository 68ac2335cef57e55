//! Where a form's answer may lead in the end.
//!
//! Chromium holds `form-action` against every hop of the redirects that follow a form, and not only against its target
//! (CSP Level 3 §6.4.1.1 leaves it to the navigation). A sign-in that began at an application ends at the application's
//! address, so the pages on that way have to permit that one origin, and only where the address is a registered one.

use crate::{
    app::App,
    extract::{Query, parameters},
    forward_auth, return_to,
    views::{Destination, ErrorAction},
};
use countersign_core::{application::ReturnAddress, site_access::Level};
use countersign_flows::openid_connect::authorize::{self, CANCELLED};
use http::HeaderValue;

/// The request of an application, as [`return_to`] carries it.
const AUTHORIZE: &str = "/oauth2/authorize?";

/// The way to a site behind a proxy.
const SITE: &str = "/forward-auth/sign-in?";

/// Further targets of a page's forms: a response extension, which `guard::protected` turns into the policy.
#[derive(Clone, Debug, Default)]
pub(crate) struct FormTargets(pub(crate) Vec<String>);

impl FormTargets {
    /// The policy with these targets beside `'self'`.
    pub(crate) fn policy(&self, policy: &str) -> Option<HeaderValue> {
        if self.0.is_empty() {
            return None;
        }
        let targets = format!("form-action 'self' {}", self.0.join(" "));
        HeaderValue::try_from(policy.replace("form-action 'self'", &targets)).ok()
    }
}

/// What waits behind a detour.
#[derive(Default)]
pub(crate) struct Behind {
    /// The application or the site that asked.
    pub(crate) application: Option<String>,
    /// The level that a step-up has to reach; `None` where nothing special is wanted.
    pub(crate) wanted: Option<Level>,
    /// The origins to which it may lead.
    pub(crate) origins: Vec<String>,
}

impl Behind {
    /// What waits, for the page of a sign-in that leads to `return_to`, with the way out.
    pub(crate) fn destination(&self, return_to: &str) -> Option<Destination> {
        let name = self.application.clone()?;
        let way_out = if return_to.starts_with(AUTHORIZE) {
            ErrorAction { label: format!("Cancel and go back to {name}"), href: cancelled(return_to) }
        } else {
            // A site would only ask for the same again.
            ErrorAction { label: "Go to your account instead".to_owned(), href: "/sign-in".to_owned() }
        };
        Some(Destination { name, way_out })
    }

    /// The level that a step-up has to reach.
    pub(crate) fn level(&self) -> Level {
        self.wanted.unwrap_or(Level::OneStep)
    }
}

/// What waits behind the detour that leads back to `return_to`. A fault leaves the strict policy in force.
pub(crate) async fn behind(app: &App, return_to: &str) -> Behind {
    if let Some(query) = return_to.strip_prefix(SITE) {
        return site(app, query);
    }
    let Some(query) = return_to.strip_prefix(AUTHORIZE) else { return Behind::default() };
    match authorize::waiting(&app.services, &parameters(query)).await {
        Ok(Some(waiting)) => Behind {
            application: Some(waiting.application),
            wanted: Some(waiting.wanted),
            origins: source(&waiting.redirect_uri).into_iter().collect(),
        },
        Ok(None) => Behind::default(),
        Err(fault) => {
            tracing::warn!(%fault, "where a form may lead is not known");
            Behind::default()
        }
    }
}

/// A page of a protected site.
fn site(app: &App, query: &str) -> Behind {
    let Ok((site, to)) = forward_auth::wanted(app, &Query::parse(query)) else { return Behind::default() };
    Behind {
        application: Some(host(&site.origin).to_owned()),
        wanted: Some(site.rules.level(forward_auth::path_of(&to))),
        origins: vec![site.origin.clone()],
    }
}

/// A site as people know it: its host, and the port if it isn't the default.
fn host(origin: &str) -> &str {
    origin.split_once("://").map_or(origin, |(_, host)| host)
}

/// An address as a policy names it: its origin, or an app's own scheme (CSP Level 3 §2.3.1). A policy has no word for a
/// host that is an IPv6 address, so there the scheme stands for it; nor for odd hosts, which are registered no more.
pub(crate) fn source(address: &ReturnAddress) -> Option<String> {
    let origin = address.origin();
    let (scheme, _) = address.as_str().split_once(':')?;
    if origin == "null" || origin.contains('[') {
        return Some(format!("{scheme}:"));
    }
    let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'/');
    Some(origin).filter(|origin| !origin.is_empty() && origin.bytes().all(named))
}

/// Where *Cancel* leads: for a request of an application, to the answer that the person did not want to. A site would ask
/// for the same again.
pub(crate) fn cancelled(path: &str) -> String {
    if path.starts_with(AUTHORIZE) {
        format!("{path}&{}=yes", return_to::encode(CANCELLED))
    } else if path.starts_with(SITE) {
        "/profile".to_owned()
    } else {
        path.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_named_as_policies_name_addresses() {
        let named = |text: &str| source(&text.parse().unwrap());
        assert_eq!(named("https://crm.example/back?x=1").as_deref(), Some("https://crm.example"));
        assert_eq!(named("http://127.0.0.1:4000/back").as_deref(), Some("http://127.0.0.1:4000"));
        assert_eq!(named("http://[::1]:4000/back").as_deref(), Some("http:"));
        assert_eq!(named("com.example.app:/back").as_deref(), Some("com.example.app:"));
        // As it may have been registered once.
        assert_eq!(named("https://*/back"), None);
    }

    #[test]
    fn the_policy_names_one_more_target() {
        let policy = "default-src 'none'; form-action 'self'; base-uri 'none'";
        let with = |list: &[&str]| {
            let targets = FormTargets(list.iter().map(|text| (*text).to_owned()).collect());
            targets.policy(policy).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(with(&[]), None);
        assert_eq!(
            with(&["https://crm.example"]).unwrap(),
            "default-src 'none'; form-action 'self' https://crm.example; base-uri 'none'"
        );
        assert_eq!(with(&["https://crm.example\n"]), None);
    }

    #[test]
    fn an_address_is_named_by_its_origin_or_its_scheme() {
        let named = |text: &str| source(&text.parse().unwrap());
        assert_eq!(named("https://crm.example/back?x=1").as_deref(), Some("https://crm.example"));
        assert_eq!(named("http://127.0.0.1:4000/back").as_deref(), Some("http://127.0.0.1:4000"));
        assert_eq!(named("com.example.app:/back").as_deref(), Some("com.example.app:"));
    }
}
