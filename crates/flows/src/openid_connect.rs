//! Signing people in to applications: OpenID Connect Core 1.0 over OAuth 2.0 (RFC 6749, as RFC 9700 narrows it).
//!
//! ```text
//!   authorize ──► code (a minute, once) ──► token: access token (10 minutes), ID token, refresh token (once)
//!       │                                                   │                        │
//!       └─ grant: bound to the session, or offline ◄────────┴─────── all stand for ──┘
//! ```
//!
//! A code and the tokens are handles: only their SHA-256 is stored, and what one is worth is looked up whenever it is
//! shown. So whatever ends the grant (sign-out, an idle session, a switched-off account or application, a token shown
//! twice) is in force at once, on every node.
//!
//! - [`authorize`]: what follows a request, and the consent. The decision itself is
//!   [`Facts::next`](countersign_core::authorization::Facts::next).
//! - [`client`]: how an application shows who it is.
//! - [`token`], [`userinfo`], [`introspection`]: what it gets for a code or token.
//! - [`logout`], [`connected`]: how it ends.
//! - [`keys`]: what signs ID tokens.

mod asked;
mod assertion;
pub mod authorize;
mod claims;
pub mod client;
pub mod connected;
mod id_token;
pub mod introspection;
pub(crate) mod jws;
pub mod keys;
mod live;
pub mod logout;
mod parameters;
mod request;
pub mod token;
pub mod userinfo;

pub use parameters::Parameters;

use crate::Services;
use countersign_core::secret::{PlainHandle, StoredHandle};
use std::time::Duration;
use zeroize::Zeroizing;

/// How long a code can be exchanged (RFC 6749 §4.1.2 recommends ten minutes at most).
pub const CODE_LIFETIME: Duration = Duration::from_secs(60);

/// How long an access token and an ID token are good.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// How long a grant with `offline_access` is good, however busy.
pub const OFFLINE_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long a refresh token of such a grant is good unused.
pub const OFFLINE_IDLE: Duration = Duration::from_secs(7 * 24 * 3600);

/// The issuer: where people reach the server, without a trailing slash.
pub fn issuer(s: &Services) -> &str {
    &s.rules.public_url
}

/// A code or token as it travels: a prefix by which people and scanners for leaked secrets know it, and a handle.
#[derive(Clone, Copy)]
enum Kind {
    Code,
    Access,
    Refresh,
}

impl Kind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Code => "cs_ac_",
            Self::Access => "cs_at_",
            Self::Refresh => "cs_rt_",
        }
    }

    /// Draws a new one: its text, which is in nothing else, and what is stored.
    fn draw(self, s: &Services) -> (Zeroizing<String>, StoredHandle) {
        let handle = PlainHandle::generate(&*s.entropy);
        (Zeroizing::new(format!("{}{}", self.prefix(), handle.to_text())), handle.stored())
    }

    /// What is stored for this text, if it can be one.
    fn stored(self, text: &str) -> Option<StoredHandle> {
        PlainHandle::parse(text.strip_prefix(self.prefix())?).map(|handle| handle.stored())
    }
}
