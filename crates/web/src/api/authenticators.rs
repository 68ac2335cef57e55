//! `/api/v1/users/{user}/authenticators`: the apps and the phone of a user.

use super::{
    code,
    json::{Body, Members},
    key::{At, Holder, Key, UsersRead},
    path::{IdPath, UserPath},
    posted::{Done, Keep, Posted},
    problem::ApiProblem,
    problem_type as kinds,
    reply::{Answer, Reply},
    shape::LONGEST_CODE,
};
use crate::{app::App, times, words};
use axum::extract::State;
use countersign_core::{
    ids::{AuthenticatorId, EnrolmentId},
    second_step::Method,
    session::ProofTooOld,
};
use countersign_flows::{
    enrolment::NAME_LENGTH,
    second_step::CodeRefusal,
    service::authenticators::{self, AuthenticatorView, ConfirmApp, PendingApp},
};
use serde::Serialize;
use utoipa::ToSchema;

/// A kind of authenticator.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AuthenticatorType {
    App,
    Sms,
}

/// An authenticator, without its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct Authenticator {
    /// Its id.
    #[schema(format = "uuid", example = "01890000-0000-7000-8000-000000000000")]
    id: String,
    /// An app, or a phone for text messages.
    r#type: AuthenticatorType,
    /// What its holder calls the app; the masked number of a phone.
    #[schema(example = "Phone")]
    name: String,
    /// Since when it has been active.
    #[schema(format = "date-time", example = "2026-11-24T05:54:00Z")]
    created_at: String,
    /// When a code of it was last used; null where that is not known.
    #[schema(format = "date-time", example = "2026-11-24T05:54:00Z")]
    last_used_at: Option<String>,
    /// Whether too many wrong codes in a row have switched it off.
    disabled: bool,
}

impl From<AuthenticatorView> for Authenticator {
    fn from(view: AuthenticatorView) -> Self {
        let r#type = match view.method {
            Method::Sms => AuthenticatorType::Sms,
            _ => AuthenticatorType::App,
        };
        Self {
            id: view.id.to_string(),
            r#type,
            name: view.name,
            created_at: times::rfc3339(view.created_at),
            last_used_at: view.last_used_at.map(times::rfc3339),
            disabled: view.disabled,
        }
    }
}

/// All authenticators of a user.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuthenticatorList {
    authenticators: Vec<Authenticator>,
}

/// What to set up: `app` is all that can be set up here.
#[derive(ToSchema)]
pub(crate) struct AuthenticatorDraft {
    #[schema(value_type = AuthenticatorType)]
    #[expect(dead_code, reason = "it has one value, which reading it has checked")]
    r#type: (),
}

impl Body for AuthenticatorDraft {
    const MEMBERS: &'static [&'static str] = &["type"];

    fn read(members: &mut Members) -> Result<Self, ApiProblem> {
        match members.text("type", 16)?.as_str() {
            "app" => Ok(Self { r#type: () }),
            _ => Err(super::json::of_another_form("type", "the word “app”")),
        }
    }
}

/// An app that waits for its first code. This is the one answer with the secret in it.
#[derive(Serialize, ToSchema)]
pub(crate) struct PendingAuthenticator {
    /// The id of the set-up.
    #[schema(format = "uuid", example = "01890000-0000-7000-8000-000000000000")]
    id: String,
    /// `app`
    r#type: AuthenticatorType,
    /// The secret in base32, for typing.
    #[schema(example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    key: String,
    /// The `otpauth:` address, for a QR code or a tap. Draw the code yourself: no other server may see it.
    #[schema(
        example = "otpauth://totp/Brightwater:mia%40brightwater.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Brightwater"
    )]
    uri: String,
    /// When it ends unconfirmed.
    #[schema(format = "date-time", example = "2026-11-24T06:04:00Z")]
    expires_at: String,
}

impl From<PendingApp> for PendingAuthenticator {
    fn from(pending: PendingApp) -> Self {
        Self {
            id: pending.id.to_string(),
            r#type: AuthenticatorType::App,
            key: pending.key.to_string(),
            uri: pending.uri.to_string(),
            expires_at: times::rfc3339(pending.expires_at),
        }
    }
}

/// The first code of an app.
#[derive(ToSchema)]
pub(crate) struct Confirmation {
    /// The six digits that the app shows.
    #[schema(max_length = 100, example = "287082")]
    code: String,
    /// What the account holder calls the app: one line.
    #[schema(
        min_length = 1,
        max_length = 40,
        pattern = r"^[^\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]*[^\s\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff][^\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]*$",
        example = "Phone"
    )]
    name: String,
}

impl Body for Confirmation {
    const MEMBERS: &'static [&'static str] = &["code", "name"];

    fn read(members: &mut Members) -> Result<Self, ApiProblem> {
        Ok(Self { code: members.text("code", LONGEST_CODE)?, name: members.text("name", NAME_LENGTH)? })
    }
}

/// An app that is active now.
#[derive(Serialize, ToSchema)]
pub(crate) struct Confirmed {
    authenticator: Authenticator,
    /// With the first app: ten backup codes, shown once. Null otherwise.
    backup_codes: Option<Vec<String>>,
}

/// List a user’s authenticators
///
/// Apps and the phone; nothing secret.
#[utoipa::path(
    get, path = "/api/v1/users/{user}/authenticators", tag = "Authenticators", operation_id = "listAuthenticators",
    responses((status = 200, description = "All authenticators of the user.", body = AuthenticatorList)),
    extensions(("x-problems" = json!(["user-not-found"]))),
)]
pub(crate) async fn list(State(app): State<App>, key: Key<UsersRead>, UserPath(user): UserPath) -> Answer {
    let found = authenticators::list(&app.services, &key.caller, &user).await?;
    let found = found.ok_or_else(|| ApiProblem::plain(kinds::USER_NOT_FOUND))?;
    Reply::ok(&AuthenticatorList { authenticators: found.into_iter().map(Authenticator::from).collect() })
}

/// Start setting up an authenticator app
///
/// Nothing is active before its first code is confirmed; what works goes on working until then. Beginning again under the same
/// token replaces what it has pending.
#[utoipa::path(
    post, path = "/api/v1/users/{user}/authenticators", tag = "Authenticators", operation_id = "beginApp",
    request_body = AuthenticatorDraft,
    responses((status = 201, description = "Show the code of `uri`, or `key`, to the account holder alone.", body = PendingAuthenticator)),
    extensions(("x-problems" = json!(["user-not-found", "proof-too-old"]))),
)]
pub(crate) async fn begin(State(app): State<App>, posted: Posted<Holder, AuthenticatorDraft>) -> Answer {
    let work = async |app: App, holder: Holder, _: AuthenticatorDraft, keep: Keep| {
        let recorder = keep.answer(|pending: Option<PendingApp>| {
            let pending = pending.ok_or_else(|| ApiProblem::plain(kinds::PROOF_TOO_OLD))?;
            Reply::created(&PendingAuthenticator::from(pending))
        });
        authenticators::begin_app(&app.services, &holder.session, recorder).await
    };
    posted.once(app, work).await
}

/// Confirm an authenticator app
///
/// With the right code the app is active, and the code is spent. The first app brings ten backup codes, which are in this answer
/// and nowhere else.
#[utoipa::path(
    post, path = "/api/v1/users/{user}/authenticators/{id}/confirm", tag = "Authenticators", operation_id = "confirmApp",
    request_body = Confirmation,
    responses((status = 200, description = "The app is active.", body = Confirmed)),
    extensions(("x-problems" = json!(["user-not-found", "authenticator-not-found", "code-refused"]))),
)]
pub(crate) async fn confirm(
    State(app): State<App>,
    posted: Posted<At<Holder, IdPath<EnrolmentId>>, Confirmation>,
) -> Answer {
    posted.once(app, confirmed).await
}

async fn confirmed(app: App, who: At<Holder, IdPath<EnrolmentId>>, body: Confirmation, keep: Keep) -> Done {
    let Confirmation { code, name } = body;
    let At { party: Holder { key, session }, at: IdPath(id) } = who;
    let recorder = keep.answer(confirmation);
    authenticators::confirm_app(&app.services, &session, id, &code, &name, &key.origin, recorder).await
}

fn confirmation(outcome: ConfirmApp) -> Answer {
    match outcome {
        ConfirmApp::Added { app, backup_codes } => {
            Reply::ok(&Confirmed { authenticator: app.into(), backup_codes })
        }
        ConfirmApp::NotPending => Err(ApiProblem::plain(kinds::AUTHENTICATOR_NOT_FOUND)),
        ConfirmApp::Code(error) => Err(code::refused(CodeRefusal::from(error), Method::App)),
        ConfirmApp::Wrong { phone_off_by_seconds: Some(off) } => {
            Err(ApiProblem::new(kinds::CODE_REFUSED, words::clock_hint(off))
                .at("code")
                .with("reason", "wrong")
                .with("phone_off_by_seconds", off))
        }
        ConfirmApp::Wrong { phone_off_by_seconds: None } => {
            Err(code::refused(CodeRefusal::Wrong, Method::App))
        }
        ConfirmApp::Name(error) => {
            Err(ApiProblem::invalid("name", words::text(error, "a name for this app"))
                .with("expected", format!("one line of 1 to {NAME_LENGTH} characters")))
        }
    }
}

/// Remove an authenticator app
///
/// Without its last app the user’s backup codes are worthless.
#[utoipa::path(
    delete, path = "/api/v1/users/{user}/authenticators/{id}", tag = "Authenticators", operation_id = "removeApp",
    responses((status = 204, description = "The app is removed.")),
    extensions(("x-problems" = json!(["user-not-found", "authenticator-not-found", "proof-too-old"]))),
)]
pub(crate) async fn remove(
    State(app): State<App>,
    holder: Holder,
    IdPath(id): IdPath<AuthenticatorId>,
) -> Answer {
    let removed = authenticators::remove_app(&app.services, &holder.session, id, &holder.key.origin).await?;
    match removed {
        Ok(Some(_)) => Reply::done(),
        Ok(None) => Err(ApiProblem::plain(kinds::AUTHENTICATOR_NOT_FOUND)),
        Err(ProofTooOld) => Err(ApiProblem::plain(kinds::PROOF_TOO_OLD)),
    }
}
