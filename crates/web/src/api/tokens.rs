//! `/api/v1/users/{user}/account-holder-tokens`

use super::{
    json::{Body, Members, of_another_form},
    key::{Alone, At, Authenticators, scope_missing},
    path::UserPath,
    posted::{Done, Keep, Posted},
    problem::ApiProblem,
    problem_type as kinds,
    reply::{Answer, Reply},
};
use crate::{app::App, times};
use axum::extract::State;
use countersign_core::{application::Scope, ids::ApplicationChallengeId};
use countersign_flows::service::holder::{self, Basis, TokenOutcome};
use serde::Serialize;
use utoipa::ToSchema;

/// On the strength of what a token is asked for: one of the two.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the body, which is read into `Wanted`")]
#[schema(as = TokenDraft)]
pub(crate) enum TokenDraft {
    /// A challenge that the account holder has just answered. It buys one token.
    #[schema(rename = "challenge")]
    Challenge(String),
    /// `true`: the account holder has no authenticator app yet, and is in a session of their own with the application. The key
    /// needs the scope `first-enrolments` as well.
    #[schema(rename = "first_enrolment")]
    FirstEnrolment(bool),
}

/// The same, read.
pub(crate) struct Wanted(Basis);

impl Body for Wanted {
    const MEMBERS: &'static [&'static str] = &["challenge", "first_enrolment"];

    fn read(members: &mut Members) -> Result<Self, ApiProblem> {
        let challenge: Option<ApplicationChallengeId> =
            members.optional_parsed("challenge", 36, "the id of a challenge")?;
        match (challenge, members.optional_flag("first_enrolment")?) {
            (Some(id), None) => Ok(Self(Basis::Challenge(id))),
            (None, Some(true)) => Ok(Self(Basis::FirstEnrolment)),
            (None, Some(false)) => Err(of_another_form("first_enrolment", "true, or left out")),
            (Some(_), Some(_)) => Err(ApiProblem::invalid(
                "first_enrolment",
                "Send either “challenge” or “first_enrolment”, not both.",
            )),
            (None, None) => {
                Err(ApiProblem::invalid("challenge", "Send either “challenge” or “first_enrolment”."))
            }
        }
    }
}

/// A token, shown once.
#[derive(Serialize, ToSchema)]
pub(crate) struct Token {
    /// For the header `Countersign-Account-Holder`.
    #[schema(example = "cst_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    token: String,
    /// When it expires.
    #[schema(format = "date-time", example = "2026-11-24T05:59:00Z")]
    expires_at: String,
}

/// Create a user token
///
/// Changes to a user’s second step need this token in addition to the key. It stands for the account holder, who has just been
/// verified, and expires after five minutes by default. Create it from a challenge that was just answered, once and never with an
/// actor; or, for a user who has no authenticator app, with `first_enrolment`, by which your application states that this is the
/// account holder’s own session. That takes no further proof and no code, so the key needs the scope `first-enrolments`.
#[utoipa::path(
    post, path = "/api/v1/users/{user}/account-holder-tokens", tag = "Account-holder tokens", operation_id = "makeToken",
    request_body = TokenDraft,
    responses((status = 201, description = "The token. Keep it only in the account holder’s session.", body = Token)),
    extensions(("x-problems" = json!([
        "actor-may-not-change", "user-not-found", "challenge-not-usable", "not-first-enrolment", "user-inactive"
    ]))),
)]
pub(crate) async fn make(
    State(app): State<App>,
    posted: Posted<At<Alone<Authenticators>, UserPath>, Wanted>,
) -> Answer {
    posted.once(app, made).await
}

async fn made(app: App, who: At<Alone<Authenticators>, UserPath>, Wanted(basis): Wanted, keep: Keep) -> Done {
    let At { party: Alone(key), at: UserPath(user) } = who;
    holder::token(&app.services, &key.caller, &user, basis, &key.origin, keep.answer(token)).await
}

fn token(outcome: TokenOutcome) -> Answer {
    match outcome {
        TokenOutcome::Issued { token, expires_at } => {
            Reply::created(&Token { token: token.to_string(), expires_at: times::rfc3339(expires_at) })
        }
        TokenOutcome::UnknownUser => Err(ApiProblem::plain(kinds::USER_NOT_FOUND)),
        TokenOutcome::Challenge => Err(ApiProblem::plain(kinds::CHALLENGE_NOT_USABLE).at("challenge")),
        TokenOutcome::Scope => Err(scope_missing(Scope::FirstEnrolments)),
        TokenOutcome::NotFirst => Err(ApiProblem::plain(kinds::NOT_FIRST_ENROLMENT)),
        TokenOutcome::Inactive => Err(ApiProblem::plain(kinds::USER_INACTIVE)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::json;

    #[test]
    fn exactly_one_of_the_two_is_taken() {
        let id = "01890000-0000-7000-8000-000000000000";
        let read =
            |body: &str| json::read::<Wanted>(body.as_bytes()).map(|Wanted(basis)| format!("{basis:?}"));
        assert!(read(&format!("{{\"challenge\":\"{id}\"}}")).unwrap().contains("Challenge"));
        assert_eq!(read("{\"first_enrolment\":true}").unwrap(), "FirstEnrolment");
        for bad in [
            "{}",
            "{\"first_enrolment\":false}",
            "{\"first_enrolment\":\"true\"}",
            "{\"challenge\":\"x\"}",
            &format!("{{\"challenge\":\"{id}\",\"first_enrolment\":true}}"),
            &format!("{{\"challenge\":\"{id}\",\"first_enrolment\":false}}"),
        ] {
            assert_eq!(read(bad).unwrap_err().kind().slug, "invalid-value", "{bad}");
        }
    }
}
