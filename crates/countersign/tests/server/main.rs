//! The running server, black box: the binary, on both engines, over HTTP and in a browser.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod api;
mod application_commands;
mod applications;
mod bad_input;
mod browser;
mod bursts;
mod codes;
mod command_line;
mod confirm_browser;
mod connections;
mod continuing;
mod crash;
mod doctor;
mod examples;
mod flash;
mod forward_auth;
mod guessing;
mod hashing;
mod history;
mod hosted;
mod login_as;
mod new_keys;
mod openapi;
mod openid;
mod openid_clients;
mod operating;
mod outage;
mod profile;
mod readiness;
mod routes;
mod secrets;
mod sending;
mod shutdown;
mod sign_in;
mod signed_out;
mod starting;
mod structure;
mod support;
mod test_script;
mod user_commands;

use countersign_testkit::{Engine, Server, ServerOptions};

const BINARY: &str = env!("CARGO_BIN_EXE_countersign");

/// A server of its own for a test, on this engine.
async fn server(engine: Engine) -> Server {
    Server::start(ServerOptions::new(engine, BINARY)).await
}
