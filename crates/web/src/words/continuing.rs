//! What goes on after someone has confirmed who they are: one entry for each form that needs it.

/// What a form does, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Continuing {
    /// After "to": what the person was doing.
    pub(crate) purpose: &'static str,
    /// The field whose value says more, and the purpose with `{}` for it.
    naming: Option<(&'static str, &'static str)>,
    /// Where it ends something: the question asked first, with `{}` for the name of what ends.
    pub(crate) question: Option<&'static str>,
    /// What the answer "yes" leads to.
    pub(crate) consequence: &'static str,
    /// The button that carries it out.
    pub(crate) button: &'static str,
}

/// Starts something, or saves what was entered.
const fn goes_on(purpose: &'static str) -> Continuing {
    Continuing {
        purpose,
        naming: None,
        question: None,
        consequence: "Nothing has changed yet.",
        button: "Continue",
    }
}

/// Ends something.
const fn asks(
    purpose: &'static str,
    question: &'static str,
    consequence: &'static str,
    button: &'static str,
) -> Continuing {
    Continuing { purpose, naming: None, question: Some(question), consequence, button }
}

/// No longer value is repeated in a sentence, in characters.
const LONGEST: usize = 80;

impl Continuing {
    /// The same, which also says what was entered in `field`.
    const fn naming(self, field: &'static str, purpose: &'static str) -> Self {
        Self { naming: Some((field, purpose)), ..self }
    }

    /// The purpose, with what was entered where that says more. Someone else may have sent the form from a copy of the session:
    /// the account holder has to see what they confirm.
    pub(crate) fn purpose_of<'a>(self, field: impl FnOnce(&str) -> Option<&'a str>) -> String {
        let Some((name, purpose)) = self.naming else { return self.purpose.to_owned() };
        match field(name).map(str::trim) {
            Some(value) if !value.is_empty() && value.chars().count() <= LONGEST => {
                purpose.replace("{}", value)
            }
            _ => self.purpose.to_owned(),
        }
    }
}

/// What the form does that is posted to this route of the table; `None` for one that needs no proof of identity.
pub(crate) fn of(route: &str) -> Option<Continuing> {
    Some(match route {
        "/profile/app/begin" => goes_on("set up your authenticator app"),
        "/profile/app/{id}/remove" => asks(
            "remove your authenticator app",
            "Remove “{}”?",
            "Its codes stop working, and you’ll be signed out everywhere else. If it’s your only app, your backup codes stop \
             working too.",
            "Remove app",
        ),
        "/profile/backup-codes/reset" => asks(
            "generate new backup codes",
            "Generate new backup codes?",
            "You’ll get ten new codes. All your current ones stop working immediately.",
            "Generate new codes",
        ),
        "/profile/password" => goes_on("change your password"),
        "/profile/email" | "/profile/email/confirm" => {
            goes_on("change your email address").naming("email", "change your email address to {}")
        }
        "/profile/phone" | "/profile/phone/confirm" => {
            goes_on("change your phone number").naming("phone", "change your phone number to {}")
        }
        "/profile/phone/remove" => asks(
            "remove your phone number",
            "Remove {}?",
            "You’ll no longer be able to sign in with a text message.",
            "Remove phone number",
        ),
        "/members/{id}/login-as" => goes_on("log in as a member"),
        route => return of_application(route),
    })
}

fn of_application(route: &str) -> Option<Continuing> {
    Some(match route {
        "/organization/applications" => {
            goes_on("register an application").naming("name", "register the application “{}”")
        }
        "/organization/applications/{id}/update" | "/organization/applications/{id}/client" => {
            goes_on("change this application")
        }
        "/organization/applications/{id}/keys" => goes_on("create an API key"),
        "/organization/applications/{id}/keys/{key}/revoke" => asks(
            "revoke an API key",
            "Revoke the key “{}”?",
            "Requests with this key are refused immediately. This can’t be undone.",
            "Revoke key",
        ),
        "/organization/applications/{id}/addresses" => {
            goes_on("add a URL").naming("address", "add the URL {}")
        }
        "/organization/applications/{id}/addresses/remove" => asks(
            "remove a URL",
            "Remove {}?",
            "No one is sent to this URL any more. A sign-in that uses it is refused.",
            "Remove URL",
        ),
        "/organization/applications/{id}/secret" => asks(
            "create a new client secret",
            "Create a new client secret for “{}”?",
            "The current secret stops working immediately. Sign-ins fail until the application has the new one.",
            "Create new secret",
        ),
        "/organization/applications/{id}/switch-off" => asks(
            "turn off this application",
            "Turn off “{}”?",
            "Its keys and sign-ins are refused until you turn it on again.",
            "Turn off",
        ),
        "/organization/applications/{id}/switch-on" => goes_on("turn on this application"),
        _ => return None,
    })
}

/// The question about what ends, by its name where it is known.
pub(crate) fn question(question: &str, name: Option<&str>) -> String {
    question.replace("{}", name.unwrap_or("this"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::{Access, table};

    #[test]
    fn every_form_that_needs_a_fresh_proof_goes_on_and_no_other() {
        for route in table().iter().filter(|route| route.method == http::Method::POST) {
            let fresh = matches!(route.access, Access::OwnFresh | Access::AdministratorFresh);
            assert_eq!(of(route.path).is_some(), fresh, "{}", route.path);
        }
    }

    #[test]
    fn what_was_entered_is_named_unless_it_is_missing_or_too_long() {
        let email = of("/profile/email").unwrap();
        assert_eq!(
            email.purpose_of(|name| (name == "email").then_some(" mia@new.example ")),
            "change your email address to mia@new.example"
        );
        let long = "x".repeat(LONGEST + 1);
        for plain in [None, Some(""), Some(" "), Some(&*long)] {
            assert_eq!(email.purpose_of(|_| plain), "change your email address");
        }
        let password = of("/profile/password").unwrap();
        assert_eq!(password.purpose_of(|_| Some("a secret")), "change your password");
    }

    #[test]
    fn a_question_names_what_ends() {
        assert_eq!(question("Remove “{}”?", Some("Phone")), "Remove “Phone”?");
        assert_eq!(question("Remove {}?", None), "Remove this?");
    }
}
