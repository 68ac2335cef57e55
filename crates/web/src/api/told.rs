//! What goes with every answer below `/api/v1`: where the application stands, and a line in the log and the counts for what was
//! refused.

use super::{limit::Standing, problem::Refused, problem_type as kinds};
use axum::{extract::Request, middleware::Next, response::Response};
use countersign_flows::security_log::{Entry, Event};
use std::sync::{Arc, OnceLock};

/// Where the application stands, as soon as it is known which one it is.
#[derive(Clone, Default)]
pub(crate) struct Told(Arc<OnceLock<Standing>>);

impl Told {
    pub(crate) fn standing(&self, standing: Standing) {
        // A request is counted once; were it twice, the first count is as true.
        self.0.set(standing).ok();
    }
}

/// Whether the path is one of the API, whose answers are JSON, also where no route is.
pub(crate) fn is_api(path: &str) -> bool {
    path.strip_prefix("/api/v1").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The layer, around all that can answer.
pub(crate) async fn told(mut request: Request, next: Next) -> Response {
    if !is_api(request.uri().path()) {
        return next.run(request).await;
    }
    let told = Told::default();
    request.extensions_mut().insert(told.clone());
    let mut response = next.run(request).await;
    if let Some(standing) = told.0.get() {
        standing.tell(response.headers_mut());
    }
    if let Some(Refused(kind)) = response.extensions().get::<Refused>().copied() {
        let labels = [("reason", kind.slug.to_owned()), ("status", kind.status.to_string())];
        metrics::counter!("countersign_refusals_total", &labels).increment(1);
        if kind.slug != kinds::API_KEY_REFUSED.slug && kind.slug != kinds::TOO_MANY_WRONG_KEYS.slug {
            // Those two are logged where the key is read.
            Entry::new(Event::Request, "refused").because(kind.slug).log();
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_is_what_is_below_its_version() {
        for (path, api) in [
            ("/api/v1", true),
            ("/api/v1/", true),
            ("/api/v1/users", true),
            ("/api/v10", false),
            ("/api", false),
            ("/api/errors/internal", false),
            ("/openapi.json", false),
        ] {
            assert_eq!(is_api(path), api, "{path}");
        }
    }
}
