//! The endpoints at which applications sign people in, revoke and ask (OpenID Connect Core 1.0; RFC 6749).
//!
//! Those for browsers ([`authorize`], [`logout`]) are reached from other sites and answer with pages and redirects; those
//! for programs ([`token`], [`metadata`]) answer with JSON, to any origin, and look at no cookie.

pub(crate) mod authorize;
pub(crate) mod logout;
pub(crate) mod metadata;
pub(crate) mod token;

use crate::respond::{self, ResponseExt as _};
use axum::response::Response;
use countersign_flows::Fault;
use http::StatusCode;
use serde_json::json;
use std::time::Duration;

/// How soon it is worth trying again.
const SOON: Duration = Duration::from_secs(5);

/// An answer to a program: what it wants or why not, as JSON in either case.
pub(crate) type Told = Result<Response, ProgramFault>;

/// A fault, as a program is told.
pub(crate) struct ProgramFault(Fault);

impl From<Fault> for ProgramFault {
    fn from(fault: Fault) -> Self {
        Self(fault)
    }
}

impl axum::response::IntoResponse for ProgramFault {
    fn into_response(self) -> Response {
        let passing = matches!(self.0, Fault::Away(_) | Fault::Busy);
        tracing::error!(fault = %self.0, "a fault");
        if passing {
            let body = json!({ "error": "temporarily_unavailable" });
            respond::json(StatusCode::SERVICE_UNAVAILABLE, &body).with_retry_after(Some(SOON))
        } else {
            respond::json(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": "server_error" }))
        }
    }
}

/// An error of the token endpoint and its like (RFC 6749 §5.2).
fn error(status: StatusCode, word: &str) -> Response {
    respond::json(status, &json!({ "error": word }))
}
