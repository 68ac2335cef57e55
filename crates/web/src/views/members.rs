//! An organization's members, and "login as".

use askama::Template;

use super::Shell;

/// `GET /members`.
#[derive(Template)]
#[template(path = "members.html")]
pub struct MembersPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The organization's name.
    pub organization: String,
    /// Everybody in it.
    pub rows: Vec<MemberRow>,
}

/// One member of the organization.
#[derive(Clone)]
pub struct MemberRow {
    /// The user's id, for `/members/{id}`.
    pub id: String,
    /// The user's name.
    pub name: String,
    /// The user's e-mail address.
    pub email: String,
    /// `"Owner"`, `"Administrator"`, `"Member"`.
    pub role: String,
    /// What a sign-in asks for first, for example `"Authenticator app"`, `"Email"` or `"Password only"`.
    pub second_step: String,
    /// What else can be used: `"text message, email"`; empty if nothing.
    pub other_steps: String,
    /// Deactivated: cannot sign in.
    pub disabled: bool,
    /// The person who is looking.
    pub is_self: bool,
}

/// `GET /members/{id}`, and the answer (422) to a refused `POST /members/{id}/login-as`.
#[derive(Template)]
#[template(path = "member.html")]
pub struct MemberPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The organization's name.
    pub organization: String,
    /// Whom the page is about.
    pub member: MemberRow,
    /// For example `"12 March 2026, 09:14 UTC"`; `None` where it is not known, and
    /// then it is not shown.
    pub last_sign_in: Option<String>,
    /// Why "login as" is not on offer, in one sentence; `None` shows the form.
    pub why_not: Option<String>,
    /// The reason as typed.
    pub reason: String,
    /// What is wrong with the reason.
    pub reason_error: Option<String>,
}

/// Where an impersonated session lands.
#[derive(Template)]
#[template(path = "login_as.html")]
pub struct LoginAsPage {
    /// What surrounds the page; its banner is present.
    pub shell: Shell,
    /// Who is at the keyboard.
    pub actor: String,
    /// Whose account it is.
    pub subject: String,
    /// The organization that both belong to.
    pub organization: String,
    /// The reason that was given.
    pub reason: String,
    /// When it ends by itself, for example `"15:20 UTC"`.
    pub ends_at: String,
}
