//! What people do with their own accounts, and administrators with their organization, on a database in a temporary
//! directory, with a clock that only the test moves.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod accounts;
mod applications;
mod assurance;
mod codes;
mod email;
mod forward_auth;
mod guessing;
mod login_as;
mod new_browser;
mod organization;
mod password;
mod phone;
mod readiness;
mod recovery;
mod sending;
mod service;
mod sign_in;
mod signed_in;
mod world;
