//! Where clients arrive: connections, their limits, and the requests that are refused before a route is looked at.
//!
//! - `listener`: accepts connections until the server stops.
//! - `connections`: how many there may be, and who leaves when there are too many.
//! - `connection`: one of them, from its first byte to its last, with the time that each part may take.
//! - `framing`: where an HTTP/1 request begins and ends, read strictly. Pure.
//! - `http1_stream`, `client_stream`: the HTTP library's view of the socket.
//! - `request_body`, `answer`: a request on its way to the router, and back.
//! - `memory`: what unfinished requests may take.
//! - `file_limit`: how many files the process may have open.

mod answer;
mod client_stream;
mod connection;
mod connections;
mod file_limit;
mod framing;
mod http1_stream;
mod listener;
mod memory;
mod request_body;

pub(super) use file_limit::raise as raise_file_limit;
pub(super) use listener::serve;

use axum::Router;
use connections::Connections;
use ipnet::IpNet;
use memory::Budget;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What all unfinished requests may take in memory, besides the few KiB that each one may have.
const UNFINISHED: usize = 16 * 1024 * 1024;

/// From the start to the end of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// As always.
    Serving,
    /// Everything is served, but `/readyz` says 503, so that nothing new is sent here.
    Draining,
    /// The listener is closed; what is under way is finished.
    Closing,
}

/// The limits of one listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// How long the first request, and a head from its first byte on, may take.
    pub(super) header: Duration,
    /// How long a body may take, and a write of which the client takes nothing.
    pub(super) body: Duration,
    /// How long a connection may be without a request.
    pub(super) idle: Duration,
    /// Connections in total.
    pub(super) connections: usize,
    /// Connections of one network.
    pub(super) connections_per_network: usize,
}

/// What one listener's connections share.
pub(super) struct Edge {
    router: Router,
    limits: Limits,
    trusted_proxies: Vec<IpNet>,
    connections: Connections,
    memory: Budget,
    stage: watch::Receiver<Stage>,
}

impl Edge {
    /// `listener` is its word for metrics.
    pub(super) fn new(
        listener: &'static str,
        router: Router,
        limits: Limits,
        trusted_proxies: Vec<IpNet>,
        stage: watch::Receiver<Stage>,
    ) -> Arc<Self> {
        let connections = Connections::new(listener, limits.connections, limits.connections_per_network);
        let memory = Budget::new(UNFINISHED);
        Arc::new(Self { router, limits, trusted_proxies, connections, memory, stage })
    }

    /// Resolves this long after the stage has become [`Stage::Closing`].
    async fn is_closing(&self, after: Duration) {
        let mut stage = self.stage.clone();
        // An error means that the sender is gone, which is an end as well.
        drop(stage.wait_for(|stage| *stage == Stage::Closing).await);
        tokio::time::sleep(after).await;
    }
}

#[cfg(test)]
mod tests;
