//! What holds for every request, whatever its route.

use crate::{
    api::{ApiProblem, told::is_api},
    app::App,
    extract::{Browser, address},
    onward::FormTargets,
    openid_connect,
    problem::{Problem, Reader},
    respond::{self, ResponseExt as _},
    routes::{self, Access},
    shell::shell,
    times,
    views::ErrorPage,
};
use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use countersign_core::{ambient::random, session::Session};
use countersign_flows::{
    identity::{self, Who},
    login_as, security_log,
};
use data_encoding::HEXLOWER;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{self, CACHE_CONTROL, ORIGIN},
};
use std::{any::Any, time::Duration};
use tokio::time::Instant;
use tracing::Instrument as _;

/// No request may take longer: whoever waits that long has gone.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Scripts, styles and pictures are files of our own; nothing is inline, nothing is framed, forms stay here
/// (CSP Level 3; ASVS 5.0 V3.4.3, V3.4.6).
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
     connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// On every answer. `same-origin` and not `no-referrer`: with the latter, Chromium sends `Origin: null` with our own
/// forms, which [`foreign`] could not tell from somebody else's.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// Names the request in the log and to its sender.
#[derive(Clone)]
struct Number(String);

/// A number, a span and a line in the log, and a count. Addresses are named by their route: some hold a secret.
pub(crate) async fn observed(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let number = HEXLOWER.encode(&random::<8>(&*app.services.entropy));
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let client = address(request.headers(), request.extensions(), &app);
    let method = method(request.method());
    // At the highest level, so that the lines of every level have its fields.
    let span = tracing::error_span!("request", request_id = number, %client, method, route);
    request.extensions_mut().insert(Number(number.clone()));
    let began = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let (status, took) = (response.status(), began.elapsed());
    span.in_scope(|| answered(&route, status, took));
    let class = format!("{}xx", status.as_u16() / 100);
    let labels = [("route", route.clone()), ("status_class", class)];
    metrics::histogram!("countersign_request_duration_seconds", &labels).record(took.as_secs_f64());
    let status = status.as_u16().to_string();
    metrics::counter!("countersign_requests_total", "route" => route, "status" => status).increment(1);
    if let Ok(value) = HeaderValue::try_from(number) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

/// The method, if it is one that HTTP defines (RFC 9110 §9.1, RFC 5789): a client can send any word.
fn method(method: &Method) -> &str {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
        Method::OPTIONS,
        Method::TRACE,
        Method::CONNECT,
    ];
    if known.contains(method) { method.as_str() } else { "OTHER" }
}

/// A line for every answer. What browsers and monitoring fetch by themselves is of interest only for debugging.
fn answered(route: &str, status: StatusCode, took: Duration) {
    let (status, duration_ms) = (status.as_u16(), took.as_secs_f64() * 1000.0);
    // To the microsecond.
    let duration_ms = (duration_ms * 1000.0).round() / 1000.0;
    if routes::is_background(route) {
        tracing::debug!(status, duration_ms, "answered");
    } else {
        tracing::info!(status, duration_ms, "answered");
    }
}

/// Security headers, and no copy of a page anywhere but of a rejected form in the browser's own history: without script,
/// *Back* has nothing else to show (decision 0031).
pub(crate) async fn protected(State(app): State<App>, request: Request, next: Next) -> Response {
    let may_be_shown_again = routes::may_be_shown_again(request.method(), request.extensions());
    let mut response = next.run(request).await;
    let rejected = response.status().is_client_error();
    let onward = response.extensions_mut().remove::<FormTargets>();
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(policy) = onward.and_then(|targets| targets.policy(CONTENT_SECURITY_POLICY)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if app.settings.secure_cookies {
        // RFC 6797; a year, for this host alone: what else is on the domain is not ours to decide.
        let age = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, age);
    }
    let kept = if may_be_shown_again && rejected { "private, no-cache" } else { "no-store" };
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static(kept));
    response
}

/// The time limit, and the page for every [`Problem`]; for programs the same as JSON.
pub(crate) async fn problems(State(app): State<App>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let browser = Browser::read(&parts, &app);
    // On an application's pages nobody's session counts, and so none is shown.
    let looks = routes::access(&parts.method, &parts.extensions) != Some(Access::Hosted);
    let (api, protocol) = (is_api(parts.uri.path()), routes::is_protocol(&parts.extensions));
    let number = parts.extensions.get::<Number>().map(|number| number.0.clone()).unwrap_or_default();
    let path = parts.uri.path().to_owned();
    let request = Request::from_parts(parts, body);
    let response = match tokio::time::timeout(TIME_LIMIT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::TimedOut.into_response(),
    };
    let Some(problem) = response.extensions().get::<Problem>().cloned() else { return response };
    if api {
        // Logged and counted by `api::told`, like the API's own.
        return with_body(response, ApiProblem::from(&problem).into_response());
    }
    let labels = [("reason", problem.reason().to_owned()), ("status", problem.status().as_str().to_owned())];
    metrics::counter!("countersign_refusals_total", &labels).increment(1);
    security_log::Entry::new(security_log::Event::Request, "refused").because(problem.reason()).log();
    if protocol {
        return with_body(response, openid_connect::of_problem(&problem));
    }
    let who = if looks { who(&app, &browser, &problem).await } else { None };
    let (who, was) = who.unzip();
    let reader = Reader {
        login_as: who.as_ref().and_then(|who| who.login_as.as_ref()),
        was: was.as_ref().and_then(Option::as_deref),
        path: &path,
    };
    let page = error_page(&app, &browser, who.as_ref(), reader, &problem, &number);
    with_body(response, page)
}

/// Whose account is open, for the header or the banner; and as whom they were logged in a moment ago, where that explains the
/// problem. A fault here must not hide the first one.
async fn who(app: &App, browser: &Browser, problem: &Problem) -> Option<(Who, Option<String>)> {
    if matches!(problem, Problem::Away | Problem::Unconfirmed | Problem::TimedOut | Problem::Internal) {
        return None;
    }
    let session = browser.session(app).await.ok()??;
    let who = identity::who(&app.services, &session).await.ok()?;
    let was = match (problem, &session) {
        (Problem::StaleForm { .. }, Session::Own(own)) => login_as::summary(&app.services, own).await.ok()?,
        _ => None,
    };
    Some((who, was.map(|summary| summary.name)))
}

fn error_page(
    app: &App,
    browser: &Browser,
    who: Option<&Who>,
    reader: Reader<'_>,
    problem: &Problem,
    number: &str,
) -> Response {
    let words = problem.words(app, reader, number);
    let page = ErrorPage {
        shell: shell(app, browser, who),
        status: words.status.as_u16(),
        heading: words.heading,
        text: words.text,
        action: words.action,
        names_support: problem.names_support(),
        retry_after: words.retry_after.map(times::seconds_up),
    };
    match respond::page(words.status, &page) {
        // It says whose account is open.
        Ok(response) if who.is_some() => {
            response.with_retry_after(words.retry_after).with_header(CACHE_CONTROL, "no-store")
        }
        Ok(response) => response.with_retry_after(words.retry_after),
        Err(_) => words.status.into_response(),
    }
}

/// The page in place of the bare answer, whose other headers (`Allow`) stay.
fn with_body(bare: Response, page: Response) -> Response {
    let (mut parts, _) = bare.into_parts();
    let (page, body) = page.into_parts();
    parts.extensions.remove::<Problem>();
    parts.status = page.status;
    parts.headers.extend(page.headers);
    parts.extensions.extend(page.extensions);
    Response::from_parts(parts, body)
}

/// Refuses what a page of another origin sends (Fetch Metadata; OWASP Cross-Site Request Forgery Prevention). A client
/// that says nothing about it is no browser of today; the `csrf_token` stands against the rest.
pub(crate) async fn foreign(State(app): State<App>, request: Request, next: Next) -> Response {
    match routes::access(request.method(), request.extensions()) {
        // To these anybody may speak: see [`cross_origin`].
        Some(Access::Protocol) => return next.run(request).await,
        // Nothing follows from such a form that the page behind it does not ask for once more.
        Some(Access::Crossing) => return next.run(request).await,
        _ => {}
    }
    let reads = request.method() == Method::GET || request.method() == Method::HEAD;
    // An API key is sent by a program on purpose, and never by a browser by itself, so no other site can borrow it.
    if reads || is_api(request.uri().path()) || is_ours(request.headers(), &app.origin) {
        return next.run(request).await;
    }
    Problem::ForeignOrigin.into_response()
}

/// The endpoints for programs are there for programs in a browser as well, of whatever origin: no cookie opens anything
/// there, so nothing is at stake that a stranger could not ask for from anywhere (Fetch §3.3; no credentials). Around all
/// that can answer: a program in a page can read no refusal and no fault that lacks these headers.
pub(crate) async fn cross_origin(request: Request, next: Next) -> Response {
    if !routes::is_protocol(request.extensions()) {
        return next.run(request).await;
    }
    let response = match *request.method() {
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        _ => next.run(request).await,
    };
    response
        .with_header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")
        .with_header(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST")
        .with_header(header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type")
        .with_header(header::ACCESS_CONTROL_EXPOSE_HEADERS, "WWW-Authenticate, Retry-After")
        .with_header(header::ACCESS_CONTROL_MAX_AGE, "3600")
}

fn is_ours(headers: &HeaderMap, origin: &str) -> bool {
    let all = |name: HeaderName, ours: fn(&str, &str) -> bool| {
        headers.get_all(name).iter().all(|value| value.to_str().is_ok_and(|value| ours(value, origin)))
    };
    all(ORIGIN, |value, origin| value == origin)
        && all(HeaderName::from_static("sec-fetch-site"), |value, _| matches!(value, "same-origin" | "none"))
}

/// A handler that panicked: the log has the message, the page does not.
pub(crate) fn panicked(cause: &(dyn Any + Send)) -> Response {
    let text = cause.downcast_ref::<String>().map(String::as_str).or(cause.downcast_ref::<&str>().copied());
    tracing::error!(message = text.unwrap_or("no message"), "a handler panicked");
    Problem::Internal.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(pairs: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        is_ours(&headers, "https://login.example.org")
    }

    #[test]
    fn forms_of_other_sites_are_told_apart() {
        assert!(ours(&[]));
        assert!(ours(&[("origin", "https://login.example.org"), ("sec-fetch-site", "same-origin")]));
        assert!(ours(&[("sec-fetch-site", "none")]));
        for foreign in [
            ("origin", "null"),
            ("origin", ""),
            ("origin", "http://login.example.org"),
            ("origin", "https://login.example.org:444"),
            ("origin", "https://login.example.org.elsewhere.example"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert!(!ours(&[foreign]), "{foreign:?}");
            assert!(!ours(&[("origin", "https://login.example.org"), foreign]), "{foreign:?}");
        }
    }
}
