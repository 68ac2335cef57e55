//! `/`

use crate::{
    app::App,
    extract::Browser,
    respond::{Answer, see_other},
};
use axum::extract::State;
use countersign_core::session::Session;
use countersign_flows::login_as;

/// `GET /`: to where the person can go on.
pub(crate) async fn show(State(app): State<App>, browser: Browser) -> Answer {
    Ok(see_other(match browser.session(&app).await? {
        Some(Session::Own(_)) => "/profile",
        Some(Session::Impersonated(_)) => "/login-as",
        None => match &browser.handle {
            Some(handle) if login_as::ended(&app.services, handle).await?.is_some() => "/login-as",
            _ => "/sign-in",
        },
    }))
}
