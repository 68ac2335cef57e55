//! `/reset-password/{token}`

use crate::{
    app::App,
    extract::{Browser, Form, Id, Visitor},
    notice::Done,
    problem::Problem,
    respond::{self, Answer, see_other},
    shell::shell,
    views::ResetPasswordPage,
    words,
};
use axum::extract::State;
use countersign_flows::recovery::{self, Reset};
use http::StatusCode;

/// What is wrong with the form.
#[derive(Default)]
struct Errors {
    password: Option<String>,
    form: Option<String>,
}

/// `GET /reset-password/{token}`: looking spends nothing.
pub(crate) async fn show(State(app): State<App>, Id(token): Id<String>, visitor: Visitor) -> Answer {
    let (status, page) = page(&app, &visitor.browser, &token, StatusCode::OK, Errors::default()).await?;
    visitor.page(status, &page)
}

/// `POST /reset-password/{token}`
pub(crate) async fn submit(
    State(app): State<App>,
    Id(token): Id<String>,
    browser: Browser,
    form: Form,
) -> Answer {
    let mut errors = Errors::default();
    match form.defect() {
        Some(defect) if defect.field == "password" => errors.password = Some(defect.error.to_string()),
        Some(defect) => errors.form = Some(defect.error.to_string()),
        None => match recovery::reset(&app.services, &token, form.get("password"), &browser.origin).await? {
            Reset::Done => return Ok(see_other(&Done::PasswordReset.at("/sign-in"))),
            Reset::Gone => {}
            Reset::Password(error) => errors.password = Some(words::new_password(error)),
        },
    }
    let (status, page) = page(&app, &browser, &token, StatusCode::UNPROCESSABLE_ENTITY, errors).await?;
    respond::page(status, &page)
}

/// The page, or with 404 the one that offers a new link.
async fn page(
    app: &App,
    browser: &Browser,
    token: &str,
    status: StatusCode,
    errors: Errors,
) -> Result<(StatusCode, ResetPasswordPage), Problem> {
    let email = recovery::account_of(&app.services, token).await?;
    let status = if email.is_some() { status } else { StatusCode::NOT_FOUND };
    let page = ResetPasswordPage {
        shell: shell(app, browser, None),
        // Only what is a token comes back: it is in the base64url alphabet.
        action: if email.is_some() { format!("/reset-password/{token}") } else { String::new() },
        invalid: email.is_none(),
        email: email.unwrap_or_default(),
        password_error: errors.password,
        form_error: errors.form,
    };
    Ok((status, page))
}
