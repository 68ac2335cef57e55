//! `countersign application …` and `countersign api-key …`.

use super::Place;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand};
use countersign_core::application::{AddressKind, ClientAuth, Scope, SigningAlgorithm};
use countersign_core::ids::{ApiKeyId, ApplicationId, OrganizationId};
use std::path::PathBuf;

/// Reads one of a closed list of words, and names them all where it is none of them.
macro_rules! one_of {
    ($kind:ty) => {
        PossibleValuesParser::new(<$kind>::ALL.iter().map(|one| one.as_str()))
            .try_map(|word| word.parse::<$kind>())
    };
}

/// Options of `countersign application`.
#[derive(Debug, Subcommand)]
pub enum Application {
    /// Register an application; prints JSON, in which secrets are shown this once
    Create(ApplicationCreate),
    /// Change an application's name, or what it requires and accepts; what is not given stays
    Update(ApplicationUpdate),
    /// List the applications
    List(ApplicationList),
    /// Show an application, its addresses and its keys
    Show(ApplicationNamed),
    /// Switch an application off: its keys and its sign-ins are refused at once
    Disable(ApplicationNamed),
    /// Switch an application on again
    Enable(ApplicationNamed),
    /// Register an address to which people may be sent back
    AddAddress(ApplicationAddress),
    /// Remove such an address
    RemoveAddress(ApplicationAddress),
    /// Make a new client secret; prints JSON, the old one is worthless at once
    NewSecret(ApplicationNamed),
}

/// Options of `countersign application create`.
#[derive(Debug, Args)]
pub struct ApplicationCreate {
    /// Which server.
    #[command(flatten)]
    pub place: Place,

    /// The application's name, as people see it
    #[arg(long)]
    pub name: String,

    /// The organization's id, where there are several
    #[arg(long, value_name = "ID")]
    pub organization: Option<OrganizationId>,

    /// It is your own: people are not asked whether it may know who they are
    #[arg(long)]
    pub first_party: bool,

    /// Everybody may sign in to it, not only the members of its organization
    #[arg(long)]
    pub everyone: bool,

    /// At its second step, whoever has no authenticator app sets one up
    #[arg(long)]
    pub require_app: bool,

    /// An administrator may enter it in a member's account; it must then honor `act` (docs/APPLICATIONS.md)
    #[arg(long)]
    pub accepts_login_as: bool,

    /// An address to which people come back from the second step
    #[arg(long = "return-address", value_name = "URL")]
    pub return_addresses: Vec<String>,

    /// An address to which people come back from signing in (OpenID Connect)
    #[arg(long = "redirect-uri", value_name = "URL", requires = "client")]
    pub redirect_uris: Vec<String>,

    /// An address to which people come back from signing out (OpenID Connect)
    #[arg(long = "post-logout-redirect-uri", value_name = "URL", requires = "client")]
    pub post_logout_redirect_uris: Vec<String>,

    /// Sign people in by OpenID Connect; how the application shows that it is itself
    #[arg(long, value_name = "KIND", value_parser = one_of!(ClientAuth))]
    pub client: Option<ClientAuth>,

    /// How ID tokens are signed [default: RS256]
    #[arg(long, value_name = "ALGORITHM", requires = "client", value_parser = one_of!(SigningAlgorithm))]
    pub id_token_alg: Option<SigningAlgorithm>,

    /// The file with the application's public keys (JWK Set), for --client private-key-jwt
    #[arg(long, value_name = "FILE", requires = "client")]
    pub client_keys: Option<PathBuf>,

    /// Also create an API key with this name
    #[arg(long, value_name = "NAME", requires = "scopes")]
    pub api_key: Option<String>,

    /// A permission of the API key; may be given several times
    #[arg(long = "scope", value_name = "SCOPE", requires = "api_key", value_parser = one_of!(Scope))]
    pub scopes: Vec<Scope>,

    /// Days until the key expires
    #[arg(long, value_name = "N", requires = "api_key", value_parser = clap::value_parser!(u16).range(1..=3650))]
    pub expires_in_days: Option<u16>,
}

/// Options of `countersign application update`.
#[derive(Debug, Args)]
#[group(id = "change", required = true, multiple = true, args = ["name", "require_app", "accepts_login_as"])]
pub struct ApplicationUpdate {
    /// Which server.
    #[command(flatten)]
    pub place: Place,

    /// The application's id
    #[arg(value_name = "ID")]
    pub id: ApplicationId,

    /// The new name, as people see it
    #[arg(long)]
    pub name: Option<String>,

    /// Whether anyone who has no authenticator app sets one up at its second step
    #[arg(long, value_name = "BOOL")]
    pub require_app: Option<bool>,

    /// Whether an administrator may enter it in a member's account; it must then honor `act` (docs/APPLICATIONS.md)
    #[arg(long, value_name = "BOOL")]
    pub accepts_login_as: Option<bool>,
}

/// Options of `countersign application list`.
#[derive(Debug, Args)]
pub struct ApplicationList {
    /// Which server.
    #[command(flatten)]
    pub place: Place,

    /// Of this organization alone
    #[arg(long, value_name = "ID")]
    pub organization: Option<OrganizationId>,
}

/// Options of a command about one application.
#[derive(Debug, Args)]
pub struct ApplicationNamed {
    /// Which server.
    #[command(flatten)]
    pub place: Place,

    /// The application's id
    #[arg(value_name = "ID")]
    pub id: ApplicationId,
}

/// Options of `countersign application add-address` and `remove-address`.
#[derive(Debug, Args)]
pub struct ApplicationAddress {
    /// Which server.
    #[command(flatten)]
    pub place: Place,

    /// The application's id
    #[arg(value_name = "ID")]
    pub id: ApplicationId,

    /// What the address is for
    #[arg(long, value_name = "KIND", value_parser = one_of!(AddressKind))]
    pub kind: AddressKind,

    /// The address
    #[arg(value_name = "URL")]
    pub url: String,
}

/// Options of `countersign api-key`.
#[derive(Debug, Subcommand)]
pub enum ApiKey {
    /// Create an API key; prints JSON; the key is shown only once
    Create(ApiKeyCreate),
    /// List an application's keys
    List(ApiKeyList),
    /// Revoke a key, at once and for good
    Revoke(ApiKeyRevoke),
}

/// Options of `countersign api-key create`.
#[derive(Debug, Args)]
pub struct ApiKeyCreate {
    /// Which server.
    #[command(flatten)]
    pub place: Place,

    /// The application's id
    #[arg(long, value_name = "ID")]
    pub application: ApplicationId,

    /// The key's name, by which people tell it from others
    #[arg(long)]
    pub name: String,

    /// A permission; may be given several times
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = one_of!(Scope))]
    pub scopes: Vec<Scope>,

    /// Days until the key expires
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=3650))]
    pub expires_in_days: Option<u16>,
}

/// Options of `countersign api-key list`.
#[derive(Debug, Args)]
pub struct ApiKeyList {
    /// Which server.
    #[command(flatten)]
    pub place: Place,

    /// The application's id
    #[arg(long, value_name = "ID")]
    pub application: ApplicationId,
}

/// Options of `countersign api-key revoke`.
#[derive(Debug, Args)]
pub struct ApiKeyRevoke {
    /// Which server.
    #[command(flatten)]
    pub place: Place,

    /// The application's id
    #[arg(long, value_name = "ID")]
    pub application: ApplicationId,

    /// The key's id, as the list shows it
    #[arg(value_name = "KEY-ID")]
    pub key: ApiKeyId,
}

#[cfg(test)]
mod tests {
    use super::super::{Cli, Command};
    use super::*;
    use clap::Parser as _;
    use clap::error::ErrorKind;

    const ID: &str = "01890000-0000-7000-8000-000000000000";

    fn parse(line: &str) -> Result<Application, clap::Error> {
        match Cli::try_parse_from(line.split(' '))?.command {
            Command::Application(application) => Ok(application),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_scripts_write_is_read() {
        let line = "countersign application create --data /d --name CRM --first-party --everyone --require-app \
                    --return-address https://a.example/1 --return-address https://a.example/2 \
                    --redirect-uri https://a.example/3 --post-logout-redirect-uri https://a.example/ \
                    --client client-secret --id-token-alg ES256 --api-key server --scope challenges \
                    --scope users:read --expires-in-days 90";
        let Application::Create(create) = parse(line).unwrap() else { panic!("not create") };
        assert!(create.first_party && create.everyone && create.require_app);
        assert_eq!(create.return_addresses.len(), 2);
        assert_eq!(create.client, Some(ClientAuth::ClientSecret));
        assert_eq!(create.id_token_alg, Some(SigningAlgorithm::Es256));
        assert_eq!(create.scopes, [Scope::Challenges, Scope::UsersRead]);
        assert_eq!(create.expires_in_days, Some(90));
        let line = format!(
            "countersign application add-address {ID} --config /f --kind post-logout https://a.example/"
        );
        let Application::AddAddress(add) = parse(&line).unwrap() else { panic!("not add-address") };
        assert_eq!((add.kind, add.url.as_str()), (AddressKind::PostLogout, "https://a.example/"));
    }

    #[test]
    fn an_update_names_what_changes() {
        let line = format!("countersign application update {ID} --data d --accepts-login-as true");
        let Application::Update(update) = parse(&line).unwrap() else { panic!("not update") };
        assert_eq!((update.accepts_login_as, update.require_app, update.name), (Some(true), None, None));
        let nothing = parse(&format!("countersign application update {ID} --data d")).unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::MissingRequiredArgument);
    }

    #[test]
    fn what_does_not_belong_together_is_refused_with_exit_code_2() {
        let create = "countersign application create --data d --name n";
        for (line, kind) in [
            ("countersign application create --name n".to_owned(), ErrorKind::MissingRequiredArgument),
            (format!("{create} --config f"), ErrorKind::ArgumentConflict),
            (format!("{create} --redirect-uri https://a.example/"), ErrorKind::MissingRequiredArgument),
            (format!("{create} --api-key k"), ErrorKind::MissingRequiredArgument),
            (format!("{create} --scope challenges"), ErrorKind::MissingRequiredArgument),
            (format!("{create} --api-key k --scope everything"), ErrorKind::InvalidValue),
            (
                format!("{create} --api-key k --scope challenges --expires-in-days 0"),
                ErrorKind::ValueValidation,
            ),
            (format!("{create} --client magic"), ErrorKind::InvalidValue),
            ("countersign application show nonsense --data d".to_owned(), ErrorKind::ValueValidation),
        ] {
            let error = parse(&line).unwrap_err();
            assert_eq!((error.kind(), error.exit_code()), (kind, 2), "{line}: {error}");
        }
    }
}
