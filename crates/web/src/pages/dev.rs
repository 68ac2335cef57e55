//! `/dev/outbox` and `/dev/outbox.json`: what would have left, with `serve --dev` and on loopback alone.

use crate::{
    app::App,
    extract::Browser,
    problem::Problem,
    respond::{self, Answer},
    settings::DevMessageView,
    shell::shell,
    views::{DevMessage, DevOutboxPage},
};
use axum::{
    extract::{ConnectInfo, Request, State},
    response::IntoResponse as _,
};
use http::{HeaderMap, StatusCode, header::HOST};
use std::net::SocketAddr;

/// `GET /dev/outbox`
pub(crate) async fn show(State(app): State<App>, browser: Browser, request: Request) -> Answer {
    let messages = messages(&app, &request).await?;
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
pub(crate) async fn json(State(app): State<App>, request: Request) -> Answer {
    Ok(axum::Json(messages(&app, &request).await?).into_response())
}

async fn messages(app: &App, request: &Request) -> Result<Vec<DevMessageView>, Problem> {
    let outbox = app.settings.dev_outbox.as_ref().ok_or(Problem::NotFound)?;
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let near = peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback());
    if !near || !asks_for_loopback(request.headers()) {
        return Err(Problem::NotFound);
    }
    outbox.settle().await;
    Ok(outbox.messages())
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
