//! `/oauth2/logout`

use crate::{
    app::App,
    csrf,
    extract::{Browser, Sent, Visitor, parameters},
    notice::Done,
    onward::{self, FormTargets},
    problem::Problem,
    respond::{Answer, Leads as _, Redirect, ResponseExt as _, see_other},
    shell::shell,
    views::LogoutPage,
};
use axum::extract::State;
use countersign_flows::{
    identity,
    openid_connect::{
        Parameters,
        logout::{self, Asked, Wanted},
    },
    sign_in,
};
use http::{Method, StatusCode, Uri};

/// `GET /oauth2/logout`. With an ID token of this very session it ends the session at once, which is a change, because
/// the protocol has it that way; otherwise it asks. A `HEAD` changes nothing, and is answered as if nobody were signed in.
pub(crate) async fn ask(State(app): State<App>, method: Method, uri: Uri, visitor: Visitor) -> Answer {
    let parameters = parameters(uri.query().unwrap_or_default());
    let session = if method == Method::HEAD { None } else { visitor.browser.session(&app).await? };
    match logout::wanted(&app.services, &parameters, session.as_ref()).await? {
        Wanted::Now { to } => end(&app, &visitor.browser, to).await,
        Wanted::Nobody { to } => Ok(see_other(&signed_out(to))),
        Wanted::Ask(asked) => {
            let who = match &session {
                Some(session) => Some(identity::who(&app.services, session).await?),
                None => None,
            };
            let targets = asked.address.as_ref().and_then(onward::source).into_iter().collect();
            let page = page(&app, &visitor.browser, who.as_ref(), asked);
            Ok(visitor.page(StatusCode::OK, &page)?.with_form_targets(FormTargets(targets)))
        }
    }
}

/// `POST /oauth2/logout`: the button of our own page, with its `csrf_token`, ends the session. Everything else is another
/// site's form, which leads to the GET: it comes without the session's cookie, and the GET has it.
pub(crate) async fn sent(State(app): State<App>, browser: Browser, Sent(sent): Sent) -> Answer {
    if sent.is_damaged() {
        return Err(Problem::BadRequest);
    }
    if sent.get("sign_out").is_none() {
        return Ok(see_other(&format!("/oauth2/logout?{}", sent.to_query())));
    }
    let request = parameters(sent.get("request").unwrap_or_default());
    if !fits(&app, &browser, &sent) {
        return Err(Problem::StaleForm { page: format!("/oauth2/logout?{}", request.to_query()) });
    }
    let session = browser.session(&app).await?;
    let to = match logout::wanted(&app.services, &request, session.as_ref()).await? {
        Wanted::Now { to } | Wanted::Nobody { to } | Wanted::Ask(Asked { to, .. }) => to,
    };
    end(&app, &browser, to).await
}

fn fits(app: &App, browser: &Browser, sent: &Parameters) -> bool {
    match (&browser.handle, sent.get("csrf_token")) {
        (Some(handle), Some(token)) => csrf::fits(&app.services.csrf_key, handle, token),
        _ => false,
    }
}

async fn end(app: &App, browser: &Browser, to: Option<String>) -> Answer {
    if let Some(handle) = &browser.handle {
        sign_in::sign_out(&app.services, handle, &browser.origin).await?;
    }
    Ok(see_other(&signed_out(to)).with_cookie(app.cookies.clear_handle()).with_forgotten_pages())
}

/// Back to the application, or to the page that says it.
fn signed_out(to: Option<String>) -> Redirect {
    to.map_or_else(|| Done::SignedOut.at("/sign-in"), |to| to.redirect())
}

fn page(app: &App, browser: &Browser, who: Option<&identity::Who>, asked: Asked) -> LogoutPage {
    LogoutPage {
        shell: shell(app, browser, who),
        email: who.map(|who| who.email.clone()).unwrap_or_default(),
        application: asked.application,
        leads_back: asked.address.is_some(),
        request: asked.request,
    }
}
