//! Claims: which are asked for, and what they say about a person.

use crate::members;
use countersign_core::{
    assurance::Acr,
    oauth::{ClaimName, ScopeSet},
};
use countersign_store::{StoreResult, Tx, grants::Grant, users::User};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The single claims that a request asks for (OpenID Connect Core §5.5). Stored with the grant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Requested {
    id_token: BTreeSet<String>,
    userinfo: BTreeSet<String>,
}

/// What the `claims` parameter says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ClaimsParameter {
    pub(super) requested: Requested,
    /// The classes that `id_token.acr` names, where it names any.
    pub(super) acr: Option<Vec<Acr>>,
    /// The people about whom it may be, of each place that names any: the account has to be in every list.
    pub(super) subs: Vec<Vec<String>>,
}

impl ClaimsParameter {
    /// Reads it; `None` for what is no request for claims. Claims that are not known here are left out, essential or not
    /// (§5.5.1: their absence is no error).
    pub(super) fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let part = |name: &str| match value.as_object()?.get(name) {
            None | Some(Value::Null) => Some(Map::new()),
            Some(Value::Object(map)) => Some(map.clone()),
            Some(_) => None,
        };
        let (id_token, userinfo) = (part("id_token")?, part("userinfo")?);
        let known = |map: &Map<String, Value>| {
            let names = map.keys().filter(|name| name.parse::<ClaimName>().is_ok());
            names.cloned().collect()
        };
        let requested = Requested { id_token: known(&id_token), userinfo: known(&userinfo) };
        let acr = match id_token.get("acr").map(values) {
            None => None,
            Some(None) => return None,
            Some(Some(list)) if list.is_empty() => None,
            Some(Some(list)) => Some(known_acrs(list.iter().map(String::as_str))),
        };
        let mut subs = Vec::new();
        for said in [&id_token, &userinfo].into_iter().filter_map(|map| map.get("sub")) {
            subs.push(values(said)?);
        }
        subs.retain(|list| !list.is_empty());
        Some(Self { requested, acr, subs })
    }
}

/// The `value` or the `values` of one claim that is asked for; `None` for what cannot be read.
fn values(member: &Value) -> Option<Vec<String>> {
    let member = match member {
        Value::Null => return Some(Vec::new()),
        other => other.as_object()?,
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match (member.get("value"), member.get("values")) {
        (Some(value), _) => Some(vec![text(value)?]),
        (None, Some(list)) => list.as_array()?.iter().map(text).collect(),
        (None, None) => Some(Vec::new()),
    }
}

/// Those of the words that are classes of ours.
pub(super) fn known_acrs<'a>(words: impl Iterator<Item = &'a str>) -> Vec<Acr> {
    words.filter_map(|word| word.parse().ok()).collect()
}

impl Requested {
    /// From a stored grant. What cannot be read asks for nothing.
    pub(super) fn of(grant: &Grant) -> Self {
        serde_json::from_str(&grant.claims).unwrap_or_default()
    }

    /// For the database.
    pub(super) fn to_text(&self) -> String {
        json!({ "id_token": self.id_token, "userinfo": self.userinfo }).to_string()
    }

    /// The scopes to which they belong: to these the person has to agree.
    pub(super) fn scopes(&self) -> ScopeSet {
        let names =
            self.id_token.iter().chain(&self.userinfo).filter_map(|name| name.parse::<ClaimName>().ok());
        names.fold(ScopeSet::default(), |set, name| set.with(name.scope()))
    }

    /// What goes into the ID token: what was asked for there (§5.4: what scopes ask for is told by the userinfo endpoint).
    pub(super) fn for_id_token(&self) -> Vec<ClaimName> {
        self.id_token.iter().filter_map(|name| name.parse().ok()).collect()
    }

    /// What the userinfo endpoint tells.
    pub(super) fn for_userinfo(&self, scope: &ScopeSet) -> Vec<ClaimName> {
        let asked = |name: &ClaimName| scope.has(name.scope()) || self.userinfo.contains(name.as_str());
        ClaimName::ALL.into_iter().filter(asked).collect()
    }
}

/// What these claims say about the account of a grant. In a "login as" the one organization to which that is bound is all
/// that is told: the others are none of the administrator's business.
pub(super) fn about(
    tx: &mut Tx<'_>,
    grant: &Grant,
    user: &User,
    names: &[ClaimName],
) -> StoreResult<Map<String, Value>> {
    let mut told = Map::new();
    for name in names {
        let value = match name {
            ClaimName::Name => user.name.clone().into(),
            ClaimName::Email => user.email.as_str().into(),
            // The first address is the operator's or an invitation's word; each later one was confirmed by a code.
            ClaimName::EmailVerified => true.into(),
            ClaimName::Organizations => organizations(tx, grant)?,
        };
        told.insert(name.as_str().to_owned(), value);
    }
    Ok(told)
}

fn organizations(tx: &mut Tx<'_>, grant: &Grant) -> StoreResult<Value> {
    let told = members::counting(tx, grant.user, grant.bound())?.into_iter().map(|own| {
        json!({
            "id": own.organization.to_string(),
            "name": own.organization_name,
            "role": own.role.as_str(),
        })
    });
    Ok(told.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameter_is_read_as_the_standard_writes_it() {
        let read = ClaimsParameter::parse(
            r#"{"userinfo":{"email":{"essential":true},"given_name":null},
                "id_token":{"name":null,"auth_time":{"essential":true},
                "acr":{"essential":true,"values":["urn:countersign:acr:two-factor","urn:other"]},"sub":{"value":"x"}}}"#,
        )
        .unwrap();
        assert_eq!(read.acr, Some(vec![Acr::TwoFactor]));
        assert_eq!(read.subs, [["x"]]);
        assert_eq!(read.requested.for_id_token(), [ClaimName::Name]);
        assert_eq!(read.requested.for_userinfo(&ScopeSet::requested("openid")), [ClaimName::Email]);
        assert_eq!(read.requested.scopes().to_string(), "profile email");
        assert_eq!(serde_json::from_str::<Requested>(&read.requested.to_text()).unwrap(), read.requested);
    }

    #[test]
    fn each_place_names_its_own_people() {
        let read = |text: &str| ClaimsParameter::parse(text).map(|read| read.subs);
        let two = r#"{"id_token":{"sub":{"value":"x"}},"userinfo":{"sub":{"values":["y","z"]}}}"#;
        assert_eq!(read(two).unwrap(), [vec!["x"], vec!["y", "z"]]);
        assert_eq!(read(r#"{"id_token":{"sub":null},"userinfo":{"sub":{"essential":true}}}"#), Some(vec![]));
        assert_eq!(read(r#"{"userinfo":{"sub":{"value":7}}}"#), None);
    }

    #[test]
    fn a_class_that_is_not_known_can_never_be_met() {
        let read = |text: &str| ClaimsParameter::parse(text).map(|read| read.acr);
        assert_eq!(read(r#"{"id_token":{"acr":null}}"#), Some(None));
        assert_eq!(read(r#"{"id_token":{"acr":{"value":"urn:other"}}}"#), Some(Some(vec![])));
        for bad in [
            "",
            "[]",
            "7",
            r#"{"id_token":7}"#,
            r#"{"id_token":{"acr":"x"}}"#,
            r#"{"id_token":{"acr":{"values":[7]}}}"#,
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
