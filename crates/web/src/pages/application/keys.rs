//! `/organization/applications/{id}/keys` and `/organization/applications/{id}/keys/{key}/revoke`

use super::{Refused, again, done_or_missing, path};
use crate::{
    app::App,
    extract::{Change, Form, Id, Ids},
    notice::Done,
    problem::Problem,
    respond::{Answer, see_other},
    views::{Choice, KeyForm, ScopeChoice, TextForm},
    words,
};
use axum::extract::State;
use countersign_core::{
    application::{Scope, Scopes},
    ids::{ApiKeyId, ApplicationId},
    role::Role,
};
use countersign_flows::applications::{self, KeyDraft, KeyOutcome};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long a key may work: the word, its name, and the days.
const LIFETIMES: [(&str, &str, Option<u32>); 4] = [
    ("30", "30 days", Some(30)),
    ("90", "90 days", Some(90)),
    ("365", "1 year", Some(365)),
    ("none", "Never", None),
];

/// What is chosen when nothing was: long enough that nobody has to renew a key in a hurry, and an end for one that is
/// forgotten.
const USUAL: &str = "365";

/// What a new key permits unless something else is chosen: what the three requests of the guide need (docs/INTEGRATION.md).
const PRESELECTED: [Scope; 2] = [Scope::Challenges, Scope::UsersWrite];

/// The form as it was typed, with what is wrong in it.
#[derive(Default)]
pub(in crate::pages) struct Typed {
    name: TextForm,
    scopes: Vec<Scope>,
    scopes_error: Option<String>,
    lifetime: String,
    lifetime_error: Option<String>,
}

/// The field of a scope.
fn field(scope: Scope) -> String {
    format!("scope-{scope}")
}

/// The form, fresh or as it was typed, for someone with this role: what only an owner can grant is shown to others as such.
pub(super) fn form(typed: Option<Typed>, role: Option<Role>) -> KeyForm {
    let fresh = || Typed { lifetime: USUAL.to_owned(), scopes: PRESELECTED.to_vec(), ..Typed::default() };
    let typed = typed.unwrap_or_else(fresh);
    // Those that most applications need come first.
    let mut scopes = Scope::ALL.to_vec();
    scopes.sort_by_key(|scope| {
        PRESELECTED.iter().position(|first| first == scope).unwrap_or(PRESELECTED.len())
    });
    let scopes = scopes.into_iter().map(|scope| {
        let (label, text) = words::applications::scope(scope);
        let closed = scope.is_owners() && role != Some(Role::Owner);
        let note = if closed { words::applications::OWNERS_GRANT } else { "" };
        let choice = Choice { word: field(scope), label, text, chosen: typed.scopes.contains(&scope) };
        ScopeChoice { choice, scope: scope.as_str(), closed, note }
    });
    let lifetimes = LIFETIMES.iter().map(|(word, label, _)| Choice {
        word: (*word).to_owned(),
        label,
        text: "",
        chosen: *word == typed.lifetime,
    });
    KeyForm {
        name: typed.name,
        scopes: scopes.collect(),
        scopes_error: typed.scopes_error,
        lifetimes: lifetimes.collect(),
        lifetime_error: typed.lifetime_error,
    }
}

fn read(form: &Form) -> Typed {
    Typed {
        name: TextForm { value: form.get("name").to_owned(), error: None },
        scopes: Scope::ALL.iter().copied().filter(|scope| form.get(&field(*scope)) == "on").collect(),
        lifetime: form.get("lifetime").to_owned(),
        ..Typed::default()
    }
}

/// What is wanted, if it can be.
fn draft(typed: &mut Typed) -> Option<KeyDraft> {
    let scopes = Scopes::new(typed.scopes.iter().copied());
    let lifetime = LIFETIMES.iter().find(|(word, ..)| *word == typed.lifetime);
    match (scopes, lifetime) {
        (Ok(scopes), Some((.., days))) => {
            Some(KeyDraft { name: typed.name.value.clone(), scopes, lifetime: days.map(|days| DAY * days) })
        }
        (scopes, lifetime) => {
            typed.scopes_error = scopes.err().map(|_| words::applications::NO_SCOPE.to_owned());
            typed.lifetime_error = lifetime.is_none().then(|| words::applications::LIFETIME.to_owned());
            None
        }
    }
}

/// `POST /organization/applications/{id}/keys`: the key waits for the page that shows it once.
pub(crate) async fn make(
    State(app): State<App>,
    Change { own, at: Id(id), authority, form }: Change,
) -> Answer {
    let mut typed = read(&form);
    if let Some(defect) = form.defect() {
        typed.name.error = Some(defect.error.to_string());
    } else if let Some(draft) = draft(&mut typed) {
        match applications::make_key(&app.services, authority, id, draft, &own.browser.origin).await? {
            KeyOutcome::Made(_) => return Ok(see_other(&path(id))),
            KeyOutcome::NotFound => return Err(Problem::NotFound),
            KeyOutcome::Name(error) => {
                typed.name.error = Some(words::text(error, "a name, for example CRM server"));
            }
            KeyOutcome::OwnersOnly(scope) => {
                typed.scopes_error = Some(words::applications::owners_only(scope));
            }
            KeyOutcome::TooMany => typed.name.error = Some(words::applications::too_many("keys")),
        }
    }
    again(&app, &own, id, Refused { key: Some(typed), ..Refused::default() }).await
}

/// `POST /organization/applications/{id}/keys/{key}/revoke`
pub(crate) async fn revoke(
    State(app): State<App>,
    Change { own, at: Ids(id, key), authority, form }: Change<Ids<ApplicationId, ApiKeyId>>,
) -> Answer {
    form.only_a_button()?;
    let done = applications::revoke_key(&app.services, authority, id, key, &own.browser.origin).await?;
    done_or_missing(done, Done::KeyRevoked, id)
}
