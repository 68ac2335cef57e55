//! `/dev/outbox` and `/dev/outbox.json`: what would have left, with `serve --dev` and on loopback alone.

use crate::{
    app::App,
    extract::{Browser, Local},
    problem::Problem,
    respond::{self, Answer},
    settings::{DevMessageView, DevMessages},
    shell::shell,
    views::{DevMessage, DevOutboxPage},
};
use axum::{
    extract::{FromRequestParts, State},
    response::{IntoResponse as _, Response},
};
use http::{StatusCode, request::Parts};
use std::sync::Arc;

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
        let Local = Local::from_request_parts(parts, app).await?;
        app.settings.dev_outbox.clone().map(Self).ok_or(Problem::NotFound)
    }
}

async fn messages(OnLoopback(outbox): OnLoopback) -> Vec<DevMessageView> {
    outbox.settle().await;
    outbox.messages()
}
