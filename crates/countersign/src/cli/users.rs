//! `countersign user …`.

use super::Place;
use clap::{Args, Subcommand};

/// Options of `countersign user`.
#[derive(Debug, Subcommand)]
pub enum User {
    /// List the accounts, or those whose email address or name contains a text
    List(UserList),
    /// Show an account: organizations, second steps, sessions, recent activity
    Show(UserNamed),
    /// Disable an account: it is signed out everywhere and cannot sign in
    Disable(UserNamed),
    /// Enable an account again
    Enable(UserNamed),
    /// Sign an account out everywhere
    EndSessions(UserNamed),
    /// Print a link, valid once and for an hour, with which the account holder chooses a new password
    ResetPassword(UserNamed),
    /// Remove the authenticator apps, the phone and the backup codes of an account
    ResetSecondStep(ResetSecondStep),
}

/// Options of `countersign user list`.
#[derive(Debug, Args)]
pub struct UserList {
    /// Which server.
    #[command(flatten)]
    pub place: Place,

    /// Only accounts whose email address or name contains this text
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub search: String,
}

/// An account.
#[derive(Debug, Args)]
pub struct UserNamed {
    /// Which server.
    #[command(flatten)]
    pub place: Place,

    /// The account's email address or id
    #[arg(value_name = "EMAIL|ID")]
    pub user: String,
}

/// Options of `countersign user reset-second-step`.
#[derive(Debug, Args)]
pub struct ResetSecondStep {
    /// Whose.
    #[command(flatten)]
    pub named: UserNamed,

    /// Why, for the record and for the account holder's notification
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}
