//! SMS by an HTTP gateway: one POST of `{"from", "to", "text"}` as JSON, with a bearer token.
//!
//! Gateways differ; a few lines of adapter in front of one make any of them speak this. Where the environment names a
//! proxy (`HTTPS_PROXY`), requests go through it.

use super::{Outgoing, SendError, SettingsError, explained};
use reqwest::{Client, StatusCode, Url, header::HeaderValue, redirect};
use serde::Serialize;
use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// How long the gateway may take for its whole answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Which gateway, and as whom.
#[derive(Clone)]
pub struct SmsSettings {
    /// Where messages are posted.
    pub url: String,
    /// Sent as `Authorization: Bearer …` (RFC 6750 §2.1).
    pub token: String,
    /// The sender: a number, or the name registered with the gateway.
    pub from: String,
}

/// The token and the address, which may hold one as well, stay out of every log.
impl fmt::Debug for SmsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmsSettings").field("from", &self.from).finish_non_exhaustive()
    }
}

pub(super) struct Gateway {
    client: Mutex<Client>,
    timeout: Duration,
    url: Url,
    authorization: HeaderValue,
    from: String,
}

#[derive(Serialize)]
struct Post<'a> {
    from: &'a str,
    to: &'a str,
    text: &'a str,
}

impl Gateway {
    pub(super) fn new(settings: &SmsSettings, attempt: Duration) -> Result<Self, SettingsError> {
        let url = Url::parse(&settings.url)
            .map_err(|e| SettingsError(format!("the SMS gateway's address cannot be used: {e}")))?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", settings.token))
            .map_err(|_| SettingsError("the SMS gateway's token cannot stand in a header".to_owned()))?;
        authorization.set_sensitive(true);
        let timeout = attempt.min(TIMEOUT);
        let client = client(timeout)
            .map_err(|e| SettingsError(format!("no HTTP client for the SMS gateway: {}", explained(&e))))?;
        Ok(Self { client: Mutex::new(client), timeout, url, authorization, from: settings.from.clone() })
    }

    pub(super) async fn send(&self, message: &Outgoing) -> Result<(), SendError> {
        let post = Post { from: &self.from, to: &message.to, text: &message.rendered.text };
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = client
            .post(self.url.clone())
            .header(reqwest::header::AUTHORIZATION, self.authorization.clone())
            // The same at every attempt: a gateway that knows the header does not send, or charge, twice.
            .header("idempotency-key", message.id.to_string())
            .json(&post)
            .send()
            .await;
        match answer {
            Ok(answer) => judged(answer.status()),
            Err(error) => {
                self.abandon();
                let text = format!("the SMS gateway: {}", explained(&error.without_url()));
                Err(SendError::Unreachable(text))
            }
        }
    }

    /// Asks for the head of the address, without the token: any answer will do. No message is sent.
    pub(super) async fn check(&self) -> Result<(), SendError> {
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match client.head(self.url.clone()).send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let text = format!("the SMS gateway: {}", explained(&error.without_url()));
                Err(SendError::Unreachable(text))
            }
        }
    }

    /// A connection on which an answer did not come may never bring one again (over HTTP/2 it would be used on), so the
    /// next attempt opens a new one.
    fn abandon(&self) {
        if let Ok(fresh) = client(self.timeout) {
            *self.client.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        }
    }
}

fn client(timeout: Duration) -> reqwest::Result<Client> {
    Client::builder()
        .timeout(timeout)
        .connect_timeout(CONNECT)
        // A redirected POST would carry codes and token to wherever the answer says.
        .redirect(redirect::Policy::none())
        .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// The body of an answer is not read: it may quote the message.
fn judged(status: StatusCode) -> Result<(), SendError> {
    let text = format!("the SMS gateway answered {}", status.as_u16());
    match status {
        s if s.is_success() => Ok(()),
        // It is slow or busy; or our token is wrong, which is no fault of the message, and the operator's to put right.
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS | StatusCode::UNAUTHORIZED => {
            Err(SendError::Temporary(text))
        }
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            Err(SendError::Unreachable(text))
        }
        s if s.is_client_error() => Err(SendError::Permanent(text)),
        _ => Err(SendError::Temporary(text)),
    }
}
