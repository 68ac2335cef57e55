//! What every handler has at hand.

use crate::{api::Api, cookies::Cookies, pages::assets, settings::WebSettings};
use countersign_flows::Services;
use std::{ops::Deref, sync::Arc};

/// The flows' services, the settings, and what follows from them once. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

/// The contents of [`App`].
pub(crate) struct Inner {
    pub(crate) services: Services,
    pub(crate) settings: WebSettings,
    /// The origin from which forms may come, as `Origin` writes it (RFC 6454 §6.2).
    pub(crate) origin: String,
    pub(crate) cookies: Cookies,
    /// Changes whenever an asset does.
    pub(crate) assets_version: String,
    pub(crate) api: Api,
}

impl App {
    pub(crate) fn new(services: Services, settings: WebSettings) -> Self {
        let origin = settings.public_url.origin().ascii_serialization();
        let cookies = Cookies::new(settings.secure_cookies);
        let assets_version = format!("{}-{}", settings.assets_version, assets::digest());
        let api = Api::new(&settings);
        Self(Arc::new(Inner { services, settings, origin, cookies, assets_version, api }))
    }
}

impl Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
