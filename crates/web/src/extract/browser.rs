//! What arrives with every request.

use crate::{
    app::App,
    client_address::client_address,
    csrf, flash,
    problem::Problem,
    respond::{self, Answer, ResponseExt as _},
    routes,
    views::Notice,
};
use askama::Template;
use axum::extract::{ConnectInfo, FromRequestParts};
use countersign_core::{
    event::Origin,
    secret::{PlainHandle, StoredHandle},
    session::Session,
};
use countersign_flows::identity;
use http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, header::USER_AGENT, request::Parts};
use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

/// No longer part of what a browser calls itself is kept, in characters.
const USER_AGENT_LENGTH: usize = 256;

/// A browser, whoever sits at it.
pub(crate) struct Browser {
    /// The handle in its cookie: a visitor's, a waiting sign-in's, or a session's.
    pub(crate) handle: Option<PlainHandle>,
    /// The token for the forms on its pages; empty without a handle.
    pub(crate) csrf_token: String,
    /// From where.
    pub(crate) origin: Origin,
    /// Set where a sign-in was completed before.
    pub(crate) known: Option<StoredHandle>,
    /// What the page says has just happened.
    pub(crate) notice: Option<Notice>,
    /// The page that holds the form, where one was sent.
    pub(crate) form_page: Option<String>,
}

impl Browser {
    /// Reads it from a request's head.
    pub(crate) fn read(parts: &Parts, app: &App) -> Self {
        let handle = app.cookies.handle(&parts.headers);
        let token = handle.as_ref().map(|handle| csrf::token(&app.services.csrf_key, handle));
        Self {
            csrf_token: token.unwrap_or_default(),
            notice: flash::notice(app, parts, handle.as_ref()),
            form_page: (parts.method == Method::POST).then(|| routes::page_of(parts)),
            handle,
            origin: origin(parts, app),
            known: app.cookies.known_browser(&parts.headers).map(|handle| handle.stored()),
        }
    }

    /// The live session of its handle.
    pub(crate) async fn session(&self, app: &App) -> Result<Option<Session>, Problem> {
        match &self.handle {
            Some(handle) => Ok(identity::current(&app.services, handle).await?),
            None => Ok(None),
        }
    }
}

impl FromRequestParts<App> for Browser {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self::read(parts, app))
    }
}

/// A browser that has a handle: one that comes without is given a random one. Nothing is stored for it; it only ties
/// the form on the page to this browser.
pub(crate) struct Visitor {
    pub(crate) browser: Browser,
    cookie: Option<HeaderValue>,
}

impl Visitor {
    /// A page with a form.
    pub(crate) fn page(self, status: StatusCode, template: &impl Template) -> Answer {
        Ok(respond::page(status, template)?.with_cookie(self.cookie))
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let mut browser = Browser::read(parts, app);
        if browser.handle.is_some() {
            return Ok(Self { browser, cookie: None });
        }
        let handle = PlainHandle::generate(&*app.services.entropy);
        let cookie = app.cookies.set_handle(&handle);
        browser.csrf_token = csrf::token(&app.services.csrf_key, &handle);
        browser.handle = Some(handle);
        Ok(Self { browser, cookie })
    }
}

/// The client's address, behind the trusted proxies.
pub(crate) fn address(headers: &HeaderMap, extensions: &Extensions, app: &App) -> IpAddr {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip());
    client_address(peer, headers, &app.settings.trusted_proxies)
}

fn origin(parts: &Parts, app: &App) -> Origin {
    let user_agent = parts.headers.get(USER_AGENT).map_or(&b""[..], HeaderValue::as_bytes);
    Origin {
        address: address(&parts.headers, &parts.extensions, app),
        user_agent: String::from_utf8_lossy(user_agent).chars().take(USER_AGENT_LENGTH).collect(),
    }
}
