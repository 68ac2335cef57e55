//! Parameters in addresses, and the paging of lists.

use super::{
    key::{Key, UsersRead},
    problem::ApiProblem,
    problem_type as kinds,
};
use crate::{app::App, extract::Query};
use axum::extract::FromRequestParts;
use countersign_core::application::ExternalId;
use data_encoding::BASE64URL_NOPAD;
use http::{Uri, request::Parts};

/// So many of a list come at once, unless the request says otherwise.
pub(crate) const USUAL: u32 = 50;

/// No more come at once.
pub(crate) const MOST: u32 = 100;

/// No cursor is longer: an external id of 128 characters in base64url.
pub(crate) const LONGEST_CURSOR: usize = 171;

/// Refuses every parameter that is not one of `known`, above all a key: an address lands in logs and histories.
pub(crate) fn only(uri: &Uri, known: &[&str]) -> Result<(), ApiProblem> {
    let query = Query::of(uri);
    if let Some(defect) = query.defect() {
        let detail = "A parameter of the address came twice or is not percent-encoded UTF-8. Send it once.";
        return Err(ApiProblem::new(kinds::MALFORMED_REQUEST, detail).with("field", defect.field));
    }
    let known_text = if known.is_empty() { "no parameter".to_owned() } else { known.join(", ") };
    if query.names().all(|name| known.contains(&name)) {
        return Ok(());
    }
    let detail =
        "The address has a parameter that is unknown here. Leave it out; keys and tokens belong in headers.";
    Err(ApiProblem::new(kinds::MALFORMED_REQUEST, detail).with("expected", known_text))
}

/// A page of a list that a key with the scope `users:read` asks for.
pub(crate) struct Listing {
    pub(crate) key: Key<UsersRead>,
    pub(crate) after: Option<ExternalId>,
    pub(crate) limit: u32,
}

impl FromRequestParts<App> for Listing {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiProblem> {
        let key = Key::read(parts, app, &["limit", "cursor"]).await?;
        let query = Query::of(&parts.uri);
        let after = query.get("cursor").map(after).transpose()?;
        Ok(Self { key, after, limit: limit(query.get("limit"))? })
    }
}

fn limit(text: Option<&str>) -> Result<u32, ApiProblem> {
    let Some(text) = text else { return Ok(USUAL) };
    // Digits alone: a number's own reading would take a plus sign as well.
    let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    number.filter(|limit| (1..=MOST).contains(limit)).ok_or_else(|| {
        ApiProblem::new(
            kinds::MALFORMED_REQUEST,
            format!("The parameter “limit” has to be a number from 1 to {MOST}."),
        )
        .with("field", "limit")
        .with("expected", format!("1 to {MOST}"))
    })
}

/// The cursor of what follows `last`.
pub(crate) fn cursor(last: &ExternalId) -> String {
    BASE64URL_NOPAD.encode(last.as_str().as_bytes())
}

fn after(cursor: &str) -> Result<ExternalId, ApiProblem> {
    let short = Some(cursor).filter(|cursor| cursor.len() <= LONGEST_CURSOR);
    let bytes = short.and_then(|cursor| BASE64URL_NOPAD.decode(cursor.as_bytes()).ok());
    let id = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).and_then(|text| text.parse().ok());
    id.ok_or_else(|| ApiProblem::plain(kinds::BAD_CURSOR))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_where_it_was_made() {
        let longest = "x".repeat(ExternalId::LONGEST);
        for id in ["a", "a/b", "user_42", &longest] {
            let id: ExternalId = id.parse().unwrap();
            assert_eq!(after(&cursor(&id)).unwrap(), id);
            assert!(cursor(&id).len() <= LONGEST_CURSOR);
        }
        for bad in ["", "=", "a", "%", "w7w", "IA", "AA", &"YQ".repeat(100)] {
            assert_eq!(after(bad).unwrap_err().kind().slug, "bad-cursor", "{bad}");
        }
    }

    #[test]
    fn a_limit_is_a_number_from_one_to_a_hundred() {
        assert_eq!(limit(None).unwrap(), USUAL);
        assert_eq!(limit(Some("100")).unwrap(), 100);
        for bad in ["", "0", "101", "-1", "+1", "1.0", "ten", "99999999999999999999"] {
            assert_eq!(limit(Some(bad)).unwrap_err().kind().slug, "malformed-request", "{bad}");
        }
    }

    #[test]
    fn only_known_parameters_pass_and_each_once() {
        let only = |query: &str| only(&format!("/x?{query}").parse().unwrap(), &["limit", "cursor"]).is_ok();
        assert!(only("") && only("limit=1") && only("limit=1&cursor=a"));
        assert!(!only("limit=1&limit=1") && !only("key=csk_x") && !only("limit=%FF") && !only("Limit=1"));
    }
}
