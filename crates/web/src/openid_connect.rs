//! The endpoints at which applications sign people in, revoke and ask (OpenID Connect Core 1.0; RFC 6749).
//!
//! Those for browsers ([`authorize`], [`logout`]) are reached from other sites and answer with pages and redirects; those
//! for programs ([`token`], [`metadata`]) answer with JSON, to any origin, and look at no cookie.

pub(crate) mod authorize;
pub(crate) mod logout;
pub(crate) mod metadata;
pub(crate) mod token;

use crate::{
    problem::Problem,
    respond::{self, ResponseExt as _},
};
use axum::response::Response;
use http::{StatusCode, header::WWW_AUTHENTICATE};
use serde_json::json;

/// A problem, as a program is told (RFC 6749 §5.2; the words for faults are those of §4.1.2.1).
pub(crate) fn of_problem(problem: &Problem) -> Response {
    let status = problem.status();
    let word = match status {
        StatusCode::SERVICE_UNAVAILABLE => "temporarily_unavailable",
        status if status.is_server_error() => "server_error",
        _ => "invalid_request",
    };
    error(status, word).with_retry_after(problem.retry_after())
}

/// An error of the token endpoint and its like (RFC 6749 §5.2).
fn error(status: StatusCode, word: &str) -> Response {
    respond::json(status, &json!({ "error": word }))
}

/// Whoever has not shown which client it is. Each 401 says how it could be done (RFC 9110 §15.5.2).
fn invalid_client() -> Response {
    let challenge = "Basic realm=\"oauth2\"";
    error(StatusCode::UNAUTHORIZED, "invalid_client").with_header(WWW_AUTHENTICATE, challenge)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{CONTENT_TYPE, RETRY_AFTER};

    #[tokio::test]
    async fn a_program_is_told_every_problem_as_json() {
        for (problem, status, body) in [
            (Problem::TooLarge, 413, r#"{"error":"invalid_request"}"#),
            (Problem::MethodNotAllowed, 405, r#"{"error":"invalid_request"}"#),
            (Problem::BadRequest, 400, r#"{"error":"invalid_request"}"#),
            (Problem::TimedOut, 503, r#"{"error":"temporarily_unavailable"}"#),
            (Problem::Away, 503, r#"{"error":"temporarily_unavailable"}"#),
            (Problem::Unconfirmed, 503, r#"{"error":"temporarily_unavailable"}"#),
            (Problem::Busy, 503, r#"{"error":"temporarily_unavailable"}"#),
            (Problem::Internal, 500, r#"{"error":"server_error"}"#),
        ] {
            let response = of_problem(&problem);
            assert_eq!(response.status(), status, "{problem:?}");
            assert_eq!(response.headers()[CONTENT_TYPE], "application/json", "{problem:?}");
            assert_eq!(response.headers().contains_key(RETRY_AFTER), status == 503, "{problem:?}");
            let said = axum::body::to_bytes(response.into_body(), 100).await.unwrap();
            assert_eq!(said, body, "{problem:?}");
        }
    }
}
