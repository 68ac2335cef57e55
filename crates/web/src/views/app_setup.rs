//! Setting up an authenticator app.

use askama::Template;

use super::{Shell, Time};

/// The three steps of a set-up, which [`AppSetupPage`] and [`HostedSetUpPage`](super::HostedSetUpPage) share.
#[derive(Clone)]
pub struct AppSetup {
    /// The QR code as one `<svg>` element made by this server: the only field that is not escaped. Dark modules on
    /// transparent or white ground; the page gives it a white panel.
    pub qr_svg: String,
    /// The same as a link that opens an app on this device.
    pub otpauth_uri: String,
    /// The key in groups of four: `"ABCD EFGH …"`.
    pub key_groups: String,
    /// The key without spaces, for the copy button.
    pub key_plain: String,
    /// The account as the app will list it, for example `"Countersign (mia@example.com)"`.
    pub account_label: String,
    /// The name for the app, as typed; `"Authenticator app"` at first.
    pub name: String,
    /// What is wrong with the name.
    pub name_error: Option<String>,
    /// What is wrong with the code.
    pub code_error: Option<String>,
    /// What belongs to neither field.
    pub form_error: Option<String>,
    /// By how much the phone's clock is off and how to put it right, where the code would be right for another time.
    pub clock_hint: Option<String>,
    /// Where code and name are posted to.
    pub confirm_url: String,
    /// The enrolment's id, which the form carries: so the server knows which key its reader has seen.
    pub enrolment: String,
    /// Where the Cancel button posts to; `None` where the page has another way out.
    pub cancel_url: Option<String>,
    /// The name of the app that this one replaces, if it does.
    pub replaces: Option<String>,
}

/// An authenticator app that can be replaced by a new one.
#[derive(Clone)]
pub struct ReplaceRow {
    /// Its id, for `POST /profile/app/begin`.
    pub id: String,
    /// The name that the user gave it.
    pub name: String,
}

impl AppSetup {
    /// Whether anything was refused; the title says so.
    #[must_use]
    pub fn has_error(&self) -> bool {
        self.form_error.is_some() || self.code_error.is_some() || self.name_error.is_some()
    }
}

/// `GET /profile/app/setup`, and the answer (422) to a refused `POST /profile/app/confirm`.
#[derive(Template)]
#[template(path = "app_setup.html")]
pub struct AppSetupPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The picture, the key and the form.
    pub set_up: AppSetup,
    /// When this set-up expires.
    pub expires_text: Time,
    /// Whether another app is active: the page says that it keeps working.
    pub has_other_app: bool,
}
