//! An organization's members, and "login as".

use askama::Template;

use super::{Shell, Time};

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
    /// `None` where it is not known, and then it is not shown.
    pub last_sign_in: Option<Time>,
    /// The reader's "login as" to this member that has just ended.
    pub summary: Option<LoginAsSummary>,
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
    /// When it ends by itself.
    pub ends_at: Time,
    /// What can be opened, and what does not accept "login as".
    pub destinations: Vec<LoginAsDestination>,
}

/// An application or a protected site, as a "login as" finds it.
#[derive(Clone)]
pub struct LoginAsDestination {
    /// Its name.
    pub name: String,
    /// Its origin, where a browser can open it.
    pub address: Option<String>,
    /// Whether it accepts "login as".
    pub accepted: bool,
}

impl LoginAsDestination {
    /// The host in [`Self::address`].
    #[must_use]
    pub fn host(&self) -> &str {
        let address = self.address.as_deref().unwrap_or_default();
        address.split_once("://").map_or(address, |(_, host)| host)
    }
}

/// A "login as" that has just ended, as it is recorded.
#[derive(Clone)]
pub struct LoginAsSummary {
    /// For example `"12 minutes"`.
    pub lasted: String,
    /// The reason that was given.
    pub reason: String,
    /// The applications that were opened.
    pub opened: Vec<String>,
}

/// `GET /login-as` after the "login as" has ended by itself: the way back.
#[derive(Template)]
#[template(path = "login_as_ended.html")]
pub struct LoginAsEndedPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Who is at the keyboard.
    pub actor: String,
    /// Whose account it was.
    pub subject: String,
    /// When it ended.
    pub ended_at: Time,
}
