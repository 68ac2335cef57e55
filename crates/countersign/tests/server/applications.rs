//! Applications on the organization's pages: registered, given keys and secrets that are shown once, and never another
//! organization's.

use crate::application_commands::{create, run};
use countersign_testkit::{
    Browser, BrowserOptions, Client, Engine, Kind, Page, Person, Server, ServerOptions, burst,
};
use std::time::Duration;

const LIST: &str = "/organization/applications";

async fn signed_in(server: &Server, person: &Person) -> Client {
    let client = server.client();
    client.sign_in_with_email_code(person).await;
    client
}

/// Registers an application on its page, and answers with the path of its own.
async fn register(client: &Client, name: &str) -> String {
    let registered = client.post_from(LIST, LIST, &[("name", name)]).await.expect_status(303);
    let location = registered.location().unwrap();
    location.split('?').next().unwrap().to_owned()
}

/// What is shown this once on a page: the texts of all secrets.
fn secrets(page: &Page) -> Vec<String> {
    page.texts("code.secret")
}

const KEY: [(&str, &str); 3] = [("name", "CRM server"), ("scope-challenges", "on"), ("lifetime", "90")];

/// Makes a key, and reads it off the page that shows it.
async fn make_key(client: &Client, path: &str) -> (String, Page) {
    let made = client.post_from(path, &format!("{path}/keys"), &KEY).await.expect_redirect(path);
    let page = client.follow(made).await.expect_status(200);
    let [key] = secrets(&page).try_into().unwrap();
    (key, page)
}

/// Everything that a thief of the database has.
fn stolen(server: &Server) -> Vec<u8> {
    match server.database() {
        Some(database) => {
            let tables = database
                .query("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'");
            let rows = tables.lines().map(|table| database.query(&format!("SELECT t::text FROM {table} t")));
            rows.collect::<String>().into_bytes()
        }
        None => {
            let files = std::fs::read_dir(server.data()).unwrap().map(|file| file.unwrap().path());
            let database = files.filter(|path| path.to_string_lossy().contains("countersign.db"));
            database.flat_map(|path| std::fs::read(path).unwrap()).collect()
        }
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once_listed_and_revoked_and_lies_nowhere() {
    for engine in Engine::ALL {
        let options = ServerOptions::new(engine, super::BINARY).with_env("COUNTERSIGN_LOG_LEVEL", "trace");
        let server = Server::start(options).await;
        let admin = server.people().admin.clone();
        let client = signed_in(&server, &admin).await;
        let empty = client.get(LIST).await.expect_status(200);
        assert!(empty.words().contains("An application is a program of yours"), "{empty}");
        let path = register(&client, "Harbour CRM").await;
        let made = client.post_from(&path, &format!("{path}/keys"), &KEY).await.expect_redirect(&path);
        assert_eq!(made.location().as_deref(), Some(path.as_str()), "the address carries nothing");
        assert!(!made.body.contains("csk_") && made.set_cookies().is_empty());

        // The page is not spent by what shows it to nobody, nor in another browser of the same person.
        let head = client.request("HEAD", &path, &[], Vec::new()).await.expect_status(200);
        assert!(head.body.is_empty());
        let ahead = client.request("GET", &path, &[("sec-purpose", "prefetch")], Vec::new()).await;
        assert!(!ahead.body.contains("csk_") && ahead.status == 200);
        let elsewhere = signed_in(&server, &admin).await;
        assert!(!elsewhere.get(&path).await.expect_status(200).body.contains("csk_"));
        assert!(!holds(&stolen(&server), "csk_"), "while it waits it is sealed");

        let shown = client.get(&path).await.expect_status(200);
        let [key] = secrets(&shown).try_into().unwrap();
        assert!(key.starts_with("csk_") && key.len() == 47, "{shown}");
        assert!(shown.has("button[data-copy][hidden]") && shown.words().contains("able to see it again"));
        assert_eq!(shown.header("cache-control"), Some("no-store"));
        let later = client.get(&path).await.expect_status(200);
        assert!(!later.body.contains(&key), "once");
        let words = later.words();
        let hint = format!("…{}", &key[key.len() - 4..]);
        assert!(words.contains(&hint) && words.contains("CRM server") && words.contains("Verify users"));
        assert!(words.contains("never used") && words.contains("expires"), "{later}");

        let (log, database) = (server.log(), stolen(&server));
        assert!(holds(&database, "CRM server"), "the search finds what is there");
        for secret in [key.as_str(), &key[4..]] {
            assert!(!log.contains(secret) && !holds(&database, secret), "{secret}");
        }

        let revoke = later.attribute("form[action$='/revoke']", "action").unwrap();
        let revoked = client.post(&revoke, &[]).await.expect_redirect(&path);
        let after = client.follow(revoked).await.expect_status(200);
        assert!(after.words().contains("revoked") && !after.has("form[action$='/revoke']"), "{after}");
        client.post(&revoke, &[]).await.expect_status(404);
        let activity = client.get("/profile/activity").await.expect_status(200).words();
        for event in
            ["Application registered: “Harbour CRM”", "API key made: “CRM server”", "API key revoked"]
        {
            assert!(activity.contains(event), "{activity}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_looks_at_once_one_sees_the_key() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        let client = signed_in(&server, &server.people().owner).await;
        let path = register(&client, "Harbour CRM").await;
        client.post_from(&path, &format!("{path}/keys"), &KEY).await.expect_redirect(&path);
        let pages = burst(50, |_| {
            let (client, path) = (client.fork(), path.clone());
            async move { client.get(&path).await.expect_status(200) }
        })
        .await;
        assert_eq!(pages.iter().filter(|page| page.body.contains("csk_")).count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_secret_is_shown_once_and_stays_until_it_is_replaced() {
    let server = super::server(Engine::Sqlite).await;
    let client = signed_in(&server, &server.people().admin).await;
    let path = register(&client, "Intranet").await;
    let set = |fields: &'static [(&str, &str)]| {
        let (client, path) = (&client, &path);
        async move { client.post_from(path, &format!("{path}/client"), fields).await }
    };
    client.post_from(&path, &format!("{path}/secret"), &[]).await.expect_status(422);
    let on = set(&[("client", "client-secret"), ("id_token_alg", "RS256")]).await.expect_redirect(&path);
    let shown = client.follow(on).await.expect_status(200);
    let [first] = secrets(&shown).try_into().unwrap();
    assert_eq!(first.len(), 43);
    assert!(shown.words().contains(&server.url()), "the issuer is named");
    assert!(!client.get(&path).await.body.contains(&first));

    // Another algorithm leaves the secret alone; another kind of client has none.
    let same = set(&[("client", "client-secret"), ("id_token_alg", "EdDSA")]).await.expect_redirect(&path);
    let same = client.follow(same).await.expect_status(200);
    assert!(secrets(&same).is_empty() && same.words().contains("signed with EdDSA"), "{same}");
    let replaced = client.post(&format!("{path}/secret"), &[]).await.expect_redirect(&path);
    let [second] = secrets(&client.follow(replaced).await).try_into().unwrap();
    assert_ne!(first, second);
    let public = set(&[("client", "none")]).await.expect_redirect(&path);
    let public = client.follow(public).await.expect_status(200);
    assert!(secrets(&public).is_empty() && public.words().contains("signed with RS256"), "{public}");
    client.post(&format!("{path}/secret"), &[]).await.expect_status(422);

    let keys =
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    for (keys, status) in [
        ("", 422),
        ("<script>alert(1)</script>", 422),
        (&*keys.replace("\"x\"", "\"d\":\"nWGx\",\"x\""), 422),
        (keys, 303),
    ] {
        let fields = [("client", "private-key-jwt"), ("client_keys", keys)];
        let page = client.post_from(&path, &format!("{path}/client"), &fields).await.expect_status(status);
        assert!(!page.body.contains("<script>alert"), "{page}");
        assert_eq!(page.has("#client_keys-error"), status == 422, "{page}");
    }
    set(&[("client", "off")]).await.expect_redirect(&path);
    set(&[("client", "off")]).await.expect_redirect(&path);
    let off = client.get(&path).await.expect_status(200);
    assert!(!off.has("form[action$='/secret']") && !off.words().contains("Issuer"), "{off}");
    for wrong in
        [[("client", "telepathy"), ("id_token_alg", "RS256")], [("client", "none"), ("id_token_alg", "none")]]
    {
        let page = client.post(&format!("{path}/client"), &wrong).await.expect_status(422);
        assert!(page.has("#client-error") || page.has("#id_token_alg-error"), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_kept_by_purpose_and_every_refusal_says_what_to_type() {
    let server = super::server(Engine::Sqlite).await;
    let client = signed_in(&server, &server.people().admin).await;
    let path = register(&client, "Harbour CRM").await;
    let add = |kind: &'static str, address: &'static str| {
        let (client, path) = (&client, &path);
        async move {
            client
                .post_from(path, &format!("{path}/addresses"), &[("kind", kind), ("address", address)])
                .await
        }
    };
    add("second-step", " https://crm.example/back ").await.expect_redirect(&path);
    for (kind, address, says) in [
        ("second-step", "", "Type the whole address"),
        ("second-step", "/back", "not a whole address"),
        ("second-step", "http://crm.example/back", "https://"),
        ("second-step", "com.example.app:/back", "https://"),
        ("second-step", "javascript:alert(1)", "https://"),
        ("second-step", "data:text/html,<script>alert(1)</script>", "https://"),
        ("second-step", "https://crm.example/back#top", "without that part"),
        ("second-step", "https://me:pw@crm.example/back", "without it"),
        ("second-step", "https://CRM.example:443/a/../back", "https://crm.example/back"),
        ("second-step", "https://crm.example/back", "on the list already"),
        ("redirect", "app:/back", "com.example.app:/back"),
    ] {
        let page = add(kind, address).await.expect_status(422);
        let beside = page.text(&format!("#address-{kind}-error")).unwrap_or_default();
        assert!(beside.contains(says), "{kind} {address}: {page}");
        assert!(page.has(&format!("a[href='#address-{kind}']")) && !page.body.contains("<script>alert"));
        let typed = page.attribute(&format!("#address-{kind}"), "value").unwrap();
        assert_eq!(typed, address, "what was typed is kept");
    }
    for (kind, address) in [
        ("redirect", "com.example.app:/back"),
        ("redirect", "http://127.0.0.1:4000/back"),
        ("post-logout", "https://crm.example/back"),
    ] {
        add(kind, address).await.expect_redirect(&path);
    }
    add("nonsense", "https://crm.example/back").await.expect_status(422);
    let doubled = "kind=second-step&address=https%3A%2F%2Fa.example%2F&address=https%3A%2F%2Fb.example%2F";
    let token = client.get(&path).await.csrf_token().unwrap();
    let page = client.post_raw(&format!("{path}/addresses"), format!("csrf_token={token}&{doubled}")).await;
    assert!(page.clone().expect_status(422).words().contains("arrived twice"), "{page}");
    assert_eq!(client.get(&path).await.texts("p.address").len(), 4, "and nothing of it was kept");

    let remove = |kind: &'static str| {
        let (client, path) = (&client, &path);
        let fields = [("kind", kind), ("address", "https://crm.example/back")];
        async move { client.post_from(path, &format!("{path}/addresses/remove"), &fields).await }
    };
    remove("second-step").await.expect_redirect(&path);
    remove("second-step").await.expect_status(404);
    assert!(client.get(&path).await.texts("p.address").contains(&"https://crm.example/back".to_owned()));
    remove("post-logout").await.expect_redirect(&path);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_keys_are_checked_and_what_is_typed_is_text() {
    let server = super::server(Engine::Sqlite).await;
    let client = signed_in(&server, &server.people().owner).await;
    let long = "x".repeat(61);
    for name in ["", "   ", &long, "a\nb", "a\u{202E}b", "\u{200B}"] {
        let page = client.post_from(LIST, LIST, &[("name", name)]).await.expect_status(422);
        assert!(page.has("#name-error"), "{name:?}: {page}");
    }
    let nasty = "\"><script>alert(1)</script>'{{7*7}}";
    let path = register(&client, nasty).await;
    for page in [client.get(LIST).await, client.get(&path).await] {
        let page = page.expect_status(200);
        assert!(page.words().contains(nasty) && !page.body.contains("<script>alert"), "{page}");
    }
    for (name, says) in [
        ("Acme.io", "looks like a web or email address"),
        ("https://win.example/claim", "looks like a web or email address"),
        ("You won $500", "looks like an amount of money"),
        ("Call 555 123 4567", "looks like a phone number"),
    ] {
        for (page, action) in [(LIST, LIST.to_owned()), (path.as_str(), format!("{path}/update"))] {
            let refused = client.post_from(page, &action, &[("name", name)]).await.expect_status(422);
            assert!(refused.text("#name-error").unwrap().contains(says), "{name}: {refused}");
        }
    }
    client.post(&format!("{path}/update"), &[("name", " ")]).await.expect_status(422);
    client.post(&format!("{path}/update"), &[]).await.expect_status(422);
    client.post(&format!("{path}/update"), &[("app_required", "perhaps")]).await.expect_status(422);
    client.post(&format!("{path}/update"), &[("app_required", "on")]).await.expect_redirect(&path);
    client.post(&format!("{path}/update"), &[("name", "CRM")]).await.expect_redirect(&path);
    let page = client.get(&path).await.expect_status(200);
    assert!(page.text("h1").unwrap() == "CRM" && page.words().contains("Stop requiring"), "{page}");

    let keys = format!("{path}/keys");
    for (fields, field) in [
        (vec![("name", ""), ("scope-challenges", "on"), ("lifetime", "90")], "key-name"),
        (vec![("name", "k"), ("lifetime", "90")], "scopes"),
        (vec![("name", "k"), ("scope-everything", "on"), ("lifetime", "90")], "scopes"),
        (vec![("name", "k"), ("scope-challenges", "on")], "lifetime"),
        (vec![("name", "k"), ("scope-challenges", "on"), ("lifetime", "99999")], "lifetime"),
        (vec![("name", "k"), ("name", "l"), ("scope-challenges", "on"), ("lifetime", "90")], "key-name"),
    ] {
        let page = client.post(&keys, &fields).await.expect_status(422);
        assert!(page.has(&format!("#{field}-error")), "{fields:?}: {page}");
    }
    let script = "<script>alert(2)</script>";
    let all = [
        "scope-users:read",
        "scope-users:write",
        "scope-challenges",
        "scope-authenticators",
        "scope-first-enrolments",
    ];
    let mut fields = vec![("name", script), ("lifetime", "none")];
    fields.extend(all.map(|scope| (scope, "on")));
    let made = client.post(&keys, &fields).await.expect_redirect(&path);
    let shown = client.follow(made).await;
    assert!(shown.words().contains(script) && !shown.body.contains(script), "{shown}");
    assert!(shown.words().contains("doesn’t expire") && secrets(&shown).len() == 1, "{shown}");
}

const GUARDED: [(&str, &str); 3] =
    [("name", "CRM server"), ("scope-first-enrolments", "on"), ("lifetime", "90")];

#[tokio::test(flavor = "multi_thread")]
async fn only_an_owner_creates_a_key_that_changes_second_steps_and_every_owner_reads_about_it() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        let (owner, admin) = (server.people().owner.clone(), server.people().admin.clone());
        let client = signed_in(&server, &admin).await;
        let path = register(&client, "Harbour CRM").await;
        let page = client.get(&path).await.expect_status(200);
        for scope in ["authenticators", "first-enrolments"] {
            let box_of = format!("#scope-{scope}");
            assert!(page.has(&format!("{box_of}[disabled]")), "{page}");
        }
        assert!(
            !page.has("#scope-challenges[disabled]") && page.words().contains("Only an owner can grant this")
        );
        let forged = client.post(&format!("{path}/keys"), &GUARDED).await.expect_status(422);
        let says = forged.text("#scopes-error").unwrap();
        assert!(says.contains("Only an owner can allow") && says.contains("ask an owner"), "{forged}");
        assert_eq!(client.get(&path).await.texts("form[action$='/revoke']").len(), 0, "and nothing was made");

        let mut mailbox = server.mailbox(Kind::Email, Some(&owner.email)).await;
        let owners = signed_in(&server, &owner).await;
        mailbox.next_code().await;
        let made = owners.post_from(&path, &format!("{path}/keys"), &GUARDED).await.expect_redirect(&path);
        assert_eq!(secrets(&owners.follow(made).await).len(), 1);
        let message = mailbox.next().await;
        assert_eq!(message.subject.as_deref(), Some("An API key for two-factor authentication was created"));
        let text = message.text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("Olivia Hart created the API key \"CRM server\" for Harbour CRM"), "{text}");
        assert!(text.contains("It allows: first-enrolments."), "{text}");

        // Who created it is there to read, and that they no longer could.
        let page = client.get(&path).await.expect_status(200);
        assert!(
            page.words().contains("by Olivia Hart") && !page.words().contains("no longer has permission")
        );
        let id = path.rsplit('/').next().unwrap();
        let Some(database) = server.database() else { continue };
        database.query("UPDATE memberships SET role = 'admin' WHERE role = 'owner'");
        let page = client.get(&path).await.expect_status(200);
        assert!(page.words().contains("Olivia Hart no longer has permission to create this key"), "{page}");
        let listed = run(&server, &["api-key", "list", "--application", id]);
        let listed = String::from_utf8(listed.stdout).unwrap();
        assert!(
            listed.contains("Olivia Hart (no longer permitted)") && listed.contains("live until"),
            "{listed}"
        );
        let revoke = page.attribute(".alert form[action$='/revoke']", "action").unwrap();
        client.post(&revoke, &[]).await.expect_redirect(&path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_owner_says_that_an_application_accepts_login_as() {
    let server = super::server(Engine::Sqlite).await;
    let (admin, owner) =
        (signed_in(&server, &server.people().admin).await, signed_in(&server, &server.people().owner).await);
    let path = register(&admin, "Harbour CRM").await;
    let client = [("client", "client-secret"), ("id_token_alg", "RS256")];
    admin.post_from(&path, &format!("{path}/client"), &client).await.expect_redirect(&path);
    let (update, accepts) = (format!("{path}/update"), [("accepts_login_as", "on")]);
    let page = admin.get(&path).await.expect_status(200);
    assert!(
        page.words().contains("Only an owner can turn this on") && !page.has("#accepts_login_as"),
        "{page}"
    );
    let refused = admin.post(&update, &accepts).await.expect_status(403);
    assert!(refused.words().contains("This is for owners"), "{refused}");
    admin.post_from(&path, &update, &[("accepts_login_as", "perhaps")]).await.expect_status(422);
    let page = owner.get(&path).await.expect_status(200);
    for honors in [
        "treats the person named there as the one who acts",
        "refuses changes of passwords",
        "shows on every page",
    ] {
        assert!(page.words().contains(honors), "{honors}: {page}");
    }
    assert!(page.has("#accepts_login_as[required]"), "{page}");
    owner.post(&update, &accepts).await.expect_redirect(&path);
    let page = admin.get(&path).await.expect_status(200);
    assert!(page.has("input[name=accepts_login_as][value=off]"), "{page}");
    admin.post(&update, &[("accepts_login_as", "off")]).await.expect_redirect(&path);
    assert!(owner.get(&path).await.has("#accepts_login_as[required]"));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_organizations_application_is_not_there() {
    let server = super::server(Engine::Sqlite).await;
    let secret = server.data().join("password");
    std::fs::write(&secret, "tulip-ferry-oak-lamp").unwrap();
    let owner =
        ["owner", "create", "--email", "ida@quay.example", "--name", "Ida Roth", "--organization", "Quay"];
    let mut owner = owner.to_vec();
    owner.extend(["--password-file", secret.to_str().unwrap()]);
    assert!(run(&server, &owner).status.success());
    let listed = run(&server, &["application", "create", "--name", "x"]);
    let told = String::from_utf8(listed.stderr).unwrap();
    let quay = told.lines().find(|line| line.ends_with("Quay")).unwrap().trim().split(' ').next().unwrap();
    let theirs = create(
        &server,
        &[
            "--name",
            "Quay CRM",
            "--organization",
            quay,
            "--client",
            "client-secret",
            "--api-key",
            "k",
            "--scope",
            "challenges",
            "--return-address",
            "https://quay.example/back",
        ],
    );
    let id = theirs["application"].as_str().unwrap();
    let keys = run(&server, &["api-key", "list", "--application", id]);
    let keys = String::from_utf8(keys.stdout).unwrap();
    let key = keys.lines().last().unwrap().split(' ').next().unwrap();

    let client = signed_in(&server, &server.people().owner).await;
    assert!(!client.get(LIST).await.expect_status(200).words().contains("Quay"));
    let path = format!("{LIST}/{id}");
    client.get(&path).await.expect_status(404);
    let address = [("kind", "second-step"), ("address", "https://quay.example/back")];
    for (action, fields) in [
        ("update", &[("name", "Mine")][..]),
        ("keys", &KEY[..]),
        (&*format!("keys/{key}/revoke"), &[]),
        ("addresses", &[("kind", "second-step"), ("address", "https://evil.example/")]),
        ("addresses", &[("kind", "second-step"), ("address", "nonsense")]),
        ("addresses/remove", &address),
        ("client", &[("client", "client-secret")]),
        ("client", &[("client", "off")]),
        ("secret", &[]),
        ("switch-off", &[]),
        ("switch-on", &[]),
    ] {
        client.post_from(LIST, &format!("{path}/{action}"), fields).await.expect_status(404);
    }
    // Nor one of one's own with the other's key.
    let own = register(&client, "Harbour CRM").await;
    client.post_from(&own, &format!("{own}/keys/{key}/revoke"), &[]).await.expect_status(404);
    let show = String::from_utf8(run(&server, &["application", "show", id]).stdout).unwrap();
    assert!(show.contains("Quay CRM") && show.contains("https://quay.example/back"), "{show}");
    let keys = String::from_utf8(run(&server, &["api-key", "list", "--application", id]).stdout).unwrap();
    assert!(keys.contains("live") && !keys.contains("revoked"), "{keys}");
}

#[tokio::test(flavor = "multi_thread")]
async fn members_may_not_and_an_old_proof_is_renewed_first() {
    let server = super::server(Engine::Sqlite).await;
    let (admin, member) = (server.people().admin.clone(), server.people().members[0].clone());
    let client = signed_in(&server, &admin).await;
    let path = register(&client, "Harbour CRM").await;
    let plain = signed_in(&server, &member).await;
    assert!(!plain.get("/profile").await.has(&format!("nav a[href='{LIST}']")));
    assert!(client.get("/profile").await.has(&format!("nav a[href='{LIST}']")));
    for page in [LIST, &path] {
        plain.get(page).await.expect_status(403);
    }
    for action in [LIST.to_owned(), format!("{path}/keys"), format!("{path}/switch-off")] {
        plain.post_from("/profile", &action, &[("name", "x")]).await.expect_status(403);
    }
    // What waits for its showing goes with the session that made it.
    client.post_from(&path, &format!("{path}/keys"), &KEY).await.expect_redirect(&path);
    client.sign_out().await;
    let client = signed_in(&server, &admin).await;
    assert!(!client.get(&path).await.expect_status(200).body.contains("csk_"));

    server.advance(Duration::from_secs(301));
    client.get(&path).await.expect_status(200);
    let asked =
        client.post_from(&path, &format!("{path}/keys"), &KEY).await.expect_redirect("/confirm-identity");
    let back = format!("return_to%3D{path}");
    assert!(asked.location().unwrap().contains(&back), "the page leads back: {asked}");
    assert_eq!(client.get(&path).await.texts("form[action$='/revoke']").len(), 1, "and nothing was made");
    client.confirm_identity(&admin, None).await;
    make_key(&client, &path).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_switched_off_and_on_again() {
    let server = super::server(Engine::Sqlite).await;
    let client = signed_in(&server, &server.people().owner).await;
    let path = register(&client, "Harbour CRM").await;
    for (action, badge) in
        [("switch-off", true), ("switch-off", true), ("switch-on", false), ("switch-on", false)]
    {
        let done = client.post_from(&path, &format!("{path}/{action}"), &[]).await.expect_redirect(&path);
        let page = client.follow(done).await.expect_status(200);
        assert_eq!(page.has("h1 .badge.bad"), badge, "{page}");
        assert_eq!(client.get(LIST).await.words().contains("Switched off"), badge);
    }
}

/// What an administrator does, with a mouse or without a script.
async fn journey(options: BrowserOptions) {
    let server = super::server(Engine::Sqlite).await;
    let admin = server.people().admin.clone();
    let client = signed_in(&server, &admin).await;
    let browser = Browser::start(options).await;
    browser.open(&server.url()).await;
    let cookie = thirtyfour::Cookie::new("countersign", client.cookie("countersign").unwrap());
    browser.driver().add_cookie(cookie).await.unwrap();
    browser.open(&format!("{}/profile", server.url())).await;
    browser.open_menu().await;
    browser.follow(&format!("nav a[href='{LIST}']")).await;
    browser.wait_for_path(LIST).await;
    browser.fill("input[name=name]", "Harbour CRM").await;
    browser.follow("main form button.primary").await;
    let path = browser.path().await;
    assert!(path.starts_with(&format!("{LIST}/")), "{path}");

    browser.click("section[aria-labelledby=second-step] details.ask > summary").await;
    browser.fill("#key-name", "CRM server").await;
    browser.follow("form[action$='/keys'] button.primary").await;
    let key = browser.text("code.secret").await;
    assert!(key.starts_with("csk_"), "{key}");
    assert!(!browser.driver().current_url().await.unwrap().as_str().contains("csk_"));
    assert_eq!(browser.has("button[data-copy]").await, options.javascript, "the copy button needs script");
    assert_eq!(browser.overflow().await, 0);

    browser.click("section[aria-labelledby=second-step] .next-card details.ask > summary").await;
    browser.fill("#address-second-step", "http://crm.example/back").await;
    browser.follow("form[action$='/addresses'] button.primary").await;
    assert!(!browser.has("code.secret").await, "the key was shown once");
    assert!(browser.text("#address-second-step-error").await.contains("https://"));
    browser.fill("#address-second-step", "https://crm.example/back").await;
    browser.follow("form[action$='/addresses'] button.primary").await;
    assert_eq!(browser.text("p.address").await, "https://crm.example/back");

    browser.click("section[aria-labelledby=sign-in] details > summary").await;
    browser.click("label[for='client-client-secret']").await;
    browser.follow("form[action$='/client'] button.primary").await;
    assert_eq!(browser.text("code.secret").await.len(), 43);
    assert_eq!(browser.overflow().await, 0);
    browser.click("section[aria-labelledby=second-step] details.ask > summary.danger-quiet").await;
    browser.follow("form[action$='/revoke'] button").await;
    assert!(browser.text(".ended summary").await.contains("(1)"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_in_chromium() {
    journey(BrowserOptions::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_without_javascript_in_the_dark_on_a_phone() {
    journey(BrowserOptions { javascript: false, width: 360, height: 780, dark: true }).await;
}
