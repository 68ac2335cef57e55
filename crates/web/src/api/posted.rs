//! Bodies, and what happens once for each idempotency key.
//!
//! ```text
//!   who calls (Key, Alone, Holder) ─► body, strictly ─► idempotency key ─(new)──────► the work, which stores its answer for an hour
//!                                                          ├─(seen, same request)───► the same answer again
//!                                                          ├─(under way)────────────► 409
//!                                                          └─(another request)──────► 422
//! ```
//!
//! A POST gets its body by [`Posted::once`] and in no other way, and an answer other than a refusal only from a flow to which
//! it hands a [`Keep`]. The flow stores the answer in the transaction that has the effect. An answer of 429 or 5xx is not
//! kept: the next try has another chance.

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
use countersign_flows::{
    Fault, Recorder,
    recorder::{Slot, StoredResponse},
    service::idempotency::{self, Earlier},
};
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

/// Where the answer to a POST is kept, on its way to the flow that gives it.
pub(crate) struct Keep(Option<Slot>);

/// An answer that has been kept, where there is an idempotency key. It is made by a [`Keep`] and a flow; without them there are
/// only refusals that follow from the request itself.
pub(crate) struct Kept(Answer);

/// What the work of a POST comes to.
pub(crate) type Done = Result<Kept, Fault>;

impl Keep {
    /// Answers the outcome of a flow with what `answer` makes of it.
    pub(crate) fn answer<O: Send + 'static>(
        self,
        answer: impl FnOnce(O) -> Answer + Send + 'static,
    ) -> Recorder<O, Kept> {
        Recorder::new(self.0, |outcome| {
            let answer = answer(outcome);
            let stored = stored(&answer);
            (Kept(answer), stored)
        })
    }
}

impl From<ApiProblem> for Kept {
    fn from(problem: ApiProblem) -> Self {
        Self(Err(problem))
    }
}

/// How an answer is stored, unless the request is to have another chance.
fn stored(answer: &Answer) -> Option<StoredResponse> {
    match answer {
        Ok(reply) => Some(StoredResponse { status: reply.status(), body: reply.body().to_vec().into() }),
        Err(problem) if problem.status().is_server_error() || problem.status() == 429 => None,
        Err(problem) => {
            let body = problem.body().to_string().into_bytes().into();
            Some(StoredResponse { status: problem.status().as_u16(), body })
        }
    }
}

impl<P: Party, B: Body> Posted<P, B> {
    /// Does `work`, or answers as the first time. It goes on to its end though the caller hangs up.
    pub(crate) async fn once<F, W>(self, app: App, work: F) -> Answer
    where
        F: FnOnce(App, P, B, Keep) -> W + Send + 'static,
        W: Future<Output = Done> + Send + 'static,
    {
        let Self { party, body, key, fingerprint } = self;
        let all = async move {
            let caller = party.caller().clone();
            let begun = match &key {
                None => None,
                Some(key) => match idempotency::begin(&app.services, &caller, key, &fingerprint).await? {
                    Ok(begun) => Some(begun),
                    Err(earlier) => return again(earlier),
                },
            };
            let (slot, _running) = begun.unzip();
            let done = tokio::spawn(work(app.clone(), party, body, Keep(slot)).in_current_span()).await;
            match (done, key) {
                (Ok(Ok(Kept(answer))), _) => answer,
                (Ok(Err(Fault::Repeated)), Some(key)) => {
                    let earlier = idempotency::earlier(&app.services, &caller, &key, &fingerprint).await?;
                    again(earlier.unwrap_or(Earlier::InProgress))
                }
                (Ok(Err(fault)), _) => Err(fault.into()),
                (Err(error), _) => Err(broken(&error)),
            }
        };
        tokio::spawn(all.in_current_span()).await.unwrap_or_else(|error| Err(broken(&error)))
    }
}

fn broken(error: &tokio::task::JoinError) -> ApiProblem {
    tracing::error!(%error, "a handler panicked");
    ApiProblem::plain(kinds::INTERNAL)
}

/// The answer to a request whose key has been seen before.
fn again(earlier: Earlier) -> Answer {
    match earlier {
        Earlier::Answered { status, body } => Ok(Reply::replayed(status, &body)),
        Earlier::InProgress => {
            Err(ApiProblem::plain(kinds::REQUEST_IN_PROGRESS).after(Duration::from_secs(1)))
        }
        Earlier::OtherRequest => Err(ApiProblem::plain(kinds::IDEMPOTENCY_KEY_REUSED)),
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
