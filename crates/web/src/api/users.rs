//! `/api/v1/users`: whom the application knows.

use super::{
    json::{Body, Members, Nothing},
    key::{At, Key, UserWriter, UsersRead, UsersWrite, actor_may_not},
    path::UserPath,
    posted::{Keep, Posted, Put},
    problem::ApiProblem,
    problem_type as kinds,
    query::{self, Listing},
    reply::{Answer, Reply},
    shape::Method,
};
use crate::{app::App, times, words};
use axum::extract::State;
use countersign_core::email::EmailError;
use countersign_flows::{
    Recorder,
    service::users::{self, NAME_LENGTH, PutOutcome, UserView},
};
use serde::Serialize;
use utoipa::ToSchema;

/// What an application says of one of its users.
#[derive(ToSchema)]
pub(crate) struct UserDraft {
    /// Where codes and notices go. Changing it takes the account holder’s token.
    #[schema(format = "email", min_length = 3, max_length = 254, example = "mia@brightwater.example")]
    email: String,
    /// How messages address the person: one line.
    #[schema(
        min_length = 1,
        max_length = 80,
        pattern = r"^[^\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]*[^\s\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff][^\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]*$",
        example = "Mia Lund"
    )]
    name: String,
}

impl Body for UserDraft {
    const MEMBERS: &'static [&'static str] = &["email", "name"];

    fn read(members: &mut Members) -> Result<Self, ApiProblem> {
        Ok(Self { email: members.text("email", 254)?, name: members.text("name", NAME_LENGTH)? })
    }
}

/// A user. Nothing secret is ever in it.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct User {
    /// The application’s own id.
    #[schema(example = "user_42")]
    id: String,
    /// Where codes and notices go.
    #[schema(example = "mia@brightwater.example")]
    email: String,
    /// How messages address the person.
    #[schema(example = "Mia Lund")]
    name: String,
    /// Whether anything can be done for this user.
    active: bool,
    /// Since when the user has been known.
    #[schema(format = "date-time", example = "2026-11-24T05:54:00Z")]
    created_at: String,
    /// The second steps that can be used now.
    methods: Vec<Method>,
    /// How many authenticator apps are set up.
    apps: u32,
    /// Whether there is a confirmed phone.
    phone: bool,
    /// How many backup codes are left; null where there were never any.
    backup_codes_left: Option<u32>,
}

impl From<UserView> for User {
    fn from(view: UserView) -> Self {
        Self {
            id: view.id.to_string(),
            email: view.email,
            name: view.name,
            active: view.active,
            created_at: times::rfc3339(view.created_at),
            methods: view.methods.into_iter().map(Method::from).collect(),
            apps: view.apps,
            phone: view.phone,
            backup_codes_left: view.backup_codes_left,
        }
    }
}

/// Some of the users.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserList {
    /// In the order in which they became known.
    users: Vec<User>,
    /// What to send as `cursor` for the next ones; null at the end.
    next_cursor: Option<String>,
}

/// Create or update a user
///
/// The id is the application’s own. The first request creates the user; later ones update the name and the email address. Changing
/// the email address takes the account holder’s token, because codes go there, and no actor.
#[utoipa::path(
    put, path = "/api/v1/users/{user}", tag = "Users", operation_id = "putUser",
    request_body = UserDraft,
    responses(
        (status = 200, description = "The user was updated.", body = User),
        (status = 201, description = "The user was created.", body = User),
    ),
    extensions(
        ("x-account-holder" = json!("optional")),
        ("x-problems" = json!(["account-holder-token-refused", "actor-may-not-change", "user-not-found", "user-inactive"])),
    ),
)]
pub(crate) async fn put(State(app): State<App>, put: Put<UserWriter, UserDraft>) -> Answer {
    let Put { party: UserWriter { key, user, holder }, body } = put;
    let Key { caller, actor, origin, .. } = key;
    let outcome =
        users::put(&app.services, &caller, &user, &body.email, &body.name, holder.as_ref(), &origin).await?;
    match outcome {
        PutOutcome::Created(view) => Reply::created(&User::from(view)),
        PutOutcome::Updated(view) => Reply::ok(&User::from(view)),
        PutOutcome::TokenNeeded if actor.is_some() => Err(actor_may_not()),
        PutOutcome::TokenNeeded => Err(ApiProblem::new(
            kinds::ACCOUNT_HOLDER_TOKEN_REFUSED,
            "The e-mail address changes, and codes go there. Send an account-holder token that a second step has bought.",
        )),
        PutOutcome::Email(error) => Err(bad_email(error)),
        PutOutcome::Name(error) => Err(ApiProblem::invalid("name", words::text(error, "a name"))
            .with("expected", format!("one line of 1 to {NAME_LENGTH} characters"))),
        PutOutcome::Inactive => Err(ApiProblem::plain(kinds::USER_INACTIVE)),
    }
}

fn bad_email(error: EmailError) -> ApiProblem {
    ApiProblem::invalid("email", words::email(error)).with("expected", "an e-mail address")
}

/// List the users
///
/// In the order in which they were created. Follow `next_cursor` to the end; users created meanwhile come last.
#[utoipa::path(
    get, path = "/api/v1/users", tag = "Users", operation_id = "listUsers",
    params(
        ("limit" = Option<u32>, Query, description = "The maximum number; 50 by default.", minimum = 1, maximum = 100, example = 50),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the previous response.", min_length = 2, max_length = 171, pattern = r"^[A-Za-z0-9_-]+$"),
    ),
    responses((status = 200, description = "Some of the users.", body = UserList)),
    extensions(("x-problems" = json!(["bad-cursor"]))),
)]
pub(crate) async fn list(State(app): State<App>, listing: Listing) -> Answer {
    let Listing { key, after, limit } = listing;
    // One more than is shown tells whether there is a next page.
    let found = users::list(&app.services, &key.caller, after.as_ref(), limit + 1).await?;
    let mut found = found.ok_or_else(|| ApiProblem::plain(kinds::BAD_CURSOR))?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > shown;
    found.truncate(shown);
    let next_cursor = found.last().filter(|_| more).map(|last| query::cursor(&last.id));
    Reply::ok(&UserList { users: found.into_iter().map(User::from).collect(), next_cursor })
}

/// Show a user
#[utoipa::path(
    get, path = "/api/v1/users/{user}", tag = "Users", operation_id = "getUser",
    responses((status = 200, description = "The user.", body = User)),
    extensions(("x-problems" = json!(["user-not-found"]))),
)]
pub(crate) async fn show(State(app): State<App>, key: Key<UsersRead>, UserPath(user): UserPath) -> Answer {
    shown(users::get(&app.services, &key.caller, &user).await?)
}

fn shown(user: Option<UserView>) -> Answer {
    match user {
        Some(view) => Reply::ok(&User::from(view)),
        None => Err(ApiProblem::plain(kinds::USER_NOT_FOUND)),
    }
}

/// Deactivate a user
///
/// Waiting challenges and account-holder tokens end immediately. The id stays taken and the second steps stay as they are:
/// otherwise deleting a user and creating them again would remove their second step without their approval.
#[utoipa::path(
    delete, path = "/api/v1/users/{user}", tag = "Users", operation_id = "switchUserOff",
    responses((status = 204, description = "The user is deactivated.")),
    extensions(("x-problems" = json!(["user-not-found"]))),
)]
pub(crate) async fn switch_off(
    State(app): State<App>,
    key: Key<UsersWrite>,
    UserPath(user): UserPath,
) -> Answer {
    match users::set_active(&app.services, &key.caller, &user, false, Recorder::unkept()).await? {
        Some(_) => Reply::done(),
        None => Err(ApiProblem::plain(kinds::USER_NOT_FOUND)),
    }
}

/// Reactivate a user
///
/// The second steps are the same as before.
#[utoipa::path(
    post, path = "/api/v1/users/{user}/reactivate", tag = "Users", operation_id = "reactivateUser",
    responses((status = 200, description = "The user, active.", body = User)),
    extensions(("x-problems" = json!(["user-not-found"]))),
)]
pub(crate) async fn reactivate(
    State(app): State<App>,
    posted: Posted<At<Key<UsersWrite>, UserPath>, Nothing>,
) -> Answer {
    let work = async |app: App, who: At<Key<UsersWrite>, UserPath>, _: Nothing, keep: Keep| {
        let At { party: key, at: UserPath(user) } = who;
        users::set_active(&app.services, &key.caller, &user, true, keep.answer(shown)).await
    };
    posted.once(app, work).await
}
