//! The running server, black box: the binary, on both engines, over HTTP and in a browser.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod api;
mod application_commands;
mod applications;
mod bad_input;
mod browser;
mod bursts;
mod command_line;
mod confirm_browser;
mod connections;
mod crash;
mod examples;
mod forward_auth;
mod guessing;
mod hashing;
mod hosted;
mod login_as;
mod openapi;
mod openid;
mod openid_clients;
mod outage;
mod profile;
mod readiness;
mod routes;
mod secrets;
mod sending;
mod shutdown;
mod sign_in;
mod starting;
mod structure;
mod support;
mod user_commands;

use countersign_testkit::{Engine, Server, ServerOptions};

const BINARY: &str = env!("CARGO_BIN_EXE_countersign");

/// A server of its own for a test, on this engine.
async fn server(engine: Engine) -> Server {
    Server::start(ServerOptions::new(engine, BINARY)).await
}
