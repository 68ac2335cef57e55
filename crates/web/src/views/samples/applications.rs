//! An organization's applications.

use super::{Sample, admin, at, push, some, with_notice};
use crate::api::this_key::try_command;
use crate::times;
use crate::views::{
    AddressList, ApplicationPage, ApplicationRow, ApplicationsPage, Choice, ClientForm, KeyForm, KeyRow,
    NewSecret, NoticeKind, ScopeChoice, TextForm, Time,
};
use crate::words;

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

fn scope(scope: &'static str, label: &'static str, text: &'static str, chosen: bool) -> ScopeChoice {
    ScopeChoice {
        choice: choice(&format!("scope-{scope}"), label, text, chosen),
        scope,
        closed: false,
        note: "",
    }
}

fn key_form() -> KeyForm {
    KeyForm {
        scopes: vec![
            scope(
                "challenges",
                "Verify users",
                "Ask a user for a code and get the result. Most apps need this.",
                true,
            ),
            scope(
                "users:write",
                "Manage users",
                "Add, rename and deactivate users. Most apps need this.",
                true,
            ),
            scope("users:read", "Read users", "See users and their methods. Never codes or secrets.", false),
            ScopeChoice {
                closed: true,
                note: "Only an owner can grant this.",
                ..scope("authenticators", "Manage 2FA", "Add and remove authenticator apps.", false)
            },
        ],
        lifetimes: vec![choice("30", "30 days", "", false), choice("365", "1 year", "", true)],
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
        allows: vec!["Verify users", "Manage users"],
        hint: "x8Kq".into(),
        made: times::day(at(0)),
        last_used,
        standing,
        standing_at: (!standing.starts_with("doesn’t")).then(|| times::day(at(0))),
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
            key("k1", "CRM server", Some(times::ago(at(7), at(0))), "expires"),
            KeyRow {
                warning: some("Adam Admin no longer has permission to create this key. The key still works."),
                made_by: "Adam Admin".into(),
                ..key("k2", "Nightly import", None, "doesn’t expire")
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
            next: words::applications::NEW_KEY.into(),
            command: try_command("https://id.brightwater.example"),
        },
        NewSecret {
            kind: "client-secret",
            heading: "Your new client secret".into(),
            secret: "0hH1c1vYh2yqXo9m4nX5s6t7u8v9wAxByCzD1E2Fx8K".into(),
            next: words::applications::NEW_SECRET.into(),
            command: "curl -sS 'https://id.brightwater.example/.well-known/openid-configuration'".into(),
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
            scopes_error: some("Choose at least one permission."),
            lifetime_error: some("Choose an expiry."),
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
