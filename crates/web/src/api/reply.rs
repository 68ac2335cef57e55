//! What the API answers when it does what was asked.

use super::{problem::ApiProblem, problem_type as kinds};
use crate::respond::ResponseExt as _;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE};
use serde::Serialize;

/// What a handler returns.
pub(crate) type Answer = Result<Reply, ApiProblem>;

/// Says that an answer is the one of an earlier request with the same idempotency key.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// An answer that can be kept and given again: a status and a body, which is JSON or empty.
#[derive(Debug)]
pub(crate) struct Reply {
    status: StatusCode,
    body: Vec<u8>,
    replayed: bool,
}

impl Reply {
    /// 200 with this.
    pub(crate) fn ok(value: &impl Serialize) -> Answer {
        Self::with(StatusCode::OK, value)
    }

    /// 201 with this.
    pub(crate) fn created(value: &impl Serialize) -> Answer {
        Self::with(StatusCode::CREATED, value)
    }

    /// 204: done, and there is nothing to say.
    pub(crate) fn done() -> Answer {
        Ok(Self { status: StatusCode::NO_CONTENT, body: Vec::new(), replayed: false })
    }

    fn with(status: StatusCode, value: &impl Serialize) -> Answer {
        let body = serde_json::to_vec(value).map_err(|error| {
            tracing::error!(%error, "an answer cannot be written as JSON");
            ApiProblem::plain(kinds::INTERNAL)
        })?;
        Ok(Self { status, body, replayed: false })
    }

    /// The answer that was kept.
    pub(crate) fn replayed(status: u16, body: &[u8]) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, body: body.to_vec(), replayed: true }
    }

    /// The status, to be kept.
    pub(crate) fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// The body, to be kept.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let is_empty = self.body.is_empty();
        let mut response = (self.status, self.body).into_response();
        // A problem that was kept is given again as one.
        let kind =
            if self.status.is_client_error() { "application/problem+json" } else { "application/json" };
        if is_empty {
            response.headers_mut().remove(CONTENT_TYPE);
        } else {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        if self.replayed { response.with_header(REPLAYED, "true") } else { response }
    }
}
