//! Every route with every kind of session, from one table: the one that the server itself is built from.

use countersign_testkit::{Client, Engine, Page, Server};
use countersign_web::routes::{Access, RouteInfo, table};
use std::collections::BTreeSet;
use std::time::Duration;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Nobody,
    Visitor,
    Waiting,
    Member,
    StaleMember,
    Admin,
    StaleAdmin,
    Impersonated,
    Expired,
    Ended,
}

const EVERYBODY: [Who; 10] = [
    Who::Nobody,
    Who::Visitor,
    Who::Waiting,
    Who::Member,
    Who::StaleMember,
    Who::Admin,
    Who::StaleAdmin,
    Who::Impersonated,
    Who::Expired,
    Who::Ended,
];

/// What the answer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// Not a refusal of who asks: anything but 401, 403, 5xx and a redirect to the sign-in or the step-up.
    Let,
    ToSignIn,
    ToConfirmIdentity,
    Forbidden,
    /// There is nothing here: 403 or 404, whoever asks.
    Nothing,
    /// As if nobody were signed in: a cookie opens nothing, and none is set. An error is told in JSON.
    AsAProgram,
    /// Elsewhere, because there is nothing to do here for this one.
    Redirect,
    /// 401, whoever is signed in: only a key counts. `api/keys.rs` asks with keys.
    NoKey,
}

fn expected(access: Access, who: Who) -> Expected {
    use Access as A;
    use Expected as E;
    let signed_in = !matches!(who, Who::Nobody | Who::Visitor | Who::Waiting | Who::Expired | Who::Ended);
    let stale = matches!(who, Who::StaleMember | Who::StaleAdmin);
    let member = matches!(who, Who::Member | Who::StaleMember);
    match access {
        // Every address that was not given leads nowhere.
        A::Site | A::Hosted => E::Nothing,
        A::AnySession if signed_in => E::Let,
        A::ApiKey | A::Api(_) | A::ApiAlone(_) | A::ApiHolder => E::NoKey,
        A::Anyone | A::Machine | A::Development | A::Crossing => E::Let,
        A::Protocol => E::AsAProgram,
        A::Waiting if who == Who::Waiting => E::Let,
        A::Waiting => E::Redirect,
        A::Impersonated if who == Who::Impersonated => E::Let,
        A::Impersonated => E::Redirect,
        _ if !signed_in => E::ToSignIn,
        _ if who == Who::Impersonated => E::Forbidden,
        A::Administrator | A::AdministratorFresh if member => E::Forbidden,
        A::OwnFresh | A::AdministratorFresh if stale => E::ToConfirmIdentity,
        A::Own | A::OwnFresh | A::Administrator | A::AdministratorFresh | A::AnySession => E::Let,
    }
}

/// A client of this kind, and a page of its own with a form on it.
async fn somebody(server: &Server, who: Who) -> Client {
    let (member, admin) = (server.people().members[2].clone(), server.people().admin.clone());
    let client = server.client();
    match who {
        Who::Nobody | Who::Visitor => {}
        Who::Waiting => {
            // With a phone beside the mailbox, so that no code is sent before it is requested.
            let waiting = server.people().members[0].clone();
            client.sign_in(&waiting).await.expect_redirect("/sign-in/verify");
        }
        Who::Member | Who::StaleMember => drop(client.sign_in_with_email_code(&member).await),
        Who::Admin | Who::StaleAdmin => drop(client.sign_in_with_email_code(&admin).await),
        Who::Impersonated => {
            client.sign_in_with_email_code(&admin).await;
            let members = client.get("/members").await.expect_status(200);
            for path in members.attributes("a[href^='/members/']", "href") {
                let page = client.get(&path).await;
                if page.words().contains(&member.email) {
                    let begun = client.post(&format!("{path}/login-as"), &[("reason", "a test")]).await;
                    drop(client.follow(begun).await.expect_status(200));
                    break;
                }
            }
        }
        Who::Expired => drop(client.sign_in_with_email_code(&member).await),
        Who::Ended => {
            client.sign_in_with_email_code(&member).await;
            let ended = client.fork();
            client.sign_out().await;
            return ended;
        }
    }
    client
}

/// A path with something in each placeholder.
fn filled(path: &str) -> String {
    path.replace("{id}", "01890000-0000-7000-8000-000000000000")
        .replace("{key}", "01890000-0000-7000-8000-000000000001")
        .replace("{token}", "nonsense")
        .replace("{handle}", &"A".repeat(43))
        .replace("{name}", "app.css")
        .replace("{type}", "internal")
        .replace("{user}", "mia")
}

async fn ask(server: &Server, route: &RouteInfo, who: Who) -> Page {
    let client = somebody(server, who).await;
    match who {
        Who::StaleMember | Who::StaleAdmin => server.advance(Duration::from_secs(301)),
        Who::Expired => server.advance(Duration::from_secs(3601)),
        _ => {}
    }
    let path = filled(route.path);
    if route.method == "GET" {
        return client.get(&path).await;
    }
    if who == Who::Nobody {
        return client.post_raw(&path, "").await;
    }
    let form = match who {
        Who::Waiting => "/sign-in/verify",
        Who::Impersonated => "/login-as",
        Who::Member | Who::StaleMember | Who::Admin | Who::StaleAdmin => "/profile",
        _ => "/sign-in",
    };
    client.post_from(form, &path, &[]).await
}

fn check(route: &RouteInfo, who: Who, page: &Page) {
    let to = page.location().unwrap_or_default();
    let to_sign_in = page.status == 303 && (to == "/sign-in" || to.starts_with("/sign-in?"));
    let to_proof = page.status == 303 && to.starts_with("/confirm-identity");
    let case = format!("{} {} as {who:?}: {page}", route.method, route.path);
    assert!(page.status < 500, "{case}");
    match expected(route.access, who) {
        // That there is no such thing comes before the question of a token.
        Expected::Nothing => {
            assert!(matches!(page.status, 403 | 404), "{case}");
            assert!(!page.has("nav[aria-label=Main]") || route.access != Access::Hosted, "{case}");
        }
        Expected::NoKey => assert!(page.status == 401 && page.body.contains("api-key-refused"), "{case}"),
        Expected::AsAProgram => {
            assert!(matches!(page.status, 200 | 400 | 401) && page.location().is_none(), "{case}");
            assert!(page.set_cookies().is_empty() && !page.body.contains("<html"), "{case}");
        }
        // Another site's form, which leads to the page that asks: nothing follows from it.
        _ if route.access == Access::Crossing && route.method == "POST" => {
            assert!(page.status == 303 && to.starts_with(route.path), "{case}");
        }
        // Without a cookie there is no token that could be right.
        _ if who == Who::Nobody && route.method == "POST" => {
            assert!(page.status == 403 || to_sign_in, "{case}");
        }
        Expected::Let if route.path == "/" || route.path == "/sign-out" => {
            assert_eq!(page.status, 303, "{case}");
        }
        Expected::Let => {
            assert!(!matches!(page.status, 401 | 403) && !to_proof, "{case}");
            let may_lead_there = ["/sign-in", "/oauth2/logout"].contains(&route.path);
            assert!(!to_sign_in || may_lead_there, "{case}");
        }
        Expected::ToSignIn => assert!(to_sign_in, "{case}"),
        Expected::ToConfirmIdentity => assert!(to_proof, "{case}"),
        Expected::Forbidden => assert_eq!(page.status, 403, "{case}"),
        Expected::Redirect => assert!(page.status == 303 || page.status == 403, "{case}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_every_kind_of_session_as_the_table_says() {
    let mut server = super::server(Engine::Sqlite).await;
    let with_a_key = |route: &&RouteInfo| expected(route.access, Who::Nobody) == Expected::NoKey;
    for who in EVERYBODY {
        let client = somebody(&server, who).await;
        for route in table().iter().filter(with_a_key) {
            let path = filled(route.path);
            let page = client.request(route.method.as_str(), &path, &[], Vec::new()).await;
            check(route, who, &page);
        }
    }
    server.advance(Duration::from_secs(3700));
    for (number, route) in table().iter().filter(|route| !with_a_key(route)).enumerate() {
        // A mailbox shows the newest thousand messages: before there are that many, a new server.
        if number % 40 == 39 {
            server = super::server(Engine::Sqlite).await;
        }
        for who in EVERYBODY {
            let page = ask(&server, route, who).await;
            check(route, who, &page);
        }
        // Sent codes are counted over an hour; each round is another one.
        server.advance(Duration::from_secs(3700));
    }
}

/// `docs/HTTP.md` names every route, and no other.
#[test]
fn the_documentation_names_every_route() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/HTTP.md")).unwrap();
    let documented: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(route, _)| route.to_owned()))
        .filter(|route| ["GET /", "POST /", "PUT /", "DELETE /"].iter().any(|start| route.starts_with(start)))
        .collect();
    let built: BTreeSet<String> =
        table().iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    assert_eq!(documented, built);
}
