//! Forward authentication: the answers to reverse proxies, and the way of a browser between this server and a site.
//!
//! - `asked`: which page of which site a proxy asks about.
//! - `cookies`: the two cookies of a site.
//! - here: `/forward-auth` for proxies; `/.countersign/…`, which a site's proxy passes on to this server and which
//!   the browser sees on the site's own host; `/forward-auth/…`, which it sees on this server's.

mod asked;
mod cookies;

use crate::{
    app::App,
    extract::{Browser, Query},
    problem::Problem,
    respond::{Answer, page, see_other},
    return_to,
    shell::shell,
    views::{ErrorAction, Shell, SitePage},
};
use asked::Asked;
use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use countersign_core::secret::{PlainHandle, StoredHandle};
use countersign_flows::{
    forward_auth::{self, Answer as Seen, Identity, Site, Way, Why},
    identity,
    security_log::{Entry, Event},
};
use data_encoding::BASE64URL_NOPAD;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use url::Url;

/// Where these addresses begin on the site's host.
const OURS: &str = "/.countersign/";

/// What could be taken for a separator, or cannot stand in a header at all.
const IN_HEADER: &AsciiSet = &CONTROLS.add(b',').add(b';').add(b'%').add(b'"');

/// `GET /forward-auth`: whether the page that the proxy names may be seen, and by whom.
pub(crate) async fn ask(State(app): State<App>, headers: HeaderMap) -> Answer {
    let Some(asked) = Asked::read(&headers) else {
        return Ok(refused("The proxy’s question is incomplete."));
    };
    // 403 and not 404: nginx takes whatever it does not know for a defect, and shows that.
    let unknown = "This site is not one that is protected here. (Operator: name it in forward_auth.sites.)";
    let Some(site) = forward_auth::site(&app.services, &asked.origin) else { return Ok(refused(unknown)) };
    if asked.path().starts_with(OURS) {
        // 404, so that nginx shows a defect: a redirect would lead here again.
        let text = "The way in is itself behind the question. (Operator: pass /.countersign/ on to Countersign unasked.)";
        return Ok((StatusCode::NOT_FOUND, format!("{text}\n")).into_response());
    }
    let cookie = cookies::site(site, &headers);
    let seen = forward_auth::look(&app.services, site, asked.path(), cookie.as_ref()).await?;
    Ok(match seen {
        Seen::Seen(identity) => seen_by(identity.as_ref()),
        Seen::Forbidden | Seen::Refused if asked.leads_on => {
            see_other(&refused_at(&app, site, &asked.target))
        }
        Seen::Forbidden => refused("You are signed in, and this page is not for your account."),
        Seen::Refused => refused("This address could mean more than one page."),
        // Whole, because Traefik reads a path alone as one of this server's.
        Seen::SignIn | Seen::StepUp if asked.leads_on => {
            see_other(&format!("{}/.countersign/start?to={}", site.origin, asked.target))
        }
        Seen::SignIn | Seen::StepUp => StatusCode::UNAUTHORIZED.into_response(),
    })
}

/// On the site's host. `GET /.countersign/start?to=…`: keeps a nonce in this browser, and goes to this server to sign in.
///
/// A nonce that the browser holds is kept, for several tabs can be on their way at once. It stays a secret of this browser
/// (the server, and the address in between, see its hash alone), and each ticket is spent once.
pub(crate) async fn start(State(app): State<App>, headers: HeaderMap, uri: Uri) -> Answer {
    let (site, to) = (site_of(&app, &headers)?, page_behind(&uri));
    let nonce =
        cookies::nonce(site, &headers).unwrap_or_else(|| PlainHandle::generate(&*app.services.entropy));
    let hash = BASE64URL_NOPAD.encode(nonce.stored().as_bytes());
    let way = format!(
        "{}/forward-auth/sign-in?site={}&to={}&nonce={hash}",
        app.settings.base(),
        return_to::encode(&site.origin),
        return_to::encode(&local(site, to)),
    );
    Ok(cookies::with_nonce(see_other(&way), site, &nonce))
}

/// On this server's host. `GET /forward-auth/sign-in?site=…&to=…&nonce=…`: for somebody with a session, a ticket to the
/// site. It is made by a GET because a redirect leads here, as in every sign-in by redirect; what it is worth is bound to
/// a browser that holds the nonce. A `HEAD` is answered as if nobody were signed in.
pub(crate) async fn sign_in(
    State(app): State<App>,
    method: Method,
    query: Query,
    browser: Browser,
    uri: Uri,
) -> Answer {
    let here = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let session = if method == Method::HEAD { None } else { browser.session(&app).await? };
    let Some(session) = session else {
        return Ok(see_other(&return_to::with("/sign-in", Some(&here))));
    };
    let (site, to) = wanted(&app, &query)?;
    let Some(nonce) = query.get("nonce").and_then(nonce) else { return again(&app, &browser, site, &to) };
    let who = identity::who(&app.services, &session).await?;
    match forward_auth::way(&app.services, session, site, path_of(&to), &nonce).await? {
        Way::In(ticket) => {
            let (ticket, to) = (ticket.to_text(), return_to::encode(&to));
            Ok(see_other(&format!("{}/.countersign/finish?ticket={ticket}&to={to}", site.origin)))
        }
        Way::SignIn => Ok(see_other(&return_to::with("/sign-in", Some(&here)))),
        Way::StepUp => Ok(see_other(&return_to::with("/confirm-identity", Some(&here)))),
        Way::SetUp { has_email } => {
            let has =
                if has_email { "a code by email isn’t enough here." } else { "your account has none yet." };
            let page_of = SitePage {
                shell: shell(&app, &browser, Some(&who)),
                heading: "A second step is needed".into(),
                text: format!(
                    "{} wants a second step, and {has} Set up an app, then open the page again.",
                    site.origin
                ),
                link: Some(ErrorAction { label: "Set up 2FA app".into(), href: "/profile".into() }),
                sign_out: false,
            };
            page(StatusCode::FORBIDDEN, &page_of)
        }
        Way::LoginAsDenied => no_login_as(shell(&app, &browser, Some(&who)), site),
        Way::Forbidden => for_others(shell(&app, &browser, Some(&who)), &who.name, site),
    }
}

/// 403: the site accepts no "login as".
fn no_login_as(shell: Shell, site: &Site) -> Answer {
    let text = format!(
        "{} doesn’t accept “login as”. To see it as yourself, end “login as” above, then open the page again.",
        site.origin
    );
    not_shown(shell, text, None)
}

/// 403: the page is for others.
fn for_others(shell: Shell, name: &str, site: &Site) -> Answer {
    let page_of = SitePage {
        shell,
        heading: "This page is not for your account".into(),
        text: format!(
            "You are signed in as {name}, and the page that you opened at {} is for others. If you should see it, ask \
             one of your team’s administrators; if you have another account, sign out and use that.",
            site.origin
        ),
        link: None,
        sign_out: true,
    };
    page(StatusCode::FORBIDDEN, &page_of)
}

/// On the site's host. `GET /.countersign/refused?to=…`: for somebody whom the proxy did not let see a page, to the words
/// about it.
pub(crate) async fn refuse(State(app): State<App>, headers: HeaderMap, uri: Uri) -> Answer {
    let site = site_of(&app, &headers)?;
    Ok(see_other(&refused_at(&app, site, page_behind(&uri))))
}

/// `GET /forward-auth/refused?site=…&to=…`: why a page was not shown. A proxy leads here, and nothing leads back of
/// itself, so that no two answers can send a browser round.
pub(crate) async fn refused_page(State(app): State<App>, query: Query, browser: Browser) -> Answer {
    let (site, to) = wanted(&app, &query)?;
    // As the browser asked for it: how it was written may be the reason.
    let asked = path_of(query.get("to").unwrap_or("/"));
    let again = format!("{}{OURS}start?to={to}", site.origin);
    let session = browser.session(&app).await?;
    let who = match &session {
        None => None,
        Some(session) => Some(identity::who(&app.services, session).await?),
    };
    let shell = shell(&app, &browser, who.as_ref());
    let origin = &site.origin;
    let (text, link) = match forward_auth::why(&app.services, session.as_ref(), site, asked).await? {
        Why::Forbidden => {
            return for_others(shell, &who.map(|who| who.name).unwrap_or_default(), site);
        }
        Why::LoginAsDenied => return no_login_as(shell, site),
        Why::Nobody => (
            format!("Nobody is signed in here. Sign in, if the page that you opened at {origin} is for you."),
            Some(("Sign in", again)),
        ),
        Why::StepUp => (
            format!(
                "The page that you opened at {origin} wants a second step. Open it again, and you are asked for one."
            ),
            Some(("Open the page again", again)),
        ),
        Why::Ambiguous => (
            format!(
                "The address that you opened at {origin} could mean more than one page, and so none is shown. Look at how \
                 it is written; capital letters count."
            ),
            None,
        ),
        Why::Unknown => (
            format!(
                "You may see the page that you opened at {origin}, but the site itself did not show it. Open it again. If \
                 that does not help, ask whoever looks after the site."
            ),
            Some(("Open the page again", again)),
        ),
    };
    not_shown(shell, text, link)
}

/// 403, with a way on that somebody may choose.
fn not_shown(shell: Shell, text: String, link: Option<(&str, String)>) -> Answer {
    let link = link.map(|(label, href)| ErrorAction { label: label.into(), href });
    let heading = "This page cannot be opened".into();
    page(StatusCode::FORBIDDEN, &SitePage { shell, heading, text, link, sign_out: false })
}

/// On the site's host. `GET /.countersign/finish?ticket=…&to=…`: spends the ticket for the site's own cookie.
pub(crate) async fn finish(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    query: Query,
) -> Answer {
    let site = site_of(&app, &headers)?;
    let to = local(site, query.get("to").unwrap_or("/"));
    // A HEAD looks, and spends nothing.
    let ticket = query.get("ticket").filter(|_| method != Method::HEAD).and_then(PlainHandle::parse);
    let cookie = match (ticket, cookies::nonce(site, &headers)) {
        (Some(ticket), Some(nonce)) => forward_auth::enter(&app.services, site, &ticket, &nonce).await?,
        _ => None,
    };
    let outcome = if cookie.is_some() { "entered" } else { "refused" };
    metrics::counter!("countersign_site_tickets_total", "outcome" => outcome).increment(1);
    match cookie {
        Some(cookie) => Ok(cookies::with_site(see_other(&to), site, &cookie)),
        None => {
            Entry::new(Event::ForwardAuth, "ticket_refused").log();
            let (origin, to) = (return_to::encode(&site.origin), return_to::encode(&to));
            Ok(see_other(&format!("{}/forward-auth/again?site={origin}&to={to}", app.settings.base())))
        }
    }
}

/// On the site's host. `GET /.countersign/sign-out`: goes to this server, where a button signs out.
pub(crate) async fn leave(State(app): State<App>, headers: HeaderMap) -> Answer {
    site_of(&app, &headers)?;
    Ok(see_other(&format!("{}/forward-auth/sign-out", app.settings.base())))
}

/// `GET /forward-auth/again?site=…&to=…`: the way back to a site that could not be entered.
pub(crate) async fn try_again(State(app): State<App>, query: Query, browser: Browser) -> Answer {
    let (site, to) = wanted(&app, &query)?;
    again(&app, &browser, site, &to)
}

/// `GET /forward-auth/sign-out`: the button.
pub(crate) async fn sign_out(State(app): State<App>, browser: Browser) -> Answer {
    let Some(session) = browser.session(&app).await? else { return Ok(see_other("/sign-in")) };
    let who = identity::who(&app.services, &session).await?;
    let page_of = SitePage {
        shell: shell(&app, &browser, Some(&who)),
        heading: "Sign out?".into(),
        text: format!("You are signed in as {}. Signing out ends it here and at every site.", who.name),
        link: None,
        sign_out: true,
    };
    page(StatusCode::OK, &page_of)
}

fn again(app: &App, browser: &Browser, site: &Site, to: &str) -> Answer {
    let page_of = SitePage {
        shell: shell(app, browser, None),
        heading: "That took too long".into(),
        text: "The way from the sign-in to the page was interrupted, or was taken before. Nothing is lost: open the page \
               again."
            .into(),
        link: Some(ErrorAction { label: "Open the page again".into(), href: format!("{}{to}", site.origin) }),
        sign_out: false,
    };
    page(StatusCode::OK, &page_of)
}

/// The site that a query names, and the page of it.
pub(crate) fn wanted<'a>(app: &'a App, query: &Query) -> Result<(&'a Site, String), Problem> {
    let origin = query.get("site").unwrap_or_default();
    let site = forward_auth::site(&app.services, origin).ok_or(Problem::NotFound)?;
    Ok((site, local(site, query.get("to").unwrap_or("/"))))
}

/// The page in an address of ours at the site: whatever stands behind `to=`, as the browser asked for it, so that a proxy
/// can append it as it is.
fn page_behind(uri: &Uri) -> &str {
    uri.query().and_then(|query| query.strip_prefix("to=")).unwrap_or("/")
}

/// A page's path, without the query.
pub(crate) fn path_of(page: &str) -> &str {
    page.split('?').next().unwrap_or("/")
}

/// The words about a page that was not shown.
fn refused_at(app: &App, site: &Site, to: &str) -> String {
    let (origin, to) = (return_to::encode(&site.origin), return_to::encode(to));
    format!("{}/forward-auth/refused?site={origin}&to={to}", app.settings.base())
}

/// The site on whose host the browser is, as its proxy says.
fn site_of<'a>(app: &'a App, headers: &HeaderMap) -> Result<&'a Site, Problem> {
    let origin = asked::origin(headers).ok_or(Problem::NotFound)?;
    forward_auth::site(&app.services, &origin).ok_or(Problem::NotFound)
}

/// A page of the site; its start page for whatever would lead elsewhere, or back into this.
fn local(site: &Site, to: &str) -> String {
    let base = Url::parse(&site.origin).ok();
    let path = base.and_then(|base| return_to::local(&base, to));
    path.filter(|path| !path.starts_with(OURS)).unwrap_or_else(|| "/".to_owned())
}

fn nonce(text: &str) -> Option<StoredHandle> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    Some(StoredHandle::from_bytes(bytes.try_into().ok()?))
}

/// 200 with every identity header, empty where there is nothing to say: so the proxy's copy overwrites whatever the
/// client has sent under these names.
fn seen_by(identity: Option<&Identity>) -> Response {
    let mut response = StatusCode::OK.into_response();
    for (name, value) in identity_headers(identity) {
        // What was encoded can always stand in a header.
        let value = HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static(""));
        response.headers_mut().insert(name, value);
    }
    response
}

fn identity_headers(identity: Option<&Identity>) -> [(HeaderName, String); 7] {
    let encoded = |text: &str| utf8_percent_encode(text, IN_HEADER).to_string();
    let of = |value: fn(&Identity) -> String| identity.map(value).unwrap_or_default();
    [
        (HeaderName::from_static("countersign-user"), of(|one| one.user.to_string())),
        (HeaderName::from_static("countersign-email"), encoded(&of(|one| one.email.clone()))),
        (HeaderName::from_static("countersign-name"), encoded(&of(|one| one.name.clone()))),
        (
            HeaderName::from_static("countersign-organizations"),
            of(|one| joined(one.memberships.iter().map(|(id, _)| id.to_string()))),
        ),
        (
            HeaderName::from_static("countersign-roles"),
            of(|one| joined(one.memberships.iter().map(|(_, role)| role.to_string()))),
        ),
        (
            HeaderName::from_static("countersign-amr"),
            of(|one| joined(one.amr.iter().map(ToString::to_string))),
        ),
        (
            HeaderName::from_static("countersign-actor"),
            of(|one| one.actor.map(|actor| actor.to_string()).unwrap_or_default()),
        ),
    ]
}

fn joined(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(",")
}

/// 403, in words for whoever reads it in place of the page.
fn refused(text: &'static str) -> Response {
    (StatusCode::FORBIDDEN, format!("{text}\n")).into_response()
}
