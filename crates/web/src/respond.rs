//! The few shapes that answers have.

use crate::{flash::Flash, onward::FormTargets, problem::Problem, times};
use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{CONTENT_TYPE, LOCATION, RETRY_AFTER, SET_COOKIE},
};
use std::time::Duration;

/// What a handler returns.
pub(crate) type Answer = Result<Response, Problem>;

/// A page.
pub(crate) fn page(status: StatusCode, template: &impl Template) -> Answer {
    match template.render() {
        Ok(html) => Ok((status, Html(html)).into_response()),
        Err(error) => {
            tracing::error!(%error, "a template failed");
            Err(Problem::Internal)
        }
    }
}

/// Where an answer leads, and what the page there says has happened: an address, or [`Done::at`](crate::notice::Done::at).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redirect {
    pub(crate) to: String,
    pub(crate) flash: Option<Flash>,
}

/// What [`see_other`] takes: an address, or a [`Redirect`].
pub(crate) trait Leads {
    /// Where to.
    fn redirect(&self) -> Redirect;
}

impl Leads for str {
    fn redirect(&self) -> Redirect {
        Redirect { to: self.to_owned(), flash: None }
    }
}

impl Leads for String {
    fn redirect(&self) -> Redirect {
        self.as_str().redirect()
    }
}

impl Leads for Redirect {
    fn redirect(&self) -> Redirect {
        self.clone()
    }
}

/// 303: go on with a GET (RFC 9110 §15.4.4).
pub(crate) fn see_other(to: &(impl Leads + ?Sized)) -> Response {
    let Redirect { to, flash } = to.redirect();
    let Ok(mut location) = HeaderValue::try_from(to) else {
        tracing::error!("a redirect leads to what is no address");
        return Problem::Internal.into_response();
    };
    // It may hold the result of a second step, or the handle of a challenge.
    location.set_sensitive(true);
    let mut response = (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response();
    if let Some(flash) = flash {
        response.extensions_mut().insert(flash);
    }
    response
}

/// Plain text for machines.
pub(crate) fn text(body: String) -> Response {
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    ([(CONTENT_TYPE, kind)], body).into_response()
}

/// JSON for programs.
pub(crate) fn json(status: StatusCode, body: &serde_json::Value) -> Response {
    let kind = HeaderValue::from_static("application/json");
    (status, [(CONTENT_TYPE, kind)], body.to_string()).into_response()
}

/// What an answer is given on its way.
pub(crate) trait ResponseExt {
    /// Adds a cookie.
    fn with_cookie(self, cookie: Option<HeaderValue>) -> Self;
    /// Has the browser forget its copies of our pages: someone has signed out, and the next person at this screen presses
    /// *Back* (W3C Clear Site Data §3.1; ASVS 5.0 V14.3.1).
    fn with_forgotten_pages(self) -> Self;
    /// Adds `Retry-After`.
    fn with_retry_after(self, wait: Option<Duration>) -> Self;
    /// Permits the page's forms to lead further than to this server.
    fn with_form_targets(self, targets: FormTargets) -> Self;
    /// Sets a header.
    fn with_header(self, name: HeaderName, value: &'static str) -> Self;
}

impl ResponseExt for Response {
    fn with_cookie(mut self, cookie: Option<HeaderValue>) -> Self {
        if let Some(cookie) = cookie {
            self.headers_mut().append(SET_COOKIE, cookie);
        }
        self
    }

    fn with_forgotten_pages(self) -> Self {
        self.with_header(HeaderName::from_static("clear-site-data"), "\"cache\"")
    }

    fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        if let Some(wait) = wait {
            self.headers_mut().insert(RETRY_AFTER, times::seconds_up(wait).max(1).into());
        }
        self
    }

    fn with_form_targets(mut self, targets: FormTargets) -> Self {
        self.extensions_mut().insert(targets);
        self
    }

    fn with_header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers_mut().insert(name, HeaderValue::from_static(value));
        self
    }
}

/// The status of a form that is shown again: 429 where the person has to wait, else 422.
pub(crate) fn refused(wait: Option<Duration>) -> StatusCode {
    if wait.is_some() { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::UNPROCESSABLE_ENTITY }
}
