//! `/oauth2/token`, `/oauth2/userinfo`, `/oauth2/revoke` and `/oauth2/introspect`

use super::{error, invalid_client};
use crate::{
    app::App,
    extract::{Browser, Sent},
    problem::Problem,
    respond::{self, Answer, ResponseExt as _},
};
use axum::{
    extract::{FromRequest, Request, State},
    response::{IntoResponse as _, Response},
};
use countersign_flows::openid_connect::{
    Parameters,
    client::{self, AuthenticClient, NotAuthentic, Shown},
    introspection,
    token::{self as tokens, Tokens},
    userinfo as told,
};
use data_encoding::BASE64;
use http::{
    HeaderMap, StatusCode,
    header::{AUTHORIZATION, PRAGMA, WWW_AUTHENTICATE},
};
use percent_encoding::percent_decode_str;
use serde_json::json;

/// A request whose sender has shown which client it is; whoever has not is answered without the handler.
pub(crate) struct Authentic {
    client: AuthenticClient,
    parameters: Parameters,
    browser: Browser,
}

impl FromRequest<App> for Authentic {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let browser = Browser::read(&parts, app);
        let headers = parts.headers.clone();
        let sent = Sent::from_request(Request::from_parts(parts, body), app).await;
        let Sent(parameters) = sent.map_err(Problem::into_response)?;
        match authentic(app, &browser, &headers, &parameters).await {
            Ok(Ok(client)) => Ok(Self { client, parameters, browser }),
            Ok(Err(refusal)) => Err(refusal),
            Err(problem) => Err(problem.into_response()),
        }
    }
}

/// `POST /oauth2/token`
pub(crate) async fn token(State(app): State<App>, asked: Authentic) -> Answer {
    let Authentic { client, parameters, browser } = asked;
    let answer = tokens::token(&app.services, &client, &parameters, &browser.origin).await?;
    Ok(match answer {
        Ok(tokens) => respond::json(StatusCode::OK, &body(&tokens)).with_header(PRAGMA, "no-cache"),
        Err(refusal) => error(StatusCode::BAD_REQUEST, refusal.as_str()),
    })
}

fn body(tokens: &Tokens) -> serde_json::Value {
    let mut body = json!({
        "access_token": *tokens.access_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
        "id_token": tokens.id_token,
        "scope": tokens.scope,
    });
    if let Some(refresh) = &tokens.refresh_token {
        body["refresh_token"] = refresh.as_str().into();
    }
    body
}

/// `POST /oauth2/revoke`
pub(crate) async fn revoke(State(app): State<App>, asked: Authentic) -> Answer {
    let done = tokens::revoke(&app.services, &asked.client, &asked.parameters).await?;
    Ok(if done { StatusCode::OK.into_response() } else { error(StatusCode::BAD_REQUEST, "invalid_request") })
}

/// `POST /oauth2/introspect`. For clients that can keep a secret: a public one's name would let anybody try tokens.
pub(crate) async fn introspect(State(app): State<App>, asked: Authentic) -> Answer {
    if !asked.client.is_confidential() {
        return Ok(invalid_client());
    }
    let told = introspection::introspect(&app.services, &asked.client, &asked.parameters).await?;
    Ok(told.map_or_else(
        || error(StatusCode::BAD_REQUEST, "invalid_request"),
        |told| respond::json(StatusCode::OK, &told),
    ))
}

/// `GET, POST /oauth2/userinfo`. The token stands in the header; in a form or an address it would be kept where it does not
/// belong (RFC 6750 §2.2, §2.3).
pub(crate) async fn userinfo(State(app): State<App>, headers: HeaderMap) -> Answer {
    let Some(token) = credentials(&headers, "Bearer") else {
        let challenge = "Bearer realm=\"oauth2\"";
        return Ok(StatusCode::UNAUTHORIZED.into_response().with_header(WWW_AUTHENTICATE, challenge));
    };
    Ok(match told::userinfo(&app.services, token).await? {
        Some(claims) => respond::json(StatusCode::OK, &claims),
        None => error(StatusCode::UNAUTHORIZED, "invalid_token")
            .with_header(WWW_AUTHENTICATE, "Bearer realm=\"oauth2\", error=\"invalid_token\""),
    })
}

/// The client that asks, or the answer to whoever is none.
async fn authentic(
    app: &App,
    browser: &Browser,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Result<AuthenticClient, Response>, Problem> {
    let basic = credentials(headers, "Basic").map(pair);
    let shown = Shown { basic, parameters, address: browser.origin.address };
    let refusal = match client::authenticate(&app.services, &shown).await? {
        Ok(client) => return Ok(Ok(client)),
        Err(refusal) => refusal,
    };
    Ok(Err(match refusal {
        NotAuthentic::Malformed => error(StatusCode::BAD_REQUEST, "invalid_request"),
        NotAuthentic::Wrong => invalid_client(),
        NotAuthentic::Closed { retry_after } => {
            let response = error(StatusCode::TOO_MANY_REQUESTS, "invalid_client");
            response.with_retry_after(Some(retry_after))
        }
    }))
}

/// What follows the scheme in the one `Authorization` header (RFC 9110 §11.6.2).
fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let (named, rest) = line.to_str().ok()?.split_once(' ')?;
    named.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

/// Id and secret, each in form encoding before they were joined (RFC 6749 §2.3.1).
fn pair(text: &str) -> Result<(String, String), ()> {
    let bytes = BASE64.decode(text.as_bytes()).map_err(drop)?;
    let text = String::from_utf8(bytes).map_err(drop)?;
    let (id, secret) = text.split_once(':').ok_or(())?;
    let plain =
        |text: &str| percent_decode_str(text).decode_utf8().map(|text| text.into_owned()).map_err(drop);
    Ok((plain(id)?, plain(secret)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn basic_credentials_are_decoded_twice() {
        let encoded = BASE64.encode(b"a%3Ab:c%20d");
        assert_eq!(pair(&encoded), Ok(("a:b".into(), "c d".into())));
        for bad in ["", "!", &BASE64.encode(b"nothing"), &BASE64.encode(b"\xFF:x")] {
            assert_eq!(pair(bad), Err(()), "{bad}");
        }
    }

    #[test]
    fn two_headers_are_none() {
        let mut headers = HeaderMap::new();
        headers.append(AUTHORIZATION, HeaderValue::from_static("bearer x"));
        assert_eq!(credentials(&headers, "Bearer"), Some("x"));
        assert_eq!(credentials(&headers, "Basic"), None);
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer x"));
        assert_eq!(credentials(&headers, "Bearer"), None);
    }
}
