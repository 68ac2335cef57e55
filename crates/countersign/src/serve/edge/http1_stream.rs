//! The HTTP library's view of an HTTP/1 client: whole, valid heads and the bodies behind them, and nothing else.
//!
//! A head is kept back until it is complete and valid, for a limited time. In the place of one that is refused, the library
//! gets a stand-in, and the service answers that with the refusal: in its turn, behind the answers to earlier requests.

use super::client_stream::ClientStream;
use super::connections::Connection;
use super::framing::{Framing, Refusal, Step};
use super::memory::Share;
use bytes::{Buf as _, BytesMut};
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// In the place of a head that is refused.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n";

pub(super) struct Http1Stream {
    client: ClientStream,
    connection: Arc<Connection>,
    framing: Framing,
    /// What has arrived; the first `passed` bytes may go to the library.
    buffer: BytesMut,
    passed: usize,
    memory: Share,
    /// How long a head may take.
    patience: Duration,
    /// When the head that has begun has to be complete. Set from the start: a new connection has to send one.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Nothing more is read.
    refused: bool,
    /// What is wrong with the body, where it is passed on no further.
    broken: Option<Refusal>,
}

impl Http1Stream {
    /// `opened` is when the connection was accepted.
    pub(super) fn new(
        client: ClientStream,
        connection: Arc<Connection>,
        memory: Share,
        patience: Duration,
        opened: Instant,
    ) -> Self {
        Self {
            client,
            connection,
            framing: Framing::new(),
            buffer: BytesMut::new(),
            passed: 0,
            memory,
            patience,
            deadline: Some(Box::pin(sleep_until(opened + patience))),
            refused: false,
            broken: None,
        }
    }

    /// Passes on as much as is valid.
    fn admit(&mut self) -> Result<(), Refusal> {
        loop {
            match self.framing.step(&self.buffer[self.passed..])? {
                Step::Pass { bytes, head } => {
                    self.passed += bytes;
                    if head {
                        self.connection.head_passed();
                        self.deadline = None;
                    }
                }
                // Nothing of the next head is there yet, so what was passed on is all that is before it.
                Step::Skip(bytes) => {
                    let rest = self.buffer.split_off(self.passed + bytes);
                    self.buffer.truncate(self.passed);
                    self.buffer.unsplit(rest);
                }
                Step::More => break,
            }
        }
        let held_back = self.buffer.len() - self.passed;
        if held_back == 0 {
            self.memory.clear();
        } else if self.deadline.is_none() {
            self.deadline = Some(Box::pin(sleep_until(Instant::now() + self.patience)));
        }
        if self.memory.grow_to(held_back) { Ok(()) } else { Err(Refusal::NoMemory) }
    }

    /// Puts the stand-in in the place of a head that is refused. A body is broken off instead.
    fn refuse(&mut self, refusal: Refusal) {
        self.refused = true;
        self.deadline = None;
        self.memory.clear();
        self.buffer.truncate(self.passed);
        if self.framing.at_head() {
            self.connection.refuse_next(refusal);
            self.buffer.extend_from_slice(STAND_IN);
            self.passed = self.buffer.len();
        } else {
            self.broken = Some(refusal);
        }
    }

    /// Whether the head that has begun, or that has to come first, is late.
    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        self.deadline.as_mut().is_some_and(|deadline| deadline.as_mut().poll(cx).is_ready())
    }

    fn hand_over(&mut self, into: &mut ReadBuf<'_>) {
        let bytes = self.passed.min(into.remaining());
        into.put_slice(&self.buffer[..bytes]);
        self.buffer.advance(bytes);
        self.passed -= bytes;
        if self.buffer.is_empty() {
            // An idle connection keeps no memory.
            self.buffer = BytesMut::new();
        }
    }
}

impl AsyncRead for Http1Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.passed > 0 {
                this.hand_over(into);
                return Poll::Ready(Ok(()));
            }
            if let Some(refusal) = this.broken {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, refusal.sentence())));
            }
            let mut ignored = BytesMut::new();
            let buffer = if this.refused { &mut ignored } else { &mut this.buffer };
            match this.client.poll_read_into(cx, buffer) {
                // What follows a refused head is nothing. Not even the end is passed on, because the library would take it for
                // the end of the answer.
                Poll::Ready(Ok(1..)) if this.refused => {}
                _ if this.refused => return Poll::Pending,
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(_)) => {
                    if let Err(refusal) = this.admit() {
                        this.refuse(refusal);
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if !this.is_late(cx) => return Poll::Pending,
                Poll::Pending if this.buffer.is_empty() => {
                    this.deadline = None;
                    metrics::counter!("countersign_connections_closed_total", "reason" => "no-request")
                        .increment(1);
                    return Poll::Ready(Ok(()));
                }
                Poll::Pending => this.refuse(Refusal::HeadTooSlow),
            }
        }
    }
}

impl AsyncWrite for Http1Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.client).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.client).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.client.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.client).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.client).poll_shutdown(cx)
    }
}
