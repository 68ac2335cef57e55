//! One connection from its first byte to its last.
//!
//! ```text
//!   accepted ─(first bytes)─► HTTP/1 or HTTP/2 ─► requests, one after the other or at once ─► closed
//! ```
//!
//! Everything a client can delay has an end:
//!
//! | What | Bound |
//! |---|---|
//! | the first request, and each HTTP/1 head from its first byte on | `http.header_seconds` |
//! | a body, from the end of its head on | `http.body_seconds` |
//! | a write of which the client takes nothing | `http.body_seconds` |
//! | an HTTP/2 stream | the time a request may take, and as long again for its answer |
//! | a connection without a request | `http.idle_seconds` |

use super::Edge;
use super::answer::Answering;
use super::client_stream::ClientStream;
use super::connections::{Activity, Connection};
use super::framing::LONGEST_HEAD;
use super::http1_stream::Http1Stream;
use bytes::{BufMut as _, BytesMut};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

/// With this an HTTP/2 connection begins (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long after the end of the listener a connection that was accepted just before may take to send its request.
const LAST_REQUEST: Duration = Duration::from_secs(2);

/// How long a request may take; the pages' own limit is shorter by a moment.
const REQUEST: Duration = Duration::from_secs(31);

/// Streams of one HTTP/2 connection at once; RFC 9113 §6.5.2 recommends no fewer.
const STREAMS: u32 = 100;

/// Streams that the client has reset before they were looked at, and that the server has reset for errors of the client, before
/// the connection is closed (CVE-2023-44487, CVE-2025-8671).
const RESET_STREAMS: usize = 20;

/// What an HTTP/2 client may send before it is read: for a stream, and for the connection.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;

/// When a silent HTTP/2 client is asked whether it is still there, and how long it may take to say so.
const PING: Duration = Duration::from_secs(20);
const PONG: Duration = Duration::from_secs(10);

/// Serves a connection to its end.
pub(super) async fn serve(edge: Arc<Edge>, socket: TcpStream, peer: SocketAddr, connection: Arc<Connection>) {
    let opened = Instant::now();
    // Without it, the last part of an answer can wait for the client's acknowledgement of the part before.
    drop(socket.set_nodelay(true));
    let first = tokio::select! {
        first = first_bytes(&socket, opened + edge.limits.header) => first,
        () = connection.has_to_leave() => return,
        () = edge.is_closing(LAST_REQUEST) => return,
    };
    let Ok((is_http2, first)) = first else { return };
    let client = ClientStream::new(socket, first, edge.limits.body);
    let memory = edge.memory.clone();
    let answering = Answering {
        edge: Arc::clone(&edge),
        connection: Arc::clone(&connection),
        peer,
        memory: memory.clone(),
    };
    let protocol = if is_http2 {
        let streams = Streams { limit: REQUEST + edge.limits.body };
        Protocol::Http2(Box::pin(http2_settings(streams).serve_connection(TokioIo::new(client), answering)))
    } else {
        let (connection, patience) = (Arc::clone(&connection), edge.limits.header);
        let stream = Http1Stream::new(client, connection, memory.share(), patience, opened);
        Protocol::Http1(Box::pin(http1_settings().serve_connection(TokioIo::new(stream), answering)))
    };
    drive(&edge, protocol, &connection, opened).await;
}

/// Reads until it is clear which protocol the client speaks, but not longer than `until`: who has sent nothing or too little
/// by then is treated as an HTTP/1 client that is late.
async fn first_bytes(socket: &TcpStream, until: Instant) -> io::Result<(bool, BytesMut)> {
    let mut first = BytesMut::with_capacity(PREFACE.len());
    while PREFACE.starts_with(&first) && first.len() < PREFACE.len() {
        match timeout_at(until, socket.readable()).await {
            Err(_late) => break,
            Ok(ready) => ready?,
        }
        let room = PREFACE.len() - first.len();
        match socket.try_read_buf(&mut (&mut first).limit(room)) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
    }
    Ok((first == PREFACE, first))
}

fn http1_settings() -> http1::Builder {
    let mut settings = http1::Builder::new();
    // The time for a head is measured in `Http1Stream`, which can answer and does not count the time between requests.
    settings.timer(TokioTimer::new()).header_read_timeout(None::<Duration>);
    // A head is complete when the library gets it, so this is its limit for what else it holds.
    settings.max_buf_size(2 * LONGEST_HEAD).max_header_size(LONGEST_HEAD);
    settings
}

fn http2_settings(streams: Streams) -> http2::Builder<Streams> {
    let mut settings = http2::Builder::new(streams);
    settings.timer(TokioTimer::new()).keep_alive_interval(PING).keep_alive_timeout(PONG);
    settings.max_concurrent_streams(STREAMS);
    settings.max_pending_accept_reset_streams(RESET_STREAMS).max_local_error_reset_streams(RESET_STREAMS);
    settings.initial_stream_window_size(STREAM_WINDOW).initial_connection_window_size(CONNECTION_WINDOW);
    settings.max_header_list_size(LONGEST_HEAD as u32).max_send_buf_size(STREAM_WINDOW as usize);
    settings
}

/// Spawns an HTTP/2 connection's streams, each with a limit: a client that grants no window for the answer cannot keep it
/// waiting forever.
#[derive(Clone)]
struct Streams {
    limit: Duration,
}

impl<F> hyper::rt::Executor<F> for Streams
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, stream: F) {
        tokio::spawn(timeout(self.limit, stream));
    }
}

enum Protocol {
    Http1(Pin<Box<http1::Connection<TokioIo<Http1Stream>, Answering>>>),
    Http2(Pin<Box<http2::Connection<TokioIo<ClientStream>, Answering, Streams>>>),
}

impl Protocol {
    /// Finishes what is under way and takes no more.
    fn finish(&mut self) {
        match self {
            Self::Http1(connection) => connection.as_mut().graceful_shutdown(),
            Self::Http2(connection) => connection.as_mut().graceful_shutdown(),
        }
    }
}

impl Future for Protocol {
    type Output = hyper::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Http1(connection) => connection.as_mut().poll(cx),
            Self::Http2(connection) => connection.as_mut().poll(cx),
        }
    }
}

/// Runs the connection until it ends, has to leave, or has waited for too long.
async fn drive(edge: &Edge, mut protocol: Protocol, connection: &Connection, opened: Instant) {
    let mut is_last = false;
    loop {
        tokio::select! {
            done = &mut protocol => {
                if let Err(error) = done {
                    tracing::debug!(%error, "a connection ended early");
                }
                return;
            }
            () = connection.has_to_leave() => {
                if connection.is_abusive() {
                    return closed("resets");
                }
                if !connection.is_at_work() {
                    return;
                }
                // The rest of a request arrived just now.
                protocol.finish();
            }
            () = waited(edge, connection, opened) => return closed("idle"),
            // An HTTP/1 connection that was accepted just before may send its first request, and only that: its answer
            // says `Connection: close`.
            () = edge.is_closing(LAST_REQUEST), if is_last && connection.activity() == Activity::Fresh => {
                if connection.activity() == Activity::Fresh {
                    return;
                }
            }
            () = edge.is_closing(Duration::ZERO), if !is_last => {
                is_last = true;
                if matches!(protocol, Protocol::Http2(_)) || connection.activity() != Activity::Fresh {
                    protocol.finish();
                }
            }
        }
    }
}

fn closed(reason: &'static str) {
    metrics::counter!("countersign_connections_closed_total", "reason" => reason).increment(1);
}

/// Resolves when the connection has been without a request for too long.
async fn waited(edge: &Edge, connection: &Connection, opened: Instant) {
    loop {
        let now = Instant::now();
        let until = match connection.activity() {
            // A moment longer than an HTTP/1 head may take, which is answered.
            Activity::Fresh => opened + edge.limits.header + Duration::from_secs(1),
            Activity::Idle(since) => since + edge.limits.idle,
            Activity::Busy => now + edge.limits.idle,
        };
        if until <= now {
            return;
        }
        sleep_until(until).await;
    }
}
