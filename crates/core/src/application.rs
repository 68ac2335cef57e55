//! Applications that use this server: what they may ask for, and where they may send people back to.

mod return_address;

pub use return_address::{AddressError, ReturnAddress};

use crate::role::Role;
use std::{collections::BTreeSet, fmt, str::FromStr};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $error:ident: $what:literal { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word for forms, the API, the command line and the database.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        #[doc = concat!("A text that is not ", $what, ".")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
        #[error("not {}", $what)]
        pub struct $error;

        impl FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text).ok_or($error)
            }
        }
    };
}

words! {
    /// What an API key allows.
    Scope, NotAScope: "a scope of API keys" {
        /// See the application's users and their second steps; never a secret.
        UsersRead = "users:read",
        /// Make users known, and switch them off.
        UsersWrite = "users:write",
        /// Ask for second steps, and learn what came of them.
        Challenges = "challenges",
        /// Set up and remove authenticators and backup codes, with the account holder's own token beside the key.
        Authenticators = "authenticators",
        /// Set up the first app of somebody who has none, on the application's word alone that they are there.
        FirstEnrolments = "first-enrolments",
    }
}

words! {
    /// What an address of an application is for.
    AddressKind, NotAnAddressKind: "a kind of address" {
        /// The way back from a hosted second step.
        SecondStep = "second-step",
        /// An OpenID Connect `redirect_uri`.
        Redirect = "redirect",
        /// An OpenID Connect `post_logout_redirect_uri`.
        PostLogout = "post-logout",
    }
}

words! {
    /// How an OpenID Connect client shows who it is (OpenID Connect Core §9; RFC 6749 §2.1).
    ClientAuth, NotAClientAuth: "a way of client authentication" {
        /// A public client: an app on a phone or in a page, which can keep no secret. PKCE protects its codes.
        None = "none",
        /// A secret, in the header (`client_secret_basic`) or in the form (`client_secret_post`).
        ClientSecret = "client-secret",
        /// A signed assertion (`private_key_jwt`, RFC 7523), for which only the client's public keys are known here.
        PrivateKeyJwt = "private-key-jwt",
    }
}

words! {
    /// How ID tokens are signed (RFC 7518 §3.1, RFC 8037 §3.1).
    SigningAlgorithm, NotASigningAlgorithm: "a signing algorithm" {
        /// Ed25519.
        EdDsa = "EdDSA",
        /// ECDSA on P-256 with SHA-256.
        Es256 = "ES256",
        /// RSASSA-PKCS1-v1_5 with SHA-256: what OpenID Connect makes every client understand, and so the default.
        Rs256 = "RS256",
    }
}

impl Scope {
    /// Whether only an owner may grant it: such a key changes how an application's people prove who they are.
    pub fn is_owners(self) -> bool {
        matches!(self, Self::Authenticators | Self::FirstEnrolments)
    }
}

/// What an API key allows: at least one scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes(BTreeSet<Scope>);

/// A key that would allow nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no scope")]
pub struct NoScope;

impl Scopes {
    /// These, each once.
    pub fn new(scopes: impl IntoIterator<Item = Scope>) -> Result<Self, NoScope> {
        let scopes: BTreeSet<Scope> = scopes.into_iter().collect();
        if scopes.is_empty() { Err(NoScope) } else { Ok(Self(scopes)) }
    }

    /// Whether `scope` is among them.
    pub fn allow(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// Those that only an owner may grant.
    pub fn owners(&self) -> impl Iterator<Item = Scope> {
        self.iter().filter(|scope| scope.is_owners())
    }

    /// Whether someone with this role may create a key with them.
    pub fn grantable_by(&self, role: Role) -> bool {
        role.runs_applications() && (role >= Role::Owner || self.owners().next().is_none())
    }

    /// Each, in their fixed order.
    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.iter().map(Scope::as_str).collect();
        f.write_str(&words.join(" "))
    }
}

impl FromStr for Scopes {
    type Err = NotAScope;

    /// Words between single spaces, as [`Display`](fmt::Display) writes them.
    fn from_str(text: &str) -> Result<Self, NotAScope> {
        let scopes = text.split(' ').map(str::parse).collect::<Result<Vec<Scope>, _>>()?;
        Self::new(scopes).map_err(|NoScope| NotAScope)
    }
}

impl AddressKind {
    /// Reads an address for this purpose. An app's own scheme is for OpenID Connect alone: the way back from a hosted
    /// second step leads to a server, which redeems what it brings.
    pub fn address(self, text: &str) -> Result<ReturnAddress, AddressError> {
        match self {
            Self::SecondStep => ReturnAddress::web(text),
            Self::Redirect | Self::PostLogout => ReturnAddress::web_or_native(text),
        }
    }
}

/// The name under which an application knows a person: its own, opaque to this server. 1 to 128 printable ASCII
/// characters without spaces, so that it can stand in a path and in a log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExternalId(String);

/// A text that cannot name a person of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not 1 to 128 printable ASCII characters without spaces")]
pub struct NotAnExternalId;

impl ExternalId {
    /// The most characters.
    pub const LONGEST: usize = 128;

    /// The text, as the application gave it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ExternalId {
    type Err = NotAnExternalId;

    fn from_str(text: &str) -> Result<Self, NotAnExternalId> {
        let fits =
            (1..=Self::LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self(text.to_owned())) } else { Err(NotAnExternalId) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(*scope));
        }
        let scopes = Scopes::new([Scope::Challenges, Scope::UsersRead, Scope::Challenges]).unwrap();
        assert_eq!(scopes.to_string(), "users:read challenges");
        assert_eq!(scopes.to_string().parse(), Ok(scopes));
        assert_eq!("".parse::<Scopes>(), Err(NotAScope));
        assert_eq!("users:read  challenges".parse::<Scopes>(), Err(NotAScope));
    }

    #[test]
    fn what_changes_second_steps_is_the_owners_to_grant() {
        for scope in Scope::ALL {
            let scopes = Scopes::new([*scope, Scope::UsersRead]).unwrap();
            let guarded = matches!(scope, Scope::Authenticators | Scope::FirstEnrolments);
            assert_eq!(scopes.owners().count(), usize::from(guarded));
            assert!(scopes.grantable_by(Role::Owner));
            assert_eq!(scopes.grantable_by(Role::Admin), !guarded, "{scope}");
            assert!(!scopes.grantable_by(Role::Member));
        }
    }

    #[test]
    fn an_external_id_can_stand_in_a_path_and_in_a_log() {
        for good in ["1", "user_42", "a/b", &"x".repeat(128)] {
            assert!(good.parse::<ExternalId>().is_ok(), "{good}");
        }
        for bad in ["", " ", "a b", "ü", "a\n", &"x".repeat(129)] {
            assert_eq!(bad.parse::<ExternalId>(), Err(NotAnExternalId), "{bad}");
        }
    }
}
