//! Every route, who may use it, and the page to come back to: one table, from which the router is built and against
//! which it is tested with every kind of session.

use crate::{
    api::{self, told::told},
    app::App,
    flash, forward_auth, guard,
    openid_connect::{authorize, logout, metadata, token},
    pages::{
        activity, app as authenticator_app, application, applications, assets, backup_codes, confirm_browser,
        confirm_identity, connected, continuing, dev, email, forgot_password, home, hosted, login_as,
        machine, members, password, phone, profile, reset_password, sessions, sign_in, sign_out, support,
        verify, well_known,
    },
    problem::Problem,
    return_to,
    settings::WebSettings,
};
use axum::{
    Router,
    extract::MatchedPath,
    middleware::{from_fn, from_fn_with_state},
    routing::{MethodRouter, delete, get, post, put},
};
use countersign_core::application::Scope;
use countersign_flows::Services;
use http::{Extensions, Method, request::Parts};
use std::any::Any;
use tower_http::catch_panic::CatchPanicLayer;

/// Who may use a route. The handler asks for the type that proves it; this says it for the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Anybody, in any state.
    Anyone,
    /// A sign-in that waits for its second step; anybody else is sent (303) to where they are.
    Waiting,
    /// The account holder's own session. Nobody: 303 to `/sign-in`. An impersonated session: 403.
    Own,
    /// The same, with a fresh proof of identity. Without: 303 to `/confirm-identity`.
    OwnFresh,
    /// The own session of an administrator or owner. A member's: 403.
    Administrator,
    /// The same, with a fresh proof of identity.
    AdministratorFresh,
    /// An impersonated session; an own one is sent (303) to *My Profile*.
    Impersonated,
    /// An own session or an impersonated one. Nobody: 303 to `/sign-in`.
    AnySession,
    /// For the proxy of a protected site, and a browser on that site's host. Nobody is asked who they are: headers name
    /// the site, and one that is not configured gets 403 or 404. No session of this server's own host is looked at.
    Site,
    /// Whoever has the address, which an application gave them. Whatever session the browser has is not looked at.
    Hosted,
    /// Programs: no session, no form.
    Machine,
    /// An application's server, with any live API key; 401 without a key.
    ApiKey,
    /// An application's server, with an API key that has this scope; 401 without a key, 403 without the scope.
    Api(Scope),
    /// The same, and no actor at the keyboard: 403.
    ApiAlone(Scope),
    /// The same with the scope `authenticators`, and with the account holder's own token: 403 without.
    ApiHolder,
    /// Programs of applications, in a browser as well: no session, no `csrf_token`, any origin.
    Protocol,
    /// Anybody, in any state, sent here by an application: a foreign origin is what is expected.
    Crossing,
    /// `serve --dev` on loopback; otherwise 404.
    Development,
}

/// One route.
#[derive(Clone, Debug)]
pub struct RouteInfo {
    /// The method. A `GET` route answers `HEAD` as well.
    pub method: Method,
    /// The path, with placeholders as in `/members/{id}`.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    /// For a `POST`: the page that holds its form or button, to come back to after a detour. For a `GET`: itself.
    pub page: &'static str,
    handler: fn() -> MethodRouter<App>,
}

/// A page.
const fn shown(path: &'static str, access: Access, handler: fn() -> MethodRouter<App>) -> RouteInfo {
    RouteInfo { method: Method::GET, path, access, page: path, handler }
}

/// A form, on `page`.
const fn posted(
    path: &'static str,
    access: Access,
    page: &'static str,
    handler: fn() -> MethodRouter<App>,
) -> RouteInfo {
    RouteInfo { method: Method::POST, path, access, page, handler }
}

/// An operation of the API.
const fn operation(
    method: Method,
    path: &'static str,
    access: Access,
    handler: fn() -> MethodRouter<App>,
) -> RouteInfo {
    RouteInfo { method, path, access, page: path, handler }
}

use Access::{
    Administrator, AdministratorFresh, AnySession, Anyone, Api, ApiAlone, ApiHolder, ApiKey, Crossing,
    Development, Hosted, Impersonated, Machine, Own, OwnFresh, Protocol, Site, Waiting,
};
use Scope::{Authenticators, Challenges, UsersRead, UsersWrite};

/// The page on which one application is looked after.
const APPLICATION: &str = "/organization/applications/{id}";
/// The page that asks before new backup codes are created, and the route that creates them.
const RESET: &str = "/profile/backup-codes/reset";
/// The pages of a second step that an application asks for.
const HOSTED: &str = "/second-step/{handle}";
const HOSTED_SET_UP: &str = "/second-step/{handle}/set-up";
const HOSTED_CODES: &str = "/second-step/{handle}/backup-codes";

static TABLE: &[RouteInfo] = &[
    shown("/", Anyone, || get(home::show)),
    shown("/sign-in", Anyone, || get(sign_in::show)),
    posted("/sign-in", Anyone, "/sign-in", || post(sign_in::submit)),
    shown("/sign-in/verify", Waiting, || get(verify::show)),
    posted("/sign-in/verify", Waiting, "/sign-in/verify", || post(verify::submit)),
    posted("/sign-in/send-code", Waiting, "/sign-in/verify", || post(verify::send_code)),
    shown("/sign-in/confirm-browser/{token}", Anyone, || get(confirm_browser::show)),
    posted("/sign-in/confirm-browser/{token}", Anyone, "/sign-in/confirm-browser/{token}", || {
        post(confirm_browser::submit)
    }),
    posted("/sign-out", Anyone, "/", || post(sign_out::submit)),
    shown("/forgot-password", Anyone, || get(forgot_password::show)),
    posted("/forgot-password", Anyone, "/forgot-password", || post(forgot_password::submit)),
    shown("/support", Anyone, || get(support::show)),
    shown("/reset-password/{token}", Anyone, || get(reset_password::show)),
    posted("/reset-password/{token}", Anyone, "/reset-password/{token}", || post(reset_password::submit)),
    shown("/profile", Own, || get(profile::show)),
    shown("/confirm-identity", Own, || get(confirm_identity::show)),
    posted("/confirm-identity", Own, "/confirm-identity", || post(confirm_identity::submit)),
    shown("/confirm-identity/continue", Own, || get(continuing::show)),
    posted("/confirm-identity/continue", Own, "/confirm-identity/continue", || post(continuing::submit)),
    posted("/confirm-identity/send-code", Own, "/confirm-identity", || post(confirm_identity::send_code)),
    posted("/profile/app/begin", OwnFresh, "/profile", || post(authenticator_app::begin)),
    shown("/profile/app/setup", Own, || get(authenticator_app::show)),
    posted("/profile/app/confirm", Own, "/profile/app/setup", || post(authenticator_app::confirm)),
    posted("/profile/app/cancel", Own, "/profile/app/setup", || post(authenticator_app::cancel)),
    posted("/profile/app/{id}/remove", OwnFresh, "/profile", || post(authenticator_app::remove)),
    shown("/profile/backup-codes", Own, || get(backup_codes::show)),
    shown(RESET, OwnFresh, || get(backup_codes::ask)),
    posted(RESET, OwnFresh, RESET, || post(backup_codes::reset)),
    posted("/profile/backup-codes/saved", Own, "/profile/backup-codes", || post(backup_codes::saved)),
    posted("/profile/backup-codes/download", Own, "/profile/backup-codes", || post(backup_codes::download)),
    posted("/profile/password", OwnFresh, "/profile", || post(password::change)),
    posted("/profile/email", OwnFresh, "/profile", || post(email::begin)),
    shown("/profile/email/confirm", Own, || get(email::show)),
    posted("/profile/email/confirm", OwnFresh, "/profile/email/confirm", || post(email::confirm)),
    posted("/profile/phone", OwnFresh, "/profile", || post(phone::begin)),
    shown("/profile/phone/confirm", Own, || get(phone::show)),
    posted("/profile/phone/confirm", OwnFresh, "/profile/phone/confirm", || post(phone::confirm)),
    posted("/profile/phone/remove", OwnFresh, "/profile", || post(phone::remove)),
    shown("/profile/sessions", Own, || get(sessions::show)),
    posted("/profile/sessions/{id}/end", Own, "/profile/sessions", || post(sessions::end)),
    posted("/profile/sessions/end-others", Own, "/profile/sessions", || post(sessions::end_others)),
    shown("/profile/activity", Own, || get(activity::show)),
    shown("/profile/applications", Own, || get(connected::show)),
    posted("/profile/applications/{id}/withdraw", Own, "/profile/applications", || post(connected::withdraw)),
    shown("/.well-known/openid-configuration", Protocol, || get(metadata::show)),
    shown("/.well-known/oauth-authorization-server", Protocol, || get(metadata::show)),
    shown("/oauth2/jwks", Protocol, || get(metadata::jwks)),
    shown("/oauth2/authorize", Crossing, || get(authorize::ask)),
    posted("/oauth2/authorize", Crossing, "/oauth2/authorize", || post(authorize::sent)),
    posted("/oauth2/consent", Own, "/oauth2/authorize", || post(authorize::answer)),
    posted("/oauth2/token", Protocol, "/", || post(token::token)),
    shown("/oauth2/userinfo", Protocol, || get(token::userinfo)),
    posted("/oauth2/userinfo", Protocol, "/", || post(token::userinfo)),
    posted("/oauth2/revoke", Protocol, "/", || post(token::revoke)),
    posted("/oauth2/introspect", Protocol, "/", || post(token::introspect)),
    shown("/oauth2/logout", Crossing, || get(logout::ask)),
    posted("/oauth2/logout", Crossing, "/oauth2/logout", || post(logout::sent)),
    shown("/members", Administrator, || get(members::list)),
    shown("/members/{id}", Administrator, || get(members::show)),
    posted("/members/{id}/login-as", AdministratorFresh, "/members/{id}", || post(login_as::begin)),
    shown("/organization/applications", Administrator, || get(applications::list)),
    posted("/organization/applications", AdministratorFresh, "/organization/applications", || {
        post(applications::register)
    }),
    shown(APPLICATION, Administrator, || get(application::show)),
    posted("/organization/applications/{id}/update", AdministratorFresh, APPLICATION, || {
        post(application::update)
    }),
    posted("/organization/applications/{id}/keys", AdministratorFresh, APPLICATION, || {
        post(application::keys::make)
    }),
    posted("/organization/applications/{id}/keys/{key}/revoke", AdministratorFresh, APPLICATION, || {
        post(application::keys::revoke)
    }),
    posted("/organization/applications/{id}/addresses", AdministratorFresh, APPLICATION, || {
        post(application::addresses::add)
    }),
    posted("/organization/applications/{id}/addresses/remove", AdministratorFresh, APPLICATION, || {
        post(application::addresses::remove)
    }),
    posted("/organization/applications/{id}/client", AdministratorFresh, APPLICATION, || {
        post(application::client::set)
    }),
    posted("/organization/applications/{id}/secret", AdministratorFresh, APPLICATION, || {
        post(application::client::new_secret)
    }),
    posted("/organization/applications/{id}/switch-off", AdministratorFresh, APPLICATION, || {
        post(application::switch_off)
    }),
    posted("/organization/applications/{id}/switch-on", AdministratorFresh, APPLICATION, || {
        post(application::switch_on)
    }),
    shown("/login-as", Impersonated, || get(login_as::show)),
    posted("/login-as/stop", Impersonated, "/login-as", || post(login_as::stop)),
    shown(HOSTED, Hosted, || get(hosted::show)),
    posted("/second-step/{handle}/verify", Hosted, HOSTED, || post(hosted::verify)),
    posted("/second-step/{handle}/send-code", Hosted, HOSTED, || post(hosted::send_code)),
    shown("/second-step/{handle}/support", Hosted, || get(hosted::support)),
    posted("/second-step/{handle}/cancel", Hosted, HOSTED, || post(hosted::cancel)),
    shown(HOSTED_SET_UP, Hosted, || get(hosted::set_up::show)),
    posted(HOSTED_SET_UP, Hosted, HOSTED, || post(hosted::set_up::begin)),
    posted("/second-step/{handle}/set-up/confirm", Hosted, HOSTED_SET_UP, || post(hosted::set_up::confirm)),
    shown(HOSTED_CODES, Hosted, || get(hosted::set_up::backup_codes)),
    posted("/second-step/{handle}/continue", Hosted, HOSTED_CODES, || post(hosted::set_up::go_on)),
    shown("/assets/{name}", Anyone, || get(assets::show)),
    shown("/favicon.ico", Anyone, || get(assets::icon)),
    shown("/apple-touch-icon.png", Anyone, || get(assets::icon)),
    shown("/.well-known/change-password", Anyone, || get(well_known::change_password)),
    shown("/.well-known/security.txt", Anyone, || get(well_known::security_txt)),
    shown("/forward-auth", Site, || get(forward_auth::ask)),
    shown("/forward-auth/sign-in", AnySession, || get(forward_auth::sign_in)),
    shown("/forward-auth/again", Anyone, || get(forward_auth::try_again)),
    shown("/forward-auth/sign-out", AnySession, || get(forward_auth::sign_out)),
    shown("/forward-auth/refused", Anyone, || get(forward_auth::refused_page)),
    shown("/.countersign/start", Site, || get(forward_auth::start)),
    shown("/.countersign/finish", Site, || get(forward_auth::finish)),
    shown("/.countersign/refused", Site, || get(forward_auth::refuse)),
    shown("/.countersign/sign-out", Site, || get(forward_auth::leave)),
    operation(Method::GET, "/api/v1/key", ApiKey, || get(api::this_key::show)),
    operation(Method::GET, "/api/v1/users", Api(UsersRead), || get(api::users::list)),
    operation(Method::PUT, "/api/v1/users/{user}", Api(UsersWrite), || put(api::users::put)),
    operation(Method::GET, "/api/v1/users/{user}", Api(UsersRead), || get(api::users::show)),
    operation(Method::DELETE, "/api/v1/users/{user}", Api(UsersWrite), || delete(api::users::switch_off)),
    operation(Method::POST, "/api/v1/users/{user}/reactivate", Api(UsersWrite), || {
        post(api::users::reactivate)
    }),
    operation(Method::GET, "/api/v1/users/{user}/authenticators", Api(UsersRead), || {
        get(api::authenticators::list)
    }),
    operation(Method::POST, "/api/v1/users/{user}/authenticators", ApiHolder, || {
        post(api::authenticators::begin)
    }),
    operation(Method::POST, "/api/v1/users/{user}/authenticators/{id}/confirm", ApiHolder, || {
        post(api::authenticators::confirm)
    }),
    operation(Method::DELETE, "/api/v1/users/{user}/authenticators/{id}", ApiHolder, || {
        delete(api::authenticators::remove)
    }),
    operation(Method::GET, "/api/v1/users/{user}/backup-codes", Api(UsersRead), || {
        get(api::backup_codes::show)
    }),
    operation(Method::POST, "/api/v1/users/{user}/backup-codes", ApiHolder, || post(api::backup_codes::make)),
    operation(Method::POST, "/api/v1/users/{user}/account-holder-tokens", ApiAlone(Authenticators), || {
        post(api::tokens::make)
    }),
    operation(Method::POST, "/api/v1/challenges", Api(Challenges), || post(api::challenges::create)),
    operation(Method::GET, "/api/v1/challenges/{id}", Api(Challenges), || get(api::challenges::show)),
    operation(Method::POST, "/api/v1/challenges/{id}/send", Api(Challenges), || post(api::challenges::send)),
    operation(Method::POST, "/api/v1/challenges/{id}/verify", Api(Challenges), || {
        post(api::challenges::verify)
    }),
    operation(Method::POST, "/api/v1/challenges/redeem", Api(Challenges), || post(api::challenges::redeem)),
    shown("/openapi.json", Anyone, || get(api::pages::document)),
    shown("/api", Anyone, || get(api::pages::reference)),
    shown("/api/errors/{type}", Anyone, || get(api::pages::error)),
    shown("/healthz", Machine, || get(machine::healthz)),
    shown("/readyz", Machine, || get(machine::readyz)),
    shown("/metrics", Machine, || get(machine::metrics)),
    shown("/dev/outbox", Development, || get(dev::show)),
    shown("/dev/outbox.json", Development, || get(dev::json)),
];

/// Every route.
pub fn table() -> &'static [RouteInfo] {
    TABLE
}

/// The whole server. Each request needs the address of its peer in its extensions, as `ConnectInfo<SocketAddr>`. An error of its
/// body is an [`std::io::Error`] of the kind `TimedOut` or `OutOfMemory` where the listener's limits ended it.
pub fn router(services: Services, settings: WebSettings) -> Router {
    let app = App::new(services, settings);
    let routes =
        TABLE.iter().fold(Router::new(), |router, route| router.route(route.path, (route.handler)()));
    // The last layer is the outermost.
    let routes = routes
        .fallback(async || Problem::NotFound)
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed)
        .layer(from_fn_with_state(app.clone(), guard::foreign))
        .layer(CatchPanicLayer::custom(|cause: Box<dyn Any + Send>| guard::panicked(&*cause)))
        .layer(from_fn_with_state(app.clone(), guard::problems))
        .layer(from_fn_with_state(app.clone(), flash::carried))
        .layer(from_fn(told))
        .layer(from_fn(guard::cross_origin))
        .layer(from_fn_with_state(app.clone(), guard::protected))
        .layer(from_fn_with_state(app.clone(), guard::observed))
        .with_state(app.clone());
    // Around the router, and not around its routes: what waited for a proof of identity is posted to its own route.
    Router::new().fallback_service(routes).layer(from_fn_with_state(app, continuing::carried))
}

/// The route that takes a form at this path.
pub(crate) fn posted_at(path: &str) -> Option<&'static RouteInfo> {
    let fits = |template: &str| {
        let (mut given, mut parts) = (path.split('/'), template.split('/'));
        loop {
            match (given.next(), parts.next()) {
                (None, None) => return true,
                (Some(given), Some(part)) if part.starts_with('{') || part == given => {}
                _ => return false,
            }
        }
    };
    // A fixed path comes before one with a placeholder, as in the router.
    let forms = || TABLE.iter().filter(|route| route.method == Method::POST && fits(route.path));
    forms().find(|route| route.path == path).or_else(|| forms().next())
}

/// Who may use the route of this request; `None` where there is no such route. A preflight asks about a route of
/// whatever method.
pub(crate) fn access(method: &Method, extensions: &Extensions) -> Option<Access> {
    let matched = extensions.get::<MatchedPath>()?.as_str();
    let fits = |route: &&RouteInfo| {
        route.path == matched && (route.method == *method || [Method::OPTIONS, Method::HEAD].contains(method))
    };
    TABLE.iter().find(fits).map(|route| route.access)
}

/// Whether a form that was rejected here may be shown again from the browser's history: where no session is needed, and where
/// the page holds no secret that it shows once (decision 0031).
pub(crate) fn may_be_shown_again(method: &Method, extensions: &Extensions) -> bool {
    let Some(matched) = extensions.get::<MatchedPath>().map(MatchedPath::as_str) else { return false };
    TABLE.iter().any(|route| {
        route.path == matched
            && *method == Method::POST
            && route.method == Method::POST
            && matches!(route.access, Anyone | Waiting | Hosted)
            && ![HOSTED_SET_UP, HOSTED_CODES].contains(&route.page)
    })
}

/// Whether a route is fetched by browsers or monitoring rather than by people or programs: files and probes.
pub(crate) fn is_background(route: &str) -> bool {
    const FILES: [&str; 2] = ["/favicon.ico", "/apple-touch-icon.png"];
    route.starts_with("/assets/")
        || FILES.contains(&route)
        || TABLE.iter().any(|known| known.path == route && known.access == Machine)
}

/// Whether the path of this request is one of the endpoints for programs of applications, by whatever method.
pub(crate) fn is_protocol(extensions: &Extensions) -> bool {
    let matched = extensions.get::<MatchedPath>().map(MatchedPath::as_str);
    TABLE.iter().any(|route| Some(route.path) == matched && route.access == Protocol)
}

/// The page to come back to after this request led somewhere else: itself, or the page that holds the form.
pub(crate) fn page_of(parts: &Parts) -> String {
    let path = parts.uri.path();
    if parts.method == Method::GET || parts.method == Method::HEAD {
        return parts.uri.path_and_query().map_or(path, |whole| whole.as_str()).to_owned();
    }
    let matched = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str);
    let route = TABLE.iter().find(|route| Some(route.path) == matched && route.method == parts.method);
    return_to::fill(route.map_or("/", |route| route.page), path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::told::is_api;
    use std::collections::BTreeSet;

    #[test]
    fn every_form_stands_on_a_page_of_the_table() {
        let pages: BTreeSet<_> =
            TABLE.iter().filter(|route| route.method == Method::GET).map(|route| route.path).collect();
        for route in TABLE.iter().filter(|route| !is_api(route.path)) {
            assert!(pages.contains(route.page), "{} comes back to {}", route.path, route.page);
        }
    }

    #[test]
    fn everything_below_the_version_wants_a_key_and_nothing_else_does() {
        for route in TABLE {
            let keyed = matches!(route.access, ApiKey | Api(_) | ApiAlone(_) | ApiHolder);
            assert_eq!(keyed, is_api(route.path), "{} {}", route.method, route.path);
        }
    }

    #[test]
    fn no_route_is_listed_twice() {
        let routes: BTreeSet<_> = TABLE.iter().map(|route| (route.path, route.method.as_str())).collect();
        assert_eq!(routes.len(), TABLE.len());
    }

    #[test]
    fn everything_below_the_profile_the_members_and_the_organization_is_behind_a_session() {
        for route in TABLE {
            let guarded = matches!(route.access, Own | OwnFresh | Administrator | AdministratorFresh);
            let section = ["/profile", "/members", "/organization", "/confirm-identity", "/oauth2/consent"]
                .iter()
                .any(|start| route.path.starts_with(start));
            assert_eq!(guarded, section, "{} {}", route.method, route.path);
        }
    }
}
