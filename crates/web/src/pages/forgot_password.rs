//! `/forgot-password`

use crate::{
    app::App,
    extract::{Browser, Form, Query, Visitor},
    onward,
    problem::Problem,
    respond::{self, Answer, see_other},
    return_to,
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
        sent: query.get("sent").is_some(),
        ..page(&app, &visitor.browser, query.get("return_to")).await
    };
    visitor.page(StatusCode::OK, &page)
}

/// With the way back to the sign-in that it came from.
async fn page(app: &App, browser: &Browser, return_to: Option<&str>) -> ForgotPasswordPage {
    let return_to = return_to.and_then(|raw| return_to::local(&app.settings.public_url, raw));
    let behind = onward::behind(app, return_to.as_deref().unwrap_or_default()).await;
    let address = |page| return_to::with(page, return_to.as_deref());
    ForgotPasswordPage {
        shell: shell(app, browser, None).with_form_page(address("/forgot-password")),
        email: String::new(),
        email_error: None,
        again_url: address("/forgot-password"),
        sign_in_url: address("/sign-in"),
        destination: behind.application,
        sent: false,
        links_an_hour: links_an_hour(app),
        return_to,
    }
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
                let way_back = return_to::local(&app.settings.public_url, form.get("return_to"));
                let sent = match way_back {
                    Some(path) => format!("/forgot-password?sent=now&return_to={}", return_to::encode(&path)),
                    None => "/forgot-password?sent=now".to_owned(),
                };
                return Ok(see_other(&sent));
            }
            Asked::Invalid(error) => words::email(error).to_owned(),
            Asked::Closed { retry_after } => return Err(Problem::TooMany { retry_after }),
        },
    };
    let page = ForgotPasswordPage {
        email: typed.to_owned(),
        email_error: Some(error),
        ..page(&app, &browser, form.given("return_to")).await
    };
    respond::page(StatusCode::UNPROCESSABLE_ENTITY, &page)
}
