//! A running server, a mailbox, a person and a browser, for tests.
//!
//! Everything here stands outside the server: it starts the `countersign` binary as an operator would, and
//! speaks to it over HTTP as a person or a machine would. It depends on no other crate of the workspace, so
//! that a test written with it holds the server to `docs/HTTP.md` and not to its own idea of itself.
//!
//! - [`postgres::Database`]: an empty database of one's own, gone when dropped.
//! - [`server::Server`]: the binary in `--dev`, on either engine, with a clock that can be moved, which can be
//!   killed and started again.
//! - [`outbox`]: the messages that would have left.
//! - [`client::Client`] and [`page::Page`]: a person without a browser, and what that person reads.
//! - [`app::App`]: an authenticator app, whose codes come from `oathtool` and not from our own code.
//! - [`proxy::Proxy`]: nginx, Caddy or Traefik, in front of whatever a test says.
//! - [`network::Network`]: a network that can go silent.
//! - [`browser::Browser`]: Chromium, narrow or wide, light or dark, with and without JavaScript, and axe-core.
//! - [`running::Running`]: an application beside the server.
//! - [`guide::blocks`] and [`terminal::Terminal`]: what a guide says, and somebody who types it.
//!
//! What cannot be done panics at once, with what was expected, what came instead and, where a server is
//! involved, the end of its log. All waiting is bounded.
#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(
    clippy::disallowed_methods,
    reason = "bounded waits and the offset of a server's clock need real time"
)]

pub mod app;
pub mod browser;
pub mod client;
pub mod clock;
pub mod guide;
pub mod network;
pub mod outbox;
pub mod page;
pub mod postgres;
pub mod proxy;
pub mod running;
pub mod server;
pub mod terminal;

mod flows;
mod http;
mod process;

pub use app::App;
pub use browser::{Browser, BrowserOptions};
pub use client::{Client, burst};
pub use clock::Clock;
pub use network::Network;
pub use outbox::{Kind, Mailbox, Message};
pub use page::Page;
pub use postgres::Database;
pub use proxy::Proxy;
pub use running::Running;
pub use server::{Engine, People, Person, Role, Server, ServerOptions, free_port, program};
pub use terminal::Terminal;
