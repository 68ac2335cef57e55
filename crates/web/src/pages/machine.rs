//! `/healthz`, `/readyz` and `/metrics`

use crate::{
    app::App,
    extract::Local,
    problem::Problem,
    respond::{Answer, ResponseExt as _, text},
};
use axum::{extract::State, response::Response};
use countersign_core::{Timestamp, secret::PlainHandle};
use countersign_flows::identity;
use http::{StatusCode, header::CONTENT_TYPE};
use std::{sync::atomic::Ordering, time::Duration};

/// The start of 2025 and of 2100, in milliseconds: a clock outside says that it was never set, and with a wrong clock no
/// code of an app is right.
const PLAUSIBLE: std::ops::Range<i64> = 1_735_689_600_000..4_102_444_800_000;

/// `GET /healthz`: the process lives.
pub(crate) async fn healthz() -> Response {
    text("ok\n".to_owned())
}

/// `GET /readyz`: it can serve. The keys were read before the server began to listen; what can go away later is the
/// database, and what can be wrong from outside is the clock.
pub(crate) async fn readyz(State(app): State<App>) -> Response {
    if app.settings.stopping.load(Ordering::Relaxed) {
        return not_ready(text("stopping\n".to_owned()));
    }
    let database = database_answers(&app).await;
    let clock = is_plausible(app.services.now());
    let word = |fine: bool| if fine { "ok" } else { "failing" };
    let response = text(format!("database: {}\nclock: {}\nkeys: ok\n", word(database), word(clock)));
    if database && clock { response } else { not_ready(response) }
}

fn not_ready(mut response: Response) -> Response {
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.with_retry_after(Some(Duration::from_secs(5)))
}

/// Looks for the sign-in of a handle that nobody has: one query that reads a table.
async fn database_answers(app: &App) -> bool {
    let nobody = PlainHandle::generate(&*app.services.entropy);
    match identity::waiting(&app.services, &nobody).await {
        Ok(_) => true,
        Err(fault) => {
            tracing::warn!(%fault, "not ready");
            false
        }
    }
}

fn is_plausible(now: Timestamp) -> bool {
    PLAUSIBLE.contains(&now.millis())
}

/// `GET /metrics`: for a program on this machine. Anyone else gets the answer of a page that does not exist.
pub(crate) async fn metrics(State(app): State<App>, _: Local) -> Answer {
    let render = app.settings.metrics.as_ref().ok_or(Problem::NotFound)?;
    Ok(text(render()).with_header(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_never_set_is_noticed() {
        assert!(!is_plausible(Timestamp::from_millis(0)));
        assert!(is_plausible(Timestamp::from_millis(1_795_499_640_000)));
        assert!(!is_plausible(Timestamp::from_millis(i64::MAX)));
    }
}
