//! Who is let in, how often, and what a cookie is worth beside a key.

use super::{
    Application, NOBODY, SCOPES, is_of_the_api, make_key, operator, problem, register, server, value,
};
use crate::BINARY;
use countersign_testkit::{Engine, Page, Server, ServerOptions};
use countersign_web::routes::{Access, RouteInfo, table};
use serde_json::json;
use std::time::Duration;

/// What is shown for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Nothing,
    Unknown,
    Revoked,
    Expired,
    SwitchedOff,
    WithoutTheScope,
    TheScope,
    TheScopeAndAnActor,
    TheScopeAndAToken,
    TheScopeATokenAndAnActor,
    TheScopeAndAnothersToken,
}

const ALL: [Shown; 11] = [
    Shown::Nothing,
    Shown::Unknown,
    Shown::Revoked,
    Shown::Expired,
    Shown::SwitchedOff,
    Shown::WithoutTheScope,
    Shown::TheScope,
    Shown::TheScopeAndAnActor,
    Shown::TheScopeAndAToken,
    Shown::TheScopeATokenAndAnActor,
    Shown::TheScopeAndAnothersToken,
];

/// The problem that it must be, or `None` for anything but 401 and 403.
fn expected(route: &RouteInfo, shown: Shown) -> Option<&'static str> {
    use Shown as S;
    let with_actor = matches!(shown, S::TheScopeAndAnActor | S::TheScopeATokenAndAnActor);
    match (shown, route.access) {
        (S::Nothing | S::Unknown | S::Revoked | S::Expired | S::SwitchedOff, _) => Some("api-key-refused"),
        (_, Access::ApiKey) => None,
        (S::WithoutTheScope, _) => Some("scope-missing"),
        (_, Access::ApiAlone(_) | Access::ApiHolder) if with_actor => Some("actor-may-not-change"),
        (S::TheScopeAndAToken, Access::ApiHolder) => None,
        // Where a token is asked for in some cases only, a false one is refused in all.
        (S::TheScopeAndAnothersToken, _) if route.method == "PUT" => Some("account-holder-token-refused"),
        (_, Access::ApiHolder) => Some("account-holder-token-refused"),
        _ => None,
    }
}

struct Keys {
    unknown: String,
    revoked: String,
    expired: String,
    switched_off: String,
    /// For each scope, one key that has it alone.
    one_scope: Vec<(&'static str, String)>,
    token: String,
    anothers: String,
    application: Application,
}

async fn keys(server: &Server) -> Keys {
    let application = register(server, "Brightwater");
    for user in ["mia", "noah", "gone"] {
        application.put_user(user).await.expect_status(201);
    }
    let (id, revoked) = make_key(server, &application, &SCOPES, "30");
    operator(server, &["api-key", "revoke", "--application", &application.id, &id]);
    let expired = make_key(server, &application, &SCOPES, "1").1;
    let off = register(server, "Harbour");
    operator(server, &["application", "disable", &off.id]);
    let one = |scope: &'static str| (scope, make_key(server, &application, &[scope], "30").1);
    let one_scope = SCOPES.map(one).to_vec();
    server.advance(Duration::from_secs(24 * 3600 + 60));
    Keys {
        unknown: format!("csk_{}", "A".repeat(43)),
        revoked,
        expired,
        switched_off: off.key,
        one_scope,
        token: String::new(),
        anothers: String::new(),
        application,
    }
}

async fn ask(server: &Server, keys: &Keys, route: &RouteInfo, shown: Shown) -> Page {
    let (Access::Api(scope) | Access::ApiAlone(scope)) = route.access else {
        return ask_with(server, keys, route, "authenticators", shown).await;
    };
    ask_with(server, keys, route, scope.as_str(), shown).await
}

async fn ask_with(server: &Server, keys: &Keys, route: &RouteInfo, scope: &str, shown: Shown) -> Page {
    let with = |has: bool| keys.one_scope.iter().find(|(name, _)| (*name == scope) == has).unwrap().1.clone();
    let key = match shown {
        Shown::Nothing => None,
        Shown::Unknown => Some(keys.unknown.clone()),
        Shown::Revoked => Some(keys.revoked.clone()),
        Shown::Expired => Some(keys.expired.clone()),
        Shown::SwitchedOff => Some(keys.switched_off.clone()),
        Shown::WithoutTheScope => Some(with(false)),
        _ => Some(with(true)),
    };
    let bearer = key.map(|key| format!("Bearer {key}"));
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(bearer.iter().map(|bearer| ("authorization", bearer.as_str())));
    match shown {
        Shown::TheScopeAndAToken | Shown::TheScopeATokenAndAnActor => {
            headers.push(("countersign-account-holder", &keys.token));
        }
        Shown::TheScopeAndAnothersToken => headers.push(("countersign-account-holder", &keys.anothers)),
        _ => {}
    }
    if matches!(shown, Shown::TheScopeAndAnActor | Shown::TheScopeATokenAndAnActor) {
        headers.push(("countersign-actor", "ada"));
    }
    // Who is switched off can do no more here.
    let user = if route.method == "DELETE" && route.path.ends_with("{user}") { "gone" } else { "mia" };
    let path = route.path.replace("{user}", user).replace("{id}", NOBODY);
    server.client().request(route.method.as_str(), &path, &headers, Vec::new()).await
}

/// Each operation with each kind of key, from the table that the server is built from.
#[tokio::test(flavor = "multi_thread")]
async fn every_operation_answers_every_kind_of_key_as_the_table_says() {
    let server = server(Engine::Sqlite).await;
    let mut keys = keys(&server).await;
    let mut asked = 0;
    for route in table().iter().filter(|route| route.path.starts_with("/api/v1")) {
        // Wrong keys are counted by the minute, and a token lives for five.
        server.advance(Duration::from_secs(61));
        keys.token = keys.application.first_token("mia").await;
        keys.anothers = keys.application.first_token("noah").await;
        for shown in ALL {
            let page = ask(&server, &keys, route, shown).await;
            is_of_the_api(&page);
            let case = format!("{} {} with {shown:?}: {page}", route.method, route.path);
            match expected(route, shown) {
                Some(kind) => assert_eq!(problem(&page), kind, "{case}"),
                None => assert!(!matches!(page.status, 401 | 403), "{case}"),
            }
            assert_eq!(page.header("ratelimit").is_some(), page.status != 401, "{case}");
            asked += 1;
        }
    }
    assert_eq!(asked, 18 * ALL.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_read_from_its_one_header_alone() {
    let server = server(Engine::Sqlite).await;
    let application = register(&server, "Brightwater");
    let (key, client) = (&application.key, server.client());
    let bearer = format!("Bearer {key}");
    for value in [
        key.clone(),
        format!("Basic {key}"),
        format!("Bearer {key} x"),
        "Bearer".into(),
        format!("Bearer {key}A"),
    ] {
        let page = client.request("GET", "/api/v1/users", &[("authorization", &value)], Vec::new()).await;
        assert_eq!(problem(&page), "api-key-refused", "{value}");
        assert_eq!(page.header("www-authenticate"), Some("Bearer realm=\"countersign\""));
    }
    let lower = format!("bearer {key}");
    client.request("GET", "/api/v1/users", &[("authorization", &lower)], Vec::new()).await.expect_status(200);
    for query in ["api_key", "access_token", "key", "authorization"] {
        let path = format!("/api/v1/users?{query}={key}");
        client.get(&path).await.expect_status(401);
        // Beside a right header, it is refused before it becomes a habit.
        let page =
            client.request("GET", &path, &[("authorization", &bearer)], Vec::new()).await.expect_status(400);
        assert_eq!(problem(&page), "malformed-request");
        assert!(!page.body.contains(key.as_str()));
    }
    assert!(!server.log().contains(key.as_str()), "the log holds a key");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_are_slowed_down_and_never_the_right_one() {
    let server = server(Engine::Sqlite).await;
    let application = register(&server, "Brightwater");
    let wrong = application.with_key(&format!("csk_{}", "B".repeat(43)));
    for _ in 0..300 {
        assert_eq!(problem(&wrong.get("/api/v1/users").await.expect_status(401)), "api-key-refused");
    }
    let over = wrong.get("/api/v1/users").await.expect_status(429);
    assert_eq!(problem(&over), "too-many-wrong-keys");
    application.get("/api/v1/users").await.expect_status(200);
    server.advance(Duration::from_secs(60));
    wrong.get("/api/v1/users").await.expect_status(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_beside_a_key_changes_nothing() {
    let server = server(Engine::Sqlite).await;
    let application = register(&server, "Brightwater");
    application.put_user("mia").await.expect_status(201);
    let admin = server.people().admin.clone();
    let browser = server.client();
    browser.sign_in_with_email_code(&admin).await;
    let session = browser.cookie("countersign").unwrap();
    let plain = application.get("/api/v1/users/mia").await.expect_status(200);
    for cookie in [session.as_str(), "stale", ""] {
        let cookie = format!("countersign={cookie}");
        let beside = application.ask("GET", "/api/v1/users/mia", &[("cookie", &cookie)], None).await;
        assert_eq!(beside.expect_status(200).body, plain.body);
        // And by itself it opens nothing.
        let alone =
            server.client().request("GET", "/api/v1/users/mia", &[("cookie", &cookie)], Vec::new()).await;
        assert_eq!(problem(&alone.expect_status(401)), "api-key-refused");
    }
    browser.get("/profile").await.expect_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_asks_too_often_waits_for_the_next_minute() {
    let options =
        ServerOptions::new(Engine::Sqlite, BINARY).with_env("COUNTERSIGN_API_REQUESTS_PER_MINUTE", "5");
    let server = Server::start(options).await;
    let (application, other) = (register(&server, "Brightwater"), register(&server, "Harbour"));
    for left in (0..5).rev() {
        let page = application.get("/api/v1/users").await.expect_status(200);
        assert_eq!(page.header("ratelimit-policy"), Some("\"default\";q=5;w=60"));
        assert!(page.header("ratelimit").unwrap().starts_with(&format!("\"default\";r={left};t=")), "{page}");
    }
    let over = application.get("/api/v1/users").await.expect_status(429);
    assert_eq!(problem(&over), "rate-limited");
    assert!(over.header("ratelimit").unwrap().starts_with("\"default\";r=0;t="));
    other.get("/api/v1/users").await.expect_status(200);
    server.advance(Duration::from_secs(61));
    application.get("/api/v1/users").await.expect_status(200);
    assert_eq!(value(&other.post("/api/v1/challenges", &json!({})).await)["field"], "/user");
}
