//! What applications are, and why a change of one was refused, in sentences for somebody who has read no standard.

use countersign_core::application::{
    AddressError, AddressKind, ClientAuth, ReturnAddress, Scope, SigningAlgorithm,
};
use countersign_flows::applications::MOST;

/// What an API key allows: a name, and a sentence.
pub(crate) fn scope(scope: Scope) -> (&'static str, &'static str) {
    match scope {
        Scope::Challenges => {
            ("Verify users", "Ask a user for a code and get the result. Most apps need this.")
        }
        Scope::UsersWrite => (
            "Manage users",
            "Add, rename and deactivate users. Most apps need this, to add a user before verifying them.",
        ),
        Scope::UsersRead => ("Read users", "See users and their methods. Never codes or secrets."),
        Scope::Authenticators => (
            "Manage 2FA",
            "Add and remove authenticator apps and backup codes, only right after the user has verified.",
        ),
        Scope::FirstEnrolments => (
            "First setup without a code",
            "Also lets the app set up a user’s first authenticator without an email code. Anyone who steals this key can do \
             the same.",
        ),
    }
}

/// How a client shows who it is: a name, and a sentence.
pub(crate) fn client(auth: ClientAuth) -> (&'static str, &'static str) {
    match auth {
        ClientAuth::ClientSecret => (
            "A web application with a server",
            "Its server keeps a secret and shows it here. This is the usual choice.",
        ),
        ClientAuth::None => (
            "An app on a phone, or a page without a server",
            "It runs on people’s own devices, where no secret stays secret. It gets none, and each sign-in is protected \
             in another way (PKCE).",
        ),
        ClientAuth::PrivateKeyJwt => (
            "A server with a key pair of its own",
            "It signs what it sends here, and this server knows its public keys alone. For those whose rules ask for it.",
        ),
    }
}

/// No sign-in: a name, and a sentence.
pub(crate) const NO_CLIENT: (&str, &str) =
    ("Off", "People sign in on the application’s own page, or not at all.");

/// How ID tokens are signed.
pub(crate) fn algorithm(algorithm: SigningAlgorithm) -> &'static str {
    match algorithm {
        SigningAlgorithm::Rs256 => "RS256: understood by every application",
        SigningAlgorithm::Es256 => "ES256: shorter, understood by most",
        SigningAlgorithm::EdDsa => "EdDSA (Ed25519): shorter and newer, understood by some",
    }
}

/// An address cannot be registered; `typed` is what was typed.
pub(crate) fn address(error: AddressError, kind: AddressKind, typed: &str) -> String {
    match error {
        AddressError::NotAbsolute if typed.trim().is_empty() => {
            "Type the whole address, for example https://crm.example.com/back.".into()
        }
        AddressError::NotAbsolute => "This is not a whole address. Begin with https:// and the name of the server, for \
                                      example https://crm.example.com/back."
            .into(),
        AddressError::Insecure if kind == AddressKind::SecondStep => {
            "An address has to begin with https://, or others could read what is sent to it. Only while you develop on \
             your own machine may it begin with http://127.0.0.1 or http://localhost."
                .into()
        }
        AddressError::Insecure => "An address has to begin with https://, or others could read what is sent to it. While \
                                   you develop on your own machine it may begin with http://127.0.0.1 or \
                                   http://localhost, and an app on a phone may use a scheme of its own with a dot in it: \
                                   com.example.app:/back."
            .into(),
        AddressError::Fragment => {
            "A # and what follows it never reach a server. Type the address without that part.".into()
        }
        AddressError::Credentials => {
            "There is a user name or password before the @. Type the address without it.".into()
        }
        AddressError::NotNormal => match ReturnAddress::normal_form(typed) {
            Some(normal) => format!("Addresses are compared letter by letter. Type it as browsers write it: {normal}"),
            None => "Addresses are compared letter by letter. Copy it from the address bar of a browser.".into(),
        },
        AddressError::OddHost => {
            "The name of the machine has characters in it that no such name has. Check the part behind “://”.".into()
        }
        AddressError::TooLong => format!("This is too long. Use at most {} characters.", ReturnAddress::LONGEST),
    }
}

/// It is registered already.
pub(crate) const ADDRESS_DOUBLED: &str = "This address is on the list already. There is nothing to add.";

/// What to do with a new key, above the line that tries it.
pub(crate) const NEW_KEY: &str = "Store it on your server as the environment variable COUNTERSIGN_API_KEY, never in a browser \
                                  or mobile app. Then try it there. The response shows the key’s permissions:";

/// The same for a new client secret.
pub(crate) const NEW_SECRET: &str =
    "Store it on your server, never in a browser or mobile app. Test the connection:";

/// A key that would allow nothing.
pub(crate) const NO_SCOPE: &str = "Choose at least one permission.";

/// Beside what only an owner can grant, for an administrator.
pub(crate) const OWNERS_GRANT: &str = "Only an owner can grant this. Ask one of them to create the key; the list of members shows who they are.";

/// The same where it was sent all the same.
pub(crate) fn owners_only(asked: Scope) -> String {
    format!("Only an owner can allow “{}”. Leave it out, or ask an owner to create the key.", scope(asked).0)
}

/// Who created a key can no longer grant what it allows.
pub(crate) fn creator_lost(name: &str) -> String {
    format!(
        "{name} no longer has permission to create this key. The key still works. If you don’t need it, revoke it."
    )
}

/// Neither of the lifetimes on offer.
pub(crate) const LIFETIME: &str = "Choose an expiry.";

/// None of the kinds of clients.
pub(crate) const CLIENT: &str = "Choose one of these.";

/// None of the algorithms.
pub(crate) const ALGORITHM: &str = "Choose how ID tokens are signed from the list.";

/// What stands in the field of public keys is none.
pub(crate) const CLIENT_KEYS: &str = "These are no public keys that can check a signature. Paste a JWK Set: JSON that begins \
                                      with {\"keys\": [ and has RSA (2048 bits or more), P-256 or Ed25519 keys without \
                                      their private part.";

/// There are as many as there may be.
pub(crate) fn too_many(what: &str) -> String {
    format!("There are {MOST} {what} already, and that is the most. Remove one that is no longer needed.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_of_an_address_says_what_to_type_instead() {
        for kind in AddressKind::ALL {
            for typed in [
                "",
                "/back",
                "http://crm.example.com/",
                "javascript:alert(1)",
                "https://crm.example.com/#top",
                "https://me:secret@crm.example.com/",
                "https://CRM.example.com/",
                &format!("https://crm.example.com/{}", "a".repeat(1_000)),
            ] {
                let error = kind.address(typed).unwrap_err();
                let said = address(error, *kind, typed);
                assert!(said.len() > 40 && !said.contains("  "), "{said:?}");
                assert!(said.ends_with('.') || said.ends_with("https://crm.example.com/"), "{said:?}");
                let hint = ["Type", "Begin", "begin", "Use"].iter().any(|word| said.contains(word));
                assert!(hint, "{said:?}");
            }
        }
    }

    #[test]
    fn everything_that_can_be_chosen_has_a_name_and_a_sentence() {
        let scopes = Scope::ALL.iter().map(|one| scope(*one));
        let clients = ClientAuth::ALL.iter().map(|one| client(*one));
        for (name, sentence) in scopes.chain(clients).chain([NO_CLIENT]) {
            assert!(!name.is_empty() && !name.ends_with('.'), "{name}");
            assert!(sentence.ends_with('.') && !sentence.contains("  "), "{sentence}");
        }
        for one in SigningAlgorithm::ALL {
            assert!(algorithm(*one).starts_with(one.as_str()));
        }
    }
}
