//! `/healthz`, `/readyz` and `/metrics`

use crate::{
    app::App,
    extract::Local,
    problem::Problem,
    respond::{Answer, ResponseExt as _, text},
};
use axum::{extract::State, response::Response};
use countersign_core::message::Channel;
use countersign_flows::readiness;
use http::{StatusCode, header::CONTENT_TYPE};
use std::{sync::atomic::Ordering, time::Duration};

/// `GET /healthz`: the process lives.
pub(crate) async fn healthz() -> Response {
    text("ok\n".to_owned())
}

/// `GET /readyz`: it can serve. The keys were read before the server began to listen; what can go away later is the
/// database, and what can be wrong from outside is the clock. Why, only the log says.
pub(crate) async fn readyz(State(app): State<App>) -> Response {
    if app.settings.stopping.load(Ordering::Relaxed) {
        return not_ready(text("stopping\n".to_owned()));
    }
    let report = readiness::check(&app.services).await;
    let word = |fine: bool| if fine { "ok" } else { "failing" };
    // Without mail, people still sign in with an app: it is shown, and is no reason to take the node out of service.
    let sends = |channel| if app.settings.is_delayed(channel) { "degraded" } else { "ok" };
    let lines = format!(
        "database: {}\nclock: {}\nkeys: ok\nmail: {}\nsms: {}\n",
        word(report.database),
        word(report.clock),
        sends(Channel::Email),
        sends(Channel::Sms),
    );
    let response = text(lines);
    if report.is_ready() { response } else { not_ready(response) }
}

fn not_ready(mut response: Response) -> Response {
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.with_retry_after(Some(Duration::from_secs(5)))
}

/// `GET /metrics`: for a program on this machine. Anyone else gets the answer of a page that does not exist.
pub(crate) async fn metrics(State(app): State<App>, _: Local) -> Answer {
    let render = app.settings.metrics.as_ref().ok_or(Problem::NotFound)?;
    Ok(text(render()).with_header(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
}
