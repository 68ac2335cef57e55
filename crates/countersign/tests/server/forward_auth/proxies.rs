//! The snippets of `docs/FORWARD_AUTH.md` for Traefik and Caddy, as they stand there, in the programs themselves.

use super::{path_at, raw_at, raw_to, signed_in, status, visit};
use countersign_testkit::guide::blocks;
use countersign_testkit::running::root;
use countersign_testkit::{Client, Engine, Proxy, Server, ServerOptions, free_port};
use std::fs;
use tempfile::TempDir;

#[derive(Clone, Copy, Debug)]
enum Kind {
    Traefik,
    Caddy,
}

/// A site behind a proxy that is set up as the documentation says, and under another name one with other rules. What is
/// behind says who it was told is there.
struct Protected {
    server: Server,
    port: u16,
    _proxy: Proxy,
    _wiki: Proxy,
    _settings: TempDir,
}

impl Protected {
    async fn start(kind: Kind) -> Self {
        let (port, inner) = (free_port(), free_port());
        let settings = TempDir::new().unwrap();
        let file = settings.path().join("countersign.toml");
        let rules = format!(
            "[[forward_auth.sites]]\nurl = \"http://127.0.0.1:{port}\"\n\
             [[forward_auth.sites.rules]]\npath = \"/public/\"\naccess = \"public\"\n\
             [[forward_auth.sites.rules]]\npath = \"/team/\"\naccess = \"two-steps\"\nroles = [\"owner\", \"admin\"]\n\
             [[forward_auth.sites]]\nurl = \"http://localhost:{port}\"\n\
             [[forward_auth.sites.rules]]\npath = \"/open/\"\naccess = \"public\"\n"
        );
        fs::write(&file, rules).unwrap();
        let options = ServerOptions::new(Engine::Sqlite, super::super::BINARY)
            .with_argument("--config")
            .with_argument(&file);
        let server = Server::start(options).await;
        let wiki = Proxy::nginx(
            &format!(
                "server {{ listen 127.0.0.1:{inner}; underscores_in_headers on;
                 location / {{ return 200 \"path=$request_uri;\
                 user=$http_countersign_user;email=$http_countersign_email;roles=$http_countersign_roles;\
                 amr=$http_countersign_amr;actor=$http_countersign_actor;\
                 $http_countersign_made_up$http_x_original_url$http_x_rewrite_url\"; }} }}"
            ),
            inner,
        );
        let proxy = kind.start(&server.url(), inner, port);
        Self { server, port, _proxy: proxy, _wiki: wiki, _settings: settings }
    }

    fn site(&self) -> Client {
        Client::new(&format!("http://127.0.0.1:{}", self.port)).with_header("Accept", "text/html")
    }
}

impl Kind {
    /// The documentation's own words, but for the three addresses in them.
    fn start(self, countersign: &str, inner: u16, port: u16) -> Proxy {
        let guide = fs::read_to_string(root().join("docs/FORWARD_AUTH.md")).unwrap();
        let written = |language| match &blocks(&guide, language)[..] {
            [one] => one.text.clone(),
            other => panic!("{} blocks in {language}", other.len()),
        };
        let replaced = |text: String, pairs: &[(&str, &str)]| {
            pairs.iter().fold(text, |text, (usual, this)| {
                assert!(text.contains(usual), "{usual} is not in {text}");
                text.replace(usual, this)
            })
        };
        let (server, wiki) = (countersign.trim_start_matches("http://"), format!("127.0.0.1:{inner}"));
        let common = [("countersign:8080", server), ("wiki:3000", wiki.as_str())];
        match self {
            Self::Traefik => {
                let text = replaced(written("yaml"), &common);
                let both = "(Host(`127.0.0.1`) || Host(`localhost`))";
                Proxy::traefik(&replaced(text, &[("Host(`wiki.example.org`)", both)]), port)
            }
            Self::Caddy => {
                let text = replaced(written("caddy"), &common);
                let address = format!("http://127.0.0.1:{port}, http://localhost:{port}");
                Proxy::caddy(&replaced(text, &[("wiki.example.org", &address)]), port)
            }
        }
    }
}

fn forged(client: Client) -> Client {
    client
        .with_header("Countersign-User", "somebody")
        .with_header("countersign-email", "olivia.hart@harbour-pine.example")
        .with_header("Countersign-Roles", "owner")
        .with_header("Countersign-Actor", "me")
        .with_header("Countersign_User", "somebody")
        // nginx shows the first of two that it reads alike; this one stands alone.
        .with_header("Countersign_Made_Up", "owner")
        .with_header("X-Original-URL", "/team/")
        .with_header("X-Rewrite-URL", "/team/")
}

async fn protects(kind: Kind) {
    let protected = Protected::start(kind).await;
    let (server, port) = (&protected.server, protected.port);
    let people = server.people();
    let (member, admin) = (&people.members[0], &people.admin);

    let nobody = forged(protected.site()).get("/public/a").await.expect_status(200);
    assert_eq!(nobody.body, "path=/public/a;user=;email=;roles=;amr=;actor=;", "{kind:?}: {nobody}");
    let stranger = protected.site();
    let program = stranger.fork().with_header("Accept", "application/json");
    assert_eq!(program.get("/a").await.status, 401, "{kind:?}: a program is not led anywhere");

    let session = signed_in(server, member).await;
    let asked = stranger.get("/a?x=1&y=2").await.expect_status(303);
    let start = path_at(&asked, stranger.base(), stranger.base());
    assert_eq!(start, "/.countersign/start?to=/a?x=1&y=2", "{kind:?}");
    let site = forged(protected.site());
    let page = visit(&site, server, &session, "/a?x=1&y=2").await.expect_status(200);
    assert!(page.body.starts_with("path=/a?x=1&y=2;user=0"), "{kind:?}: {page}");
    let rest = format!("email={};roles=member;amr=pwd;actor=;", member.email);
    assert!(page.body.contains(&rest) && !page.body.contains("somebody"), "{kind:?}: {page}");
    let refused = path_at(&site.get("/team/").await, &server.url(), site.base());
    assert!(refused.starts_with("/forward-auth/refused?"), "{kind:?}: {refused}");
    let refused = session.get(&refused).await.expect_status(403);
    assert!(refused.words().contains("not for your account"), "{kind:?}: {refused}");
    let program =
        site.fork().with_header("Accept", "application/json").get("/team/").await.expect_status(403);
    assert!(program.body.contains("not for your account"), "{kind:?}: {program}");

    let leave = site.get("/.countersign/sign-out").await;
    assert_eq!(path_at(&leave, &server.url(), site.base()), "/forward-auth/sign-out", "{kind:?}");

    let session = signed_in(server, admin).await;
    visit(&protected.site(), server, &session, "/team/").await.expect_status(200);
    nothing_slips_through(kind, port);
    the_client_does_not_choose_whose_rules_apply(kind, port);
}

/// A target that names one site, and a `Host` that names another: what is served is what was judged.
fn the_client_does_not_choose_whose_rules_apply(kind: Kind, port: u16) {
    let (wiki, other) = (format!("127.0.0.1:{port}"), format!("localhost:{port}"));
    for (target, host) in [
        (format!("http://{wiki}/open/x"), &other),
        (format!("http://{other}/public/x"), &wiki),
        ("/open/x".to_owned(), &wiki),
        ("/public/x".to_owned(), &other),
        ("/open/x".to_owned(), &"localhost:1".to_owned()),
        ("/open/x".to_owned(), &"localhost".to_owned()),
    ] {
        let answer = raw_to(port, host, "GET", &target, "");
        assert!(
            status(&answer) != 200 && !answer.contains("path="),
            "{kind:?}: {target} of {host}: {answer}"
        );
    }
    let open = raw_to(port, &other, "GET", "/open/x", "");
    assert!(open.contains("path=/open/x;"), "{kind:?}: {open}");
}

/// Other spellings of a path, and the headers in which a proxy asks, sent by a client.
fn nothing_slips_through(kind: Kind, port: u16) {
    for target in [
        "/public/../team/",
        "/public/%2e%2e/team/",
        "/public//../team/",
        "/public/%2fteam/",
        "/public/..%2fteam/",
        "/public/..%5cteam/",
        "/public/%252e%252e/team/",
        "//team/",
        "/./team/",
        "/public/;/../team/",
        "/.countersign/../team/",
        "/.countersign/%2e%2e/team/",
        "/.countersign//../team/",
    ] {
        let answer = raw_at(port, "127.0.0.1", "GET", target, "");
        // Traefik tidies an address up before it asks; then what is judged and what is served are one thing.
        let served = answer.split_once("path=").map_or("/public/", |(_, path)| path);
        assert!(served.starts_with("/public/") && !served.contains(".."), "{kind:?}: {target}: {answer}");
    }
    for headers in [
        "X-Forwarded-Uri: /public/\r\n",
        "X-Forwarded-Uri: /public/\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Proto: http\r\n",
        "X-Original-URL: http://127.0.0.1/public/\r\n",
        "X-Forwarded-Host: 127.0.0.1\r\n",
        "X_Forwarded_Uri: /public/\r\n",
        "Connection: X-Forwarded-Uri, X-Forwarded-Host\r\n",
    ] {
        for method in ["GET", "POST", "OPTIONS", "HEAD"] {
            let answer = raw_at(port, "127.0.0.1", method, "/team/", headers);
            assert!(status(&answer) >= 300, "{kind:?}: {method} {headers}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn traefik_as_the_documentation_sets_it_up() {
    protects(Kind::Traefik).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy_as_the_documentation_sets_it_up() {
    protects(Kind::Caddy).await;
}
