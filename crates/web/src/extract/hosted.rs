//! A second step that an application asks for.

use super::Visitor;
use crate::{
    app::App,
    onward::FormTargets,
    problem::Problem,
    respond::{Answer, ResponseExt as _, see_other},
    shell::shell,
    views::{HostedAbout, Shell},
};
use askama::Template;
use axum::{
    extract::{FromRequestParts, Path},
    response::Response,
};
use countersign_core::{
    event::Origin,
    secret::{PlainHandle, StoredHandle},
};
use countersign_flows::service::hosted::{self, About, Stage};
use http::{StatusCode, request::Parts};

/// The challenge of the address, as this browser may see it: no session is looked at, and none is shown.
pub(crate) struct Hosted {
    /// Where it stands.
    pub(crate) stage: Stage,
    /// Its pages.
    pub(crate) pages: HostedPages,
}

/// The pages of one challenge.
pub(crate) struct HostedPages {
    handle: PlainHandle,
    about: About,
    visitor: Visitor,
    browser: Option<StoredHandle>,
}

impl Hosted {
    /// As it stands now, after something was refused.
    pub(crate) async fn again(app: &App, pages: HostedPages) -> Result<Self, Problem> {
        let HostedPages { handle, visitor, browser, .. } = pages;
        Self::of(app, handle, visitor, browser).await
    }

    async fn of(
        app: &App,
        handle: PlainHandle,
        visitor: Visitor,
        browser: Option<StoredHandle>,
    ) -> Result<Self, Problem> {
        let visit = hosted::visit(&app.services, &handle, browser).await?.ok_or(Problem::NoChallenge)?;
        Ok(Self { stage: visit.stage, pages: HostedPages { handle, about: visit.about, visitor, browser } })
    }
}

impl FromRequestParts<App> for Hosted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        let handle =
            path.ok().and_then(|Path(text)| PlainHandle::parse(&text)).ok_or(Problem::NoChallenge)?;
        let browser = app.cookies.set_up(&parts.headers).map(|handle| handle.stored());
        let Ok(visitor) = Visitor::from_request_parts(parts, app).await;
        Self::of(app, handle, visitor, browser).await
    }
}

impl HostedPages {
    /// What they say.
    pub(crate) fn about(&self) -> &About {
        &self.about
    }

    /// From where they are looked at.
    pub(crate) fn origin(&self) -> &Origin {
        &self.visitor.browser.origin
    }

    /// The browser that shows them, if a set-up has been bound to it.
    pub(crate) fn browser(&self) -> Option<StoredHandle> {
        self.browser
    }

    /// The path of one of them: `""` for the first, else with a leading slash.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/second-step/{}{rest}", self.handle.to_text())
    }

    /// The way to one of them.
    pub(crate) fn at(&self, rest: &str) -> Response {
        see_other(&self.path(rest))
    }

    /// What surrounds them: nobody's account, whoever is signed in to this server in the same browser.
    pub(crate) fn shell(&self, app: &App) -> Shell {
        shell(app, &self.visitor.browser, None)
    }

    /// What their templates say.
    pub(crate) fn view(&self) -> HostedAbout {
        let About { application, name, subject, origin, sets_up, confirms_mailbox, elsewhere, .. } =
            self.about.clone();
        let site = origin.strip_prefix("https://").unwrap_or(&origin).to_owned();
        let path = self.path("");
        HostedAbout { application, name, subject, site, origin, sets_up, confirms_mailbox, elsewhere, path }
    }

    /// One of them, whose forms may end at the application.
    pub(crate) fn page(self, status: StatusCode, template: &impl Template) -> Answer {
        Ok(self.visitor.page(status, template)?.with_form_targets(FormTargets(vec![self.about.origin])))
    }
}
