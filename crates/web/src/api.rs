//! The API for applications' own servers: JSON below `/api/v1`, described by `/openapi.json` and, for people, by `/api`.
//!
//! ```text
//!   request ─► told (where the application stands) ─► who calls (key) ─► what the path names (path) ─► body, strictly (json)
//!                                                                                                         │
//!   answer  ◄─ reply, or problem (RFC 9457) ◄── one flow of flows::service ◄── once for each idempotency key (posted)
//! ```
//!
//! A handler asks for the type that proves the right, as a page's does: `key::Key` with a scope, `key::Alone` where no actor may
//! be at the keyboard, `key::Holder` where the account holder's own token is needed. Neither cookies nor forms are known here.

pub(crate) mod authenticators;
pub(crate) mod backup_codes;
pub(crate) mod challenges;
mod code;
mod header;
mod json;
mod key;
mod limit;
pub(crate) mod openapi;
pub(crate) mod pages;
mod path;
mod posted;
mod problem;
pub mod problem_type;
mod query;
mod reply;
mod shape;
pub mod this_key;
pub(crate) mod tokens;
pub(crate) mod told;
pub(crate) mod users;

pub(crate) use problem::ApiProblem;

use crate::settings::WebSettings;
use bytes::Bytes;

/// What the API has at hand, made once.
pub(crate) struct Api {
    limits: limit::Limits,
    /// `/openapi.json`
    document: Bytes,
    /// The same, for the page.
    reference: pages::Reference,
}

impl Api {
    pub(crate) fn new(settings: &WebSettings) -> Self {
        let document = openapi::document(settings);
        Self {
            limits: limit::Limits::new(settings.api_requests_per_minute),
            reference: pages::Reference::of(&document),
            document: document.to_string().into(),
        }
    }
}
