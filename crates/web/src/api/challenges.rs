//! `/api/v1/challenges`: asking for a second step, and learning what came of it.

use super::{
    code,
    json::{Body, Members},
    key::{At, Challenges, Key},
    path::IdPath,
    posted::{Done, Keep, Posted},
    problem::ApiProblem,
    problem_type as kinds,
    reply::{Answer, Reply},
    shape::{self, LONGEST_CODE, LONGEST_WORD, METHOD, USER_ID},
};
use crate::{app::App, times};
use axum::extract::State;
use countersign_core::{
    application::{ExternalId, ReturnAddress},
    ids::ApplicationChallengeId,
    second_step::Method,
};
use countersign_flows::{
    second_step::SendOutcome,
    service::challenges::{
        self, ChallengeDraft, ChallengeStatus, ChallengeView, CreateOutcome, NotWaiting, STATE_LENGTH,
        VerifyOutcome,
    },
};
use serde::Serialize;
use utoipa::ToSchema;

/// A second step that is wanted.
#[derive(ToSchema)]
#[schema(as = ChallengeDraft)]
pub(crate) struct Draft {
    /// The user.
    #[schema(value_type = String, min_length = 1, max_length = 128, pattern = "^[!-~]+$", example = "user_42")]
    user: ExternalId,
    /// In the application’s own “login as”: the administrator who is acting, and is asked for the second step. Same as the
    /// header `Countersign-Actor`.
    #[schema(value_type = Option<String>, nullable = false, min_length = 1, max_length = 128, pattern = "^[!-~]+$")]
    actor: Option<ExternalId>,
    /// The URL the user returns to from the hosted pages, which has to be registered. Without it, the application asks for the
    /// code on its own page.
    #[schema(nullable = false, max_length = 1000, format = "uri")]
    return_to: Option<String>,
    /// Returned unchanged with the user. Only together with `return_to`.
    #[schema(nullable = false, max_length = 500)]
    state: Option<String>,
    /// Whether a person without an authenticator app sets one up on the hosted pages, after showing the second step that they
    /// have. If they have none, they first enter a code sent to their email address, unless the key has the scopes
    /// `authenticators` and `first-enrolments`. By default, the application’s setting applies.
    #[schema(nullable = false)]
    set_up: Option<bool>,
}

impl Body for Draft {
    const MEMBERS: &'static [&'static str] = &["user", "actor", "return_to", "state", "set_up"];

    fn read(members: &mut Members) -> Result<Self, ApiProblem> {
        Ok(Self {
            user: members.parsed("user", ExternalId::LONGEST, USER_ID)?,
            actor: members.optional_parsed("actor", ExternalId::LONGEST, USER_ID)?,
            return_to: members.optional_text("return_to", ReturnAddress::LONGEST)?,
            state: members.optional_text("state", STATE_LENGTH)?,
            set_up: members.optional_flag("set_up")?,
        })
    }
}

fn no_way_back() -> ApiProblem {
    ApiProblem::invalid(
        "state",
        "A state is found again on the way back. Send “return_to” as well, or leave it out.",
    )
    .with("expected", format!("at most {STATE_LENGTH} characters, together with return_to"))
}

/// A kind of second step that can be shown.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChallengeMethod {
    method: shape::Method,
    /// Where a code would go, masked; null for what is not sent.
    #[schema(example = "m•••@brightwater.example")]
    to: Option<String>,
}

/// Where a challenge stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ChallengeStatus)]
pub(crate) enum Status {
    /// It waits for its answer.
    Pending,
    /// It was answered.
    Verified,
    /// It was not answered in time.
    Expired,
}

/// A challenge.
#[derive(Serialize, ToSchema)]
pub(crate) struct Challenge {
    /// Its id.
    #[schema(format = "uuid", example = "01890000-0000-7000-8000-000000000000")]
    id: String,
    /// The user.
    #[schema(example = "user_42")]
    user: String,
    /// Who is asked for the second step, if that is someone else.
    actor: Option<String>,
    /// Where to send the browser; only in the response to the request that created a hosted challenge.
    url: Option<String>,
    /// Where it stands.
    status: Status,
    /// What can be shown, the one to offer first in front.
    methods: Vec<ChallengeMethod>,
    /// Whether the person sets up an authenticator app before they come back, after showing one of `methods` if there are any.
    set_up: bool,
    /// When it expires.
    #[schema(format = "date-time", example = "2026-11-24T06:09:00Z")]
    expires_at: String,
    /// How a challenge without hosted pages was answered; null before, and for a hosted one, whose result tells it.
    verified: Option<Verified>,
}

impl From<ChallengeView> for Challenge {
    fn from(view: ChallengeView) -> Self {
        let method = |one: challenges::MethodView| ChallengeMethod { method: one.method.into(), to: one.to };
        Self {
            id: view.id.to_string(),
            user: view.user.to_string(),
            actor: view.actor.map(|actor| actor.to_string()),
            url: view.url,
            status: match view.status {
                ChallengeStatus::Pending => Status::Pending,
                ChallengeStatus::Verified => Status::Verified,
                ChallengeStatus::Expired => Status::Expired,
            },
            methods: view.methods.into_iter().map(method).collect(),
            set_up: view.set_up,
            expires_at: times::rfc3339(view.expires_at),
            verified: view.verified.map(Verified::from),
        }
    }
}

/// A second step that was shown.
#[derive(Serialize, ToSchema)]
pub(crate) struct Verified {
    /// The challenge.
    #[schema(format = "uuid", example = "01890000-0000-7000-8000-000000000000")]
    challenge: String,
    /// The user.
    #[schema(example = "user_42")]
    user: String,
    /// Who was verified, if that is someone else.
    actor: Option<String>,
    /// By which kind of code.
    method: shape::Method,
    /// The same as authentication method references (RFC 8176): `otp` or `sms`, and `mfa`. Empty for a code sent by email,
    /// which is a step and not a factor. Where an app was set up on the way, it is what was shown before that. The password,
    /// which the application checked, is for the application to add.
    #[schema(example = json!(["otp", "mfa"]))]
    amr: Vec<&'static str>,
    /// When.
    #[schema(format = "date-time", example = "2026-11-24T05:54:00Z")]
    verified_at: String,
    /// Whether an app was set up on the way.
    enrolled: bool,
    /// After a backup code: how many are left.
    backup_codes_left: Option<u32>,
}

impl From<challenges::Verified> for Verified {
    fn from(verified: challenges::Verified) -> Self {
        Self {
            challenge: verified.challenge.to_string(),
            user: verified.user.to_string(),
            actor: verified.actor.map(|actor| actor.to_string()),
            method: verified.method.into(),
            amr: verified.amr,
            verified_at: times::rfc3339(verified.verified_at),
            enrolled: verified.enrolled,
            backup_codes_left: verified.backup_codes_left,
        }
    }
}

/// Where to send a code.
#[derive(ToSchema)]
#[schema(as = CodeRequest)]
pub(crate) struct Send {
    /// `sms` or `email`.
    #[schema(value_type = shape::Method)]
    method: Method,
}

impl Body for Send {
    const MEMBERS: &'static [&'static str] = &["method"];

    fn read(members: &mut Members) -> Result<Self, ApiProblem> {
        Ok(Self { method: members.parsed("method", LONGEST_WORD, METHOD)? })
    }
}

/// A code, as it was entered.
#[derive(ToSchema)]
#[schema(as = CodeTyped)]
pub(crate) struct Typed {
    /// Which kind of code it is.
    #[schema(value_type = shape::Method)]
    method: Method,
    /// The code. Spaces and hyphens do not count.
    #[schema(max_length = 100, example = "287082")]
    code: String,
}

impl Body for Typed {
    const MEMBERS: &'static [&'static str] = &["method", "code"];

    fn read(members: &mut Members) -> Result<Self, ApiProblem> {
        Ok(Self {
            method: members.parsed("method", LONGEST_WORD, METHOD)?,
            code: members.text("code", LONGEST_CODE)?,
        })
    }
}

/// What came back with the person from the hosted pages.
#[derive(ToSchema)]
#[schema(as = Redemption)]
pub(crate) struct Redeem {
    /// The parameter `result` of the URL that the user came back to.
    #[schema(max_length = 200, example = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    result: String,
}

impl Body for Redeem {
    const MEMBERS: &'static [&'static str] = &["result"];

    fn read(members: &mut Members) -> Result<Self, ApiProblem> {
        Ok(Self { result: members.text("result", 200)? })
    }
}

/// Create a challenge
///
/// With `return_to` the challenge is hosted: send the browser to `url`, and redeem the `result` that it comes back with. Without,
/// it is headless: ask for the code on your own page and verify it here. It expires after fifteen minutes.
#[utoipa::path(
    post, path = "/api/v1/challenges", tag = "Challenges", operation_id = "createChallenge",
    request_body = Draft,
    responses((status = 201, description = "It waits for its answer.", body = Challenge)),
    extensions(("x-problems" = json!([
        "user-not-found", "user-inactive", "return-address-not-registered", "no-second-step", "set-up-needs-proof"
    ]))),
)]
pub(crate) async fn create(State(app): State<App>, posted: Posted<Key<Challenges>, Draft>) -> Answer {
    posted.once(app, created).await
}

async fn created(app: App, key: Key<Challenges>, body: Draft, keep: Keep) -> Done {
    let actor = match (key.actor, body.actor) {
        (Some(header), Some(member)) if header != member => {
            let detail =
                "The header Countersign-Actor names somebody else. Name the actor once, or twice the same.";
            return Ok(ApiProblem::invalid("actor", detail).into());
        }
        (header, member) => header.or(member),
    };
    let draft = ChallengeDraft {
        user: body.user,
        actor,
        return_to: body.return_to,
        state: body.state,
        set_up: body.set_up,
    };
    challenges::create(&app.services, &key.caller, draft, keep.answer(creation)).await
}

fn creation(outcome: CreateOutcome) -> Answer {
    match outcome {
        CreateOutcome::Created(view) => Reply::created(&Challenge::from(view)),
        CreateOutcome::UnknownUser => Err(ApiProblem::plain(kinds::USER_NOT_FOUND).at("user")),
        CreateOutcome::UnknownActor => Err(ApiProblem::plain(kinds::USER_NOT_FOUND).at("actor")),
        CreateOutcome::ActorIsUser => Err(ApiProblem::invalid(
            "actor",
            "The actor is the user. Leave the actor out where the account holder is at the keyboard.",
        )),
        CreateOutcome::Inactive => Err(ApiProblem::plain(kinds::USER_INACTIVE)),
        CreateOutcome::ReturnAddress => {
            Err(ApiProblem::plain(kinds::RETURN_ADDRESS_NOT_REGISTERED).at("return_to"))
        }
        CreateOutcome::State => Err(no_way_back()),
        CreateOutcome::SetUp => Err(ApiProblem::invalid(
            "set_up",
            "An app is set up on the hosted pages, by the account holder. Send “return_to” and no actor, or leave it out.",
        )),
        CreateOutcome::NothingToShow => Err(ApiProblem::plain(kinds::NO_SECOND_STEP)),
        CreateOutcome::SetUpUnproven => Err(ApiProblem::plain(kinds::SET_UP_NEEDS_PROOF)),
    }
}

/// Show a challenge
#[utoipa::path(
    get, path = "/api/v1/challenges/{id}", tag = "Challenges", operation_id = "getChallenge",
    responses((status = 200, description = "The challenge.", body = Challenge)),
    extensions(("x-problems" = json!(["challenge-not-found"]))),
)]
pub(crate) async fn show(
    State(app): State<App>,
    key: Key<Challenges>,
    IdPath(id): IdPath<ApplicationChallengeId>,
) -> Answer {
    match challenges::get(&app.services, &key.caller, id).await? {
        Some(view) => Reply::ok(&Challenge::from(view)),
        None => Err(not_waiting(NotWaiting::Gone)),
    }
}

/// Send a code
///
/// By email or text message, for a challenge that is not hosted. A new code replaces the one before it.
#[utoipa::path(
    post, path = "/api/v1/challenges/{id}/send", tag = "Challenges", operation_id = "sendCode",
    request_body = Send,
    responses((status = 204, description = "It is on its way.")),
    extensions(("x-problems" = json!([
        "challenge-not-found", "challenge-already-answered", "method-unavailable", "code-sent-recently",
        "too-many-sends", "send-limit-reached", "too-many-first-emails"
    ]))),
)]
pub(crate) async fn send(State(app): State<App>, posted: Posted<OneChallenge, Send>) -> Answer {
    let work = async |app: App, who: OneChallenge, Send { method }: Send, keep: Keep| {
        let At { party: key, at: IdPath(id) } = who;
        let recorder = keep.answer(|sent: Result<SendOutcome, NotWaiting>| {
            code::sent(sent.map_err(not_waiting)?)?;
            Reply::done()
        });
        challenges::send(&app.services, &key.caller, id, method, &key.origin, recorder).await
    };
    posted.once(app, work).await
}

/// Verify a code
///
/// For a challenge that is not hosted. Each code verifies one challenge, however many requests use it at once. Incorrect codes are
/// counted for the user, over all challenges, sign-ins and methods.
#[utoipa::path(
    post, path = "/api/v1/challenges/{id}/verify", tag = "Challenges", operation_id = "verifyCode",
    request_body = Typed,
    responses((status = 200, description = "The code is right, and spent.", body = Verified)),
    extensions(("x-problems" = json!([
        "challenge-not-found", "challenge-already-answered", "code-refused", "method-unavailable", "second-step-paused"
    ]))),
)]
pub(crate) async fn verify(State(app): State<App>, posted: Posted<OneChallenge, Typed>) -> Answer {
    let work = async |app: App, who: OneChallenge, Typed { method, code }: Typed, keep: Keep| {
        let At { party: key, at: IdPath(id) } = who;
        let recorder = keep.answer(move |outcome| match outcome {
            VerifyOutcome::Verified(verified) => Reply::ok(&Verified::from(verified)),
            VerifyOutcome::Refused(refusal) => Err(code::refused(refusal, method)),
            VerifyOutcome::NotWaiting(why) => Err(not_waiting(why)),
        });
        challenges::verify(&app.services, &key.caller, id, method, &code, &key.origin, recorder).await
    };
    posted.once(app, work).await
}

/// Redeem a result
///
/// The user comes back from the hosted pages with `result` and `state`, which prove nothing: only this response counts. A result can be
/// redeemed once, within two minutes, by the application whose challenge it was. Compare `user` with the one
/// who was signing in.
#[utoipa::path(
    post, path = "/api/v1/challenges/redeem", tag = "Challenges", operation_id = "redeemResult",
    request_body = Redeem,
    responses((status = 200, description = "The second step was shown.", body = Verified)),
    extensions(("x-problems" = json!(["result-not-found"]))),
)]
pub(crate) async fn redeem(State(app): State<App>, posted: Posted<Key<Challenges>, Redeem>) -> Answer {
    let work = async |app: App, key: Key<Challenges>, Redeem { result }: Redeem, keep: Keep| {
        let recorder = keep.answer(|verified: Option<challenges::Verified>| match verified {
            Some(verified) => Reply::ok(&Verified::from(verified)),
            None => Err(ApiProblem::plain(kinds::RESULT_NOT_FOUND)),
        });
        challenges::redeem(&app.services, &key.caller, &result, recorder).await
    };
    posted.once(app, work).await
}

/// A key with the scope, and the challenge that the path names.
type OneChallenge = At<Key<Challenges>, IdPath<ApplicationChallengeId>>;

fn not_waiting(why: NotWaiting) -> ApiProblem {
    ApiProblem::plain(match why {
        NotWaiting::Answered => kinds::CHALLENGE_ALREADY_ANSWERED,
        NotWaiting::Gone => kinds::CHALLENGE_NOT_FOUND,
    })
}
