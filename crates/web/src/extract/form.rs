//! Posted forms and queries.

pub(crate) use super::fields::Defect;
use super::{Browser, fields::Fields};
use crate::{
    app::App,
    csrf,
    pages::continuing,
    problem::{BodyDefect, Problem},
    return_to, routes,
};
use axum::{
    body::{Body, HttpBody as _},
    extract::{FromRequest, FromRequestParts, Request},
};
use countersign_flows::openid_connect::Parameters;
use http::{HeaderMap, Uri, header::CONTENT_TYPE, request::Parts};
use std::{convert::Infallible, future::poll_fn, io, pin::Pin};

/// No form and no JSON of ours comes near this.
const LONGEST_BODY: usize = 64 * 1024;

/// How much of a longer body is still read before the answer, because a browser that is sending does not listen.
const DRAINED: usize = 16 * 1024 * 1024;

/// The fields of a form whose `csrf_token` fits the browser's handle. Take it last: who is not admitted at all must not
/// learn that the token was wrong.
pub(crate) struct Form(Fields);

impl Form {
    /// A field as it was typed; empty where it is missing, so that the rule for the field speaks.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_default()
    }

    /// The same; `None` where it is missing.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        self.0.get(name)
    }

    /// What was entered, to be posted again: without the token, which has changed by then.
    pub(crate) fn entered(&self) -> String {
        encode_fields(self.0.usable().filter(|(name, _)| *name != "csrf_token"))
    }

    /// What makes the form unusable, if anything does.
    pub(crate) fn defect(&self) -> Option<Defect> {
        self.0.defect()
    }

    /// For a form that is only a button, and has no page of its own on which to show what is wrong.
    pub(crate) fn only_a_button(&self) -> Result<(), Problem> {
        match self.defect() {
            None => Ok(()),
            Some(_) => Err(Problem::CannotBeDone(
                "The form arrived damaged. Load the page again and repeat what you did.",
            )),
        }
    }
}

impl FromRequest<App> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read_body(body).await?;
        let fields = if is_form(&parts.headers) { Fields::parse(&bytes) } else { Fields::default() };
        let browser = Browser::read(&parts, app);
        let page = || page_of(&parts, &fields, app);
        let Some(handle) = &browser.handle else {
            // A form from one of our pages, in a browser that has not kept the cookie that came with it.
            let blocked = fields.get("csrf_token").is_some();
            return Err(if blocked {
                Problem::NoCookies { page: page() }
            } else {
                Problem::StaleForm { page: page() }
            });
        };
        let token = fields.get("csrf_token");
        let fits = token.is_some_and(|token| csrf::fits(&app.services.csrf_key, handle, token));
        if fits { Ok(Self(fields)) } else { Err(Problem::StaleForm { page: page() }) }
    }
}

/// The page with a fresh form. Where an identity is confirmed, it still leads on to what that was for.
fn page_of(parts: &Parts, fields: &Fields, app: &App) -> String {
    let page = routes::page_of(parts);
    if let Some(pending) = fields
        .get("form")
        .filter(|_| page == continuing::PATH)
        .and_then(|id| continuing::Pending::named(app, id, fields.get("return_to")))
    {
        return pending.address();
    }
    let to = fields.get("return_to").filter(|_| page == "/confirm-identity");
    let to = to.and_then(|raw| return_to::local(&app.settings.public_url, raw));
    return_to::with(&page, to.as_deref())
}

/// Fields as a browser sends them (WHATWG URL §5.2).
pub(crate) fn encode_fields<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// The parameters of a protocol request in a form: from a program, or sent here by another site. No `csrf_token` is asked
/// for, and so nothing may follow from it that a session alone would permit.
pub(crate) struct Sent(pub(crate) Parameters);

impl FromRequest<App> for Sent {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read_body(body).await?;
        let fields = if is_form(&parts.headers) { Fields::parse(&bytes) } else { Fields::default() };
        Ok(Self(fields.into_parameters()))
    }
}

/// The same, from a query.
pub(crate) fn parameters(query: &str) -> Parameters {
    Fields::parse(query.as_bytes()).into_parameters()
}

fn is_form(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// A whole body, if it is no longer than any of ours.
pub(crate) async fn read_body(body: Body) -> Result<bytes::Bytes, Problem> {
    let mut body = body;
    let mut read = bytes::BytesMut::new();
    let mut total = 0_usize;
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(broken_off)?;
        let Ok(data) = frame.into_data() else { continue };
        total = total.saturating_add(data.len());
        if total <= LONGEST_BODY {
            read.extend_from_slice(&data);
        } else if total > DRAINED {
            break;
        }
    }
    if total > LONGEST_BODY { Err(Problem::TooLarge) } else { Ok(read.freeze()) }
}

/// Why a body ends early. The listener limits how long it may take and what memory, and says so with these kinds of error.
fn broken_off(error: axum::Error) -> Problem {
    let error = error.into_inner().downcast::<io::Error>();
    Problem::Body(match error.map(|error| error.kind()) {
        Ok(io::ErrorKind::TimedOut) => BodyDefect::TooSlow,
        Ok(io::ErrorKind::OutOfMemory) => BodyDefect::NoMemory,
        _ => BodyDefect::Damaged,
    })
}

/// The query of an address. What cannot be used in it counts as not there: an address is not a form.
pub(crate) struct Query(Fields);

impl Query {
    pub(crate) fn of(uri: &Uri) -> Self {
        Self::parse(uri.query().unwrap_or_default())
    }

    pub(crate) fn parse(query: &str) -> Self {
        Self(Fields::parse(query.as_bytes()))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)
    }

    /// What makes it unusable, for who wants it whole.
    pub(crate) fn defect(&self) -> Option<Defect> {
        self.0.defect()
    }

    /// The names of what is in it.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.names()
    }
}

impl FromRequestParts<App> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.uri))
    }
}
