//! Accepts connections until the server stops.

use super::connections::Full;
use super::{Edge, connection};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// How long requests that are under way may take after the listener is closed.
const GRACE: Duration = Duration::from_secs(20);

/// How long connections that the kernel has queued are still accepted after that.
const LAST_ACCEPT: Duration = Duration::from_millis(500);

/// How long to wait after an error that concerns the whole machine, such as no free file descriptor.
const PAUSE: Duration = Duration::from_millis(50);

/// The log says the same thing once in this time.
const QUIET: Duration = Duration::from_secs(10);

/// For a connection that cannot be taken: nothing of it is read.
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n\
    Content-Type: text/plain; charset=utf-8\r\nContent-Length: 48\r\n\r\nThe server is busy. Try again in a few seconds.\n";

/// Serves `listener` until the stage is `Stage::Closing`, and then until the last request is answered, but not longer than
/// twenty seconds.
pub(in crate::serve) async fn serve(listener: TcpListener, edge: Arc<Edge>) {
    let mut log = Log::default();
    loop {
        tokio::select! {
            accepted = listener.accept() => take(&edge, accepted, &mut log).await,
            () = edge.is_closing(Duration::ZERO) => break,
        }
    }
    // The kernel has answered these clients already, and would reset them.
    let end = Instant::now() + LAST_ACCEPT;
    while let Ok(accepted) = timeout_at(end.min(Instant::now() + PAUSE), listener.accept()).await {
        take(&edge, accepted, &mut log).await;
    }
    drop(listener);
    if timeout(GRACE, edge.connections.all_closed()).await.is_err() {
        tracing::warn!("requests were cut off");
    }
}

async fn take(edge: &Arc<Edge>, accepted: io::Result<(TcpStream, SocketAddr)>, log: &mut Log) {
    match accepted {
        Ok((socket, peer)) => admit(edge, socket, peer, log),
        // The client has gone already.
        Err(error) if is_of_the_client(&error) => {}
        Err(error) => {
            refused("accept-error");
            log.say(|| {
                tracing::error!(
                    %error,
                    open = edge.connections.count(),
                    "connections cannot be accepted; if files run out, raise the limit for open files (LimitNOFILE in \
                     systemd, ulimit -n) or lower http.max_connections"
                );
            });
            edge.connections.make_room();
            sleep(PAUSE).await;
        }
    }
}

fn admit(edge: &Arc<Edge>, socket: TcpStream, peer: SocketAddr, log: &mut Log) {
    let ip = peer.ip().to_canonical();
    let is_proxy = edge.trusted_proxies.iter().any(|network| network.contains(&ip));
    match edge.connections.open(ip, is_proxy) {
        Ok(place) => {
            tokio::spawn(connection::serve(Arc::clone(edge), socket, peer, place));
        }
        Err(full) => {
            refused(full.reason());
            log.say(|| match full {
                Full::Network => tracing::warn!(
                    "a network has http.max_connections_per_network requests under way, and more are refused; if they \
                     come from your reverse proxy, name it in trusted_proxies"
                ),
                Full::Total => tracing::warn!(
                    "http.max_connections connections are open and at work, and more are refused; raise the setting if \
                     the machine can serve more"
                ),
            });
            // Without waiting: what the kernel does not take at once is not sent.
            if let Ok(mut socket) = socket.into_std() {
                drop(socket.write(BUSY));
            }
        }
    }
}

fn refused(reason: &'static str) {
    metrics::counter!("countersign_connections_refused_total", "reason" => reason).increment(1);
}

/// Whether the error concerns only the connection that was about to be accepted (accept(2)).
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, NetworkDown, TimedOut};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | NetworkDown | TimedOut)
}

/// Keeps a flood of connections from becoming a flood of log lines.
#[derive(Default)]
struct Log {
    said: Option<Instant>,
}

impl Log {
    fn say(&mut self, line: impl FnOnce()) {
        let now = Instant::now();
        if self.said.is_none_or(|said| now.duration_since(said) >= QUIET) {
            self.said = Some(now);
            line();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_a_busy_server_has_the_length_that_it_names() {
        let text = std::str::from_utf8(BUSY).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{text}");
    }
}
