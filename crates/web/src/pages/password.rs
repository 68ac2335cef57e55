//! `/profile/password`

use super::profile::{self, Refused};
use crate::{
    app::App,
    extract::{Form, Own},
    notice::Done,
    respond::Answer,
    views::PasswordForm,
    words,
};
use axum::extract::State;
use countersign_core::password::PasswordError;
use countersign_flows::password_change::{self, PasswordChange};

/// `POST /profile/password`
pub(crate) async fn change(State(app): State<App>, own: Own, form: Form) -> Answer {
    let authority = own.fresh(&app, &form).await?;
    if let Some(defect) = form.defect() {
        let text = Some(defect.error.to_string());
        let refused = match defect.field.as_str() {
            "current_password" => PasswordForm { current_password_error: text, ..PasswordForm::default() },
            _ => PasswordForm { password_error: text, ..PasswordForm::default() },
        };
        return profile::again(&app, &own, Refused { password: refused, ..Refused::default() }).await;
    }
    let (current, new) = (form.get("current_password"), form.get("password"));
    let origin = &own.browser.origin;
    let mut refused = Refused::default();
    match password_change::change(&app.services, authority, current, new, origin).await? {
        PasswordChange::Changed { ended } => {
            return own.renewed(&app, &Done::PasswordChanged.ending("/profile", ended)).await;
        }
        PasswordChange::WrongCurrent if current.is_empty() => {
            let text = words::typed_password(PasswordError::Empty);
            refused.password.current_password_error = Some(text.into());
        }
        PasswordChange::WrongCurrent => {
            refused.password.current_password_error = Some(words::NOT_YOUR_PASSWORD.into());
        }
        PasswordChange::New(error) => refused.password.password_error = Some(words::new_password(error)),
        PasswordChange::Closed { retry_after } => {
            refused.password.current_password_error = Some(words::too_many_passwords(retry_after));
            refused.wait = Some(retry_after);
        }
    }
    profile::again(&app, &own, refused).await
}
