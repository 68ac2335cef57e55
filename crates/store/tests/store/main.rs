//! What the store promises, on both engines: every test runs on SQLite and on PostgreSQL.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod after_commit;
mod api_keys;
mod application_challenges;
mod application_users;
mod applications;
mod apps;
mod backup_codes;
mod browser_links;
mod budgets;
mod bursts;
mod engines;
mod enrolments;
mod events;
mod failures;
mod files;
mod harness;
mod housekeeping;
mod idempotency_keys;
mod known_browsers;
mod members;
mod migrations;
mod openid_connect;
mod outbox;
mod password_resets;
mod phones;
mod readiness;
mod second_steps;
mod secrecy;
mod sent_codes;
mod sessions;
mod sign_ins;
mod silence;
mod sites;
mod throttles;
mod users;
