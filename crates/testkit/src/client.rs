//! A person without a browser.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use url::form_urlencoded;

use crate::page::Page;

/// Keeps cookies, fills in forms and follows no redirect on its own.
///
/// Its POSTs look like a browser's: `Origin`, `Sec-Fetch-Site: same-origin` and the `csrf_token` of the page
/// seen last. All methods take `&self`, so that one person can do several things at once.
#[derive(Debug)]
pub struct Client {
    base: String,
    http: reqwest::Client,
    headers: HeaderMap,
    seen: Mutex<Seen>,
}

/// What the person has been given so far.
#[derive(Debug, Clone, Default)]
struct Seen {
    cookies: BTreeMap<String, String>,
    csrf_token: Option<String>,
}

impl Client {
    /// A newcomer to the server at `base`, an address without a path such as `http://127.0.0.1:8080`.
    #[must_use]
    pub fn new(base: &str) -> Self {
        Self {
            base: base.trim_end_matches('/').to_owned(),
            http: crate::http::client(),
            headers: HeaderMap::new(),
            seen: Mutex::default(),
        }
    }

    /// Sends a header, such as `User-Agent` or `X-Forwarded-For`, with every request from now on.
    ///
    /// # Panics
    /// When it cannot be a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(header_name(name), header_value(value));
        self
    }

    /// Another person with the same cookies and the same page before them: a copied cookie jar.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            base: self.base.clone(),
            http: crate::http::client(),
            headers: self.headers.clone(),
            seen: Mutex::new(self.seen().clone()),
        }
    }

    /// The server's address.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A cookie's value.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.seen().cookies.get(name).cloned()
    }

    /// All cookies, by name.
    #[must_use]
    pub fn cookies(&self) -> BTreeMap<String, String> {
        self.seen().cookies.clone()
    }

    /// Sets a cookie, or with `None` forgets it.
    pub fn set_cookie(&self, name: &str, value: Option<&str>) {
        let mut seen = self.seen();
        match value {
            Some(value) => seen.cookies.insert(name.to_owned(), value.to_owned()),
            None => seen.cookies.remove(name),
        };
    }

    /// Reads a page.
    pub async fn get(&self, path: &str) -> Page {
        self.request("GET", path, &[], Vec::new()).await
    }

    /// Sends a form with the `csrf_token` of the page seen last, unless `fields` has one.
    ///
    /// # Panics
    /// When no page with a form has been seen: `get` it first, or use [`Self::post_from`].
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let token = self.seen().csrf_token.clone();
        let mut fields = fields.to_vec();
        if !fields.iter().any(|(name, _value)| *name == "csrf_token") {
            let token = token.as_deref().unwrap_or_else(|| {
                panic!("POST {path}: no page with a csrf_token was seen before; get() the form first")
            });
            fields.push(("csrf_token", token));
        }
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.post_raw(path, body).await
    }

    /// Reads the page with the form, then sends it to `path`.
    ///
    /// # Panics
    /// When there is no form on that page.
    pub async fn post_from(&self, page: &str, path: &str, fields: &[(&str, &str)]) -> Page {
        let form = self.get(page).await;
        assert!(form.csrf_token().is_some(), "there is no form with a csrf_token: {form}");
        self.post(path, fields).await
    }

    /// Sends a form whose encoded body is given as it is: nothing is added to it.
    pub async fn post_raw(&self, path: &str, body: impl Into<Vec<u8>>) -> Page {
        let headers = [
            (CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded"),
            (ORIGIN.as_str(), self.base.as_str()),
            ("sec-fetch-site", "same-origin"),
        ];
        self.request("POST", path, &headers, body.into()).await
    }

    /// Sends exactly this, with the cookies; `headers` take precedence over those of [`Self::with_header`].
    ///
    /// # Panics
    /// When the method or a header cannot be one, or no answer comes within a minute.
    pub async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Page {
        let mut all = self.headers.clone();
        if let Some(cookies) = self.cookie_header() {
            all.insert(COOKIE, header_value(&cookies));
        }
        for (name, value) in headers {
            all.insert(header_name(name), header_value(value));
        }
        let request = format!("{method} {path}");
        let method = Method::from_bytes(method.as_bytes()).expect("an HTTP method");
        let sent = self.http.request(method, format!("{}{path}", self.base)).headers(all).body(body);
        let answer = sent.send().await.unwrap_or_else(|error| panic!("{request}: {error:?}"));
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.bytes().await.unwrap_or_else(|error| panic!("{request}: {error:?}"));
        let body = String::from_utf8_lossy(&body).into_owned();
        let page = Page { request, status, headers, body, base: self.base.clone() };
        self.remember(&page);
        page
    }

    /// Follows the redirects of `page`, up to ten, to the page at their end.
    ///
    /// # Panics
    /// When they lead away from this server or in circles.
    pub async fn follow(&self, page: Page) -> Page {
        let mut page = page;
        for _hop in 0..10 {
            if !matches!(page.status, 301 | 302 | 303 | 307 | 308) {
                return page;
            }
            let location = page.location().unwrap_or_else(|| panic!("a redirect without a location: {page}"));
            assert!(location.starts_with('/'), "a redirect to another server: {page}");
            page = self.get(&location).await;
        }
        panic!("redirected in circles: {page}");
    }

    fn remember(&self, page: &Page) {
        let mut seen = self.seen();
        for line in page.set_cookies() {
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let attributes = attributes.to_ascii_lowercase();
            // Servers delete a cookie by emptying it, and by an age of zero.
            if value.trim().is_empty() || attributes.split(';').any(|a| a.trim() == "max-age=0") {
                seen.cookies.remove(name.trim());
            } else {
                seen.cookies.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
        if let Some(token) = page.csrf_token() {
            seen.csrf_token = Some(token);
        }
    }

    fn cookie_header(&self) -> Option<String> {
        let seen = self.seen();
        let pairs: Vec<String> = seen.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn header_name(name: &str) -> HeaderName {
    name.parse().unwrap_or_else(|_| panic!("{name:?} is not a header's name"))
}

fn header_value(value: &str) -> HeaderValue {
    HeaderValue::from_bytes(value.as_bytes()).unwrap_or_else(|_| panic!("{value:?} is not a header's value"))
}

/// Does something `count` times at the same moment: every task is ready before the first one begins. The
/// results come in the order of the tasks' numbers.
///
/// # Panics
/// When a task panics.
pub async fn burst<F, Fut, T>(count: usize, act: F) -> Vec<T>
where
    F: Fn(usize) -> Fut,
    Fut: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let barrier = Arc::new(Barrier::new(count));
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let (barrier, task) = (Arc::clone(&barrier), act(number));
        tasks.spawn(async move {
            barrier.wait().await;
            (number, task.await)
        });
    }
    let mut results = tasks.join_all().await;
    results.sort_by_key(|(number, _result)| *number);
    results.into_iter().map(|(_number, result)| result).collect()
}
