//! `/forgot-password`

use crate::{
    app::App,
    extract::{Browser, Form, Query, Visitor},
    problem::Problem,
    respond::{self, Answer, see_other},
    shell::shell,
    views::ForgotPasswordPage,
    words,
};
use axum::extract::State;
use countersign_flows::recovery::{self, Asked};
use http::StatusCode;

/// `GET /forgot-password`
pub(crate) async fn show(State(app): State<App>, query: Query, visitor: Visitor) -> Answer {
    let page = ForgotPasswordPage {
        shell: shell(&app, &visitor.browser, None),
        email: String::new(),
        email_error: None,
        sent: query.get("sent").is_some(),
    };
    visitor.page(StatusCode::OK, &page)
}

/// `POST /forgot-password`: the same answer for every address.
pub(crate) async fn submit(State(app): State<App>, browser: Browser, form: Form) -> Answer {
    let typed = form.get("email");
    let error = match form.defect() {
        Some(defect) => defect.error.to_string(),
        None => match recovery::ask(&app.services, typed, &browser.origin).await? {
            Asked::Done => return Ok(see_other("/forgot-password?sent=now")),
            Asked::Invalid(error) => words::email(error).to_owned(),
            Asked::Closed { retry_after } => return Err(Problem::TooMany { retry_after }),
        },
    };
    let page = ForgotPasswordPage {
        shell: shell(&app, &browser, None),
        email: typed.to_owned(),
        email_error: Some(error),
        sent: false,
    };
    respond::page(StatusCode::UNPROCESSABLE_ENTITY, &page)
}
