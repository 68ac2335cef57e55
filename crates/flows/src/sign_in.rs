//! Signing in: the password, then the second step, then out again.

pub mod confirm_browser;
mod finish;
mod network;
mod out;
mod password;
mod verify;

pub(crate) use network::{by_network, hex};
pub use out::sign_out;
pub use password::{Attempt, PasswordOutcome, password};
pub use verify::{VerifyOutcome, send_code, step, verify};

use countersign_core::secret::PlainHandle;

/// Somebody is in.
#[derive(Debug)]
pub struct SignedIn {
    /// The handle for the session cookie.
    pub session: PlainHandle,
    /// A handle for the known-browser cookie, where the browser has none yet.
    pub browser: Option<PlainHandle>,
    /// Where they wanted to go.
    pub return_to: Option<String>,
    /// After a backup code: how many are left.
    pub backup_codes_left: Option<u32>,
    /// The account has backup codes, and nothing shows that its holder has saved them.
    pub backup_codes_unsaved: bool,
}
