//! A static site and an application behind nginx, which asks the server who may see them; in `proxies`, the same behind
//! others.

mod ending;
mod login_as;
mod nginx;
mod proxies;
mod refused;
mod second_step;

use countersign_testkit::{
    Browser, BrowserOptions, Client, Engine, Kind, Page, Person, Proxy, Server, ServerOptions, burst,
    free_port,
};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/static-site");

/// The example's site, and an application that says which identity headers have reached it.
struct Sites {
    server: Server,
    _nginx: Proxy,
    _settings: TempDir,
    port: u16,
    echo: u16,
}

/// What stands in the example's place for the pages where an application is behind nginx.
const APPLICATION: &str = "
  location / {
    auth_request_set $user $upstream_http_countersign_user;
    auth_request_set $email $upstream_http_countersign_email;
    auth_request_set $roles $upstream_http_countersign_roles;
    auth_request_set $amr $upstream_http_countersign_amr;
    auth_request_set $actor $upstream_http_countersign_actor;
    proxy_pass http://127.0.0.1:@INNER@;
    proxy_set_header Countersign-User $user;
    proxy_set_header Countersign-Email $email;
    proxy_set_header Countersign-Roles $roles;
    proxy_set_header Countersign-Amr $amr;
    proxy_set_header Countersign-Actor $actor;
    proxy_set_header X-Original-URL \"\";
    proxy_set_header X-Rewrite-URL \"\";
  }
";

/// It says what has reached it.
const ECHO: &str = r#"
server {
  listen 127.0.0.1:@INNER@;
  underscores_in_headers on;
  return 200 "user=$http_countersign_user;email=$http_countersign_email;roles=$http_countersign_roles;amr=$http_countersign_amr;actor=$http_countersign_actor;$http_x_original_url$http_x_rewrite_url";
}
"#;

/// A location that somebody has added to the example.
const ADDED: &str = "
  location /added/ {
    try_files /team/index.html =404;
  }
";

/// The example's server block, changed; every one of the words to change has to be there.
fn changed(block: &str, pairs: &[(&str, &str)]) -> String {
    pairs.iter().fold(block.to_owned(), |text, (usual, this)| {
        assert!(text.contains(usual), "{usual} is not in {text}");
        text.replace(usual, this)
    })
}

/// The example as it is, with one location more; and in the same way the application, which is reached at its own port
/// and, by its name, at the port of the example.
fn blocks(pages: &Path, countersign: &str, port: u16, echo: u16, inner: u16) -> String {
    let example = fs::read_to_string(Path::new(EXAMPLE).join("nginx.conf")).unwrap();
    let example = changed(
        &example,
        &[("/srv/handbook", pages.to_str().unwrap()), ("http://127.0.0.1:8080", countersign)],
    );
    let page = "  location / {\n    ssi on;\n  }\n";
    let site = changed(
        &example,
        &[
            (page, &format!("{page}{ADDED}")),
            ("127.0.0.1:9000", &format!("127.0.0.1:{port}")),
            ("localhost:9000", &format!("localhost:{port}")),
        ],
    );
    let application = changed(
        &example,
        &[
            (page, APPLICATION),
            ("listen 127.0.0.1:9000;", &format!("listen 127.0.0.1:{echo}; listen 127.0.0.1:{port};")),
            ("server_name localhost", "server_name 127.0.0.1"),
            ("localhost:9000", &format!("127.0.0.1:{echo}")),
        ],
    );
    format!("{site}{application}{ECHO}").replace("@INNER@", &inner.to_string())
}

impl Sites {
    async fn start(engine: Engine) -> Self {
        Self::with(ServerOptions::new(engine, super::BINARY)).await
    }

    async fn with(options: ServerOptions) -> Self {
        let (port, echo, inner) = (free_port(), free_port(), free_port());
        let settings = TempDir::new().unwrap();
        let file = settings.path().join("countersign.toml");
        let example = fs::read_to_string(Path::new(EXAMPLE).join("countersign.toml")).unwrap();
        let site = example.replace("http://localhost:9000", &format!("http://localhost:{port}"));
        let application = format!(
            "[[forward_auth.sites]]\nurl = \"http://127.0.0.1:{echo}\"\naccepts_login_as = true\n\
             [[forward_auth.sites.rules]]\npath = \"/open/\"\naccess = \"public\"\n\
             [[forward_auth.sites.rules]]\npath = \"/vault/\"\naccess = \"two-factor\"\n"
        );
        fs::write(&file, format!("{site}\n{application}")).unwrap();
        let server = Server::start(options.with_argument("--config").with_argument(&file)).await;
        let pages: PathBuf = Path::new(EXAMPLE).join("pages").canonicalize().unwrap();
        let nginx = Proxy::nginx(&blocks(&pages, &server.url(), port, echo, inner), port);
        Self { server, _nginx: nginx, _settings: settings, port, echo }
    }

    fn site(&self) -> Client {
        opens_pages(Client::new(&format!("http://localhost:{}", self.port)))
    }

    fn application(&self) -> Client {
        opens_pages(Client::new(&format!("http://127.0.0.1:{}", self.echo)))
    }
}

/// As browsers do when somebody opens a page.
fn opens_pages(client: Client) -> Client {
    client.with_header("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
}

/// Where a redirect leads at the server that is at `base`. A path alone is taken for what a browser takes it: the same
/// server as before, which is `from`.
fn path_at(page: &Page, base: &str, from: &str) -> String {
    let to = &page.headers["location"].to_str().unwrap().to_owned();
    let whole = if to.starts_with('/') { format!("{from}{to}") } else { to.clone() };
    whole.strip_prefix(base).unwrap_or_else(|| panic!("not at {base}: {page}")).to_owned()
}

/// From a page of the site to the server's own page that gives a ticket: its path there.
async fn way_out(site: &Client, server: &Server, page: &str) -> String {
    let asked = site.get(page).await;
    assert!(matches!(asked.status, 302 | 303), "{asked}");
    let start = site.get(&path_at(&asked, site.base(), site.base())).await;
    assert_eq!(start.status, 303, "{start}");
    path_at(&start, &server.url(), site.base())
}

/// Goes the whole way, with a session at the server; the page at the end.
async fn visit(site: &Client, server: &Server, session: &Client, page: &str) -> Page {
    let given = session.get(&way_out(site, server, page).await).await;
    assert_eq!(given.status, 303, "{given}");
    let finished = site.get(&path_at(&given, site.base(), &server.url())).await;
    assert_eq!(finished.status, 303, "{finished}");
    assert_eq!(path_at(&finished, site.base(), site.base()), page);
    site.get(page).await
}

async fn signed_in(server: &Server, person: &Person) -> Client {
    let client = server.client();
    client.sign_in_with_email_code(person).await;
    client
}

fn raw(port: u16, target: &str, headers: &str) -> String {
    raw_at(port, "localhost", "GET", target, headers)
}

/// A request exactly as it is written here, without a client's good manners.
fn raw_at(port: u16, host: &str, method: &str, target: &str, headers: &str) -> String {
    raw_to(port, &format!("{host}:{port}"), method, target, headers)
}

/// The same, for whatever host.
fn raw_to(port: u16, host: &str, method: &str, target: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let request = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_signs_in_and_reads_the_page_until_signing_out() {
    let sites = Sites::start(Engine::Sqlite).await;
    let (server, site) = (&sites.server, sites.site());
    let member = server.people().members[0].clone();
    assert_eq!(site.get("/public/assets/style.css").await.status, 200, "a public page asks nobody");
    let stranger = server.client().get(&way_out(&site, server, "/index.html?x=1&y=2").await).await;
    assert!(
        path_at(&stranger, &server.url(), &server.url()).starts_with("/sign-in?return_to="),
        "{stranger}"
    );

    let session = signed_in(server, &member).await;
    let page = visit(&site, server, &session, "/index.html?x=1&y=2").await.expect_status(200);
    assert!(page.words().contains(&member.email), "the page says who is there: {page}");
    // The site's cookie opens nothing but the site.
    let cookie = site.cookie("countersign-site").unwrap();
    let thief = server.client().with_header("Cookie", &format!("countersign={cookie}"));
    assert_eq!(thief.get("/profile").await.status, 303);
    let elsewhere = sites.application().with_header("Cookie", &format!("countersign-site={cookie}"));
    assert_eq!(elsewhere.get("/").await.status, 302, "another site does not know it");

    let leave = site.get("/.countersign/sign-out").await;
    assert_eq!(path_at(&leave, &server.url(), site.base()), "/forward-auth/sign-out");
    let button = session.get("/forward-auth/sign-out").await.expect_status(200);
    assert!(button.words().contains("at every site"), "{button}");
    session.post_from("/forward-auth/sign-out", "/sign-out", &[]).await.expect_status(303);
    assert_eq!(site.get("/").await.status, 302, "signed out there is signed out here");
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_and_second_steps_are_as_the_rules_say() {
    let sites = Sites::start(Engine::Postgres).await;
    let (server, site) = (&sites.server, sites.site());
    let (member, admin) = (server.people().members[0].clone(), server.people().admin.clone());
    let session = signed_in(server, &member).await;
    visit(&site, server, &session, "/").await.expect_status(200);
    let refused = site.get("/team/").await.expect_status(302);
    assert_eq!(
        refused.location().as_deref(),
        Some("/.countersign/refused?to=/team/"),
        "a member is no administrator"
    );
    // Nor does the way round by the server help.
    let other = sites.site();
    let refused = session.get(&way_out(&other, server, "/team/").await).await.expect_status(403);
    assert!(refused.words().contains("not for your account"), "{refused}");

    let session = signed_in(server, &admin).await;
    visit(&sites.site(), server, &session, "/team/").await.expect_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_behind_learns_who_is_there_and_nothing_that_a_client_made_up() {
    let sites = Sites::start(Engine::Sqlite).await;
    let (server, member, admin) =
        (&sites.server, &sites.server.people().members[0], &sites.server.people().admin);
    let forged = |client: Client| {
        client
            .with_header("Countersign-User", "somebody")
            .with_header("Countersign-Email", "olivia.hart@harbour-pine.example")
            .with_header("Countersign-Roles", "owner")
            .with_header("Countersign-Actor", "me")
            .with_header("Countersign_User", "somebody")
            .with_header("X-Original-URL", "/team/")
            .with_header("X-Rewrite-URL", "/team/")
    };
    let nobody = forged(sites.application()).get("/open/").await.expect_status(200);
    assert_eq!(nobody.body, "user=;email=;roles=;amr=;actor=;", "{nobody}");

    let application = forged(sites.application());
    let session = signed_in(server, member).await;
    let page = visit(&application, server, &session, "/a").await.expect_status(200);
    assert!(page.body.contains(&format!("email={};roles=member;amr=pwd;actor=;", member.email)), "{page}");
    assert!(!page.body.contains("somebody"), "{page}");

    // In a "login as", the one at the keyboard is named.
    let session = signed_in(server, admin).await;
    let members = session.get("/members").await;
    for path in members.attributes("a[href^='/members/']", "href") {
        if session.get(&path).await.words().contains(&member.email) {
            let begun = session.post(&format!("{path}/login-as"), &[("reason", "a test")]).await;
            session.follow(begun).await.expect_status(200);
            break;
        }
    }
    let page = visit(&sites.application(), server, &session, "/a").await.expect_status(200);
    let actor = page.body.split("actor=").nth(1).unwrap_or_default();
    assert!(page.body.contains(&format!("email={}", member.email)) && actor.len() > 30, "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_weaker_rule_is_not_reached_by_another_spelling() {
    let sites = Sites::start(Engine::Sqlite).await;
    for target in [
        "/public/../team/",
        "/public/%2e%2e/team/",
        "/public/.%2e/team/",
        "/public//../team/",
        "/public/%2fteam/",
        "/public/..%2fteam/",
        "/public/..%5cteam/",
        "/public/%252e%252e/team/",
        "//team/",
        "/./team/",
        "/public/;/../team/",
        "/public/%00/../team/",
        "/public/../../team/index.html",
        "/team/..;/public/assets/style.css",
        "/public/%ff",
        "/TEAM/",
        "/Team",
        "/PUBLIC/assets/style.css",
    ] {
        let answer = raw(sites.port, target, "");
        assert!(matches!(status(&answer), 400 | 401 | 403), "{target}: {answer}");
        assert!(!answer.contains("administrators and owners"), "{target}: {answer}");
    }
    let other_host =
        raw(sites.port, "/", "X-Forwarded-Host: x\r\nX-Original-URL: http://localhost/public/\r\n");
    assert_eq!(status(&other_host), 401, "the client's own headers are not the proxy's: {other_host}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_for_one_browser_at_one_site_once_and_soon() {
    let sites = Sites::start(Engine::Sqlite).await;
    let (server, member) = (&sites.server, &sites.server.people().members[0]);
    let session = signed_in(server, member).await;
    let to_again = |page: &Page| path_at(page, &server.url(), "the site").starts_with("/forward-auth/again?");

    let site = sites.site();
    let ticket = session.get(&way_out(&site, server, "/").await).await;
    let finish = path_at(&ticket, site.base(), &server.url());
    let other_browser = sites.site().get(&finish).await;
    assert!(to_again(&other_browser), "without the nonce a ticket is worth nothing: {other_browser}");
    let with_another_nonce = sites.site();
    way_out(&with_another_nonce, server, "/").await;
    assert!(to_again(&with_another_nonce.get(&finish).await), "nor with another one");
    site.request("HEAD", &finish, &[], Vec::new()).await;
    assert_eq!(
        path_at(&site.get(&finish).await, site.base(), site.base()),
        "/",
        "nobody has spent it by trying"
    );
    assert!(to_again(&site.get(&finish).await), "once");

    // Two tabs that a browser opens again at once are two tickets for one nonce.
    let site = sites.site();
    let (one, other) = (way_out(&site, server, "/").await, way_out(&site, server, "/index.html").await);
    for (way, page) in [(one, "/"), (other, "/index.html")] {
        let ticket = session.get(&way).await;
        let finished = site.get(&path_at(&ticket, site.base(), &server.url())).await;
        assert_eq!(finished.location().as_deref(), Some(page), "{finished}");
    }

    let site = sites.site();
    let ticket = session.get(&way_out(&site, server, "/").await).await;
    server.advance(Duration::from_secs(61));
    assert!(to_again(&site.get(&path_at(&ticket, site.base(), &server.url())).await), "soon");
    let page = session.get("/forward-auth/again?site=http%3A//evil.example&to=/").await;
    assert_eq!(page.status, 404, "only to sites that are configured: {page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_leads_to_a_page_of_the_site() {
    let sites = Sites::start(Engine::Sqlite).await;
    let (server, site) = (&sites.server, sites.site());
    let session = signed_in(server, &server.people().members[0]).await;
    for to in ["//evil.example/", "/\\evil.example", "https://evil.example/", "/.countersign/start?to=/"] {
        let start = site.get(&format!("/.countersign/start?to={to}")).await;
        let given = session.get(&path_at(&start, &server.url(), site.base())).await;
        let finished = site.get(&path_at(&given, site.base(), &server.url())).await;
        assert_eq!(finished.location().as_deref(), Some("/"), "{to}: {finished}");
    }
    let foreign = way_out(&sites.site(), server, "/").await.replace("localhost", "evil.example");
    assert_eq!(session.get(&foreign).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_browsers_spend_one_ticket_once_on_both_engines() {
    for engine in Engine::ALL {
        let sites = Sites::start(engine).await;
        let (server, site) = (&sites.server, sites.site());
        let session = signed_in(server, &server.people().members[0]).await;
        let ticket = session.get(&way_out(&site, server, "/").await).await;
        let finish = path_at(&ticket, site.base(), &server.url());
        let answers = burst(200, |_number| {
            let (client, finish) = (site.fork(), finish.clone());
            async move { client.get(&finish).await.location().unwrap_or_default() }
        })
        .await;
        let entered = answers.iter().filter(|to| *to == "/").count();
        assert_eq!(entered, 1, "{engine:?}");
    }
}

async fn types_password_and_code(browser: &Browser, server: &Server, person: &Person) {
    browser.wait_for_path("/sign-in").await;
    assert!(browser.text("main").await.contains("to continue to localhost:"), "the site is named");
    let mut mailbox = server.mailbox(Kind::Email, Some(&person.email)).await;
    browser.fill("input[name=email]", &person.email).await;
    browser.fill("input[name=password]", &person.password).await;
    browser.follow("main form button.primary").await;
    browser.wait_for_path("/sign-in/verify").await;
    let choice = ".other-ways a[href*='method=email']";
    if browser.has(choice).await {
        browser.follow(choice).await;
    }
    if !browser.has("form.resend").await {
        browser.follow("form[action='/sign-in/send-code'] button").await;
    }
    browser.enter_code(&mailbox.next_code().await, "form[action='/sign-in/verify'] button").await;
}

/// From a stranger to a person who is known at the site, and what an administrator sees who looks in.
async fn journey(options: BrowserOptions) {
    let sites = Sites::start(Engine::Sqlite).await;
    let (server, people, site) = (&sites.server, sites.server.people(), sites.site().base().to_owned());
    let (member, admin) = (&people.members[0], &people.admin);
    let browser = Browser::start(options).await;
    browser.open(&format!("{site}/")).await;
    types_password_and_code(&browser, server, member).await;
    browser.wait_for_path("/").await;
    assert_eq!(browser.text("#who").await, member.email);
    browser.follow("main a, p a[href='/team/']").await;
    browser.wait_for_path("/forward-auth/refused").await;
    assert!(browser.text("main h1").await.contains("not for your account"));
    browser.open(&format!("{site}/")).await;
    browser.follow("a[href='/.countersign/sign-out']").await;
    browser.wait_for_path("/forward-auth/sign-out").await;
    browser.follow("main form[action='/sign-out'] button").await;
    browser.wait_for_path("/sign-in").await;

    browser.open(&format!("{site}/team/")).await;
    types_password_and_code(&browser, server, admin).await;
    browser.wait_for_path("/team/").await;
    assert_eq!(browser.text("#who").await, admin.email);

    // In a "login as" the site sees the member, and who is really there; afterwards the administrator again.
    browser.open(&format!("{}/members", server.url())).await;
    let row = "//a[starts-with(@href, '/members/')][contains(., 'Mia Lund')]";
    let link = browser.driver().find(thirtyfour::By::XPath(row)).await.unwrap();
    let href = link.attr("href").await.unwrap().unwrap();
    browser.open(&format!("{}{href}", server.url())).await;
    browser.fill("[name=reason]", "Ticket 4711: cannot read the handbook").await;
    browser.follow("form[action$='/login-as'] button").await;
    browser.wait_for_path("/login-as").await;
    browser.open(&format!("{site}/")).await;
    browser.wait_for_path("/").await;
    assert_eq!(browser.text("#who").await, format!("{} (login as)", member.email));
    browser.open(&format!("{}/login-as", server.url())).await;
    browser.follow("form[action='/login-as/stop'] button").await;
    browser.open(&format!("{site}/")).await;
    browser.wait_for_path("/").await;
    assert_eq!(browser.text("#who").await, admin.email);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_in_chromium() {
    journey(BrowserOptions::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_without_javascript_on_a_phone() {
    journey(BrowserOptions { javascript: false, width: 360, height: 780, dark: true }).await;
}
