//! The only SQL: one contract, two engines.
//!
//! [`Store::write`] and [`Store::read`] take a short synchronous closure over a [`Tx`]. On SQLite one writer thread
//! gathers waiting closures into one transaction (a savepoint each) and answers them after the commit; on PostgreSQL the
//! closure runs on a pooled connection. A closure must not hash, wait or talk to anybody.
//!
//! One file a table; one function a query; one SQL text for both engines (`$1`, `ON CONFLICT`, `RETURNING`), in the
//! file's `sql!` block. Every statement is prepared on both engines by a test.
//!
//! What must be secret at rest is sealed here, by the [`keyring`], bound to its table, column, user and row.

#[macro_use]
mod sql;

pub mod access_tokens;
pub mod api_keys;
pub mod application_challenges;
pub mod application_reveals;
pub mod application_users;
pub mod applications;
pub mod apps;
pub mod authorization_codes;
pub mod backup_codes;
pub mod browser_links;
pub mod budgets;
pub mod challenges;
pub mod client_assertions;
pub mod confirmed_browsers;
pub mod consents;
pub mod ended_sessions;
mod engine;
pub mod enrolments;
mod error;
pub mod events;
pub mod failures;
pub mod grants;
pub mod housekeeping;
pub mod idempotency_keys;
mod key_checks;
pub mod keyring;
pub mod known_browsers;
pub mod members;
mod migrations;
pub mod outbox;
pub mod password_resets;
pub mod pending_forms;
pub mod phones;
pub mod readiness;
pub mod refresh_tokens;
pub mod second_steps;
pub mod sent_codes;
pub mod sessions;
pub mod signing_keys;
pub mod sites;
mod store;
pub mod throttles;
mod timing;
mod tx;
pub mod users;

pub use engine::postgres::PostgresAddress;
pub use error::{StoreError, StoreResult};
pub use keyring::{ExpectedDatabase, Keyring};
pub use migrations::Schema;
pub use sql::all_statements;
pub use store::Store;
pub use tx::Tx;
