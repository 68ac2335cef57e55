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
use countersign_core::budget::Scope;
use countersign_flows::recovery::{self, Asked};
use http::StatusCode;

/// `GET /forgot-password`
pub(crate) async fn show(State(app): State<App>, query: Query, visitor: Visitor) -> Answer {
    let page = ForgotPasswordPage {
        shell: shell(&app, &visitor.browser, None),
        email: String::new(),
        email_error: None,
        sent: query.get("sent").is_some(),
        links_an_hour: links_an_hour(&app),
    };
    visitor.page(StatusCode::OK, &page)
}

/// `"3 links"`
fn links_an_hour(app: &App) -> String {
    match app.services.rules.budgets.of(Scope::ResetLink).allowed {
        1 => "1 link".to_owned(),
        links => format!("{links} links"),
    }
}

/// `POST /forgot-password`: the same answer for every address.
pub(crate) async fn submit(State(app): State<App>, browser: Browser, form: Form) -> Answer {
    let typed = form.get("email");
    let error = match form.defect() {
        Some(defect) => defect.error.to_string(),
        None => match recovery::ask(&app.services, typed, &browser.origin, browser.known).await? {
            Asked::Admitted(request) => {
                request.send_later(&app.services);
                return Ok(see_other("/forgot-password?sent=now"));
            }
            Asked::Invalid(error) => words::email(error).to_owned(),
            Asked::Closed { retry_after } => return Err(Problem::TooMany { retry_after }),
        },
    };
    let page = ForgotPasswordPage {
        shell: shell(&app, &browser, None),
        email: typed.to_owned(),
        email_error: Some(error),
        sent: false,
        links_an_hour: links_an_hour(&app),
    };
    respond::page(StatusCode::UNPROCESSABLE_ENTITY, &page)
}
