//! `/assets/{name}`: the style, the script and the mark, in the program itself.

use crate::{
    app::App,
    extract::{Id, Query},
    problem::Problem,
    respond::{Answer, ResponseExt as _},
};
use axum::{body::Body, extract::State, response::IntoResponse as _};
use data_encoding::HEXLOWER;
use http::{
    HeaderMap, HeaderValue, StatusCode, Uri,
    header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
};
use rust_embed::Embed;
use sha2::{Digest as _, Sha256};

/// What is in the folder `assets`.
#[derive(Embed)]
#[folder = "assets/"]
struct Assets;

/// Eight characters that change whenever one of the files does.
pub(crate) fn digest() -> String {
    let mut all = Sha256::new();
    for name in Assets::iter() {
        all.update(name.as_bytes());
        if let Some(file) = Assets::get(&name) {
            all.update(file.metadata.sha256_hash());
        }
    }
    HEXLOWER.encode(&all.finalize()[..4])
}

/// `GET /assets/{name}`. Under the present version it may be kept for good; under any other address it is asked for again,
/// so that a page of a newer version never pins a file of an older one.
pub(crate) async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    query: Query,
    Id(name): Id<String>,
) -> Answer {
    let file = Assets::get(&name).ok_or(Problem::NotFound)?;
    let kind = kind(&name).ok_or(Problem::NotFound)?;
    let tag = format!("\"{}\"", HEXLOWER.encode(&file.metadata.sha256_hash()[..16]));
    let present = query.get("v") == Some(app.assets_version.as_str());
    let caching = if present { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = headers.get(IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == tag.as_bytes());
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(file.data).into_response().with_header(CONTENT_TYPE, kind)
    };
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    Ok(response.with_header(CACHE_CONTROL, caching))
}

/// `GET /favicon.ico` and `GET /apple-touch-icon.png`, which browsers and phones ask for by these names.
pub(crate) async fn icon(uri: Uri) -> Answer {
    let name = uri.path().trim_start_matches('/');
    let (Some(file), Some(kind)) = (Assets::get(name), kind(name)) else { return Err(Problem::NotFound) };
    let response = Body::from(file.data).into_response().with_header(CONTENT_TYPE, kind);
    Ok(response.with_header(CACHE_CONTROL, "public, max-age=86400"))
}

fn kind(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "ico" => Some("image/vnd.microsoft.icon"),
        "png" => Some("image/png"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_asset_has_a_kind_and_the_pages_ask_for_it_by_name() {
        let names: Vec<String> = Assets::iter().map(|name| name.into_owned()).collect();
        for name in ["app.css", "app.js", "favicon.svg", "favicon.ico", "apple-touch-icon.png"] {
            assert!(names.iter().any(|known| known == name), "{name} is not among {names:?}");
        }
        assert!(names.iter().all(|name| kind(name).is_some()), "{names:?}");
        assert_eq!(digest().len(), 8);
        assert_eq!(digest(), digest());
    }
}
