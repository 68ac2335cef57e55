//! What stands in the path of an address: percent-decoded once, and then an id or nothing that exists.

use super::{
    problem::ApiProblem,
    problem_type::{self as kinds, ProblemType},
};
use crate::app::App;
use axum::extract::{FromRequestParts, RawPathParams};
use countersign_core::{
    application::ExternalId,
    ids::{ApplicationChallengeId, AuthenticatorId, EnrolmentId},
};
use http::request::Parts;
use std::str::FromStr;

/// The `{user}` of a path.
pub(crate) struct UserPath(pub(crate) ExternalId);

impl FromRequestParts<App> for UserPath {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiProblem> {
        // "." and ".." never arrive as they were meant: clients take them for steps in the path (RFC 3986 §5.2.4).
        let user = placeholder(parts, app, "user").await.filter(|text| text != "." && text != "..");
        let user = user.and_then(|text| text.parse().ok());
        user.map(Self).ok_or_else(|| ApiProblem::plain(kinds::USER_NOT_FOUND))
    }
}

/// Something that a path names by its `{id}`.
pub(crate) trait Named: FromStr + Send {
    /// The answer where there is none such.
    const MISSING: &'static ProblemType;
}

impl Named for ApplicationChallengeId {
    const MISSING: &'static ProblemType = kinds::CHALLENGE_NOT_FOUND;
}

impl Named for AuthenticatorId {
    const MISSING: &'static ProblemType = kinds::AUTHENTICATOR_NOT_FOUND;
}

impl Named for EnrolmentId {
    const MISSING: &'static ProblemType = kinds::AUTHENTICATOR_NOT_FOUND;
}

/// The `{id}` of a path.
pub(crate) struct IdPath<T>(pub(crate) T);

impl<T: Named> FromRequestParts<App> for IdPath<T> {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiProblem> {
        let id = placeholder(parts, app, "id").await.and_then(|text| text.parse().ok());
        id.map(Self).ok_or_else(|| ApiProblem::plain(T::MISSING))
    }
}

async fn placeholder(parts: &mut Parts, app: &App, name: &str) -> Option<String> {
    let all = RawPathParams::from_request_parts(parts, app).await.ok()?;
    all.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}
