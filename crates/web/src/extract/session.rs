//! Who is signed in, and how.

use super::Browser;
use crate::{
    app::App,
    notice::Done,
    problem::Problem,
    respond::{Answer, ResponseExt as _, see_other},
    return_to, routes,
    shell::shell,
    views::Shell,
};
use axum::extract::FromRequestParts;
use countersign_core::{
    authority::{ApplicationAuthority, CredentialAuthority, LoginAsAuthority},
    session::{OwnSession, ProofTooOld, Session},
    sign_in::Challenged,
};
use countersign_flows::{
    Membership, applications,
    identity::{self, Who},
    login_as, step_up,
};
use http::request::Parts;

/// The account holder's own session.
pub(crate) struct Own {
    pub(crate) session: OwnSession,
    pub(crate) who: Who,
    pub(crate) browser: Browser,
    /// The page to come back to after a detour.
    page: String,
}

impl Own {
    /// The authority to change credentials; without a fresh proof of identity, the way to one and back.
    pub(crate) fn fresh(&self, app: &App) -> Result<CredentialAuthority, Problem> {
        step_up::authority(&app.services, &self.session).map_err(|ProofTooOld| self.confirm_first())
    }

    /// The authority to ask for a "login as", under the same condition.
    pub(crate) fn fresh_for_login_as(&self, app: &App) -> Result<LoginAsAuthority, Problem> {
        step_up::login_as_authority(&app.services, &self.session).map_err(|ProofTooOld| self.confirm_first())
    }

    /// The authority over the applications of the organization that this account holder runs, under the same condition.
    pub(crate) async fn fresh_for_applications(&self, app: &App) -> Result<ApplicationAuthority, Problem> {
        match applications::authority(&app.services, &self.session).await? {
            Ok(authority) => authority.ok_or(Problem::OnlyAdministrators),
            Err(ProofTooOld) => Err(self.confirm_first()),
        }
    }

    /// The organization that this account holder runs.
    pub(crate) fn run(&self) -> Result<&Membership, Problem> {
        self.who.runs.as_ref().ok_or(Problem::OnlyAdministrators)
    }

    fn confirm_first(&self) -> Problem {
        Problem::Elsewhere(return_to::with("/confirm-identity", Some(&self.page)))
    }

    /// A redirect with a new handle for this session, after a change of credentials.
    pub(crate) async fn renewed(&self, app: &App, to: &str) -> Answer {
        let handle = identity::renewed(&app.services, &self.session).await?;
        Ok(see_other(to).with_cookie(handle.and_then(|handle| app.cookies.set_handle(&handle))))
    }

    /// What surrounds a page of this session.
    pub(crate) fn shell(&self, app: &App) -> Shell {
        shell(app, &self.browser, Some(&self.who))
    }
}

impl FromRequestParts<App> for Own {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let browser = Browser::read(parts, app);
        let page = routes::page_of(parts);
        let Some(session) = browser.session(app).await? else {
            return Err(without_session(app, &browser, &page).await?);
        };
        let who = identity::who(&app.services, &session).await?;
        match session {
            Session::Own(session) => Ok(Self { session, who, browser, page }),
            Session::Impersonated(_) => Err(Problem::OnlyTheAccountHolder),
        }
    }
}

/// The own session of an administrator or owner.
pub(crate) struct Administrator(pub(crate) Own);

impl FromRequestParts<App> for Administrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let own = Own::from_request_parts(parts, app).await?;
        own.run()?;
        Ok(Self(own))
    }
}

/// A sign-in that waits for its second step.
pub(crate) struct Waiting {
    pub(crate) challenge: Challenged,
    pub(crate) browser: Browser,
}

impl Waiting {
    /// The sign-in that waits in this browser; otherwise the way to where the person is now.
    pub(crate) async fn of(app: &App, browser: Browser) -> Result<Self, Problem> {
        let Some(handle) = &browser.handle else { return Err(Problem::Elsewhere("/sign-in".to_owned())) };
        if let Some(challenge) = identity::waiting(&app.services, handle).await? {
            return Ok(Self { challenge, browser });
        }
        match browser.session(app).await? {
            Some(_) => Err(Problem::Elsewhere("/".to_owned())),
            None => Err(begin_again()),
        }
    }
}

impl FromRequestParts<App> for Waiting {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Self::of(app, Browser::read(parts, app)).await
    }
}

fn begin_again() -> Problem {
    Problem::Elsewhere(Done::SignInOver.at("/sign-in"))
}

/// Where to go without a session: to the sign-in, or to the page that says that a "login as" has ended in this browser.
pub(crate) async fn without_session(app: &App, browser: &Browser, page: &str) -> Result<Problem, Problem> {
    let ended = match &browser.handle {
        Some(handle) => login_as::ended(&app.services, handle).await?,
        None => None,
    };
    Ok(Problem::Elsewhere(match ended {
        Some(_) => "/login-as".to_owned(),
        None => return_to::with("/sign-in", Some(page)),
    }))
}
