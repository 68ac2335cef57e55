//! The applications of an organization.

use askama::Template;

use super::{Shell, Time};

/// `GET /organization/applications`, and the answer (422) to a refused registration.
#[derive(Template)]
#[template(path = "applications.html")]
pub struct ApplicationsPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The organization's name.
    pub organization: String,
    /// Its applications, the oldest first.
    pub rows: Vec<ApplicationRow>,
    /// The form that registers one.
    pub form: TextForm,
}

/// One application in the list.
#[derive(Clone)]
pub struct ApplicationRow {
    /// Its id, for `/organization/applications/{id}`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it may be used.
    pub on: bool,
    /// Whether people sign in to it here.
    pub signs_in: bool,
}

/// A form with one text; empty when it is fresh.
#[derive(Clone, Default)]
pub struct TextForm {
    /// The text as typed.
    pub value: String,
    /// Why it was refused.
    pub error: Option<String>,
}

/// `GET /organization/applications/{id}`, and the answer (422) to each refused form on it.
#[derive(Template)]
#[template(path = "application.html")]
pub struct ApplicationPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The organization's name.
    pub organization: String,
    /// The application's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it may be used.
    pub on: bool,
    /// Everybody may sign in to it, not only the organization's members.
    pub for_everyone: bool,
    /// People are not asked whether it may know who they are.
    pub first_party: bool,
    /// Where this server is reached, without a slash at the end.
    pub server: String,
    /// What was made just now, and is shown this once.
    pub new_secrets: Vec<NewSecret>,
    /// The form that renames it.
    pub name_form: TextForm,
    /// Its keys that work, the newest first.
    pub keys: Vec<KeyRow>,
    /// Its keys that were revoked or have expired.
    pub ended_keys: Vec<KeyRow>,
    /// The form that makes a key.
    pub key_form: KeyForm,
    /// At its second step, whoever has no authenticator app sets one up.
    pub app_required: bool,
    /// An administrator may enter it in a member's account.
    pub accepts_login_as: bool,
    /// The reader is an owner, who may say that.
    pub by_owner: bool,
    /// Where people come back to from the second step.
    pub return_addresses: AddressList,
    /// How it signs people in.
    pub client: ClientForm,
    /// Where people come back to from signing in.
    pub redirect_addresses: AddressList,
    /// Where people come back to from signing out.
    pub post_logout_addresses: AddressList,
}

/// A secret that is shown this once.
#[derive(Clone)]
pub struct NewSecret {
    /// `"key"` or `"client-secret"`: goes into ids of elements.
    pub kind: &'static str,
    /// For example `"Your new API key “CRM server”"`.
    pub heading: String,
    /// Its text.
    pub secret: String,
    /// What to do with it, in one or two sentences.
    pub next: String,
    /// A command to try it with.
    pub command: String,
}

/// An API key.
#[derive(Clone)]
pub struct KeyRow {
    /// Its id, for `POST …/keys/{key}/revoke`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it allows, in words.
    pub allows: Vec<&'static str>,
    /// Its last characters.
    pub hint: String,
    /// The day.
    pub made: Time,
    /// For example `"7 minutes ago"`; `None` if it never was used.
    pub last_used: Option<Time>,
    /// `"works until"`, `"revoked"` or `"expired"`, with [`Self::standing_at`]; or `"works until it is revoked"`.
    pub standing: &'static str,
    /// The day that belongs to it.
    pub standing_at: Option<Time>,
    /// Who created it, for example `"Adam Berg"` or `"the operator"`.
    pub made_by: String,
    /// That they no longer could, if so, and what to do.
    pub warning: Option<String>,
}

/// Something to choose.
#[derive(Clone)]
pub struct Choice {
    /// The field's name, or its value where there are several of one name.
    pub word: String,
    /// Its name.
    pub label: &'static str,
    /// What it means; may be empty.
    pub text: &'static str,
    /// Whether it is chosen.
    pub chosen: bool,
}

/// What a key may allow.
#[derive(Clone)]
pub struct ScopeChoice {
    /// The checkbox.
    pub choice: Choice,
    /// The scope's name in the API and on the command line.
    pub scope: &'static str,
    /// The reader cannot grant it.
    pub closed: bool,
    /// Why not.
    pub note: &'static str,
}

/// The form that makes an API key.
#[derive(Clone, Default)]
pub struct KeyForm {
    /// The name.
    pub name: TextForm,
    /// What it is to allow, as checkboxes.
    pub scopes: Vec<ScopeChoice>,
    /// Why no key can be made of these.
    pub scopes_error: Option<String>,
    /// How long it is to work.
    pub lifetimes: Vec<Choice>,
    /// Why not so long.
    pub lifetime_error: Option<String>,
}

/// Addresses of one kind, and the form that adds one.
#[derive(Clone, Default)]
pub struct AddressList {
    /// The kind's word, for the hidden field and for ids of elements.
    pub kind: &'static str,
    /// The addresses.
    pub addresses: Vec<String>,
    /// The form.
    pub form: TextForm,
}

/// How the application signs people in.
#[derive(Clone, Default)]
pub struct ClientForm {
    /// The kind of client in a few words; `None` where it signs nobody in.
    pub kind: Option<&'static str>,
    /// For example `"RS256"`.
    pub signed: &'static str,
    /// Whether it shows a secret.
    pub has_secret: bool,
    /// What it may be.
    pub kinds: Vec<Choice>,
    /// Why it was refused.
    pub kind_error: Option<String>,
    /// How ID tokens may be signed.
    pub algorithms: Vec<Choice>,
    /// Why not so.
    pub algorithm_error: Option<String>,
    /// The public keys.
    pub keys: TextForm,
}

impl KeyForm {
    /// Whether the form was refused, and is shown open.
    #[must_use]
    pub fn refused(&self) -> bool {
        self.name.error.is_some() || self.scopes_error.is_some() || self.lifetime_error.is_some()
    }
}

impl ClientForm {
    /// Whether the form was refused, and is shown open.
    #[must_use]
    pub fn refused(&self) -> bool {
        self.kind_error.is_some() || self.algorithm_error.is_some() || self.keys.error.is_some()
    }
}

impl AddressList {
    /// Where the last of the form's ids comes from.
    #[must_use]
    pub fn field(&self) -> String {
        format!("address-{}", self.kind)
    }
}

impl ApplicationPage {
    /// Errors of every form with the id of the field that they belong to, for the summary above the page.
    #[must_use]
    pub fn errors(&self) -> Vec<(String, &str)> {
        let first_scope = self.key_form.scopes.first().map_or("", |scope| scope.choice.word.as_str());
        let mut errors = vec![
            ("name".to_owned(), &self.name_form.error),
            ("key-name".to_owned(), &self.key_form.name.error),
            (first_scope.to_owned(), &self.key_form.scopes_error),
            ("lifetime".to_owned(), &self.key_form.lifetime_error),
            ("client-off".to_owned(), &self.client.kind_error),
            ("id_token_alg".to_owned(), &self.client.algorithm_error),
            ("client_keys".to_owned(), &self.client.keys.error),
        ];
        for list in [&self.return_addresses, &self.redirect_addresses, &self.post_logout_addresses] {
            errors.push((list.field(), &list.form.error));
        }
        errors.into_iter().filter_map(|(id, error)| Some((id, error.as_deref()?))).collect()
    }
}
