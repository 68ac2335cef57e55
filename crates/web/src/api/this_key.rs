//! `/api/v1/key`: what the key of the request is, and a command to try a new key with.

use super::{
    key::{AnyScope, Key},
    reply::{Answer, Reply},
};
use serde::Serialize;
use utoipa::ToSchema;

/// The name of the environment variable that holds an API key: on the pages, on the command line, in the guides and in
/// the examples.
pub const VARIABLE: &str = "COUNTERSIGN_API_KEY";

/// A line for a POSIX shell that shows whether a key works. Every live key may make this request, whatever its scopes, and
/// it changes nothing. `public_url` is the server's own, without a slash at its end. The key is read from [`VARIABLE`], so
/// that it stays out of the shell's history.
pub fn try_command(public_url: &str) -> String {
    // A URL that was parsed has no single quote in its host; the quotes keep a shell away from the brackets of an IPv6 address.
    format!("curl -sS -H \"Authorization: Bearer ${VARIABLE}\" '{public_url}/api/v1/key'")
}

/// An API key.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApiKey {
    /// Its id. The key itself is never returned.
    #[schema(format = "uuid")]
    id: String,
    /// What it permits.
    #[schema(example = json!(["users:write", "challenges"]))]
    scopes: Vec<&'static str>,
    application: KeyApplication,
}

/// The application that an API key belongs to.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyApplication {
    #[schema(format = "uuid")]
    id: String,
    #[schema(example = "Larkspur CRM")]
    name: String,
}

/// Show this key
///
/// The key of the request: its scopes and its application. Use it to test a new key.
#[utoipa::path(
    get, path = "/api/v1/key", tag = "Keys", operation_id = "getKey",
    responses((status = 200, description = "The key.", body = ApiKey)),
)]
pub(crate) async fn show(key: Key<AnyScope>) -> Answer {
    let (caller, application) = (&key.caller, key.caller.application());
    Reply::ok(&ApiKey {
        id: caller.key().to_string(),
        scopes: caller.scopes().iter().map(countersign_core::application::Scope::as_str).collect(),
        application: KeyApplication { id: application.id.to_string(), name: application.name.clone() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_pastes_into_a_shell_and_has_no_key_in_it() {
        let line = try_command("http://[::1]:8080");
        assert_eq!(
            line,
            "curl -sS -H \"Authorization: Bearer $COUNTERSIGN_API_KEY\" 'http://[::1]:8080/api/v1/key'"
        );
    }
}
