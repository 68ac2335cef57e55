//! The kinds of problem that the API answers with: one table, from which the answers, the pages below `/api/errors/`, the
//! OpenAPI document and `docs/errors/` come.
//!
//! A `type` is the path-absolute reference `/api/errors/{slug}` (RFC 9457 §3.1.1): the same text on every server, so that a
//! program can compare it, and an address with a page that explains it.

use std::fmt::Write as _;

/// Where the pages of the types are.
const BELOW: &str = "/api/errors/";

/// One kind of problem. Its slug and status are part of the contract and never change their meaning.
#[derive(Debug, PartialEq, Eq)]
pub struct ProblemType {
    /// The last part of the `type`.
    pub slug: &'static str,
    /// The status with which it is answered.
    pub status: u16,
    /// The same words every time (RFC 9457 §3.1.3).
    pub title: &'static str,
    /// What has happened.
    pub meaning: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
    /// The members that it has beside the five of RFC 9457, and what each says.
    pub members: &'static [(&'static str, &'static str)],
}

impl ProblemType {
    /// The member `type`.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("{BELOW}{}", self.slug)
    }

    /// The page of `docs/errors/`, in Markdown.
    #[must_use]
    pub fn documentation(&self) -> String {
        let Self { slug, status, title, meaning, remedy, members } = self;
        let mut text = format!(
            "# {title}\n\n`type`: `{BELOW}{slug}`, status {status}\n\n**What it means.** {meaning}\n\n**What to do.** {remedy}\n"
        );
        if !members.is_empty() {
            text.push_str("\n| Member | Says |\n|---|---|\n");
        }
        for (name, about) in *members {
            let _ = writeln!(text, "| `{name}` | {about} |");
        }
        text
    }
}

const FIELD: (&str, &str) =
    ("field", "where in the body it is (a JSON pointer, RFC 6901); for a parameter its name");
const EXPECTED: (&str, &str) = ("expected", "what would be accepted there");
const RETRY_AFTER: (&str, &str) = ("retry_after", "whole seconds to wait, as in the header `Retry-After`");
const HEADER: (&str, &str) = ("header", "the name of the header");

macro_rules! problem_types {
    ($($name:ident $slug:literal $status:literal $title:literal { $meaning:literal $remedy:literal $members:expr })*) => {
        $(
            #[doc = concat!("`", $slug, "`")]
            pub const $name: &ProblemType = &ProblemType {
                slug: $slug,
                status: $status,
                title: $title,
                meaning: $meaning,
                remedy: $remedy,
                members: $members,
            };
        )*

        /// Every type, by status.
        pub const TYPES: &[&ProblemType] = &[$($name,)*];
    };
}

problem_types! {
    MALFORMED_REQUEST "malformed-request" 400 "The request cannot be read" {
        "A header came twice or is not text, or the address has a parameter that is unknown here, came twice, or is out of its bounds."
        "Send each header and parameter once, in the form that the description of the operation gives. Keys and tokens belong in headers, never in an address."
        &[HEADER, FIELD, EXPECTED]
    }
    MALFORMED_JSON "malformed-json" 400 "The body is not JSON" {
        "The body is not one JSON text in UTF-8 (RFC 8259): there is a syntax error, something behind its end, a member that comes twice, more than 16 levels, or a body where none is expected."
        "Make the body with a JSON library, with each member once. An operation without a body takes none."
        &[]
    }
    BAD_CURSOR "bad-cursor" 400 "Invalid cursor" {
        "The parameter `cursor` does not come from this list."
        "Start without a cursor, then use each `next_cursor` as it was returned."
        &[]
    }
    BAD_IDEMPOTENCY_KEY "bad-idempotency-key" 400 "The idempotency key cannot be used" {
        "The header `Idempotency-Key` is empty, longer than 255 characters, has characters other than visible ASCII, or came twice."
        "Create a random value, such as a UUID, for each thing that should happen once, and send it with every attempt."
        &[]
    }
    API_KEY_REFUSED "api-key-refused" 401 "There is no valid API key" {
        "The header `Authorization` is missing, or its key is unknown, revoked or expired, or its application is switched off. Which of these it is, is not said."
        "Send `Authorization: Bearer csk_…` with a key from the application’s page. Create a new one there if this one has expired. `GET /api/v1/key` tests a key and returns its scopes."
        &[]
    }
    SCOPE_MISSING "scope-missing" 403 "The key does not allow this" {
        "The API key is valid, and lacks the scope that this operation needs."
        "Create a key with the scope. `GET /api/v1/key` returns the scopes of the key that you send."
        &[("scope", "the scope that is needed")]
    }
    ACTOR_MAY_NOT_CHANGE "actor-may-not-change" 403 "Only the account holder may change this" {
        "The request says that an actor, such as an administrator in a “login as”, is at the keyboard. Authenticators, backup codes, account-holder tokens and e-mail addresses are changed by the account holder alone."
        "Let the account holder do it in a session of their own, and leave the actor out then. Never leave it out while somebody else is at the keyboard."
        &[]
    }
    ACCOUNT_HOLDER_TOKEN_REFUSED "account-holder-token-refused" 403 "There is no valid account-holder token" {
        "The header `Countersign-Account-Holder` is missing, or its token is unknown, expired, or another user’s."
        "Take the account holder through a second step, exchange its challenge for a token, and send it while it lives. For somebody who has no authenticator app yet, a token for the first enrolment is enough, if the key may ask for one."
        &[]
    }
    RETURN_ADDRESS_NOT_REGISTERED "return-address-not-registered" 403 "The return address is not registered" {
        "People are sent back only to addresses that are registered for the application, compared letter by letter."
        "Register the address on the application’s page, or send exactly one that is registered."
        &[FIELD]
    }
    NOT_FOUND "not-found" 404 "There is nothing here" {
        "The API has no such address."
        "Compare the address with the list at `/api`."
        &[]
    }
    USER_NOT_FOUND "user-not-found" 404 "User not found" {
        "The application has no user of this id. Users of other applications are never found."
        "Create the user with `PUT /api/v1/users/{user}` first. An id in a URL is percent-encoded: `/` is `%2F`."
        &[FIELD]
    }
    CHALLENGE_NOT_FOUND "challenge-not-found" 404 "Challenge not found" {
        "The application has no challenge with this id that can be used like this: it never existed, it has expired, or it is answered on hosted pages and not by the API."
        "Start again with a new challenge."
        &[]
    }
    AUTHENTICATOR_NOT_FOUND "authenticator-not-found" 404 "Authenticator not found" {
        "The user has no authenticator app with this id, or the set-up with this id has expired or belongs to another token."
        "Read the user’s authenticators. Start the set-up again if it has expired."
        &[]
    }
    RESULT_NOT_FOUND "result-not-found" 404 "Result not found" {
        "The result that came back with the person was used before, is too old, or is another application’s. Which of these it is, is not said."
        "Treat the sign-in as not completed, and begin a new challenge. A result can be redeemed once."
        &[]
    }
    METHOD_NOT_ALLOWED "method-not-allowed" 405 "The address does not take this method" {
        "The address is right, the method is not."
        "Use one of the methods that the header `Allow` names."
        &[]
    }
    REQUEST_IN_PROGRESS "request-in-progress" 409 "The same request is still running" {
        "Another request with this idempotency key has started and is not finished."
        "Wait a moment and send the same request again."
        &[RETRY_AFTER]
    }
    USER_INACTIVE "user-inactive" 409 "The user is deactivated" {
        "Nothing is done for a deactivated user."
        "Reactivate the user with `POST /api/v1/users/{user}/reactivate`, if that is what you want."
        &[]
    }
    NO_SECOND_STEP "no-second-step" 409 "The user has no second step" {
        "The user has no second step that works and is permitted, so there is nothing that a challenge could ask for."
        "Set `set_up` to have the hosted pages offer the set-up, or set up an app by the API with a token for the first enrolment."
        &[]
    }
    SET_UP_NEEDS_PROOF "set-up-needs-proof" 409 "Nothing can show that the account holder is there" {
        "The user has no second step, and their email address takes no more codes after too many incorrect ones. So nothing can be asked before the set-up of a first app, and the key may not vouch for the user."
        "Create the challenge with a key that has the scopes `authenticators` and `first-enrolments`, once you have identified the account holder yourself."
        &[]
    }
    NOT_FIRST_ENROLMENT "not-first-enrolment" 409 "The user has an authenticator app" {
        "A token without a second step is for people who have no authenticator app. This user has one."
        "Take the account holder through a second step and exchange its challenge for a token."
        &[]
    }
    CHALLENGE_ALREADY_ANSWERED "challenge-already-answered" 409 "The challenge has already been answered" {
        "A correct code has answered this challenge, and a challenge is answered once. The answer may have been lost on the way."
        "Read the challenge: `verified` says how it was answered. Create a new challenge for a new sign-in."
        &[]
    }
    CHALLENGE_NOT_USABLE "challenge-not-usable" 409 "The challenge can’t be exchanged" {
        "The challenge is not verified, hosted and its result not redeemed yet, expired, already exchanged for a token, another user’s, or was answered by an actor."
        "Take the account holder through a new second step, and exchange its challenge immediately."
        &[FIELD]
    }
    PROOF_TOO_OLD "proof-too-old" 409 "The proof of identity is too old" {
        "The account-holder token rests on a second step that is too long ago for this change."
        "Take the account holder through a new second step and exchange its challenge for a new token."
        &[]
    }
    NO_APP "no-app" 409 "The user has no authenticator app" {
        "Backup codes stand in for an authenticator app, and the user has none."
        "Set up an app first; the first one brings backup codes."
        &[]
    }
    BODY_TOO_LARGE "body-too-large" 413 "The body is too large" {
        "The body has more than 64 KiB."
        "No body of this API comes near that. Look at what your program sends."
        &[]
    }
    CONTENT_TYPE "content-type" 415 "The body has to be JSON" {
        "The header `Content-Type` is not `application/json` (with `charset=utf-8` or nothing behind it), or the body is compressed."
        "Send `Content-Type: application/json`, and the body as it is."
        &[]
    }
    INVALID_VALUE "invalid-value" 422 "A value cannot be used" {
        "A member of the body is missing, unknown, of the wrong type or out of its bounds."
        "Correct the member that `field` names."
        &[FIELD, EXPECTED]
    }
    CODE_REFUSED "code-refused" 422 "The code is refused" {
        "The code is incorrect, not a code, already used, expired, or was never sent. `reason` says which, in one word."
        "Show the person the sentence in `detail`, and let them try again."
        &[
            ("reason", "`empty`, `not-digits`, `wrong-length`, `mistyped`, `wrong`, `already-used`, `not-sent` or `expired`"),
            ("attempts_left", "after a wrong code, where it is three or fewer: how many more are accepted before a pause"),
            ("phone_off_by_seconds", "at a set-up, where that explains it: by how much the phone’s clock is off (positive: fast)"),
            FIELD,
        ]
    }
    METHOD_UNAVAILABLE "method-unavailable" 422 "The user cannot use this method" {
        "The user has no second step of this kind that works and is permitted, or no code of this kind can be sent."
        "Use one of the challenge’s `methods`."
        &[FIELD]
    }
    IDEMPOTENCY_KEY_REUSED "idempotency-key-reused" 422 "The idempotency key belongs to another request" {
        "The same key came with another request within the hour."
        "Create a new key for each thing that should happen once, and repeat a request exactly."
        &[]
    }
    RATE_LIMITED "rate-limited" 429 "Too many requests" {
        "The application has sent more requests in a minute than this server takes."
        "Wait as long as `Retry-After` says. The header `RateLimit` shows on every answer to a valid key how many are left."
        &[RETRY_AFTER]
    }
    TOO_MANY_WRONG_KEYS "too-many-wrong-keys" 429 "Too many wrong keys" {
        "Many requests without a valid API key have come from this network. A valid key is let through all the same."
        "Correct the key, then wait as long as `Retry-After` says."
        &[RETRY_AFTER]
    }
    SECOND_STEP_PAUSED "second-step-paused" 429 "The second step is paused" {
        "Too many incorrect codes were entered for this user, so no code is accepted for a while. The account holder has been notified."
        "Ask the user to come back later, and send no codes until then."
        &[RETRY_AFTER]
    }
    CODE_SENT_RECENTLY "code-sent-recently" 429 "A code was sent a moment ago" {
        "The last code for this challenge is only seconds old."
        "Let the person look for the newest message, and offer another code after the wait."
        &[RETRY_AFTER]
    }
    TOO_MANY_SENDS "too-many-sends" 429 "Too many codes were sent" {
        "Many codes were sent to this user without one of them being used, or too many incorrect ones were entered."
        "Offer another method, or wait."
        &[RETRY_AFTER]
    }
    SEND_LIMIT_REACHED "send-limit-reached" 429 "No more codes are sent for now" {
        "As many codes were sent as this server allows within a time: to this number or mailbox, for this user, or for many people together. Only time lifts the limit; a correct code does not."
        "Show the person the sentence in `detail`, and offer another method."
        &[RETRY_AFTER]
    }
    TOO_MANY_FIRST_EMAILS "too-many-first-emails" 429 "Too many emails to new mailboxes" {
        "Within the last hour, the application has sent as many emails to mailboxes that no code has verified yet as this server allows. Users whose mailbox is verified are not affected."
        "Wait as long as `Retry-After` says. If you introduce many users at once, spread it over some hours, or ask the operator to raise `budget.first_emails_per_application_hour`."
        &[RETRY_AFTER]
    }
    INTERNAL "internal" 500 "Something went wrong on our side" {
        "It is a defect of this server, and it has been recorded."
        "Try again. If it happens again, tell the operator the number in the header `X-Request-Id`."
        &[]
    }
    UNAVAILABLE "unavailable" 503 "The server cannot answer just now" {
        "Something that the server needs, such as its database, is away, or the request took too long. \
         After a POST, the change may or may not have been saved."
        "Try again after the wait, with the same idempotency key."
        &[RETRY_AFTER]
    }
}

/// The type of this slug.
#[must_use]
pub fn by_slug(slug: &str) -> Option<&'static ProblemType> {
    TYPES.iter().copied().find(|kind| kind.slug == slug)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeMap, fs, path::Path};

    #[test]
    fn slugs_are_distinct_and_say_their_words_in_sentences() {
        for kind in TYPES {
            assert_eq!(by_slug(kind.slug), Some(*kind));
            assert!((400..=503).contains(&kind.status), "{}", kind.slug);
            assert!(kind.slug.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", kind.slug);
            for text in [kind.meaning, kind.remedy] {
                assert!(text.ends_with('.') && !text.contains("  "), "{text:?}");
            }
        }
        let sorted: Vec<u16> = TYPES.iter().map(|kind| kind.status).collect();
        assert!(sorted.is_sorted());
    }

    /// `docs/errors/` has a page for each type and no other. `COUNTERSIGN_TEST_WRITE_DOCS=1` writes them.
    #[test]
    fn the_documentation_has_a_page_for_each_type() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
        let pages: BTreeMap<String, String> =
            TYPES.iter().map(|kind| (format!("{}.md", kind.slug), kind.documentation())).collect();
        if std::env::var_os("COUNTERSIGN_TEST_WRITE_DOCS").is_some() {
            fs::create_dir_all(&folder).unwrap();
            for (name, text) in &pages {
                fs::write(folder.join(name), text).unwrap();
            }
        }
        let found: BTreeMap<String, String> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap())
            })
            .collect();
        assert_eq!(found, pages, "run this test with COUNTERSIGN_TEST_WRITE_DOCS=1");
    }
}
