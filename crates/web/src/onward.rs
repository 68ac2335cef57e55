//! Where a form may lead besides this server.
//!
//! A browser holds a form's whole way against the policy of the page that it stands on, redirects as well (CSP Level 3,
//! `form-action`): a page whose form ends at an application has to name the application's origin.

use axum::response::Response;
use http::HeaderValue;

/// Origins to which the forms of this page may lead, beside our own.
#[derive(Clone, Debug, Default)]
pub(crate) struct FormTargets(Vec<String>);

impl FormTargets {
    /// `policy` with these origins beside `'self'`.
    pub(crate) fn policy(&self, policy: &str) -> Option<HeaderValue> {
        let targets = self.0.join(" ");
        HeaderValue::try_from(policy.replace("form-action 'self'", &format!("form-action 'self' {targets}")))
            .ok()
    }

    /// Adds an origin to a response's; what is none (and could say something else in the policy) is left out.
    pub(crate) fn add(response: &mut Response, origin: &str) {
        let whole = url::Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == origin);
        if whole {
            response.extensions_mut().get_or_insert_default::<Self>().0.push(origin.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::respond::ResponseExt as _;
    use axum::response::IntoResponse as _;

    fn policy(origins: &[&str]) -> Option<String> {
        let start = ().into_response();
        let response = origins.iter().fold(start, |response, origin| response.with_form_target(origin));
        let targets = response.extensions().get::<FormTargets>()?;
        let policy = targets.policy("default-src 'none'; form-action 'self'; base-uri 'none'")?;
        Some(policy.to_str().unwrap().to_owned())
    }

    #[test]
    fn an_origin_is_added_to_form_action_alone() {
        let two = policy(&["https://crm.example", "http://127.0.0.1:3000"]).unwrap();
        let expected = "default-src 'none'; \
                        form-action 'self' https://crm.example http://127.0.0.1:3000; base-uri 'none'";
        assert_eq!(two, expected);
    }

    #[test]
    fn what_is_no_origin_adds_nothing() {
        for bad in
            ["", "null", "*", "https:", "https://crm.example/", "https://crm.example; script-src *", "x y"]
        {
            assert_eq!(policy(&[bad]), None, "{bad:?}");
        }
    }
}
