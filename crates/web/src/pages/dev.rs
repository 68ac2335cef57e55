//! `/dev/outbox` and `/dev/outbox.json`: what would have left, with `serve --dev` and on loopback alone.

use crate::{
    app::App,
    extract::Browser,
    problem::Problem,
    respond::{self, Answer},
    settings::{DevMessageView, DevMessages},
    shell::shell,
    views::{DevMessage, DevOutboxPage},
};
use axum::{
    extract::{ConnectInfo, FromRequestParts, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, StatusCode, header::HOST, request::Parts};
use std::{net::SocketAddr, sync::Arc};

/// `GET /dev/outbox`
pub(crate) async fn show(State(app): State<App>, browser: Browser, near: OnLoopback) -> Answer {
    let messages = messages(near).await;
    let shown = |message: DevMessageView| DevMessage {
        kind: message.kind,
        to: message.to,
        subject: message.subject,
        text: message.text,
        at: message.at,
    };
    let page = DevOutboxPage {
        shell: shell(&app, &browser, None),
        messages: messages.into_iter().rev().map(shown).collect(),
    };
    respond::page(StatusCode::OK, &page)
}

/// `GET /dev/outbox.json`
pub(crate) async fn json(near: OnLoopback) -> Response {
    axum::Json(messages(near).await).into_response()
}

/// The outbox, for somebody at this very machine.
pub(crate) struct OnLoopback(Arc<dyn DevMessages>);

impl FromRequestParts<App> for OnLoopback {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let near = peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback());
        match &app.settings.dev_outbox {
            Some(outbox) if near && asks_for_loopback(&parts.headers) => Ok(Self(Arc::clone(outbox))),
            _ => Err(Problem::NotFound),
        }
    }
}

async fn messages(OnLoopback(outbox): OnLoopback) -> Vec<DevMessageView> {
    outbox.settle().await;
    outbox.messages()
}

/// A page of another site could have its own name point here (DNS rebinding) and read the codes; its requests carry that
/// name.
fn asks_for_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_name_for_this_machine_reads_nothing() {
        let asks = |host: &str| asks_for_loopback(&[(HOST, host.parse().unwrap())].into_iter().collect());
        for near in ["127.0.0.1:8080", "localhost", "[::1]:8080", "[::1]"] {
            assert!(asks(near), "{near}");
        }
        for far in ["rebound.example:8080", "127.0.0.1.rebound.example", "", "localhost.rebound.example:1"] {
            assert!(!asks(far), "{far}");
        }
    }
}
