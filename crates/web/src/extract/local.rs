//! Programs and people on this machine.

use crate::{app::App, problem::Problem};
use axum::extract::{ConnectInfo, FromRequestParts};
use http::{HeaderName, header, request::Parts};
use std::net::SocketAddr;

/// What reverse proxies add. A request that carries one comes from somewhere else, though its peer is this machine.
const FORWARDED: [HeaderName; 6] = [
    header::FORWARDED,
    header::VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
];

/// The request comes from this machine and asks for this machine; every other one gets 404.
pub(crate) struct Local;

impl FromRequestParts<App> for Local {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        if is_local(parts) { Ok(Self) } else { Err(Problem::NotFound) }
    }
}

fn is_local(parts: &Parts) -> bool {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let is_near = peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback());
    is_near && asks_for_loopback(parts) && !FORWARDED.iter().any(|name| parts.headers.contains_key(name))
}

/// A page of another site could have its own name point here (DNS rebinding) and read the answer; its requests carry that
/// name. HTTP/2 has it in the target.
fn asks_for_loopback(parts: &Parts) -> bool {
    let target = parts.uri.authority().map(|authority| authority.as_str());
    let host =
        parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).or(target).unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn local(peer: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().uri("/metrics");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let peer: SocketAddr = peer.parse().unwrap();
        parts.extensions.insert(ConnectInfo(peer));
        is_local(&parts)
    }

    #[test]
    fn a_foreign_name_for_this_machine_reads_nothing() {
        for near in ["127.0.0.1:8080", "localhost", "[::1]:8080", "[::1]"] {
            assert!(local("127.0.0.1:1", &[("host", near)]), "{near}");
        }
        for foreign in ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "", "localhost:x"] {
            assert!(!local("127.0.0.1:1", &[("host", foreign)]), "{foreign}");
        }
        assert!(!local("127.0.0.1:1", &[]));
    }

    #[test]
    fn another_machine_reads_nothing_directly_or_through_a_proxy_on_this_one() {
        let host = ("host", "127.0.0.1:8080");
        assert!(local("[::1]:1", &[host]) && local("[::ffff:127.0.0.1]:1", &[host]));
        assert!(!local("192.0.2.1:1", &[host]) && !local("[::ffff:192.0.2.1]:1", &[host]));
        for name in FORWARDED {
            assert!(!local("127.0.0.1:1", &[host, (name.as_str(), "127.0.0.1")]), "{name}");
        }
    }
}
