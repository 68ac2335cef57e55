//! The forms that several answers and bodies share.

use countersign_core::second_step;
use serde::Serialize;
use utoipa::ToSchema;

/// What a member that names a user has to be.
pub(crate) const USER_ID: &str = "the id of a user: 1 to 128 visible ASCII characters";

/// What a member that names a method has to be.
pub(crate) const METHOD: &str = "one of: app, sms, email, backup-code";

/// The longest word for a method; anything longer is none.
pub(crate) const LONGEST_WORD: usize = 16;

/// No code is longer, however it is typed.
pub(crate) const LONGEST_CODE: usize = 100;

/// A kind of second step.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Method {
    App,
    Sms,
    Email,
    BackupCode,
}

impl From<second_step::Method> for Method {
    fn from(method: second_step::Method) -> Self {
        match method {
            second_step::Method::App => Self::App,
            second_step::Method::Sms => Self::Sms,
            second_step::Method::Email => Self::Email,
            second_step::Method::BackupCode => Self::BackupCode,
        }
    }
}
