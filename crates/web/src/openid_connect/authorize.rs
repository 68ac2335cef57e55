//! `/oauth2/authorize` and `/oauth2/consent`

use crate::{
    app::App,
    extract::{Browser, Form, Own, Sent, parameters},
    onward::{self, FormTargets},
    problem::Problem,
    respond::{self, Answer, ResponseExt as _, see_other},
    return_to,
    shell::shell,
    views::{ConsentPage, ErrorAction, SitePage},
    words,
};
use axum::extract::State;
use countersign_flows::{
    identity,
    openid_connect::authorize::{self, ConsentView, DeniedView, Outcome},
};
use http::{Method, StatusCode, Uri};

/// `GET /oauth2/authorize`. It makes a code, which is a change, because the protocol has it that way: see the flow. A
/// `HEAD` changes nothing, and is answered as if nobody were signed in.
pub(crate) async fn ask(State(app): State<App>, method: Method, uri: Uri, browser: Browser) -> Answer {
    let parameters = parameters(uri.query().unwrap_or_default());
    let session = if method == Method::HEAD { None } else { browser.session(&app).await? };
    let outcome = authorize::authorize(&app.services, &parameters, session, &browser.origin).await?;
    answered(&app, browser, outcome).await
}

/// `POST /oauth2/authorize`: the same as a GET, to which it leads. The form comes from another site, and so without the
/// session's cookie (`SameSite=Lax`); the GET that follows has it.
pub(crate) async fn sent(Sent(parameters): Sent) -> Answer {
    if parameters.is_damaged() {
        return Err(Problem::BadRequest);
    }
    Ok(see_other(&format!("/oauth2/authorize?{}", parameters.to_query())))
}

/// `POST /oauth2/consent`: the account holder's answer.
pub(crate) async fn answer(State(app): State<App>, own: Own, form: Form) -> Answer {
    form.only_a_button()?;
    let agrees = match form.get("answer") {
        "allow" => true,
        "refuse" => false,
        _ => return Err(Problem::CannotBeDone(words::CHOOSE_ALLOW_OR_NOT)),
    };
    let Own { session, browser, .. } = own;
    let request = parameters(form.get("request"));
    let outcome = authorize::answered(&app.services, &request, session, agrees, &browser.origin).await?;
    answered(&app, browser, outcome).await
}

async fn answered(app: &App, browser: Browser, outcome: Outcome) -> Answer {
    Ok(match outcome {
        Outcome::NotAClient(why) => return Err(Problem::NotAClient(why)),
        Outcome::Back(to) => see_other(&to),
        Outcome::SignIn { return_to } => see_other(&return_to::with("/sign-in", Some(&return_to))),
        Outcome::StepUp { return_to } => see_other(&return_to::with("/confirm-identity", Some(&return_to))),
        Outcome::Consent(view) => return consent(app, browser, view).await,
        Outcome::LoginAsDenied(view) => return login_as_denied(app, browser, view).await,
    })
}

/// 403 in words for an administrator whose "login as" does not enter the application.
async fn login_as_denied(app: &App, browser: Browser, view: DeniedView) -> Answer {
    let Some(session) = browser.session(app).await? else {
        return Err(Problem::Elsewhere("/sign-in".into()));
    };
    let who = identity::who(&app.services, &session).await?;
    let DeniedView { application, why, back } = view;
    let page = SitePage {
        shell: shell(app, &browser, Some(&who)),
        heading: format!("You can’t open {application} as {}", who.name),
        text: words::login_as_denied(why, &application),
        link: Some(ErrorAction { label: format!("Go back to {application}"), href: back }),
        sign_out: false,
    };
    respond::page(StatusCode::FORBIDDEN, &page)
}

async fn consent(app: &App, browser: Browser, view: ConsentView) -> Answer {
    let Some(session) = browser.session(app).await? else {
        return Err(Problem::Elsewhere("/sign-in".into()));
    };
    let who = identity::who(&app.services, &session).await?;
    let address = format!("/oauth2/authorize?{}", view.request);
    let page = ConsentPage {
        shell: shell(app, &browser, Some(&who)).with_form_page(address.clone()),
        address,
        application: view.application,
        organization: view.organization,
        agreed: view.agreed,
        learns: words::learns(&view.scope),
        request: view.request,
    };
    let targets = FormTargets(onward::source(&view.redirect_uri).into_iter().collect());
    Ok(respond::page(StatusCode::OK, &page)?.with_form_targets(targets))
}
