//! `countersign application …` and `countersign api-key …`: the operator's way to register applications. It works beside a
//! running server, on the same database.

mod print;

use crate::cli::{
    ApiKey, ApiKeyCreate, ApiKeyRevoke, Application, ApplicationAddress, ApplicationCreate, ApplicationUpdate,
};
use crate::console::{FAILED, at, say};
use crate::wiring::Failure;
use countersign_core::{
    application::{AddressError, AddressKind, ClientAuth, ReturnAddress, Scope, Scopes, SigningAlgorithm},
    authority::{ApplicationAuthority, OperatorAuthority},
    event::Origin,
    ids::{ApplicationId, OrganizationId},
    text::TextError,
};
use countersign_flows::{
    Services,
    applications::{
        self, AddressOutcome, ClientDraft, ClientOutcome, CreateOutcome, Draft, KeyDraft, KeyOutcome,
        UpdateOutcome,
    },
};
use std::{path::Path, time::Duration};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A file of public keys with more bytes than this is none.
const LONGEST_KEYS: u64 = 64 * 1024;

/// Carries out a command about applications.
pub fn run(command: &Application) -> Result<(), Failure> {
    match command {
        Application::Create(options) => at(&options.place, async |s| create(&s, options).await),
        Application::Update(options) => at(&options.place, async |s| update(&s, options).await),
        Application::List(options) => at(&options.place, async |s| list(&s, options.organization).await),
        Application::Show(options) => at(&options.place, async |s| show(&s, options.id).await),
        Application::Disable(options) => at(&options.place, async |s| switch(&s, options.id, false).await),
        Application::Enable(options) => at(&options.place, async |s| switch(&s, options.id, true).await),
        Application::AddAddress(options) => at(&options.place, async |s| add_address(&s, options).await),
        Application::RemoveAddress(options) => {
            at(&options.place, async |s| remove_address(&s, options).await)
        }
        Application::NewSecret(options) => at(&options.place, async |s| new_secret(&s, options.id).await),
    }
}

/// Carries out a command about API keys.
pub fn api_keys(command: &ApiKey) -> Result<(), Failure> {
    match command {
        ApiKey::Create(options) => at(&options.place, async |s| create_key(&s, options).await),
        ApiKey::List(options) => at(&options.place, async |s| list_keys(&s, options.application).await),
        ApiKey::Revoke(options) => at(&options.place, async |s| revoke_key(&s, options).await),
    }
}

async fn create(s: &Services, options: &ApplicationCreate) -> Result<(), Failure> {
    let draft = draft(options)?;
    let authority = in_organization(s, options).await?;
    match applications::create(s, authority, draft, &Origin::console())
        .await
        .map_err(Failure::other(FAILED))?
    {
        CreateOutcome::Done { id, secret, key } => {
            print::json(&print::Created {
                application: id.to_string(),
                client_id: id.to_string(),
                client_secret: secret.as_ref().map(|secret| secret.text()),
                api_key: key.as_ref().map(|key| key.key.as_str()),
            })?;
            if key.is_some() {
                print::try_key(&options.place);
            }
            Ok(())
        }
        CreateOutcome::Name(error) => Err(name("--name", error)),
        CreateOutcome::KeyName(error) => Err(name("--api-key", error)),
        CreateOutcome::ClientKeys => Err(Failure::Input(NO_KEYS.into())),
        CreateOutcome::TooMany => Err(Failure::Input(format!(
            "an organization has at most {0} applications, and an application {0} addresses of a kind; remove some.",
            applications::MOST
        ))),
    }
}

async fn update(s: &Services, options: &ApplicationUpdate) -> Result<(), Failure> {
    let authority = over(s, options.id).await?;
    let changes = applications::ApplicationUpdate {
        name: options.name.clone(),
        app_required: options.require_app,
        accepts_login_as: options.accepts_login_as,
    };
    let outcome = applications::update(s, authority, options.id, changes, &Origin::console()).await;
    match outcome.map_err(Failure::other(FAILED))? {
        UpdateOutcome::Done => say(&format!("Changed {}.", options.id)),
        UpdateOutcome::Name(error) => Err(name("--name", error)),
        // The operator may say everything.
        UpdateOutcome::NotFound | UpdateOutcome::OwnersOnly => Err(unknown(options.id)),
    }
}

const NO_KEYS: &str = "--client private-key-jwt needs --client-keys FILE with a JWK Set of public keys: \
                       {\"keys\": [{\"kty\": …}]}, none of them private or symmetric, and one at least that checks \
                       signatures: RSA of 2048 bits or more, P-256 or Ed25519.";

fn draft(options: &ApplicationCreate) -> Result<Draft, Failure> {
    let mut addresses = Vec::new();
    for (flag, kind, texts) in [
        ("--return-address", AddressKind::SecondStep, &options.return_addresses),
        ("--redirect-uri", AddressKind::Redirect, &options.redirect_uris),
        ("--post-logout-redirect-uri", AddressKind::PostLogout, &options.post_logout_redirect_uris),
    ] {
        for text in texts {
            let parsed = kind.address(text.trim()).map_err(|error| address(flag, text, kind, error))?;
            addresses.push((kind, parsed));
        }
    }
    let key = match &options.api_key {
        Some(name) => Some(key_draft(name, &options.scopes, options.expires_in_days)?),
        None => None,
    };
    Ok(Draft {
        name: options.name.clone(),
        app_required: options.require_app,
        accepts_login_as: options.accepts_login_as,
        addresses,
        client: client_draft(options)?,
        key,
    })
}

fn client_draft(options: &ApplicationCreate) -> Result<Option<ClientDraft>, Failure> {
    let Some(auth) = options.client else { return Ok(None) };
    let id_token_alg = options.id_token_alg.unwrap_or(SigningAlgorithm::Rs256);
    let keys = match (auth, options.client_keys.as_deref()) {
        (ClientAuth::PrivateKeyJwt, Some(file)) => Some(read_keys(file)?),
        (ClientAuth::PrivateKeyJwt, None) => return Err(Failure::Input(NO_KEYS.into())),
        (_, None) => None,
        (_, Some(_)) => {
            return Err(Failure::Input(
                "--client-keys is for --client private-key-jwt alone; leave one of them out.".into(),
            ));
        }
    };
    Ok(Some(ClientDraft { auth, id_token_alg, keys }))
}

fn read_keys(file: &Path) -> Result<String, Failure> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(file)
        .and_then(|opened| opened.take(LONGEST_KEYS).read_to_string(&mut text))
        .map_err(|e| {
            Failure::Input(format!(
                "--client-keys {} cannot be read ({e}); name a file of JSON.",
                file.display()
            ))
        })?;
    Ok(text)
}

fn key_draft(name: &str, scopes: &[Scope], days: Option<u16>) -> Result<KeyDraft, Failure> {
    let scopes = Scopes::new(scopes.iter().copied())
        .map_err(|_| Failure::Input("an API key needs at least one --scope.".into()))?;
    Ok(KeyDraft { name: name.to_owned(), scopes, lifetime: days.map(|days| DAY * u32::from(days)) })
}

/// The authority to register in the named organization, or in the only one there is.
async fn in_organization(s: &Services, options: &ApplicationCreate) -> Result<ApplicationAuthority, Failure> {
    let operator = OperatorAuthority::at_the_console();
    let asked = options.organization;
    applications::operators_authority(s, &operator, asked, options.first_party, options.everyone)
        .await
        .map_err(Failure::other(FAILED))?
        .map_err(|all| which_organization(asked, &all))
}

fn which_organization(asked: Option<OrganizationId>, all: &[(OrganizationId, String)]) -> Failure {
    if all.is_empty() {
        return Failure::Input(
            "there is no organization yet; create one with countersign owner create.".into(),
        );
    }
    let what = match asked {
        Some(id) => format!("there is no organization {id}; name one of these with --organization ID:"),
        None => "there are several organizations; name one of these with --organization ID:".to_owned(),
    };
    let lines: Vec<String> = all.iter().map(|(id, name)| format!("\n  {id}  {name}")).collect();
    Failure::Input(format!("{what}{}", lines.concat()))
}

async fn list(s: &Services, only: Option<OrganizationId>) -> Result<(), Failure> {
    let mut all = applications::list_all(s, &OperatorAuthority::at_the_console())
        .await
        .map_err(Failure::other(FAILED))?;
    if let Some(id) = only {
        let known: Vec<_> = all.iter().map(|(id, name, _)| (*id, name.clone())).collect();
        all.retain(|(known, ..)| *known == id);
        if all.is_empty() {
            return Err(which_organization(only, &known));
        }
    }
    print::list(&all)
}

async fn show(s: &Services, id: ApplicationId) -> Result<(), Failure> {
    let operator = OperatorAuthority::at_the_console();
    let found = applications::show_any(s, &operator, id).await.map_err(Failure::other(FAILED))?;
    print::application(&found.ok_or_else(|| unknown(id))?)
}

async fn switch(s: &Services, id: ApplicationId, active: bool) -> Result<(), Failure> {
    let (authority, word) = (over(s, id).await?, if active { "on" } else { "off" });
    if applications::set_active(s, authority, id, active, &Origin::console())
        .await
        .map_err(Failure::other(FAILED))?
    {
        say(&format!("Switched {id} {word}."))
    } else {
        say(&format!("{id} was {word} already."))
    }
}

async fn add_address(s: &Services, options: &ApplicationAddress) -> Result<(), Failure> {
    let (id, kind) = (options.id, options.kind);
    let authority = over(s, id).await?;
    let added = applications::add_address(s, authority, id, kind, &options.url, &Origin::console()).await;
    match added.map_err(Failure::other(FAILED))? {
        AddressOutcome::Added => say(&format!("Added {} to {id} ({kind}).", options.url.trim())),
        AddressOutcome::Doubled => say("It was registered already."),
        AddressOutcome::Address(error) => Err(address("the address", &options.url, kind, error)),
        AddressOutcome::TooMany => Err(Failure::Input(format!(
            "{id} has {} addresses of this kind already; remove one first.",
            applications::MOST
        ))),
        AddressOutcome::NotFound => Err(unknown(id)),
    }
}

async fn remove_address(s: &Services, options: &ApplicationAddress) -> Result<(), Failure> {
    let (id, kind, url) = (options.id, options.kind, options.url.trim());
    let authority = over(s, id).await?;
    if applications::remove_address(s, authority, id, kind, url, &Origin::console())
        .await
        .map_err(Failure::other(FAILED))?
    {
        return say(&format!("Removed {url} from {id} ({kind})."));
    }
    Err(Failure::Input(format!(
        "{id} has no such address of the kind {kind}; write it as countersign application show {id} shows it."
    )))
}

async fn new_secret(s: &Services, id: ApplicationId) -> Result<(), Failure> {
    let authority = over(s, id).await?;
    match applications::new_secret(s, authority, id, &Origin::console())
        .await
        .map_err(Failure::other(FAILED))?
    {
        ClientOutcome::Done(Some(secret)) => print::json(&print::Created {
            application: id.to_string(),
            client_id: id.to_string(),
            client_secret: Some(secret.text()),
            api_key: None,
        }),
        ClientOutcome::NotFound => Err(unknown(id)),
        ClientOutcome::Done(None) | ClientOutcome::NoSecret | ClientOutcome::Keys => Err(Failure::Input(
            format!("{id} does not sign people in with a secret; choose that on its page, under Sign-in."),
        )),
    }
}

async fn create_key(s: &Services, options: &ApiKeyCreate) -> Result<(), Failure> {
    let id = options.application;
    let draft = key_draft(&options.name, &options.scopes, options.expires_in_days)?;
    let authority = over(s, id).await?;
    match applications::make_key(s, authority, id, draft, &Origin::console())
        .await
        .map_err(Failure::other(FAILED))?
    {
        KeyOutcome::Made(made) => {
            print::json(&print::CreatedKey {
                application: id.to_string(),
                key_id: made.id.to_string(),
                api_key: &made.key,
            })?;
            print::try_key(&options.place);
            Ok(())
        }
        // The operator may grant everything.
        KeyOutcome::NotFound | KeyOutcome::OwnersOnly(_) => Err(unknown(id)),
        KeyOutcome::Name(error) => Err(name("--name", error)),
        KeyOutcome::TooMany => {
            Err(Failure::Input(format!("{id} has {} keys already; revoke one first.", applications::MOST)))
        }
    }
}

async fn list_keys(s: &Services, id: ApplicationId) -> Result<(), Failure> {
    let operator = OperatorAuthority::at_the_console();
    let found = applications::show_any(s, &operator, id).await.map_err(Failure::other(FAILED))?;
    print::keys(&found.ok_or_else(|| unknown(id))?.keys, s.now())
}

async fn revoke_key(s: &Services, options: &ApiKeyRevoke) -> Result<(), Failure> {
    let (id, key) = (options.application, options.key);
    let authority = over(s, id).await?;
    if applications::revoke_key(s, authority, id, key, &Origin::console())
        .await
        .map_err(Failure::other(FAILED))?
    {
        return say(&format!("Revoked {key}."));
    }
    Err(Failure::Input(format!(
        "{id} has no live key {key}; countersign api-key list --application {id} shows its keys."
    )))
}

/// The authority over an application that is there.
async fn over(s: &Services, id: ApplicationId) -> Result<ApplicationAuthority, Failure> {
    let operator = OperatorAuthority::at_the_console();
    let found =
        applications::operators_authority_over(s, &operator, id).await.map_err(Failure::other(FAILED))?;
    found.ok_or_else(|| unknown(id))
}

fn unknown(id: ApplicationId) -> Failure {
    Failure::Input(format!("there is no application {id}; countersign application list shows them."))
}

fn name(flag: &str, error: TextError) -> Failure {
    Failure::Input(format!("{flag} cannot be used ({error}); {}.", remedy(error, applications::NAME_LENGTH)))
}

/// What to write instead of a name that cannot be used.
pub(crate) fn remedy(error: TextError, most: usize) -> String {
    match error {
        TextError::Link => {
            "write it without the dot, or with a space after it, such as \"Acme io\" or \"Co. KG\"".into()
        }
        TextError::Amount => "write a name without the amount".into(),
        TextError::PhoneNumber => "write a name without the number".into(),
        TextError::Empty | TextError::TooLong(_) | TextError::Unprintable => {
            format!("write 1 to {most} printable characters")
        }
    }
}

fn address(flag: &str, text: &str, kind: AddressKind, error: AddressError) -> Failure {
    let remedy = match error {
        AddressError::NotAbsolute => "write a whole address such as https://crm.example.com/back".to_owned(),
        AddressError::Insecure if kind == AddressKind::SecondStep => {
            "begin it with https://, or on this machine alone with http://127.0.0.1".to_owned()
        }
        AddressError::Insecure => {
            "begin it with https://, on this machine alone with http://127.0.0.1, or for an app \
                                   on a device with a scheme that has a dot, such as com.example.app:/back"
                .to_owned()
        }
        AddressError::Fragment => "leave out # and what follows it".to_owned(),
        AddressError::Credentials => "leave out the user name and password before the @".to_owned(),
        AddressError::NotNormal => match ReturnAddress::normal_form(text) {
            Some(normal) => format!("write it as {normal}"),
            None => "write it as a browser shows it".to_owned(),
        },
        AddressError::OddHost => "check the host: it has characters that no host has".into(),
        AddressError::TooLong => format!("write at most {} characters", ReturnAddress::LONGEST),
    };
    Failure::Input(format!("{flag} {text:?} cannot be used ({error}); {remedy}."))
}
