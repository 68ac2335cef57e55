//! An organization's applications.

use super::{Sample, admin, at, push, some, with_notice};
use crate::times;
use crate::views::{
    AddressList, ApplicationPage, ApplicationRow, ApplicationsPage, Choice, ClientForm, KeyForm, KeyRow,
    NewSecret, NoticeKind, ScopeChoice, TextForm, Time,
};

pub(super) fn add(pages: &mut Vec<Sample>) -> askama::Result<()> {
    lists(pages)?;
    let fresh = |name: &str| ApplicationPage {
        shell: with_notice(
            admin(),
            NoticeKind::Good,
            "The application is registered. Choose below what it uses.",
        ),
        ..page(name)
    };
    push(pages, "application-new", &fresh("Harbour CRM"))?;
    push(pages, "application", &in_use())?;
    push(pages, "application-secrets", &ApplicationPage { new_secrets: secrets(), ..in_use() })?;
    push(pages, "application-off", &ApplicationPage { on: false, ..in_use() })?;
    push(pages, "application-refused", &refused())
}

fn lists(pages: &mut Vec<Sample>) -> askama::Result<()> {
    let page = |rows, form| ApplicationsPage {
        shell: admin(),
        organization: "Brightwater Agency".into(),
        rows,
        form,
    };
    let row = |name: &str, on, signs_in| ApplicationRow { id: ID.into(), name: name.into(), on, signs_in };
    let rows = vec![
        row("Harbour CRM", true, false),
        row("Intranet", true, true),
        row("The old shop, with a name that is as long as names may be here", false, true),
    ];
    let error = some("Type a name, for example CRM.");
    push(pages, "applications", &page(rows, TextForm::default()))?;
    push(pages, "applications-none", &page(Vec::new(), TextForm::default()))?;
    push(pages, "applications-refused", &page(Vec::new(), TextForm { value: " ".into(), error }))
}

const ID: &str = "0198c0de-0000-7000-8000-0000000000cc";

fn choice(word: &str, label: &'static str, text: &'static str, chosen: bool) -> Choice {
    Choice { word: word.into(), label, text, chosen }
}

fn open(choice: Choice) -> ScopeChoice {
    ScopeChoice { choice, closed: false, note: "" }
}

fn key_form() -> KeyForm {
    KeyForm {
        scopes: vec![
            open(choice(
                "scope-challenges",
                "Ask for second steps",
                "Ask for a code, and learn whether it was right.",
                true,
            )),
            open(choice(
                "scope-users:read",
                "See who its people are",
                "See the people whom it made known.",
                false,
            )),
            ScopeChoice {
                choice: choice(
                    "scope-authenticators",
                    "Set up second steps",
                    "Set up and remove apps.",
                    false,
                ),
                closed: true,
                note: "Only an owner can grant this.",
            },
        ],
        lifetimes: vec![choice("30", "30 days", "", false), choice("365", "A year", "", true)],
        ..KeyForm::default()
    }
}

fn client() -> ClientForm {
    ClientForm {
        kinds: vec![
            choice("off", "Off", "People sign in on the application’s own page, or not at all.", true),
            choice("client-secret", "A web application with a server", "Its server keeps a secret.", false),
        ],
        algorithms: vec![choice("RS256", "RS256: understood by every application", "", true)],
        ..ClientForm::default()
    }
}

fn list(kind: &'static str, addresses: &[&str]) -> AddressList {
    let addresses = addresses.iter().map(|address| (*address).to_owned()).collect();
    AddressList { kind, addresses, form: TextForm::default() }
}

fn page(name: &str) -> ApplicationPage {
    ApplicationPage {
        shell: admin(),
        organization: "Brightwater Agency".into(),
        id: ID.into(),
        name: name.into(),
        on: true,
        for_everyone: false,
        first_party: false,
        server: "https://id.brightwater.example".into(),
        new_secrets: Vec::new(),
        name_form: TextForm { value: name.into(), error: None },
        keys: Vec::new(),
        ended_keys: Vec::new(),
        key_form: key_form(),
        app_required: false,
        accepts_login_as: false,
        by_owner: true,
        return_addresses: list("second-step", &[]),
        client: client(),
        redirect_addresses: list("redirect", &[]),
        post_logout_addresses: list("post-logout", &[]),
    }
}

fn key(id: &str, name: &str, last_used: Option<Time>, standing: &'static str) -> KeyRow {
    KeyRow {
        id: id.into(),
        name: name.into(),
        allows: vec!["Ask for second steps", "Tell who its people are"],
        hint: "x8Kq".into(),
        made: times::day(at(0)),
        last_used,
        standing,
        standing_at: (!standing.ends_with("it is revoked")).then(|| times::day(at(0))),
        made_by: "Olivia Owner".into(),
        warning: None,
    }
}

fn in_use() -> ApplicationPage {
    ApplicationPage {
        accepts_login_as: true,
        app_required: true,
        first_party: true,
        for_everyone: true,
        keys: vec![
            key("k1", "CRM server", Some(times::ago(at(7), at(0))), "works until"),
            KeyRow {
                warning: some("Adam Admin no longer has permission to create this key. The key still works."),
                made_by: "Adam Admin".into(),
                ..key("k2", "Nightly import", None, "works until it is revoked")
            },
        ],
        ended_keys: vec![key("k3", "An older server", None, "revoked")],
        return_addresses: list("second-step", &["https://crm.brightwater.example/second-step/back"]),
        client: ClientForm {
            kind: Some("A web application with a server"),
            signed: "RS256",
            has_secret: true,
            ..client()
        },
        redirect_addresses: list(
            "redirect",
            &[
                "http://127.0.0.1:4000/oidc/callback",
                "https://crm.brightwater.example/a/very/long/path/that/does/not/fit/on/one/line?tenant=brightwater&mode=1",
            ],
        ),
        ..page("Harbour CRM")
    }
}

fn secrets() -> Vec<NewSecret> {
    vec![
        NewSecret {
            kind: "api-key",
            heading: "Your new API key “CRM server”".into(),
            secret: "csk_0hH1c1vYh2yqXo9m4nX5s6t7u8v9wAxByCzD1E2Fx8Kq".into(),
            next: "Give it to your application’s server, for example as the environment variable COUNTERSIGN_API_KEY, \
                   and never to a browser or an app. Then try it:"
                .into(),
            command: "curl -H \"Authorization: Bearer $COUNTERSIGN_API_KEY\" https://id.brightwater.example/api/v1/users"
                .into(),
        },
        NewSecret {
            kind: "client-secret",
            heading: "Your new client secret".into(),
            secret: "0hH1c1vYh2yqXo9m4nX5s6t7u8v9wAxByCzD1E2Fx8K".into(),
            next: "Give it to your application’s server together with the client ID.".into(),
            command: "curl https://id.brightwater.example/.well-known/openid-configuration".into(),
        },
    ]
}

fn refused() -> ApplicationPage {
    let address = TextForm {
        value: "http://crm.brightwater.example/back".into(),
        error: some("An address has to begin with https://, or others could read what is sent to it."),
    };
    let keys = TextForm { value: "{\"keys\": []}".into(), error: some("These are no public keys.") };
    ApplicationPage {
        name_form: TextForm { value: String::new(), error: some("Type a name, for example CRM.") },
        key_form: KeyForm {
            name: TextForm { value: String::new(), error: some("Type a name, for example CRM server.") },
            scopes_error: some("Choose at least one thing that the key allows."),
            lifetime_error: some("Choose how long the key works from the list."),
            ..key_form()
        },
        return_addresses: AddressList { form: address.clone(), ..list("second-step", &[]) },
        redirect_addresses: AddressList { form: address, ..list("redirect", &[]) },
        client: ClientForm {
            kind_error: some("Choose one of these."),
            algorithm_error: some("Choose how ID tokens are signed from the list."),
            keys,
            ..client()
        },
        ..page("Harbour CRM")
    }
}
