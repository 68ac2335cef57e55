//! What the pages need to know besides the flows' own rules.

use crate::views::SupportContacts;
use countersign_core::message::Channel;
use ipnet::IpNet;
use serde::Serialize;
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, atomic::AtomicBool},
};
use url::Url;

/// The operator's settings, as the pages need them.
#[derive(Clone)]
pub struct WebSettings {
    /// Where people reach the server. Its origin is the one from which forms may come.
    pub public_url: Url,
    /// Whether people reach it by https: then cookies are `Secure` and carry the `__Host-` prefix (RFC 6265bis
    /// §4.1.3.2).
    pub secure_cookies: bool,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The name on every page.
    pub service_name: String,
    /// Where to report a vulnerability: a `mailto:`, `https:` or `tel:` address (RFC 9116 §2.5.3).
    pub security_contact: Option<String>,
    /// Whom people can contact when they can't sign in.
    pub support: SupportContacts,
    /// Whether the mail server or the SMS gateway answers; `None` where that is not known, which counts as yes.
    pub channel_is_up: Option<Arc<dyn Fn(Channel) -> bool + Send + Sync>>,
    /// Requests that an application may send to the API in a minute.
    pub api_requests_per_minute: u32,
    /// The program's version. A digest of the assets is added to it before it stands in their addresses.
    pub assets_version: String,
    /// The messages that would have left; `None` hides `/dev/outbox`.
    pub dev_outbox: Option<Arc<dyn DevMessages>>,
    /// Whether the server is about to stop: then `/readyz` returns 503.
    pub stopping: Arc<AtomicBool>,
    /// Renders the metrics (Prometheus text format) for programs on this machine; `None` hides `/metrics`.
    pub metrics: Option<Arc<dyn Fn() -> String + Send + Sync>>,
}

impl WebSettings {
    /// Whether messages of this kind wait because the system that carries them does not answer.
    pub fn is_delayed(&self, channel: Channel) -> bool {
        self.channel_is_up.as_ref().is_some_and(|is_up| !is_up(channel))
    }

    /// Where people reach the server, for a path to be appended.
    pub fn base(&self) -> String {
        self.public_url.as_str().trim_end_matches('/').to_owned()
    }
}

/// Where the messages of `serve --dev` end.
pub trait DevMessages: Send + Sync {
    /// Every message that would have left, newest last.
    fn messages(&self) -> Vec<DevMessageView>;

    /// Resolves when what is queued now has been delivered, so that a page that was loaded right after a form was sent
    /// shows its message.
    fn settle(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// One message that would have left, as `/dev/outbox.json` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DevMessageView {
    /// `"email"` or `"sms"`.
    pub kind: String,
    /// The address or number.
    pub to: String,
    /// Empty for a text message.
    pub subject: String,
    /// The body as plain text.
    pub text: String,
    /// When it would have left (RFC 3339).
    pub at: String,
}
