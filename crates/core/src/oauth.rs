//! The words of OAuth 2.0 and OpenID Connect: scopes, claims, PKCE.

use crate::ids::OrganizationId;
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// What an application may learn, or do later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OauthScope {
    /// Who somebody is: the `sub` and the ID token.
    OpenId,
    /// Their name.
    Profile,
    /// Their e-mail address.
    Email,
    /// The organizations to which they belong, and their roles.
    Organizations,
    /// To go on when the person has signed out (OpenID Connect Core §11).
    OfflineAccess,
}

impl OauthScope {
    /// Every one.
    pub const ALL: [Self; 5] =
        [Self::OpenId, Self::Profile, Self::Email, Self::Organizations, Self::OfflineAccess];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenId => "openid",
            Self::Profile => "profile",
            Self::Email => "email",
            Self::Organizations => "organizations",
            Self::OfflineAccess => "offline_access",
        }
    }
}

/// A set of scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(BTreeSet<OauthScope>);

impl ScopeSet {
    /// From what an application asks for. Words that mean nothing here are left out (OpenID Connect Core §3.1.2.1: they
    /// SHOULD be ignored); the answer says what was granted.
    pub fn requested(text: &str) -> Self {
        let known = |word: &str| OauthScope::ALL.into_iter().find(|scope| scope.as_str() == word);
        Self(text.split(' ').filter_map(known).collect())
    }

    /// Whether it has this one.
    pub fn has(&self, scope: OauthScope) -> bool {
        self.0.contains(&scope)
    }

    /// Whether all of `other` is in it.
    pub fn covers(&self, other: &Self) -> bool {
        other.0.is_subset(&self.0)
    }

    /// Both together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).copied().collect())
    }

    /// With one more.
    #[must_use]
    pub fn with(mut self, scope: OauthScope) -> Self {
        self.0.insert(scope);
        self
    }

    /// Without one of them.
    #[must_use]
    pub fn without(mut self, scope: OauthScope) -> Self {
        self.0.remove(&scope);
        self
    }

    /// Each, in their fixed order.
    pub fn iter(&self) -> impl Iterator<Item = OauthScope> {
        self.0.iter().copied()
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.iter().map(OauthScope::as_str).collect();
        f.write_str(&words.join(" "))
    }
}

/// A stored set with a word that is no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a set of scopes")]
pub struct NotScopes;

impl FromStr for ScopeSet {
    type Err = NotScopes;

    /// What [`Display`](fmt::Display) writes, and nothing else.
    fn from_str(text: &str) -> Result<Self, NotScopes> {
        let set = Self::requested(text);
        if set.to_string() == text { Ok(set) } else { Err(NotScopes) }
    }
}

/// A claim about a person that can be asked for by itself (OpenID Connect Core §5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClaimName {
    /// `name`
    Name,
    /// `email`
    Email,
    /// `email_verified`
    EmailVerified,
    /// `organizations`
    Organizations,
}

impl ClaimName {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Name, Self::Email, Self::EmailVerified, Self::Organizations];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Email => "email",
            Self::EmailVerified => "email_verified",
            Self::Organizations => "organizations",
        }
    }

    /// The scope to which it belongs. Whoever consents to the one consents to the other.
    pub fn scope(self) -> OauthScope {
        match self {
            Self::Name => OauthScope::Profile,
            Self::Email | Self::EmailVerified => OauthScope::Email,
            Self::Organizations => OauthScope::Organizations,
        }
    }
}

impl FromStr for ClaimName {
    type Err = NotScopes;

    fn from_str(text: &str) -> Result<Self, NotScopes> {
        Self::ALL.into_iter().find(|claim| claim.as_str() == text).ok_or(NotScopes)
    }
}

/// A PKCE challenge, by the method `S256`, the only one here (RFC 7636 §4.2; RFC 9700 §2.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeChallenge([u8; 32]);

impl CodeChallenge {
    /// Reads 43 characters of base64url.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// From the bytes of a database row.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes for a database row.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `verifier` is what was challenged: 43 to 128 unreserved characters (RFC 7636 §4.1). A comparison of
    /// hashes tells nothing by its time.
    pub fn is_met_by(&self, verifier: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let fits = (43..=128).contains(&verifier.len()) && verifier.bytes().all(plain);
        fits && <[u8; 32]>::from(Sha256::digest(verifier.as_bytes())) == self.0
    }
}

/// Whether somebody may sign in to an application: everybody may, where it is for everyone, else the members of its
/// organization, by the memberships that count.
pub fn admits(application_of: OrganizationId, for_everyone: bool, counting: &[OrganizationId]) -> bool {
    for_everyone || counting.contains(&application_of)
}

/// Why an administrator who is in a member's account through "login as" does not enter an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginAsDenied {
    /// Its registration does not say that it accepts "login as".
    NotAccepted,
    /// It was registered by another organization than the one the "login as" is bound to.
    OtherOrganization,
}

/// Whether an administrator may enter an application in a member's account: it accepts that, and belongs to the organization
/// that the "login as" is bound to, even where it is for everyone.
pub fn admits_login_as(
    application_of: OrganizationId,
    accepts: bool,
    bound: OrganizationId,
) -> Result<(), LoginAsDenied> {
    match (application_of == bound, accepts) {
        (true, true) => Ok(()),
        (true, false) => Err(LoginAsDenied::NotAccepted),
        (false, _) => Err(LoginAsDenied::OtherOrganization),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::{Timestamp, testing::Fill};

    #[test]
    fn scopes_are_a_set_of_known_words() {
        let set = ScopeSet::requested("email openid unknown  openid");
        assert_eq!(set.to_string(), "openid email");
        assert_eq!("openid email".parse(), Ok(set.clone()));
        assert_eq!("email openid".parse::<ScopeSet>(), Err(NotScopes));
        assert!(set.covers(&ScopeSet::requested("openid")));
        assert!(!set.covers(&ScopeSet::requested("openid offline_access")));
        assert_eq!(set.and(&ScopeSet::requested("profile")).to_string(), "openid profile email");
    }

    /// RFC 7636, appendix B.
    #[test]
    fn the_challenge_of_the_rfc_is_met_by_its_verifier_only() {
        let challenge = CodeChallenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap();
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert!(challenge.is_met_by(verifier));
        assert!(!challenge.is_met_by("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"));
        assert!(!challenge.is_met_by(&verifier[1..]));
        assert!(!challenge.is_met_by(""));
        for bad in ["", "plain", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM="] {
            assert_eq!(CodeChallenge::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_application_admits_its_organizations_people_or_everyone() {
        let [ours, theirs] = [1, 2].map(|n| OrganizationId::generate(Timestamp::from_millis(0), &Fill(n)));
        assert!(admits(ours, false, &[ours, theirs]));
        assert!(!admits(ours, false, &[theirs]));
        assert!(admits(ours, true, &[]));
    }

    #[test]
    fn a_login_as_enters_what_accepts_it_in_its_own_organization() {
        let [ours, theirs] = [1, 2].map(|n| OrganizationId::generate(Timestamp::from_millis(0), &Fill(n)));
        assert_eq!(admits_login_as(ours, true, ours), Ok(()));
        assert_eq!(admits_login_as(ours, false, ours), Err(LoginAsDenied::NotAccepted));
        assert_eq!(admits_login_as(theirs, true, ours), Err(LoginAsDenied::OtherOrganization));
        assert_eq!(admits_login_as(theirs, false, ours), Err(LoginAsDenied::OtherOrganization));
    }
}
