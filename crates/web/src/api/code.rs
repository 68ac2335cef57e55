//! Why a code was refused, or not sent, as a problem.

use super::{problem::ApiProblem, problem_type as kinds};
use crate::words;
use countersign_core::{budget::Scope, second_step::Method};
use countersign_flows::second_step::{CodeRefusal, SendOutcome};

/// A code of this kind was refused.
pub(crate) fn refused(refusal: CodeRefusal, method: Method) -> ApiProblem {
    let reason = match refusal {
        CodeRefusal::Closed { retry_after } => {
            return ApiProblem::new(kinds::SECOND_STEP_PAUSED, words::too_many_codes(retry_after))
                .after(retry_after);
        }
        CodeRefusal::NotAvailable => return unavailable(),
        CodeRefusal::Empty => "empty",
        CodeRefusal::NotDigits => "not-digits",
        CodeRefusal::WrongLength { .. } => "wrong-length",
        CodeRefusal::Mistyped => "mistyped",
        CodeRefusal::Wrong | CodeRefusal::WrongNearPause { .. } => "wrong",
        CodeRefusal::AlreadyUsed => "already-used",
        CodeRefusal::NotSent => "not-sent",
        CodeRefusal::Expired => "expired",
    };
    let problem =
        ApiProblem::new(kinds::CODE_REFUSED, words::code(refusal, method)).at("code").with("reason", reason);
    match refusal {
        CodeRefusal::WrongNearPause { left, .. } => problem.with("attempts_left", left),
        _ => problem,
    }
}

/// A code was asked for; `Ok` if it is on its way.
pub(crate) fn sent(outcome: SendOutcome) -> Result<(), ApiProblem> {
    match outcome {
        SendOutcome::Sent => Ok(()),
        SendOutcome::NotAvailable => Err(unavailable()),
        SendOutcome::TooSoon { retry_after } => {
            Err(ApiProblem::new(kinds::CODE_SENT_RECENTLY, words::sent_a_moment_ago(retry_after))
                .after(retry_after))
        }
        SendOutcome::Closed { retry_after } => {
            Err(ApiProblem::new(kinds::TOO_MANY_SENDS, words::too_many_sends(retry_after)).after(retry_after))
        }
        SendOutcome::Limited(limit) => {
            let kind = match limit.scope {
                Scope::FirstEmail => kinds::TOO_MANY_FIRST_EMAILS,
                _ => kinds::SEND_LIMIT_REACHED,
            };
            Err(ApiProblem::new(kind, words::send_limit(limit)).after(limit.retry_after))
        }
    }
}

fn unavailable() -> ApiProblem {
    ApiProblem::plain(kinds::METHOD_UNAVAILABLE).at("method")
}
