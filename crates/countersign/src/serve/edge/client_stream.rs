//! A client's socket with bounds on the client's patience: it has to take what is written, and a close is not a reset.

use bytes::{Buf as _, BytesMut};
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// How long, and for how many bytes, a client that is still sending is listened to after the server has closed its side.
/// Without that, the kernel answers what arrives late with a reset, which can overtake the last answer (RFC 9112 §9.6).
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 1024 * 1024;

/// The socket, and what was read from it to find out its protocol.
pub(super) struct ClientStream {
    socket: TcpStream,
    /// Read already, and not passed on.
    first: BytesMut,
    /// How long a write may make no progress.
    patience: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    closing: Option<Closing>,
}

struct Closing {
    until: Pin<Box<Sleep>>,
    read: usize,
    shut_down: bool,
}

impl ClientStream {
    pub(super) fn new(socket: TcpStream, first: BytesMut, patience: Duration) -> Self {
        Self { socket, first, patience, stalled: None, closing: None }
    }

    /// Appends what has arrived to `buffer`, and says how many bytes; 0 is the end. Memory is only taken when there is
    /// something to read.
    pub(super) fn poll_read_into(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        if !self.first.is_empty() {
            let first = std::mem::take(&mut self.first);
            buffer.extend_from_slice(&first);
            return Poll::Ready(Ok(first.len()));
        }
        loop {
            ready!(self.socket.poll_read_ready(cx))?;
            buffer.reserve(2048);
            match self.socket.try_read_buf(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read),
            }
        }
    }

    /// An error when the client has taken nothing of what was written for too long.
    fn bounded<T>(&mut self, cx: &mut Context<'_>, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.stalled = None;
            return done;
        }
        let patience = self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(stalled.as_mut().poll(cx));
        metrics::counter!("countersign_connections_closed_total", "reason" => "not-reading").increment(1);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.first.is_empty() {
            let bytes = self.first.len().min(buffer.remaining());
            buffer.put_slice(&self.first[..bytes]);
            self.first.advance(bytes);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.bounded(cx, done)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.socket).poll_write_vectored(cx, parts);
        self.bounded(cx, done)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let begin = || Closing { until: Box::pin(sleep(LINGER)), read: 0, shut_down: false };
        let closing = this.closing.get_or_insert_with(begin);
        if !closing.shut_down {
            ready!(Pin::new(&mut this.socket).poll_shutdown(cx))?;
            closing.shut_down = true;
        }
        let mut rest = [0_u8; 2048];
        while closing.read < LINGER_BYTES {
            let mut rest = ReadBuf::new(&mut rest);
            match Pin::new(&mut this.socket).poll_read(cx, &mut rest) {
                Poll::Ready(Ok(())) if !rest.filled().is_empty() => closing.read += rest.filled().len(),
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return closing.until.as_mut().poll(cx).map(Ok),
            }
        }
        Poll::Ready(Ok(()))
    }
}
