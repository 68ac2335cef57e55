//! Proving a new phone number or e-mail address.

use askama::Template;

use super::Shell;

/// `GET, POST /profile/phone/confirm`: the code that was sent to the new number.
#[derive(Template)]
#[template(path = "phone_confirm.html")]
pub struct PhoneConfirmPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The new number, in full: the person has just entered it.
    pub number: String,
    /// The same as the resend button posts it to `/profile/phone`.
    pub phone: String,
    /// Seconds until another code may be asked for; 0 if at once.
    pub resend_after_seconds: u32,
    /// What is wrong with the code.
    pub code_error: Option<String>,
    /// What does not belong to the field.
    pub form_error: Option<String>,
}

/// `GET, POST /profile/email/confirm`: the code that was sent to the new address.
#[derive(Template)]
#[template(path = "email_confirm.html")]
pub struct EmailConfirmPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The new address, in full: the person has just typed it. The resend button posts it to `/profile/email`.
    pub email: String,
    /// The address that stays in force until then.
    pub current_email: String,
    /// Seconds until another code may be asked for; 0 if at once.
    pub resend_after_seconds: u32,
    /// What is wrong with the code.
    pub code_error: Option<String>,
    /// What does not belong to the field.
    pub form_error: Option<String>,
}
