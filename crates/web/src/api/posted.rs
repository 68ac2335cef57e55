//! Bodies, and what happens once for each idempotency key.
//!
//! ```text
//!   who calls (Key, Alone, Holder) ─► body, strictly ─► idempotency key ─(new)──────► the work ─► answer, kept for an hour
//!                                                          ├─(seen, same request)───► the same answer again
//!                                                          ├─(under way)────────────► 409
//!                                                          └─(another request)──────► 422
//! ```
//!
//! A POST gets its body by [`Posted::once`] and in no other way, so a handler cannot forget the idempotency key. An answer of
//! 429 or 5xx is not kept: the next try has another chance.

use super::{
    header,
    json::{self, Body},
    key::{ACCOUNT_HOLDER, ACTOR, Party},
    problem::ApiProblem,
    problem_type as kinds,
    reply::{Answer, Reply},
};
use crate::{app::App, extract::read_body};
use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use countersign_flows::service::idempotency::{self, Begun, Slot};
use http::{
    HeaderMap, HeaderName,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
    request::Parts,
};
use sha2::{Digest as _, Sha256};
use std::{future::Future, time::Duration};
use tracing::Instrument as _;

/// Names a request that may be sent more than once (draft-ietf-httpapi-idempotency-key-header).
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The longest idempotency key.
pub(crate) const LONGEST_KEY: usize = 255;

/// The body of a PUT: doing it again does no harm.
pub(crate) struct Put<P, B> {
    pub(crate) party: P,
    pub(crate) body: B,
}

impl<P, B> FromRequest<App> for Put<P, B>
where
    P: FromRequestParts<App, Rejection = ApiProblem> + Send,
    B: Body,
{
    type Rejection = ApiProblem;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiProblem> {
        let (party, _, body) = open::<P, B>(request, app).await?;
        Ok(Self { party, body: json::read(&body)? })
    }
}

/// A POST: who calls, and a body that [`Self::once`] hands out.
pub(crate) struct Posted<P, B> {
    party: P,
    body: B,
    key: Option<String>,
    fingerprint: [u8; 32],
}

impl<P, B> FromRequest<App> for Posted<P, B>
where
    P: FromRequestParts<App, Rejection = ApiProblem> + Send,
    B: Body,
{
    type Rejection = ApiProblem;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiProblem> {
        let (party, parts, body) = open::<P, B>(request, app).await?;
        let key = idempotency_key(&parts.headers)?;
        let fingerprint = fingerprint(&parts, &body);
        Ok(Self { party, body: json::read(&body)?, key, fingerprint })
    }
}

impl<P: Party, B: Body> Posted<P, B> {
    /// Does `work`, or answers as the first time. It goes on to its end though the caller hangs up, so that what has happened
    /// is also kept.
    pub(crate) async fn once<F, W>(self, app: App, work: F) -> Answer
    where
        F: FnOnce(App, P, B) -> W + Send + 'static,
        W: Future<Output = Answer> + Send + 'static,
    {
        let all = async move {
            let slot = match self.key {
                Some(key) => match begin(&app, self.party.caller(), &key, &self.fingerprint).await? {
                    Ok(slot) => Some(slot),
                    Err(reply) => return Ok(reply),
                },
                None => None,
            };
            let done = tokio::spawn(work(app.clone(), self.party, self.body).in_current_span()).await;
            let answer = done.unwrap_or_else(|error| Err(broken(&error)));
            if let Some(slot) = slot {
                keep(&app, slot, &answer).await;
            }
            answer
        };
        tokio::spawn(all.in_current_span()).await.unwrap_or_else(|error| Err(broken(&error)))
    }
}

fn broken(error: &tokio::task::JoinError) -> ApiProblem {
    tracing::error!(%error, "a handler panicked");
    ApiProblem::plain(kinds::INTERNAL)
}

/// The right to do the work, or the answer of the first time.
async fn begin(
    app: &App,
    caller: &countersign_flows::service::Caller,
    key: &str,
    fingerprint: &[u8; 32],
) -> Result<Result<Slot, Reply>, ApiProblem> {
    match idempotency::begin(&app.services, caller, key, fingerprint).await? {
        Begun::Fresh(slot) => Ok(Ok(slot)),
        Begun::Replay { status, body } => Ok(Err(Reply::replayed(status, &body))),
        Begun::InProgress => Err(ApiProblem::plain(kinds::REQUEST_IN_PROGRESS).after(Duration::from_secs(1))),
        Begun::OtherRequest => Err(ApiProblem::plain(kinds::IDEMPOTENCY_KEY_REUSED)),
    }
}

/// Keeps the answer. What was done is done: where it cannot be kept, it is given all the same.
async fn keep(app: &App, slot: Slot, answer: &Answer) {
    let kept = match answer {
        Ok(reply) => idempotency::finish(&app.services, slot, reply.status(), reply.body()).await,
        Err(problem) if problem.status().is_server_error() || problem.status() == 429 => {
            idempotency::abandon(&app.services, slot).await
        }
        Err(problem) => {
            let (status, body) = (problem.status().as_u16(), problem.body().to_string());
            idempotency::finish(&app.services, slot, status, body.as_bytes()).await
        }
    };
    if let Err(fault) = kept {
        tracing::warn!(%fault, "an answer could not be kept for its idempotency key");
    }
}

/// Who calls comes first, and the body is read only for them.
async fn open<P, B>(request: Request, app: &App) -> Result<(P, Parts, Bytes), ApiProblem>
where
    P: FromRequestParts<App, Rejection = ApiProblem>,
    B: Body,
{
    let (mut parts, body) = request.into_parts();
    let party = match P::from_request_parts(&mut parts, app).await {
        Ok(party) => party,
        Err(problem) => {
            // A client that is sending does not listen.
            drop(read_body(body).await);
            return Err(problem);
        }
    };
    let bytes = read_body(body).await?;
    if !B::MEMBERS.is_empty() && !is_json(&parts.headers) {
        return Err(ApiProblem::plain(kinds::CONTENT_TYPE));
    }
    Ok((party, parts, bytes))
}

/// `application/json`, in UTF-8 (RFC 8259 §8.1, §11: the type has no parameter; `charset` is what many add), not compressed.
fn is_json(headers: &HeaderMap) -> bool {
    let Ok(Some(value)) = header::only(headers, &CONTENT_TYPE) else { return false };
    let (essence, parameters) = value.split_once(';').unwrap_or((value, ""));
    let parameters = parameters.trim().replace('"', "");
    essence.trim().eq_ignore_ascii_case("application/json")
        && (parameters.is_empty() || parameters.eq_ignore_ascii_case("charset=utf-8"))
        && !headers.contains_key(CONTENT_ENCODING)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiProblem> {
    let refused = || ApiProblem::plain(kinds::BAD_IDEMPOTENCY_KEY);
    let Some(key) = header::only(headers, &IDEMPOTENCY_KEY).map_err(|_| refused())? else { return Ok(None) };
    let fits = (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(Some(key.to_owned())) } else { Err(refused()) }
}

/// What makes two requests the same: method, address, account holder, actor and body, each with its length in front, so that
/// nothing can move from one to the next.
fn fingerprint(parts: &Parts, body: &[u8]) -> [u8; 32] {
    let header = |name: &HeaderName| parts.headers.get(name).map_or(&b""[..], |value| value.as_bytes());
    let path = parts.uri.path_and_query().map_or("", |whole| whole.as_str());
    let mut hash = Sha256::new();
    for part in
        [parts.method.as_str().as_bytes(), path.as_bytes(), header(&ACCOUNT_HOLDER), header(&ACTOR), body]
    {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn json_in_utf_8_and_nothing_else() {
        for good in
            ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""]
        {
            assert!(is_json(&headers(&[("content-type", good)])), "{good}");
        }
        for bad in [
            "",
            "text/json",
            "application/json; charset=latin1",
            "application/json; v=1",
            "application/jsonp",
        ] {
            assert!(!is_json(&headers(&[("content-type", bad)])), "{bad}");
        }
        assert!(!is_json(&HeaderMap::new()));
        let twice = [("content-type", "application/json"), ("content-type", "application/json")];
        assert!(!is_json(&headers(&twice)));
        assert!(!is_json(&headers(&[("content-type", "application/json"), ("content-encoding", "gzip")])));
    }

    #[test]
    fn an_idempotency_key_is_1_to_255_visible_characters() {
        let read = |values: &[&'static str]| {
            let pairs: Vec<_> = values.iter().map(|value| ("idempotency-key", *value)).collect();
            idempotency_key(&headers(&pairs)).map_err(|problem| problem.kind().slug)
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["a-1"]), Ok(Some("a-1".to_owned())));
        assert_eq!(read(&["x".repeat(255).leak()]).map(|key| key.map(|key| key.len())), Ok(Some(255)));
        for bad in [&[""][..], &["a b"], &["a", "a"], &["x".repeat(256).leak()]] {
            assert_eq!(read(bad), Err("bad-idempotency-key"), "{bad:?}");
        }
    }

    #[test]
    fn a_fingerprint_tells_apart_what_differs_anywhere() {
        let of = |method: &str, path: &str, actor: &str, token: &str, body: &str| {
            let request = http::Request::builder().method(method).uri(path);
            let request = request.header(ACTOR, actor).header(ACCOUNT_HOLDER, token).body(()).unwrap();
            fingerprint(&request.into_parts().0, body.as_bytes())
        };
        let one = of("POST", "/a", "b", "c", "d");
        assert_eq!(one, of("POST", "/a", "b", "c", "d"));
        for other in [
            of("PUT", "/a", "b", "c", "d"),
            of("POST", "/ab", "", "c", "d"),
            of("POST", "/a", "", "bc", "d"),
            of("POST", "/a", "b", "", "cd"),
            of("POST", "/a", "b", "c", ""),
        ] {
            assert_ne!(one, other);
        }
    }
}
