//! The pages about the API, from the API's own description.

use super::{Sample, push, stranger};
use crate::{api::pages, settings::WebSettings};
use url::Url;

pub(super) fn add(pages: &mut Vec<Sample>) -> askama::Result<()> {
    let Ok(public_url) = Url::parse("https://login.example.org") else { return Ok(()) };
    let settings = WebSettings {
        public_url,
        secure_cookies: true,
        trusted_proxies: Vec::new(),
        service_name: "Countersign".into(),
        security_contact: None,
        support: crate::views::SupportContacts::default(),
        channel_is_up: None,
        api_requests_per_minute: 600,
        assets_version: "1".into(),
        dev_outbox: None,
        stopping: std::sync::Arc::default(),
        metrics: None,
    };
    push(pages, "api", &pages::reference_page(stranger(), &settings))?;
    for kind in [crate::api::problem_type::CODE_REFUSED, crate::api::problem_type::NOT_FOUND] {
        let name = if kind.members.is_empty() { "api-error-plain" } else { "api-error" };
        push(pages, name, &pages::error_page(stranger(), kind))?;
    }
    Ok(())
}
