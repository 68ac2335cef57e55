//! `countersign owner create`: the first account of an organization.

use crate::cli::{OwnerCreate, PasswordSource};
use crate::wiring::{self, Failure, Start};
use countersign_core::{authority::OperatorAuthority, password};
use countersign_flows::{
    accounts::{self, Created},
    ambient::SystemClock,
};
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Creates the owner, and says so.
pub fn create(options: &OwnerCreate) -> Result<(), Failure> {
    let config = options.place.settings(std::env::vars_os())?.config()?;
    crate::serve::logging::of_a_command();
    let password = read_password(options.password_source())?;
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::other("the runtime cannot start"))?;
    let created = runtime.block_on(async {
        let services =
            wiring::services(&config, Arc::new(SystemClock), Start::of(options.new_database)).await?;
        let authority = OperatorAuthority::at_the_console();
        accounts::create_owner(
            &services,
            authority,
            &options.email,
            &options.name,
            &options.organization,
            &password,
        )
        .await
        .map_err(Failure::other("the owner was not created"))
    })?;
    let sentence = match created {
        Created::Done(_) => {
            let done = format!(
                "Created {} as owner of {}. Sign in at {}/sign-in; the second step is a code by e-mail until an \
                 authenticator app is set up.",
                options.email,
                options.organization,
                wiring::public_url(&config)
            );
            return say(&done);
        }
        Created::EmailTaken => {
            format!("--email {} belongs to an account already; choose another.", options.email)
        }
        Created::Email(_) => {
            format!("--email {} is not an e-mail address; write name@example.com.", options.email)
        }
        Created::Name(error) => {
            format!("--name cannot be used ({error}); write 1 to 80 printable characters.")
        }
        Created::Organization(error) => {
            let remedy = crate::application::remedy(error, accounts::NAME_LENGTH);
            format!("--organization cannot be used ({error}); {remedy}.")
        }
        Created::Password(error) => format!(
            "the password is {error}; choose {} to {} characters that do not name the person or the service.",
            password::SHORTEST,
            password::LONGEST
        ),
    };
    Err(Failure::Input(sentence))
}

fn read_password(source: PasswordSource<'_>) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    let read = match source {
        PasswordSource::File(path) => std::fs::File::open(path)
            .and_then(|mut file| file.read_to_string(&mut text))
            .map_err(|e| Failure::Input(format!("--password-file {} cannot be read ({e}).", path.display()))),
        PasswordSource::StandardInput => std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|e| Failure::Input(format!("standard input cannot be read ({e})."))),
        PasswordSource::Prompt => prompt(&mut text),
    };
    read?;
    let trimmed = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(trimmed);
    Ok(text)
}

fn prompt(text: &mut String) -> Result<usize, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Input(
            "there is no terminal to ask for the password; give --password-file FILE, or - for standard input.".into(),
        ));
    }
    let asked = rpassword::prompt_password("Password for the new owner: ");
    let typed = asked.map_err(|e| Failure::Input(format!("the password cannot be read ({e}).")))?;
    text.push_str(&typed);
    Ok(text.len())
}

fn say(sentence: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{sentence}").map_err(Failure::other("standard output"))
}
