//! A request's body with its bounds: when it has to be complete, and what memory it may take until then.

use super::connections::Arrival;
use super::memory::Share;
use axum::body::HttpBody;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::time::{Instant, Sleep, sleep_until};

/// The longest body that is kept; longer ones are read to their end and thrown away, so they take no more.
const KEPT: usize = 64 * 1024;

/// The body. Its errors are [`io::Error`]s: `TimedOut` when it is late, `OutOfMemory` when the budget for unfinished requests is
/// used up, and `InvalidData` when it cannot be read.
pub(super) struct RequestBody {
    incoming: Incoming,
    deadline: Pin<Box<Sleep>>,
    memory: Share,
    received: usize,
    arrival: Arrival,
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, deadline: Instant, memory: Share, arrival: Arrival) -> Self {
        let body = Self { incoming, deadline: Box::pin(sleep_until(deadline)), memory, received: 0, arrival };
        body.look_for_the_end();
        body
    }

    fn look_for_the_end(&self) {
        if self.incoming.is_end_stream() {
            self.arrival.complete();
        }
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        // Looked at first: a body of which a little arrives all the time is late as well.
        if this.deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())));
        }
        let frame = match ready!(Pin::new(&mut this.incoming).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                return Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::InvalidData, error))));
            }
            None => {
                this.arrival.complete();
                return Poll::Ready(None);
            }
        };
        this.look_for_the_end();
        this.received = this.received.saturating_add(frame.data_ref().map_or(0, Bytes::len));
        if this.memory.grow_to(this.received.min(KEPT)) {
            Poll::Ready(Some(Ok(frame)))
        } else {
            Poll::Ready(Some(Err(io::ErrorKind::OutOfMemory.into())))
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
