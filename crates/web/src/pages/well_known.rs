//! What other programs look for at fixed addresses: where to change a password, and where to report a vulnerability.

use crate::{
    app::App,
    problem::Problem,
    respond::{Answer, see_other, text},
};
use axum::{extract::State, response::Response};
use std::time::Duration;

/// RFC 9116 §2.5.5 recommends less than a year. The answer is made anew for each request, so it never expires in use.
const SECURITY_TXT_LIFETIME: Duration = Duration::from_secs(90 * 24 * 3600);

/// `GET /.well-known/change-password`: password managers lead people there (W3C, A Well-Known URL for Changing Passwords).
pub(crate) async fn change_password() -> Response {
    see_other("/profile#change-password")
}

/// `GET /.well-known/security.txt` (RFC 9116); 404 without the setting `security.contact`.
pub(crate) async fn security_txt(State(app): State<App>) -> Answer {
    let contact = app.settings.security_contact.as_deref().ok_or(Problem::NotFound)?;
    let expires = app.services.now().plus(SECURITY_TXT_LIFETIME).millis();
    let expires = jiff::Timestamp::from_millisecond(expires).map_err(|_| Problem::Internal)?;
    let base = app.settings.base();
    Ok(text(format!(
        "Contact: {contact}\nExpires: {}\nCanonical: {base}/.well-known/security.txt\n",
        expires.strftime("%Y-%m-%dT%H:%M:%SZ")
    )))
}
