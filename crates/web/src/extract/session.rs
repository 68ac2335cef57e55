//! Who is signed in, and how.

use super::{Browser, Form};
use crate::{
    app::App,
    notice::Done,
    pages::continuing::Pending,
    problem::Problem,
    respond::{Answer, Leads, ResponseExt as _, see_other},
    return_to,
    routes::{self, Access},
    shell::shell,
    views::Shell,
};
use axum::extract::FromRequestParts;
use countersign_core::{
    authority::{ApplicationAuthority, CredentialAuthority, LoginAsAuthority},
    second_step::Method,
    session::{OwnSession, ProofTooOld, Session},
    sign_in::Challenged,
};
use countersign_flows::{
    Membership, applications,
    identity::{self, Who},
    login_as, pending_forms, step_up,
};
use http::request::Parts;

/// The account holder's own session.
pub(crate) struct Own {
    pub(crate) session: OwnSession,
    pub(crate) who: Who,
    pub(crate) browser: Browser,
    /// The path of the request.
    path: String,
    /// The page to come back to after a detour.
    page: String,
}

impl Own {
    /// The authority to change credentials; without a fresh proof of identity, the way to one, after which `form` goes on.
    pub(crate) async fn fresh(&self, app: &App, form: &Form) -> Result<CredentialAuthority, Problem> {
        match step_up::authority(&app.services, &self.session) {
            Ok(authority) => Ok(authority),
            Err(ProofTooOld) => Err(self.confirm_first(app, form).await?),
        }
    }

    /// The authority to ask for a "login as", under the same condition.
    pub(crate) async fn fresh_for_login_as(
        &self,
        app: &App,
        form: &Form,
    ) -> Result<LoginAsAuthority, Problem> {
        match step_up::login_as_authority(&app.services, &self.session) {
            Ok(authority) => Ok(authority),
            Err(ProofTooOld) => Err(self.confirm_first(app, form).await?),
        }
    }

    /// The authority over the applications of the organization that this account holder runs, under the same condition.
    pub(crate) async fn fresh_for_applications(
        &self,
        app: &App,
        form: &Form,
    ) -> Result<ApplicationAuthority, Problem> {
        match applications::authority(&app.services, &self.session).await? {
            Ok(authority) => authority.ok_or(Problem::OnlyAdministrators),
            Err(ProofTooOld) => Err(self.confirm_first(app, form).await?),
        }
    }

    /// For a page that asks before a change: without a fresh proof of identity, the way to one and back.
    pub(crate) fn confirmed(&self, app: &App) -> Result<(), Problem> {
        let to_proof = || Problem::Elsewhere(return_to::with("/confirm-identity", Some(&self.page)));
        if self.is_fresh(app) { Ok(()) } else { Err(to_proof()) }
    }

    /// Whether the proof of identity is fresh.
    pub(crate) fn is_fresh(&self, app: &App) -> bool {
        step_up::authority(&app.services, &self.session).is_ok()
    }

    /// The organization that this account holder runs.
    pub(crate) fn run(&self) -> Result<&Membership, Problem> {
        self.who.runs.as_ref().ok_or(Problem::OnlyAdministrators)
    }

    /// The way to a proof of identity. The form waits for it; one that arrived damaged does not.
    async fn confirm_first(&self, app: &App, form: &Form) -> Result<Problem, Problem> {
        let mut back = self.page.clone();
        if form.defect().is_none() {
            let kept = pending_forms::keep(&app.services, &self.session, &self.path, form.entered()).await?;
            if let Some(id) = kept {
                back = Pending::new(id, &self.page).address();
            }
        }
        Ok(Problem::Elsewhere(return_to::with("/confirm-identity", Some(&back))))
    }

    /// A redirect with a new handle for this session, after a change of credentials.
    pub(crate) async fn renewed(&self, app: &App, to: &(impl Leads + ?Sized)) -> Answer {
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
            Session::Own(session) => {
                Ok(Self { session, who, browser, path: parts.uri.path().to_owned(), page })
            }
            Session::Impersonated(_) => Err(refused_in_login_as(parts, app, &who)),
        }
    }
}

/// Why a "login as" may not use this route. "Only Mia can do this" is said only where she can.
fn refused_in_login_as(parts: &Parts, app: &App, who: &Who) -> Problem {
    let access = routes::access(&parts.method, &parts.extensions);
    let for_administrators = matches!(access, Some(Access::Administrator | Access::AdministratorFresh));
    let rules = &app.services.rules;
    let text_messages = rules.methods.contains(&Method::Sms) && rules.sms_countries.is_some();
    match &who.login_as {
        Some(login_as) if for_administrators && !login_as.subject_runs => Problem::SubjectIsNoAdministrator,
        _ if parts.uri.path().starts_with("/profile/phone") && !text_messages => Problem::NotOffered,
        _ => Problem::OnlyTheAccountHolder,
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
    Problem::Telling(Done::SignInOver.at("/sign-in"))
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
