//! Signals: the stop, in stages, and the one that must not stop the server.
//!
//! ```text
//!   Serving ─(SIGTERM, Ctrl-C)─► Draining ─(shutdown.drain_seconds, or a second signal)─► Closing
//! ```
//!
//! While draining, everything is served as before, but `/readyz` says 503: a load balancer that asks for it stops sending
//! connections here before they would be refused.

use super::edge::Stage;
use rustix::process::Signal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Walks through the stages when the process is asked to stop. `stopping` is what `/readyz` looks at.
pub(super) async fn watch(stage: watch::Sender<Stage>, stopping: Arc<AtomicBool>, drain: Duration) {
    asked_to_stop().await;
    stopping.store(true, Ordering::Relaxed);
    stage.send_replace(Stage::Draining);
    if !drain.is_zero() {
        tracing::info!(seconds = drain.as_secs(), "draining; /readyz says 503 and the listener stays open");
        tokio::select! {
            () = tokio::time::sleep(drain) => {}
            () = asked_to_stop() => {}
        }
    }
    tracing::info!("stopping");
    stage.send_replace(Stage::Closing);
}

async fn asked_to_stop() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// Replaces the default action of SIGXFSZ, which ends the process when a file reaches the limit for its size (setrlimit(2)).
/// The write then fails with EFBIG, like one on a full disk, and the store reports it. The handler stays for good.
pub(super) fn survive_file_size_limit() {
    if let Err(error) = signal(SignalKind::from_raw(Signal::XFSZ.as_raw())) {
        tracing::warn!(%error, "SIGXFSZ keeps its default action: a limit for the size of files would end the server");
    }
}
