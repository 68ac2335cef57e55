//! Answers at the edge: the router's, bound to their request, and the refusals of requests that never reach it.

use super::connections::{Connection, Request};
use super::framing::Refusal;
use super::memory::Budget;
use super::request_body::RequestBody;
use super::{Edge, Stage};
use axum::body::{Body, HttpBody};
use axum::extract::ConnectInfo;
use bytes::Bytes;
use countersign_flows::security_log::{Entry, Event};
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method, Response, StatusCode, Version};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::time::Instant;
use tower::Service as _;

/// For each connection, what answers its requests.
#[derive(Clone)]
pub(super) struct Answering {
    pub(super) edge: Arc<Edge>,
    pub(super) connection: Arc<Connection>,
    pub(super) peer: SocketAddr,
    pub(super) memory: Budget,
}

impl hyper::service::Service<http::Request<Incoming>> for Answering {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: http::Request<Incoming>) -> Self::Future {
        // Counted now, in the order of the requests, and not when the future is first polled.
        let (under_way, refusal) = self.connection.begin();
        if let Some(refusal) = refusal {
            return Box::pin(std::future::ready(Ok(
                of_refusal(refusal).map(|body| AnswerBody::new(body, under_way, false))
            )));
        }
        let deadline = Instant::now() + self.edge.limits.body;
        let (share, arrival) = (self.memory.share(), under_way.arrival());
        let mut request = request.map(|body| Body::new(RequestBody::new(body, deadline, share, arrival)));
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let (edge, version) = (Arc::clone(&self.edge), request.version());
        let is_head = request.method() == Method::HEAD;
        let mut router = edge.router.clone();
        Box::pin(async move {
            let mut response = match router.call(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            if version < Version::HTTP_2 && *edge.stage.borrow() != Stage::Serving {
                // The next request of this client goes to another node.
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response.map(|body| AnswerBody::new(body, under_way, is_head)))
        })
    }
}

/// The answer to a request that cannot be read. It is not the router's, whose pages need to know the request.
fn of_refusal(refusal: Refusal) -> Response<Body> {
    let (status, reason) = (refusal.status(), refusal.reason());
    let labels = [("reason", reason.to_owned()), ("status", status.as_str().to_owned())];
    metrics::counter!("countersign_refusals_total", &labels).increment(1);
    Entry::new(Event::Request, "refused").because(reason).log();
    let mut response = Response::new(Body::from(format!("{}\n", refusal.sentence())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (CONNECTION, "close"),
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

/// An answer's body; the request is under way for as long as it is there, and answered once all of it has been taken.
pub(super) struct AnswerBody {
    body: Body,
    under_way: Request,
}

impl AnswerBody {
    /// With `is_head`, nothing of the body will be taken.
    fn new(body: Body, mut under_way: Request, is_head: bool) -> Self {
        if is_head || body.is_end_stream() {
            under_way.is_answered();
        }
        Self { body, under_way }
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None)) || this.body.is_end_stream() {
            this.under_way.is_answered();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
