#![doc = include_str!("../README.md")]

pub mod backup_code;
pub mod base32;
mod code;
mod keyed;
mod parameters;
mod secret;
mod totp;
mod typed;
mod uri;

pub use backup_code::{BackupCode, BackupCodeError};
pub use code::{Code, CodeError};
pub use parameters::{Algorithm, Digits, ParameterError, Period, TimeStep, Window};
pub use secret::{Secret, SecretError};
pub use totp::{ClockOffset, Totp, hotp};
pub use uri::{LabelPart, OtpauthUri, UriError};
