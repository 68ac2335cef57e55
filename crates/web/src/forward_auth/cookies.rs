//! The two cookies of a site: who is signed in there, and the nonce of the sign-ins that are under way. Both are for the
//! site's own host alone.

use crate::{cookies, respond::ResponseExt as _};
use axum::response::Response;
use countersign_core::secret::PlainHandle;
use countersign_flows::forward_auth::Site;
use http::{HeaderMap, HeaderValue};

/// How long the way through the sign-in may take, in seconds: as long as a sign-in waits for its second step, and a
/// password before it.
const WAY: u32 = 30 * 60;

fn is_https(site: &Site) -> bool {
    site.origin.starts_with("https:")
}

fn name(site: &Site, plain: &'static str, secure: &'static str) -> &'static str {
    if is_https(site) { secure } else { plain }
}

fn site_name(site: &Site) -> &'static str {
    name(site, "countersign-site", "__Host-countersign-site")
}

fn nonce_name(site: &Site) -> &'static str {
    name(site, "countersign-way", "__Host-countersign-way")
}

/// Who is signed in at the site.
pub(super) fn site(site: &Site, headers: &HeaderMap) -> Option<PlainHandle> {
    cookies::only(headers, site_name(site))
}

/// The nonce of the sign-ins that are under way.
pub(super) fn nonce(site: &Site, headers: &HeaderMap) -> Option<PlainHandle> {
    cookies::only(headers, nonce_name(site))
}

/// Signs in at the site. The nonce stays, for another tab may be on its way.
pub(super) fn with_site(response: Response, site: &Site, handle: &PlainHandle) -> Response {
    response.with_cookie(set(site, site_name(site), &handle.to_text(), ""))
}

/// Keeps a nonce, from now on for [`WAY`].
pub(super) fn with_nonce(response: Response, site: &Site, nonce: &PlainHandle) -> Response {
    response.with_cookie(set(site, nonce_name(site), &nonce.to_text(), &format!("; Max-Age={WAY}")))
}

fn set(site: &Site, name: &str, value: &str, age: &str) -> Option<HeaderValue> {
    cookies::cookie(name, value, is_https(site), age)
}
