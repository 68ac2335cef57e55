//! Use cases: one module for each thing that a person does.
//!
//! A flow is a short async function over [`Services`]. It charges what has to be charged, checks, and then makes one
//! write in which everything that belongs together happens or does not. A refusal is an outcome (`Ok`); [`Fault`] is for
//! what is nobody's mistake.

pub mod accounts;
pub mod activity;
pub mod ambient;
pub mod applications;
pub mod backup_codes;
pub mod email_change;
pub mod enrolment;
mod fault;
pub mod forward_auth;
pub mod hashing;
pub mod identity;
mod letter;
pub mod login_as;
pub mod members;
pub mod openid_connect;
pub mod operator;
pub mod password_change;
pub mod pending_forms;
pub mod phone;
pub mod profile;
pub mod readiness;
pub mod recorder;
pub mod recovery;
mod rules;
pub mod second_step;
pub mod security_log;
pub mod sending;
pub mod service;
mod services;
pub mod sessions;
pub mod sign_in;
pub mod step_up;
pub mod support;

pub use countersign_store::{
    apps::AppSummary,
    events::{Cursor as EventCursor, EventRow},
    members::{Member, Membership},
    sessions::SessionRow,
};
pub use fault::Fault;
pub use recorder::Recorder;
pub use rules::Rules;
pub use services::{Inner, Services};
