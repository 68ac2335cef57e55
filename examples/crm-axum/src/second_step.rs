//! The second step: this is the file to copy.
//!
//! ```text
//!   password correct ─► begin: PUT user, POST challenge ──303──► Countersign's pages
//!                                                                     │
//!   session ◄─(the four checks)─ back: POST redeem ◄── GET /second-step?result=…&state=…
//! ```

use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{Person, Session, Shared, cookie, cookie_of, lock, over, random};

/// A sign-in whose second step is still missing. It permits nothing but the way back.
pub struct Pending {
    person: &'static Person,
    actor: Option<&'static Person>,
    challenge: String,
    state: String,
}

/// Countersign did not do what it was asked. Nobody gets in: a second step that is left out when it's inconvenient is
/// none.
pub enum Refused {
    /// It cannot be reached.
    Unreachable(reqwest::Error),
    /// It said no, by a problem document (RFC 9457).
    Problem { kind: String, detail: String },
}

/// What a sign-in leads to: a page or a redirect, or nothing because Countersign refused.
pub type Answer = Result<Response, Refused>;

#[derive(Deserialize)]
struct Challenge {
    id: String,
    url: String,
}

#[derive(Deserialize)]
struct Verified {
    challenge: String,
    user: String,
    actor: Option<String>,
    amr: Vec<String>,
}

/// With what the browser comes back: a result, or an error.
#[derive(Deserialize)]
pub struct Return {
    state: Option<String>,
    result: Option<String>,
    error: Option<String>,
}

/// Asks for the second step: the person's own or, when a support agent logs in as them, the agent's.
pub async fn begin(crm: &Shared, person: &'static Person, actor: Option<&'static Person>) -> Answer {
    for one in [Some(person), actor].into_iter().flatten() {
        // At every sign-in, so that Countersign has the current name.
        let who = json!({"email": one.email, "name": one.name});
        ask::<Value>(crm, Method::PUT, &format!("/users/{}", one.id), who).await?;
    }
    let (state, return_to) = (random(), format!("{}/second-step", crm.own));
    let mut draft = json!({"user": person.id, "return_to": return_to, "state": state});
    if let Some(actor) = actor {
        draft["actor"] = actor.id.into();
    }
    let Challenge { id: challenge, url } = ask(crm, Method::POST, "/challenges", draft).await?;
    let handle = random();
    lock(&crm.pending).insert(handle.clone(), Pending { person, actor, challenge, state });
    Ok((cookie("crm-pending", &handle), Redirect::to(&url)).into_response())
}

/// The way back. It changes something although it is a GET, as every protocol by redirects has to; it works once.
pub async fn back(State(crm): State<Shared>, headers: HeaderMap, Query(back): Query<Return>) -> Answer {
    // 1. This is the browser in which the password was entered: its cookie leads to the state that the URL repeats.
    let pending = cookie_of(&headers, "crm-pending").and_then(|handle| lock(&crm.pending).remove(&handle));
    let Some(pending) = pending.filter(|pending| back.state.as_deref() == Some(&*pending.state)) else {
        return Ok(over("This sign-in is no longer waiting."));
    };
    if back.error.is_some() {
        return Ok(over("You came back without it. Your password is not enough to sign in."));
    }
    // 2. Nothing in the URL is believed: Countersign says to this server, once, what the result stands for.
    let redeem = json!({"result": back.result.unwrap_or_default()});
    let verified: Verified = match ask(&crm, Method::POST, "/challenges/redeem", redeem).await {
        Err(Refused::Problem { kind, .. }) if kind.ends_with("/result-not-found") => {
            return Ok(over("It took too long, or the link was opened twice."));
        }
        other => other?,
    };
    // 3. The result answers the challenge that this browser waited for,
    let challenge = verified.challenge == pending.challenge;
    // 4. for the user who was signing in, and it was verified by the person who is acting.
    let user = verified.user == pending.person.id;
    let actor = verified.actor.as_deref() == pending.actor.map(|actor| actor.id);
    if !(challenge && user && actor) {
        return Ok(over("That was the second step of another sign-in."));
    }
    // The password was checked here; Countersign says what came after it, which is nothing for a code sent by email.
    let amr = [vec!["pwd".to_owned()], verified.amr].concat();
    let session = Session { person: pending.person, actor: pending.actor, amr };
    Ok(crm.sign_in(&headers, session))
}

/// One request to the API, sent again once if its response is lost. The idempotency key makes that safe: the second time,
/// Countersign returns the first response and does nothing twice. The API key never leaves this server.
async fn ask<T: DeserializeOwned>(
    crm: &Shared,
    method: Method,
    path: &str,
    body: Value,
) -> Result<T, Refused> {
    let (url, idempotency_key) = (format!("{}/api/v1{path}", crm.countersign), random());
    let send = async || {
        let mut request = crm.http.request(method.clone(), &url).bearer_auth(&crm.api_key).json(&body);
        if method == Method::POST {
            request = request.header("Idempotency-Key", &idempotency_key);
        }
        let response = request.send().await?;
        Ok::<_, reqwest::Error>((response.status(), response.bytes().await?))
    };
    let (status, bytes) = match send().await {
        Ok(answer) => answer,
        Err(_) => send().await?,
    };
    if status.is_success() {
        return serde_json::from_slice(&bytes).map_err(|error| unreadable(&error));
    }
    let problem: Value = serde_json::from_slice(&bytes).map_err(|error| unreadable(&error))?;
    let member = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    Err(Refused::Problem { kind: member("type"), detail: member("detail") })
}

/// What came back is not what Countersign says: a proxy in between, perhaps.
fn unreadable(error: &serde_json::Error) -> Refused {
    Refused::Problem { kind: "unreadable".into(), detail: error.to_string() }
}

impl From<reqwest::Error> for Refused {
    fn from(error: reqwest::Error) -> Self {
        Self::Unreachable(error)
    }
}
