//! Whatever is sent, the answer is one of the documented problems, and never a fault.

use super::{NOBODY, is_of_the_api, problem, register, server, value};
use countersign_testkit::Engine;
use countersign_web::routes::table;
use serde_json::json;

fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        ("empty", Vec::new()),
        ("an empty object", text("{}")),
        ("an array", text("[]")),
        ("null", text("null")),
        ("a form", text("email=a%40b.example&name=x")),
        ("not JSON", text("{'a': 1}")),
        ("cut off", text("{\"user\":\"m")),
        ("garbage behind", text("{\"user\":\"mia\"} x")),
        ("two texts", text("{\"user\":\"mia\"}{}")),
        ("a doubled member", text("{\"user\":\"mia\",\"user\":\"noah\"}")),
        ("a doubled member, escaped", text("{\"user\":\"mia\",\"\\u0075ser\":\"noah\"}")),
        ("an unknown member", text("{\"user\":\"mia\",\"admin\":true}")),
        (
            "wrong types",
            text(
                "{\"user\":7,\"email\":[],\"name\":{},\"code\":1.5,\"method\":null,\"type\":true,\"result\":0}",
            ),
        ),
        ("nulls", text("{\"user\":null,\"email\":null,\"name\":null,\"code\":null,\"method\":null}")),
        ("deep", [b"{\"user\":".to_vec(), b"[".repeat(20_000), b"]".repeat(20_000), b"}".to_vec()].concat()),
        ("a huge number", [b"{\"user\":".to_vec(), b"9".repeat(30_000), b"}".to_vec()].concat()),
        ("a huge exponent", text("{\"user\":1e999999}")),
        (
            "a long text",
            json!({"user": "x".repeat(50_000), "name": "x".repeat(5_000)}).to_string().into_bytes(),
        ),
        ("not UTF-8", b"{\"user\":\"\xFF\xFE\"}".to_vec()),
        ("a lone surrogate", text("{\"user\":\"\\ud800\"}")),
        (
            "NUL",
            text(
                "{\"user\":\"a\\u0000b\",\"email\":\"a\\u0000@b.example\",\"name\":\"\\u0000\",\"code\":\"\\u0000\"}",
            ),
        ),
        (
            "SQL and a script",
            text(
                "{\"user\":\"'--\",\"email\":\"a'@b.example\",\"name\":\"<script>alert(1)</script>\",\"code\":\"' OR 1=1\"}",
            ),
        ),
        ("a byte order mark", b"\xEF\xBB\xBF{}".to_vec()),
        ("too much", vec![b'a'; 70_000]),
        ("far too much", vec![b'a'; 10 << 20]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_in_bodies_gets_a_documented_problem() {
    let server = server(Engine::Sqlite).await;
    let application = register(&server, "Brightwater");
    application.put_user("mia").await.expect_status(201);
    let client = server.client();
    for route in table().iter().filter(|route| route.path.starts_with("/api/v1")) {
        if !matches!(route.method.as_str(), "POST" | "PUT") {
            continue;
        }
        let path = route.path.replace("{user}", "mia").replace("{id}", NOBODY);
        for (what, body) in bodies() {
            // A token lives five minutes, and each body is to reach its reader.
            let token = application.first_token("mia").await;
            let bearer = format!("Bearer {}", application.key);
            let mut headers =
                vec![("authorization", bearer.as_str()), ("countersign-account-holder", &token)];
            headers.push(("content-type", "application/json"));
            let large = body.len() > 64 * 1024;
            let empty = body.is_empty();
            let page = client.request(route.method.as_str(), &path, &headers, body).await;
            is_of_the_api(&page);
            let case = format!("{} {path}, {what}: {page}", route.method);
            if large {
                assert_eq!(problem(&page), "body-too-large", "{case}");
            } else if empty && page.status < 400 {
                assert!(path.ends_with("/reactivate"), "{case}");
            } else {
                assert!(matches!(page.status, 400 | 404 | 409 | 422), "{case}");
            }
            assert!(!page.body.contains("<script>"), "{case}");
        }
    }
    let log = server.log();
    assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
}

/// Of the two databases one can store U+0000 and the other cannot; from the outside they are the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_text_with_nul_is_refused_on_both_engines() {
    for engine in Engine::ALL {
        let server = server(engine).await;
        let application = register(&server, "Brightwater");
        application.put_user("mia").await.expect_status(201);
        let mut draft = json!({"user": "mia", "return_to": super::RETURN_ADDRESS, "state": "s"});
        for member in ["state", "return_to"] {
            draft[member] = json!("a\u{0}b");
            let page = application.post("/api/v1/challenges", &draft).await.expect_status(422);
            assert_eq!(value(&page)["field"], format!("/{member}"), "{engine:?}: {page}");
            draft[member] = json!("s");
            draft["return_to"] = super::RETURN_ADDRESS.into();
        }
        let stranger = server.client();
        for path in [
            format!("/oauth2/authorize?client_id={NOBODY}&redirect_uri=%00"),
            "/forward-auth/again?site=%00&to=/".to_owned(),
            "/sign-in?return_to=%00".to_owned(),
        ] {
            let page = stranger.get(&path).await;
            assert!(page.status < 500, "{engine:?}: {path}: {page}");
        }
        let fields = "email=a%00%40b.example&password=%00";
        let page = stranger.post_raw("/sign-in", fields.to_owned()).await;
        assert!(page.status < 500, "{engine:?}: {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_problem_names_the_member_and_what_would_do() {
    let server = server(Engine::Sqlite).await;
    let application = register(&server, "Brightwater");
    for (body, kind, field) in [
        (json!({}), "invalid-value", "/email"),
        (json!({"email": "mia@b.example"}), "invalid-value", "/name"),
        (json!({"email": "mia", "name": "Mia"}), "invalid-value", "/email"),
        (json!({"email": "mia@b.example", "name": " "}), "invalid-value", "/name"),
        (json!({"email": "mia@b.example", "name": "a\nb"}), "invalid-value", "/name"),
        (json!({"email": "mia@b.example", "name": "x".repeat(81)}), "invalid-value", "/name"),
        (json!({"email": "mia@b.example", "name": "Mia", "phone": "1"}), "invalid-value", "/phone"),
    ] {
        let page = application.ask("PUT", "/api/v1/users/mia", &[], Some(&body)).await.expect_status(422);
        assert_eq!((problem(&page).as_str(), value(&page)["field"].as_str()), (kind, Some(field)), "{body}");
        assert!(value(&page)["expected"].is_string(), "{page}");
    }
    application.get("/api/v1/users/mia").await.expect_status(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_and_addresses_are_read_strictly() {
    let server = server(Engine::Sqlite).await;
    let application = register(&server, "Brightwater");
    application.put_user("mia").await.expect_status(201);
    let draft = json!({"user": "mia"});
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "*/*"]
    {
        let page =
            application.ask("POST", "/api/v1/challenges", &[("content-type", kind)], Some(&draft)).await;
        assert_eq!(problem(&page.expect_status(415)), "content-type", "{kind}");
    }
    for (name, value, kind) in [
        ("idempotency-key", "", "bad-idempotency-key"),
        ("idempotency-key", "a b", "bad-idempotency-key"),
        ("idempotency-key", &"x".repeat(256), "bad-idempotency-key"),
        ("countersign-actor", "", "malformed-request"),
        ("countersign-actor", "a b", "malformed-request"),
        ("countersign-actor", &"x".repeat(129), "malformed-request"),
    ] {
        let page = application.ask("POST", "/api/v1/challenges", &[(name, value)], Some(&draft)).await;
        assert_eq!(problem(&page.expect_status(400)), kind, "{name}: {value}");
    }
    for query in ["limit=0", "limit=101", "limit=x", "limit=1&limit=1", "limit=%FF", "x=1", "cursor=%"] {
        let page = application.get(&format!("/api/v1/users?{query}")).await.expect_status(400);
        assert_eq!(problem(&page), "malformed-request", "{query}");
    }
    for path in [
        "/api/v1/users/%20",
        "/api/v1/users/%FF",
        "/api/v1/users/%00",
        "/api/v1/users/%C3%BC",
        &format!("/api/v1/users/{}", "x".repeat(129)),
        "/api/v1/users/mia%252F",
    ] {
        assert_eq!(problem(&application.get(path).await.expect_status(404)), "user-not-found", "{path}");
    }
    for path in ["/api/v1/challenges/x", &format!("/api/v1/challenges/{}", NOBODY.to_uppercase())] {
        assert_eq!(problem(&application.get(path).await.expect_status(404)), "challenge-not-found", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_operation_answers_is_a_problem_all_the_same() {
    let server = server(Engine::Sqlite).await;
    let application = register(&server, "Brightwater");
    for path in ["/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/users/a/b/c"] {
        assert_eq!(problem(&application.get(path).await.expect_status(404)), "not-found", "{path}");
    }
    for method in ["PATCH", "POST", "OPTIONS", "TRACE", "PUT"] {
        let page = application.ask(method, "/api/v1/users", &[], None).await.expect_status(405);
        assert_eq!(problem(&page), "method-not-allowed");
        assert!(page.header("allow").unwrap().contains("GET"), "{page}");
    }
    application.ask("HEAD", "/api/v1/users", &[], None).await.expect_status(200);
    // A program may say where it runs: no cookie counts here, so nothing can be borrowed.
    let origin = [("origin", "https://crm.example.com"), ("sec-fetch-site", "cross-site")];
    application.put_user("mia").await.expect_status(201);
    application
        .ask("POST", "/api/v1/challenges", &origin, Some(&json!({"user": "mia"})))
        .await
        .expect_status(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_problem_has_its_page_and_the_reference_has_every_operation() {
    let server = server(Engine::Sqlite).await;
    let client = server.client();
    let page = client.get("/api").await.expect_status(200);
    for route in table().iter().filter(|route| route.path.starts_with("/api/v1")) {
        assert!(page.words().contains(route.path), "{}", route.path);
    }
    assert!(page.words().contains("curl -X POST"), "{page}");
    let problems = page.attributes("#problems a[href^='/api/errors/']", "href");
    assert_eq!(problems.len(), countersign_web::api::problem_type::TYPES.len());
    for path in problems {
        let page = client.get(&path).await.expect_status(200);
        assert!(page.words().contains(&path), "{page}");
    }
    client.get("/api/errors/nothing").await.expect_status(404);
    let document = client.get("/openapi.json").await.expect_status(200);
    assert_eq!(document.header("content-type"), Some("application/json"));
    assert_eq!(value(&document)["servers"][0]["url"], server.url().as_str());
}
