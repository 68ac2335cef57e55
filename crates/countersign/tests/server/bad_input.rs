//! Bad input of every kind gets the answers of the contract, and never a 500.

use countersign_testkit::{Client, Engine, Server};

/// Bodies that no browser sends. Every one carries a right `csrf_token` where it can.
fn bodies(csrf: &str) -> Vec<(&'static str, Vec<u8>)> {
    let token = format!("csrf_token={csrf}");
    let with = |rest: &str| format!("{token}&{rest}").into_bytes();
    vec![
        ("only the token", token.clone().into_bytes()),
        (
            "every field empty",
            with("email=&password=&code=&method=&name=&reason=&phone=&return_to=&current_password="),
        ),
        (
            "doubled fields",
            with(
                "code=123456&code=654321&email=a%40b.example&email=c%40d.example&password=x&password=y&method=app&method=sms",
            ),
        ),
        ("doubled token", with(&token)),
        (
            "a huge field",
            with(&format!(
                "code={0}&email={0}&password={0}&name={0}&reason={0}&phone={0}",
                "7".repeat(10_000)
            )),
        ),
        ("many fields", with(&"a=1&".repeat(2_000))),
        ("not UTF-8", with("code=%FF%FE&email=%C3%28&password=%80&name=%ED%A0%80&phone=%FF&reason=%FF")),
        ("broken escapes", with("code=%&email=%2&password=%zz&name=%u0041")),
        (
            "NUL and controls",
            with("code=%00&email=a%00%40b.example&password=%00&name=%0D%0AX&reason=%1B%5B2J&phone=%00"),
        ),
        ("wrong types", with("code[]=1&method=7&email[x]=1&password=%7B%7D&id=-1")),
        ("an unknown method", with("method=telepathy&code=123456&password=x")),
        ("no pairs", with("&&&===&")),
        (
            "full-width digits",
            with("method=app&code=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&password=x"),
        ),
        ("SQL", with("email=a'%20OR%201=1--%40b.example&password='%3B+DROP+TABLE+users&code='--&method=app")),
        (
            "a script",
            with(
                "email=%3Cscript%3Ealert(1)%3C%2Fscript%3E&name=%3Cscript%3Ealert(1)%3C%2Fscript%3E&reason=%3Cscript%3Ealert(1)%3C%2Fscript%3E",
            ),
        ),
        ("raw bytes", vec![0xFF, 0xFE, 0x00, b'=', b'&']),
        ("empty", Vec::new()),
        ("JSON", br#"{"email":"a@b.example"}"#.to_vec()),
    ]
}

const POSTS: &[&str] = &[
    "/sign-in",
    "/sign-in/verify",
    "/sign-in/send-code",
    "/forgot-password",
    "/reset-password/nonsense",
    "/confirm-identity",
    "/confirm-identity/continue",
    "/confirm-identity/send-code",
    "/profile/app/begin",
    "/profile/app/confirm",
    "/profile/app/cancel",
    "/profile/app/nonsense/remove",
    "/profile/backup-codes/reset",
    "/profile/backup-codes/saved",
    "/profile/backup-codes/download",
    "/profile/password",
    "/profile/email",
    "/profile/email/confirm",
    "/profile/phone",
    "/profile/phone/confirm",
    "/profile/phone/remove",
    "/profile/sessions/nonsense/end",
    "/profile/sessions/end-others",
    "/members/nonsense/login-as",
    "/login-as/stop",
    "/organization/applications",
    "/organization/applications/nonsense/update",
    "/organization/applications/01890000-0000-7000-8000-000000000000/keys",
    "/organization/applications/01890000-0000-7000-8000-000000000000/keys/nonsense/revoke",
    "/organization/applications/01890000-0000-7000-8000-000000000000/addresses",
    "/organization/applications/01890000-0000-7000-8000-000000000000/addresses/remove",
    "/organization/applications/01890000-0000-7000-8000-000000000000/client",
    "/organization/applications/01890000-0000-7000-8000-000000000000/secret",
    "/organization/applications/01890000-0000-7000-8000-000000000000/switch-off",
    "/organization/applications/01890000-0000-7000-8000-000000000000/switch-on",
];

const ANSWERS: &[u16] = &[303, 403, 404, 413, 422, 429];

async fn every_body_to_every_form(server: &Server, who: &str, client: impl AsyncFn() -> Client) {
    for path in POSTS {
        let fresh = client().await;
        let page = if who == "waiting" {
            "/sign-in/verify"
        } else if who == "nobody" {
            "/sign-in"
        } else {
            "/profile"
        };
        let csrf = fresh.get(page).await.csrf_token().unwrap();
        for (what, body) in bodies(&csrf) {
            let person = fresh.fork();
            let answer = person.post_raw(path, body).await;
            assert!(ANSWERS.contains(&answer.status), "{who}, {path}, {what}: {answer}");
            assert!(!answer.body.contains("<script>alert"), "{who}, {path}, {what}: {answer}");
        }
    }
    let log = server.log();
    assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_from_everybody_gets_a_clear_answer() {
    // Wide limits, so that it is the input that is refused and not the number of attempts.
    let options = countersign_testkit::ServerOptions::new(Engine::Sqlite, super::BINARY)
        .with_env("COUNTERSIGN_PASSWORD_WRONG_BEFORE_DELAY", "100")
        .with_env("COUNTERSIGN_NETWORK_WRONG_BEFORE_DELAY", "1000");
    let server = Server::start(options).await;
    let member = server.people().members[0].clone();
    let admin = server.people().admin.clone();
    every_body_to_every_form(&server, "nobody", async || server.client()).await;
    every_body_to_every_form(&server, "waiting", async || {
        let client = server.client();
        client.sign_in(&member).await.expect_redirect("/sign-in/verify");
        client
    })
    .await;
    for person in [&member, &admin] {
        every_body_to_every_form(&server, "signed in", async || {
            let client = server.client();
            client.sign_in_with_email_code(person).await;
            client
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_edges_of_http_are_answered_too() {
    let server = super::server(Engine::Sqlite).await;
    let client = server.client();
    let csrf = client.get("/sign-in").await.expect_status(200).csrf_token().unwrap();
    // Too big, whatever is in it.
    client.post_raw("/sign-in", vec![b'a'; 10 << 20]).await.expect_status(413);
    client.get("/nothing/here").await.expect_status(404);
    let wrong_method = client.request("DELETE", "/sign-in", &[], Vec::new()).await;
    assert!(matches!(wrong_method.status, 403 | 405), "{wrong_method}");
    client.get("/profile/app/begin").await.expect_status(405);
    let head = client.request("HEAD", "/sign-in", &[], Vec::new()).await.expect_status(200);
    assert!(head.body.is_empty());
    // A doubled cookie, an odd cookie, a cookie of another kind.
    for cookie in ["countersign=a; countersign=b", "countersign=", "countersign=\"x\\", "countersign=%00"] {
        let page = server.client().request("GET", "/profile", &[("cookie", cookie)], Vec::new()).await;
        assert_eq!(page.status, 303, "{cookie}: {page}");
    }
    for query in [
        "?method=telepathy",
        "?method=app&method=sms",
        "?%FF=%FF",
        "?return_to=//evil.example",
        "?done=nonsense&ended=-1",
    ] {
        for path in ["/sign-in", "/sign-in/verify", "/profile", "/forgot-password"] {
            let page = client.get(&format!("{path}{query}")).await;
            assert!(matches!(page.status, 200 | 303), "{path}{query}: {page}");
        }
    }
    let _ = csrf;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_from_elsewhere_is_refused() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    let client = server.client();
    let csrf = client.get("/sign-in").await.csrf_token().unwrap();
    let body = |csrf: &str| {
        let form = [("email", &*member.email), ("password", &*member.password), ("csrf_token", csrf)];
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish().into_bytes()
    };
    const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
    for foreign in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let page = client.request("POST", "/sign-in", &[FORM, foreign], body(&csrf)).await;
        assert_eq!(page.status, 403, "{foreign:?}: {page}");
    }
    // No token, somebody else's token, a token of before the handle changed.
    client.post_raw("/sign-in", body("")).await.expect_status(403);
    let other = server.client().get("/sign-in").await.csrf_token().unwrap();
    client.post_raw("/sign-in", body(&other)).await.expect_status(403);
    client.post_raw("/sign-in", body(&csrf)).await.expect_redirect("/sign-in/verify");
    client.post("/sign-in/send-code", &[("method", "email"), ("csrf_token", &csrf)]).await.expect_status(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_protecting_headers() {
    let server = super::server(Engine::Sqlite).await;
    let client = server.client();
    for path in ["/sign-in", "/profile", "/nothing", "/assets/app.css", "/healthz", "/dev/outbox"] {
        let page = client.get(path).await;
        let csp = page.header("content-security-policy").unwrap_or_default();
        assert!(
            csp.contains("default-src 'none'") && csp.contains("frame-ancestors 'none'"),
            "{path}: {page}"
        );
        assert!(!csp.contains("unsafe"), "{path}: {csp}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"), "{path}");
        let referrer = page.header("referrer-policy").unwrap_or_default();
        assert!(matches!(referrer, "same-origin" | "no-referrer"), "{path}: {referrer}");
        assert!(!page.body.contains("style=") && !page.body.contains("<script>"), "{path}");
    }
    assert_eq!(client.get("/sign-in").await.header("cache-control"), Some("no-store"));
    let cookie = server.client().get("/sign-in").await;
    let line = cookie.set_cookies().join("\n");
    assert!(line.contains("HttpOnly") && line.contains("SameSite=Lax") && line.contains("Path=/"), "{line}");
}
