//! What the API answers when it does not do what was asked: problem details (RFC 9457).

use super::problem_type::{self as kinds, ProblemType};
use crate::{
    problem::{BodyDefect, Problem},
    respond::ResponseExt as _,
    times,
};
use axum::response::{IntoResponse, Response};
use countersign_flows::Fault;
use http::{
    HeaderValue, StatusCode,
    header::{CONTENT_TYPE, WWW_AUTHENTICATE},
};
use serde_json::{Map, Value};
use std::time::Duration;

/// How soon it is worth trying again when something is away.
const SOON: Duration = Duration::from_secs(5);

/// One problem. Boxed, so that a `Result` with it stays small.
#[derive(Clone, Debug)]
pub(crate) struct ApiProblem(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: &'static ProblemType,
    detail: String,
    retry_after: Option<Duration>,
    members: Map<String, Value>,
}

/// Marks an answer as a problem of this kind, for the log and the counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused(pub(crate) &'static ProblemType);

impl ApiProblem {
    /// A problem, with a sentence about this very one.
    pub(crate) fn new(kind: &'static ProblemType, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, detail: detail.into(), retry_after: None, members: Map::new() }))
    }

    /// A problem of which there is no more to say than what it always means.
    pub(crate) fn plain(kind: &'static ProblemType) -> Self {
        Self::new(kind, kind.remedy)
    }

    /// A member of the body that cannot be used.
    pub(crate) fn invalid(name: &str, detail: impl Into<String>) -> Self {
        Self::new(kinds::INVALID_VALUE, detail).at(name)
    }

    /// Names the member of the body: a JSON pointer to it (RFC 6901 §3).
    pub(crate) fn at(self, name: &str) -> Self {
        let escaped = name.replace('~', "~0").replace('/', "~1");
        self.with("field", format!("/{escaped}"))
    }

    /// Adds a member.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// Says when to come back.
    pub(crate) fn after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self.with("retry_after", times::seconds_up(wait).max(1))
    }

    /// Which kind it is.
    #[cfg(test)]
    pub(crate) fn kind(&self) -> &'static ProblemType {
        self.0.kind
    }

    /// The status.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The body.
    pub(crate) fn body(&self) -> Value {
        let kind = self.0.kind;
        let mut body = Map::new();
        body.insert("type".to_owned(), kind.reference().into());
        body.insert("title".to_owned(), kind.title.into());
        body.insert("status".to_owned(), kind.status.into());
        body.insert("detail".to_owned(), self.0.detail.clone().into());
        body.extend(self.0.members.clone());
        Value::Object(body)
    }
}

impl IntoResponse for ApiProblem {
    fn into_response(self) -> Response {
        let mut response = (self.status(), self.body().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.0.kind == kinds::API_KEY_REFUSED {
            // RFC 6750 §3: no error code where no key was shown, and here it is not said whether one was.
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"countersign\""));
        }
        response.extensions_mut().insert(Refused(self.0.kind));
        response.with_retry_after(self.0.retry_after)
    }
}

impl From<&Problem> for ApiProblem {
    /// What the server as a whole refuses, in the API's form.
    fn from(problem: &Problem) -> Self {
        match problem {
            Problem::NotFound | Problem::Elsewhere(_) => Self::plain(kinds::NOT_FOUND),
            Problem::MethodNotAllowed => Self::plain(kinds::METHOD_NOT_ALLOWED),
            Problem::TooLarge => Self::plain(kinds::BODY_TOO_LARGE),
            Problem::Body(BodyDefect::Damaged) => Self::plain(kinds::MALFORMED_REQUEST),
            Problem::Body(BodyDefect::TooSlow | BodyDefect::NoMemory) => {
                Self::plain(kinds::UNAVAILABLE).after(SOON)
            }
            Problem::TooMany { retry_after } => Self::plain(kinds::RATE_LIMITED).after(*retry_after),
            Problem::Away | Problem::Unconfirmed | Problem::Busy | Problem::TimedOut => {
                Self::plain(kinds::UNAVAILABLE).after(SOON)
            }
            // The rest is about forms and sessions, of which the API has none.
            _ => Self::plain(kinds::INTERNAL),
        }
    }
}

impl From<Problem> for ApiProblem {
    fn from(problem: Problem) -> Self {
        Self::from(&problem)
    }
}

impl From<Fault> for ApiProblem {
    /// As for a page: the log has the fault, the answer has not.
    fn from(fault: Fault) -> Self {
        Problem::from(fault).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_problem_has_the_five_words_and_its_own() {
        let problem = ApiProblem::invalid("a/b~c", "Not that.").with("expected", "this");
        let expected = json!({
            "type": "/api/errors/invalid-value", "title": "A value cannot be used", "status": 422,
            "detail": "Not that.", "field": "/a~1b~0c", "expected": "this",
        });
        assert_eq!(problem.body(), expected);
    }

    #[test]
    fn who_has_to_wait_is_told_twice() {
        let answer =
            ApiProblem::plain(kinds::RATE_LIMITED).after(Duration::from_millis(1_500)).into_response();
        assert_eq!(answer.status(), 429);
        assert_eq!(answer.headers()["retry-after"], "2");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
    }
}
