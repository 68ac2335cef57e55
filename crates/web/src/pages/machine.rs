//! `/healthz`, `/readyz` and `/metrics`

use crate::{
    app::App,
    problem::Problem,
    respond::{Answer, ResponseExt as _, text},
};
use axum::{extract::State, response::Response};
use countersign_flows::readiness;
use http::{StatusCode, header::CONTENT_TYPE};
use std::time::Duration;

/// `GET /healthz`: the process lives.
pub(crate) async fn healthz() -> Response {
    text("ok\n".to_owned())
}

/// `GET /readyz`: it can serve. The keys were read before the server began to listen; what can go away later is the
/// database, and what can be wrong from outside is the clock. Why, only the log says.
pub(crate) async fn readyz(State(app): State<App>) -> Response {
    let report = readiness::check(&app.services).await;
    let word = |fine: bool| if fine { "ok" } else { "failing" };
    let lines = format!("database: {}\nclock: {}\nkeys: ok\n", word(report.database), word(report.clock));
    let mut response = text(lines);
    if report.is_ready() {
        return response;
    }
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.with_retry_after(Some(Duration::from_secs(5)))
}

/// `GET /metrics`
pub(crate) async fn metrics(State(app): State<App>) -> Answer {
    let render = app.settings.metrics.as_ref().ok_or(Problem::NotFound)?;
    Ok(text(render()).with_header(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
}
