//! *My Profile*.

use askama::Template;
use countersign_core::second_step::few_backup_codes;

use super::{ReplaceRow, Shell, Time};

/// `GET /profile`, and the answer (422) to each refused form on it.
#[derive(Template)]
#[template(path = "profile.html")]
pub struct ProfilePage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Whether two-factor authentication is on.
    pub status: ProfileStatus,
    /// The user's name.
    pub name: String,
    /// The e-mail address that is in force.
    pub email: String,
    /// The confirmed phone number in full (the page is the person's own and `no-store`), or none.
    pub phone: Option<String>,
    /// The form that changes the e-mail address.
    pub email_form: EmailForm,
    /// The form that sets or changes the phone number.
    pub phone_form: PhoneForm,
    /// The form that changes the password.
    pub password_form: PasswordForm,
    /// The authenticator apps, oldest first.
    pub apps: Vec<AppRow>,
    /// The same, for the form that replaces one of them.
    pub replace: Vec<ReplaceRow>,
    /// How many backup codes are left; `None` where there was never a set.
    pub backup_codes_left: Option<u32>,
    /// Whether nothing shows that the user has saved them.
    pub backup_codes_unsaved: bool,
    /// Until when this session can see them again, for example `"14:35 UTC"`; `None` if it can't.
    pub backup_codes_shown_until: Option<Time>,
    /// E-mail as a second step.
    pub email_step: OtherStep,
    /// Text message as a second step.
    pub sms_step: OtherStep,
}

/// An authenticator app as *My Profile* lists it.
#[derive(Clone)]
pub struct AppRow {
    /// Its id, for `POST /profile/app/{id}/remove`.
    pub id: String,
    /// The name that the user gave it.
    pub name: String,
    /// The day.
    pub added: Time,
    /// `None` if it never was used.
    pub last_used: Option<Time>,
    /// Switched off after a hundred wrong codes in a row, until it is set up again.
    pub disabled: bool,
}

/// State of the e-mail form; all empty when it is fresh.
#[derive(Clone, Default)]
pub struct EmailForm {
    /// The new address as typed.
    pub value: String,
    /// Why it was refused.
    pub error: Option<String>,
    /// A new address that waits for its confirmation, and is not in force yet.
    pub waiting: Option<String>,
    /// The form is shown open: the reader came to change the address that waits.
    pub open: bool,
}

/// State of the phone form; all empty when it is fresh.
#[derive(Clone, Default)]
pub struct PhoneForm {
    /// The number as typed.
    pub value: String,
    /// Why it was refused.
    pub error: Option<String>,
    /// A new number that waits for its confirmation, and is not in force yet.
    pub waiting: Option<String>,
    /// The form is shown open: the reader came to change the number that waits.
    pub open: bool,
}

/// State of the password form; all empty when it is fresh.
#[derive(Clone, Default)]
pub struct PasswordForm {
    /// Why the current password was refused.
    pub current_password_error: Option<String>,
    /// Why the new password was refused.
    pub password_error: Option<String>,
}

/// E-mail or text message as a second step.
#[derive(Clone, Default)]
pub struct OtherStep {
    /// Whether it can be used to sign in.
    pub available: bool,
    /// Where the code goes, masked; empty where there is no address or number.
    pub to_masked: String,
    /// Why it cannot be used and what would change that, in one sentence; shown when it is not available.
    pub why_not: Option<String>,
}

/// The line above the sections: whether two-factor authentication is on, and what a sign-in asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileStatus {
    /// Whether a sign-in asks for a second factor.
    pub on: bool,
    /// Whether the account holder could sign in now.
    pub works: bool,
    /// What the next sign-in asks for, in a sentence or two.
    pub text: String,
}

impl ProfilePage {
    /// Errors of every form with the id of the field that they belong to, for the summary above the page.
    #[must_use]
    pub fn errors(&self) -> Vec<(&'static str, &str)> {
        let fields = [
            ("email", &self.email_form.error),
            ("phone", &self.phone_form.error),
            ("current_password", &self.password_form.current_password_error),
            ("password", &self.password_form.password_error),
        ];
        fields.into_iter().filter_map(|(id, error)| Some((id, error.as_deref()?))).collect()
    }

    /// Whether so few backup codes are left that new ones should be made now.
    #[must_use]
    pub fn backup_codes_low(&self) -> bool {
        self.backup_codes_left.is_some_and(few_backup_codes)
    }
}

impl PasswordForm {
    /// Whether the form was refused, and is shown open.
    #[must_use]
    pub fn refused(&self) -> bool {
        self.current_password_error.is_some() || self.password_error.is_some()
    }
}
