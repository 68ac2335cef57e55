//! Before anybody is signed in: password, forgotten password.

use askama::Template;

use super::{ErrorAction, Shell};

/// What a sign-in leads to that began elsewhere: an application or a protected site, by its registered name.
#[derive(Clone)]
pub struct Destination {
    /// The application's name, or the site's host.
    pub name: String,
    /// For someone who doesn't want to go there after all.
    pub way_out: ErrorAction,
}

/// `GET, POST /sign-in`: email and password.
#[derive(Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The e-mail address as it was typed, or empty.
    pub email: String,
    /// Where to go afterwards, a path on this server; `None` leaves the field out.
    pub return_to: Option<String>,
    /// What waits there, where it is not one of our own pages.
    pub destination: Option<Destination>,
    /// The link to the page for a forgotten password, which leads back to here.
    pub forgot_url: String,
    /// What is wrong with the email address (missing, not an address).
    pub email_error: Option<String>,
    /// What is wrong with the password field (missing).
    pub password_error: Option<String>,
    /// What belongs to neither field: a wrong pair, or a sign-in that has expired.
    pub form_error: Option<String>,
}

/// `GET, POST /sign-in/confirm-browser/{token}`, and the answer of `POST /sign-in` after too many wrong passwords.
#[derive(Template)]
#[template(path = "confirm_browser.html")]
pub struct ConfirmBrowserPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// How far it is.
    pub step: ConfirmBrowser,
}

/// How far a browser is confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfirmBrowser {
    /// A link was sent, if there is such an account.
    CheckEmail,
    /// The link was opened.
    Confirm {
        /// The page's own path.
        action: String,
        /// The account's email address.
        email: String,
    },
    /// The link is used, expired or unknown.
    Invalid,
}

/// `GET, POST /forgot-password`: asks for a reset link.
#[derive(Template)]
#[template(path = "forgot_password.html")]
pub struct ForgotPasswordPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The e-mail address as it was typed, or empty.
    pub email: String,
    /// What is wrong with the e-mail address as typed; never whether it has an account.
    pub email_error: Option<String>,
    /// The page's own address, to ask again.
    pub again_url: String,
    /// The page to which it leads back: the sign-in.
    pub sign_in_url: String,
    /// Where the sign-in leads that it came from; `None` leaves the field out.
    pub return_to: Option<String>,
    /// The name of what waits there, where it is not one of our own pages.
    pub destination: Option<String>,
    /// The request was taken. The answer is the same for every address.
    pub sent: bool,
    /// How many links an address gets within an hour: `"3 links"`.
    pub links_an_hour: String,
}

/// `GET, POST /reset-password/{token}`: chooses a new password.
#[derive(Template)]
#[template(path = "reset_password.html")]
pub struct ResetPasswordPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The page's own path, `/reset-password/{token}`.
    pub action: String,
    /// The account's e-mail address, for the password manager; empty when [`Self::invalid`].
    pub email: String,
    /// Why the new password was refused.
    pub password_error: Option<String>,
    /// What does not belong to the field.
    pub form_error: Option<String>,
    /// The link is used, expired or unknown: the page offers a new one in place of the form.
    pub invalid: bool,
}
