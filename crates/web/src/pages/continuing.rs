//! `/confirm-identity/continue`: what an account holder was doing when they had to confirm who they are goes on
//! (decision 0030).
//!
//! A form whose proof of identity is too old waits ([`Own::fresh`]). After the proof it is posted again, to the same
//! route and with the fields that were entered, so every check runs once more. What ends something is asked about first.

use crate::{
    app::App,
    csrf,
    extract::{Form, Own, Query, encode_fields},
    notice::Done,
    problem::Problem,
    respond::{self, Answer, Redirect, see_other},
    return_to, routes,
    views::ContinuePage,
    words::continuing::{self, Continuing},
};
use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use countersign_core::ids::PendingFormId;
use countersign_flows::{
    applications,
    pending_forms::{self, PendingForm},
    profile,
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri,
    header::{CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE, TRANSFER_ENCODING},
    request::Parts,
};

/// The page's path.
pub(crate) const PATH: &str = "/confirm-identity/continue";

/// A form that waits, as the address of its page names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    id: PendingFormId,
    /// The page that holds the form: where *Cancel* leads.
    pub(crate) page: String,
}

impl Pending {
    pub(crate) fn new(id: PendingFormId, page: &str) -> Self {
        Self { id, page: page.to_owned() }
    }

    /// The page on which the form goes on.
    pub(crate) fn address(&self) -> String {
        format!("{PATH}?form={}&return_to={}", self.id, return_to::encode(&self.page))
    }

    /// What `to` names, if that is the page on which a form goes on.
    pub(crate) fn at(app: &App, to: &str) -> Option<Self> {
        let query = Query::parse(to.strip_prefix(PATH)?.strip_prefix('?')?);
        Self::named(app, query.get("form")?, query.get("return_to"))
    }

    /// The form of this id, if it is one, and the page that holds it.
    pub(crate) fn named(app: &App, id: &str, page: Option<&str>) -> Option<Self> {
        let page = page.and_then(|raw| return_to::local(&app.settings.public_url, raw));
        Some(Self { id: id.parse().ok()?, page: page.unwrap_or_else(|| "/profile".to_owned()) })
    }

    /// What waits, if it still does.
    pub(crate) async fn peek(&self, app: &App, own: &Own) -> Result<Option<Waiting>, Problem> {
        let found = pending_forms::peek(&app.services, &own.session, self.id).await?;
        Ok(found.and_then(Waiting::of))
    }

    /// The answer that carries the form out, once; where there is nothing left to do, the way to its page.
    pub(crate) async fn carry_out(&self, app: &App, own: &Own) -> Answer {
        match pending_forms::take(&app.services, &own.session, self.id).await? {
            Some(form) => {
                // The guard around the router replaces it by the answer to the form.
                let mut response = see_other(&self.page);
                response.extensions_mut().insert(CarryOut(form));
                Ok(response)
            }
            None => Ok(see_other(&self.over())),
        }
    }

    /// The way to the page that held the form, which says that nothing goes on.
    pub(crate) fn over(&self) -> Redirect {
        Done::FormOver.at(&self.page)
    }
}

/// A form that waits, and what it does.
pub(crate) struct Waiting {
    form: PendingForm,
    pub(crate) does: Continuing,
}

impl Waiting {
    fn of(form: PendingForm) -> Option<Self> {
        let does = continuing::of(routes::posted_at(&form.path)?.path)?;
        Some(Self { form, does })
    }

    /// After "to": what the person is doing, with what they entered where that says more.
    pub(crate) fn purpose(&self) -> String {
        let fields = Query::parse(&self.form.fields);
        self.does.purpose_of(|name| fields.get(name))
    }

    /// Whether the person is asked before it is carried out, because it ends something.
    pub(crate) fn asks_first(&self) -> bool {
        self.does.question.is_some()
    }

    /// What is ended, by its name.
    async fn subject(&self, app: &App, own: &Own) -> Result<Option<String>, Problem> {
        let mut parts = self.form.path.split('/').skip(1);
        match (parts.next(), parts.next(), parts.next()) {
            (Some("profile"), Some("app"), Some(id)) => {
                let apps = profile::overview(&app.services, &own.session).await?.apps;
                Ok(apps.into_iter().find(|app| app.id.to_string() == id).map(|app| app.name))
            }
            (Some("profile"), ..) => Ok(profile::overview(&app.services, &own.session).await?.phone_masked),
            (Some("organization"), Some("applications"), Some(id)) => {
                let Ok(id) = id.parse() else { return Ok(None) };
                let found = applications::show(&app.services, own.run()?.organization, id).await?;
                Ok(found.and_then(|found| match (parts.next(), parts.next()) {
                    (Some("keys"), Some(key)) => {
                        found.keys.into_iter().find(|row| row.id.to_string() == key).map(|row| row.name)
                    }
                    (Some("addresses"), _) => {
                        Query::parse(&self.form.fields).get("address").map(str::to_owned)
                    }
                    _ => Some(found.application.name),
                }))
            }
            _ => Ok(None),
        }
    }
}

/// `GET /confirm-identity/continue`: asks before something ends. Looking at it changes nothing.
pub(crate) async fn show(State(app): State<App>, headers: HeaderMap, query: Query, own: Own) -> Answer {
    let Some(pending) = Pending::named(&app, query.get("form").unwrap_or_default(), query.get("return_to"))
    else {
        return Err(Problem::NotFound);
    };
    if is_from_elsewhere(&headers) {
        return Ok(see_other(&pending.over()));
    }
    let Some(waiting) = pending.peek(&app, &own).await? else { return Ok(see_other(&pending.over())) };
    if !own.is_fresh(&app) {
        return Ok(see_other(&return_to::with("/confirm-identity", Some(&pending.address()))));
    }
    let subject = waiting.subject(&app, &own).await?;
    let Continuing { question, consequence, button, .. } = waiting.does;
    let page = ContinuePage {
        shell: own.shell(&app),
        question: continuing::question(question.unwrap_or("Continue?"), subject.as_deref()),
        consequence: if question.is_some() {
            consequence.to_owned()
        } else {
            format!("You can now {}. {consequence}", waiting.purpose())
        },
        button,
        ends: waiting.asks_first(),
        form: pending.id.to_string(),
        return_to: pending.page,
    };
    respond::page(StatusCode::OK, &page)
}

/// `POST /confirm-identity/continue`
pub(crate) async fn submit(State(app): State<App>, own: Own, form: Form) -> Answer {
    form.only_a_button()?;
    let Some(pending) = Pending::named(&app, form.get("form"), form.given("return_to")) else {
        return Err(Problem::NotFound);
    };
    if pending.peek(&app, &own).await?.is_some() && !own.is_fresh(&app) {
        return Ok(see_other(&return_to::with("/confirm-identity", Some(&pending.address()))));
    }
    pending.carry_out(&app, &own).await
}

/// Whether a browser came here by a link of someone else's (Fetch Metadata). Who has a copy of the session's cookie could leave
/// a form in the session and send its owner a link to confirm it: such a link leads to no form.
pub(crate) fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let mut site = headers.get_all(HeaderName::from_static("sec-fetch-site")).iter();
    site.any(|value| value != "same-origin")
}

/// An answer's order to post a form again, in the place of that answer: a response extension.
#[derive(Clone)]
struct CarryOut(PendingForm);

/// Carries out what an answer orders: around the router, so that the form passes everything that a browser's own does.
pub(crate) async fn carried(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST || !request.uri().path().starts_with("/confirm-identity") {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let again = next.clone();
    let mut first = next.run(Request::from_parts(parts.clone(), body)).await;
    let Some(CarryOut(form)) = first.extensions_mut().remove::<CarryOut>() else { return first };
    let Some(request) = posted_again(&app, parts, &first, &form) else {
        return with_cookies_of(&first, Problem::Internal.into_response());
    };
    let answer = again.run(request).await;
    // A newer handle than the one of the proof stays the only one.
    if app.cookies.sets_handle(answer.headers()) { answer } else { with_cookies_of(&first, answer) }
}

fn with_cookies_of(first: &Response, mut answer: Response) -> Response {
    for cookie in first.headers().get_all(SET_COOKIE) {
        answer.headers_mut().append(SET_COOKIE, cookie.clone());
    }
    answer
}

/// The form as this browser would post it now, with the handle that it was just given.
fn posted_again(app: &App, parts: Parts, first: &Response, form: &PendingForm) -> Option<Request> {
    let handle = app.cookies.handle_after(app.cookies.handle(&parts.headers), first.headers())?;
    let token = csrf::token(&app.services.csrf_key, &handle);
    let mut body = form.fields.to_string();
    if !body.is_empty() {
        body.push('&');
    }
    body.push_str(&encode_fields([("csrf_token", token.as_str())]));
    let mut parts = parts;
    parts.uri = form.path.parse::<Uri>().ok()?;
    for name in [CONTENT_LENGTH, TRANSFER_ENCODING] {
        parts.headers.remove(name);
    }
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    app.cookies.replace_handle(&mut parts.headers, &handle)?;
    Some(Request::from_parts(parts, Body::from(body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn came(values: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("sec-fetch-site", HeaderValue::from_static(value));
        }
        is_from_elsewhere(&headers)
    }

    #[test]
    fn a_link_of_someone_elses_is_told_apart() {
        assert!(!came(&[]) && !came(&["same-origin"]));
        for elsewhere in ["cross-site", "same-site", "none", ""] {
            assert!(came(&[elsewhere]) && came(&["same-origin", elsewhere]), "{elsewhere:?}");
        }
    }
}
