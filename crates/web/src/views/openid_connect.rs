//! What people see of applications that sign them in.

use askama::Template;

use super::{Shell, Time};

/// `GET /oauth2/authorize`, where the person has not agreed yet, or where a page has to be shown before the code.
#[derive(Template)]
#[template(path = "consent.html")]
pub struct ConsentPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The application's name.
    pub application: String,
    /// The organization that registered it.
    pub organization: String,
    /// They agreed before: only ask whether they want to go on.
    pub agreed: bool,
    /// What it wants to learn or do, a sentence each.
    pub learns: Vec<&'static str>,
    /// The request, for the hidden field.
    pub request: String,
    /// The page's own address, to come back to with a different account.
    pub address: String,
}

/// `GET /oauth2/logout`, where it is not certain who asks.
#[derive(Template)]
#[template(path = "logout.html")]
pub struct LogoutPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The address of the account that is signed in; empty where none is.
    pub email: String,
    /// The application that asks, where it is known.
    pub application: Option<String>,
    /// Whether it leads back there afterwards.
    pub leads_back: bool,
    /// The request, for the hidden field.
    pub request: String,
}

/// `GET /profile/applications`.
#[derive(Template)]
#[template(path = "connected.html")]
pub struct ConnectedPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The applications.
    pub rows: Vec<ConnectedRow>,
}

/// One application that has access.
#[derive(Clone)]
pub struct ConnectedRow {
    /// Its id, for `POST /profile/applications/{id}/withdraw`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it may learn or do, a sentence each.
    pub learns: Vec<&'static str>,
    /// When the person agreed; `None` where no one was asked.
    pub agreed: Option<Time>,
    /// When the newest sign-in that still gives it access was.
    pub signed_in: Option<Time>,
}
