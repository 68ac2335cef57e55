//! The HTTP client under everything here.

use std::sync::Once;
use std::time::Duration;

use reqwest::redirect::Policy;

/// Longer than anything that the server does on purpose; a request beyond this is a failure, not a wait.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client that follows nothing, asks no proxy and trusts no certificate: servers under test are plain HTTP
/// on loopback.
pub(crate) fn client() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // An error means that the test itself has installed one, which is as good.
        let _present = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
    reqwest::Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .tls_certs_only([])
        .timeout(PATIENCE)
        .build()
        .expect("an HTTP client")
}
