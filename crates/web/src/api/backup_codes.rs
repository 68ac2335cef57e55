//! `/api/v1/users/{user}/backup-codes`

use super::{
    json::Nothing,
    key::{Holder, Key, UsersRead},
    path::UserPath,
    posted::{Keep, Posted},
    problem::ApiProblem,
    problem_type as kinds,
    reply::{Answer, Reply},
};
use crate::app::App;
use axum::extract::State;
use countersign_core::session::ProofTooOld;
use countersign_flows::service::authenticators;
use serde::Serialize;
use utoipa::ToSchema;

/// How many backup codes are left. The codes themselves cannot be read again.
#[derive(Serialize, ToSchema)]
pub(crate) struct BackupCodesLeft {
    /// Null where there were never any.
    left: Option<u32>,
}

/// New backup codes, shown once.
#[derive(Serialize, ToSchema)]
pub(crate) struct BackupCodes {
    /// Ten codes, each valid once.
    #[schema(min_items = 10, max_items = 10)]
    backup_codes: Vec<String>,
}

/// Get the number of backup codes
#[utoipa::path(
    get, path = "/api/v1/users/{user}/backup-codes", tag = "Authenticators", operation_id = "countBackupCodes",
    responses((status = 200, description = "How many are left.", body = BackupCodesLeft)),
    extensions(("x-problems" = json!(["user-not-found"]))),
)]
pub(crate) async fn show(State(app): State<App>, key: Key<UsersRead>, UserPath(user): UserPath) -> Answer {
    match authenticators::backup_codes_left(&app.services, &key.caller, &user).await? {
        Some(left) => Reply::ok(&BackupCodesLeft { left }),
        None => Err(ApiProblem::plain(kinds::USER_NOT_FOUND)),
    }
}

/// Create ten new backup codes
///
/// All older ones are worthless from then on. The codes are in this answer and nowhere else.
#[utoipa::path(
    post, path = "/api/v1/users/{user}/backup-codes", tag = "Authenticators", operation_id = "makeBackupCodes",
    responses((status = 200, description = "Show them to the account holder alone, and keep none.", body = BackupCodes)),
    extensions(("x-problems" = json!(["user-not-found", "no-app", "proof-too-old"]))),
)]
pub(crate) async fn make(State(app): State<App>, posted: Posted<Holder, Nothing>) -> Answer {
    let work = async |app: App, holder: Holder, _: Nothing, keep: Keep| {
        let Holder { key, session } = holder;
        let recorder = keep.answer(|made| match made {
            Ok(Some(backup_codes)) => Reply::ok(&BackupCodes { backup_codes }),
            Ok(None) => Err(ApiProblem::plain(kinds::NO_APP)),
            Err(ProofTooOld) => Err(ApiProblem::plain(kinds::PROOF_TOO_OLD)),
        });
        authenticators::make_backup_codes(&app.services, &session, &key.origin, recorder).await
    };
    posted.once(app, work).await
}
