//! A tiny CRM with a password page of its own, which asks Countersign for the second step (second_step.rs).

mod second_step;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{collections::HashMap, env, time::Duration};

use argon2::{Argon2, PasswordVerifier as _};
use axum::extract::{Form, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{Router, get, post};
use axum::{middleware, middleware::Next};
use serde::Deserialize;

use second_step::{Answer, Pending, Refused};

struct Person {
    id: &'static str,
    name: &'static str,
    email: &'static str,
    password: &'static str,
    support: bool,
}

/// A table of users, with hashes by Argon2id. README.md has the two passwords.
static PEOPLE: [Person; 2] = [
    Person {
        id: "rosa",
        name: "Rosa Klein",
        email: "rosa@larkspur.example",
        password: "$argon2id$v=19$m=19456,t=2,p=1$t0vUxjqik0HGitOIhuhj+g$CShlPcjASjDYtZbsT+lWVRqmSH1eygf1q5D+1E4Lfx4",
        support: true,
    },
    Person {
        id: "ben",
        name: "Ben Osei",
        email: "ben@larkspur.example",
        password: "$argon2id$v=19$m=19456,t=2,p=1$gw2YUQwZrofUJJ7Afv+pkQ$A9B7jtjRsU0CtPN02WQNL0uIMtHGc0IxJd8wKE/EUJA",
        support: false,
    },
];

/// Somebody who is signed in: password and second step were right.
#[derive(Clone)]
struct Session {
    person: &'static Person,
    /// In a "log in as": who is at the keyboard.
    actor: Option<&'static Person>,
    amr: Vec<String>,
}

/// Sessions live in memory here, and end with the program.
struct Crm {
    own: String,
    countersign: String,
    api_key: String,
    http: reqwest::Client,
    sessions: Mutex<HashMap<String, Session>>,
    pending: Mutex<HashMap<String, Pending>>,
}

type Shared = Arc<Crm>;

impl Crm {
    fn session(&self, headers: &HeaderMap) -> Option<Session> {
        cookie_of(headers, "crm").and_then(|handle| lock(&self.sessions).get(&handle).cloned())
    }

    /// A new session has a new handle, and the browser's old one ends.
    fn sign_in(&self, headers: &HeaderMap, session: Session) -> Response {
        let handle = random();
        let mut sessions = lock(&self.sessions);
        cookie_of(headers, "crm").and_then(|old| sessions.remove(&old));
        sessions.insert(handle.clone(), session);
        (cookie("crm", &handle), Redirect::to("/")).into_response()
    }
}

#[derive(Deserialize)]
struct SignIn {
    email: String,
    password: String,
}

async fn sign_in(State(crm): State<Shared>, Form(typed): Form<SignIn>) -> Answer {
    let person = PEOPLE.iter().find(|person| person.email.eq_ignore_ascii_case(typed.email.trim()));
    // An address that nobody has takes as long as one that somebody has.
    let hash = person.unwrap_or(&PEOPLE[0]).password;
    let check = move || Argon2::default().verify_password(typed.password.as_bytes(), hash).is_ok();
    let right = tokio::task::spawn_blocking(check).await.unwrap_or(false);
    match person.filter(|_| right) {
        Some(person) => second_step::begin(&crm, person, None).await,
        None => {
            let again = sign_in_page("That email and password don't match. Try again.");
            Ok((StatusCode::UNPROCESSABLE_ENTITY, again).into_response())
        }
    }
}

#[derive(Deserialize)]
struct Whom {
    person: String,
}

/// Support logs in as somebody else, with a second step of its own. The account holder's is never asked for.
async fn log_in_as(State(crm): State<Shared>, headers: HeaderMap, Form(whom): Form<Whom>) -> Answer {
    let own = crm.session(&headers).filter(|session| session.actor.is_none() && session.person.support);
    let person = PEOPLE.iter().find(|person| person.id == whom.person);
    match (own, person) {
        (Some(own), Some(person)) if own.person.id != person.id => {
            second_step::begin(&crm, person, Some(own.person)).await
        }
        _ => Ok(StatusCode::FORBIDDEN.into_response()),
    }
}

/// Back to the account of whoever is at the keyboard.
async fn stop(State(crm): State<Shared>, headers: HeaderMap) -> Response {
    match crm.session(&headers) {
        Some(Session { actor: Some(person), amr, .. }) => {
            crm.sign_in(&headers, Session { person, actor: None, amr })
        }
        _ => Redirect::to("/").into_response(),
    }
}

async fn sign_out(State(crm): State<Shared>, headers: HeaderMap) -> Redirect {
    cookie_of(&headers, "crm").and_then(|handle| lock(&crm.sessions).remove(&handle));
    Redirect::to("/sign-in")
}

async fn home(State(crm): State<Shared>, headers: HeaderMap) -> Response {
    let Some(Session { person, actor, amr }) = crm.session(&headers) else {
        return Redirect::to("/sign-in").into_response();
    };
    let banner = actor.map(|actor| {
        format!(
            r#"<form class="banner" method="post" action="/log-in-as/stop"><strong>{}</strong>, you are logged in as
            <strong>{}</strong>.<br><button>End and return to my account</button></form>"#,
            actor.name, person.name
        )
    });
    let others = PEOPLE.iter().filter(|other| actor.is_none() && person.support && other.id != person.id);
    let support = others.map(|other| {
        format!(
            r#"<h2>Support</h2><form method="post" action="/log-in-as"><input type="hidden" name="person" value="{}">
            <p class="quiet">You'll enter your own verification code, not theirs.</p>
            <button>Log in as {}</button></form>"#,
            other.id, other.name
        )
    });
    let body = include_str!("home.html")
        .replace("{banner}", &banner.unwrap_or_default())
        .replace("{name}", person.name)
        .replace("{amr}", &escape(&amr.join(", ")))
        .replace("{support}", &support.collect::<String>());
    page("Customers", &body).into_response()
}

fn sign_in_page(wrong: &str) -> Html<String> {
    page("Sign in", &include_str!("sign-in.html").replace("{wrong}", wrong))
}

fn over(why: &str) -> Response {
    let body = format!(r#"<h1>Not verified</h1><p id="why">{why}</p><p><a href="/">Start again</a></p>"#);
    (StatusCode::UNPROCESSABLE_ENTITY, page("Not verified", &body)).into_response()
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Unreachable(error) => eprintln!("Countersign is unreachable: {error}"),
            Self::Problem { kind, detail } => eprintln!("Countersign refused: {kind}: {detail}"),
        }
        let page = over("We can't verify you right now. Try again in a minute.");
        (StatusCode::SERVICE_UNAVAILABLE, page).into_response()
    }
}

fn page(title: &str, body: &str) -> Html<String> {
    Html(include_str!("page.html").replace("{title}", title).replace("{body}", body))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// 256 bits that nobody can guess.
fn random() -> String {
    let mut bytes = [0; 32];
    // Without randomness nothing here is safe: better no server than that.
    getrandom::fill(&mut bytes).unwrap_or_else(|_| std::process::abort());
    data_encoding::BASE64URL_NOPAD.encode(&bytes)
}

/// `Lax`, because the way back comes from another site. Behind https add `Secure` and the prefix `__Host-`.
fn cookie(name: &str, value: &str) -> [(HeaderName, String); 1] {
    [(header::SET_COOKIE, format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax"))]
}

fn cookie_of(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split("; ")).filter_map(|pair| pair.split_once('='));
    pairs.find_map(|(key, value)| (key == name).then(|| value.to_owned()))
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Forms count from these pages alone. And the policy lets a form lead to Countersign: browsers hold `form-action` against
/// redirects too.
async fn guarded(State(crm): State<Shared>, request: Request, next: Next) -> Response {
    let from = request.headers().get(header::ORIGIN);
    if request.method() == Method::POST && from.is_none_or(|origin| origin != crm.own.as_str()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self' {}; frame-ancestors 'none'; base-uri 'none'",
        crm.countersign
    );
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.extend(HeaderValue::try_from(policy).map(|policy| (header::CONTENT_SECURITY_POLICY, policy)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let setting = |name| env::var(name).map_err(|_| format!("Set {name}. README.md says what it is."));
    let listen = setting("LISTEN")?;
    let crm = Arc::new(Crm {
        own: format!("http://{listen}"),
        countersign: setting("COUNTERSIGN_URL")?.trim_end_matches('/').to_owned(),
        api_key: setting("COUNTERSIGN_API_KEY")?,
        http: reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?,
        sessions: Mutex::default(),
        pending: Mutex::default(),
    });
    let routes = Router::new()
        .route("/", get(home))
        .route("/sign-in", get(async || sign_in_page("")).post(sign_in))
        .route("/second-step", get(second_step::back))
        .route("/log-in-as", post(log_in_as))
        .route("/log-in-as/stop", post(stop))
        .route("/sign-out", post(sign_out))
        .layer(middleware::from_fn_with_state(crm.clone(), guarded))
        .with_state(crm.clone());
    let listener = tokio::net::TcpListener::bind(&listen).await?;
    println!("The CRM is at {}", crm.own);
    axum::serve(listener, routes).await?;
    Ok(())
}
