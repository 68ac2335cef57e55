//! Where the account is signed in, and what happened on it.

use askama::Template;

use super::{Shell, Time};

/// `GET /profile/sessions`.
#[derive(Template)]
#[template(path = "sessions.html")]
pub struct SessionsPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The live sessions; the current one first.
    pub rows: Vec<SessionRow>,
}

impl SessionsPage {
    /// Whether there is any session besides the current one.
    #[must_use]
    pub fn has_others(&self) -> bool {
        self.rows.iter().any(|row| !row.current)
    }
}

/// One live session.
#[derive(Clone)]
pub struct SessionRow {
    /// Its public id, for `POST /profile/sessions/{id}/end`; never the handle in the cookie.
    pub id: String,
    /// Browser and system, for example `"Chrome on Windows"`.
    pub what: String,
    /// The network address.
    pub where_from: String,
    /// For example `"2 minutes ago"`.
    pub last_seen: Time,
    /// When it began.
    pub signed_in_at: Time,
    /// Whether it is the session that is looking.
    pub current: bool,
    /// The administrator's name where it is a login-as session on this account.
    pub login_as_actor: Option<String>,
}

/// `GET /profile/activity`.
#[derive(Template)]
#[template(path = "activity.html")]
pub struct ActivityPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Newest first.
    pub rows: Vec<ActivityRow>,
    /// Where the older ones are, if there are any.
    pub older: Option<String>,
    /// Whether these are the newest.
    pub newest: bool,
}

/// One thing that happened on the account.
#[derive(Clone)]
pub struct ActivityRow {
    /// When, or the last time.
    pub at: Time,
    /// For example `"Authenticator app “Phone” added"`.
    pub what: String,
    /// Of what happened several times: the first time of day and, where that is another one, the last.
    pub between: Option<(Time, Option<Time>)>,
    /// `"You"`, `"Ada Admin (login as)"`, `"Someone who is not signed in"`.
    pub who: String,
    /// The network address; `None` where there was none (the operator's command line).
    pub from: Option<String>,
}
