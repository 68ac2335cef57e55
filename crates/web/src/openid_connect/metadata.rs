//! `/.well-known/openid-configuration`, `/.well-known/oauth-authorization-server` and `/oauth2/jwks`

use crate::{
    app::App,
    respond::{self, Answer, ResponseExt as _},
};
use axum::{extract::State, response::Response};
use countersign_core::{
    application::SigningAlgorithm,
    assurance::{Acr, STEPS_CLAIM},
    oauth::{ClaimName, OauthScope},
};
use countersign_flows::openid_connect::{issuer, keys};
use http::{StatusCode, header::CACHE_CONTROL};
use serde_json::{Value, json};

/// For an hour: a new key is published a day before it signs.
const AN_HOUR: &str = "public, max-age=3600";

/// `GET /.well-known/openid-configuration` (OpenID Connect Discovery §3) and
/// `GET /.well-known/oauth-authorization-server` (RFC 8414 §2)
pub(crate) async fn show(State(app): State<App>) -> Response {
    respond::json(StatusCode::OK, &metadata(issuer(&app.services))).with_header(CACHE_CONTROL, AN_HOUR)
}

fn metadata(issuer: &str) -> Value {
    let at = |path: &str| format!("{issuer}{path}");
    let algorithms: Vec<&str> = SigningAlgorithm::ALL.iter().map(|algorithm| algorithm.as_str()).collect();
    let claims =
        ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash", "act"];
    let claims = [&claims[..], &[STEPS_CLAIM], &ClaimName::ALL.map(ClaimName::as_str)].concat();
    let secret_or_key = ["client_secret_basic", "client_secret_post", "private_key_jwt"];
    let anyhow = [&secret_or_key[..], &["none"]].concat();
    json!({
        "issuer": issuer,
        "authorization_endpoint": at("/oauth2/authorize"),
        "token_endpoint": at("/oauth2/token"),
        "userinfo_endpoint": at("/oauth2/userinfo"),
        "jwks_uri": at("/oauth2/jwks"),
        "revocation_endpoint": at("/oauth2/revoke"),
        "introspection_endpoint": at("/oauth2/introspect"),
        "end_session_endpoint": at("/oauth2/logout"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
        "token_endpoint_auth_methods_supported": anyhow,
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint_auth_methods_supported": anyhow,
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_endpoint_auth_methods_supported": secret_or_key,
        "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
        "scopes_supported": OauthScope::ALL.map(OauthScope::as_str),
        "claims_supported": claims,
        "claims_parameter_supported": true,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "acr_values_supported": Acr::ALL.map(Acr::as_str),
        "authorization_response_iss_parameter_supported": true,
    })
}

/// `GET /oauth2/jwks`
pub(crate) async fn jwks(State(app): State<App>) -> Answer {
    let keys = keys::published(&app.services).await?;
    Ok(respond::json(StatusCode::OK, &json!({ "keys": keys })).with_header(CACHE_CONTROL, AN_HOUR))
}
