//! What goes on after someone has confirmed who they are: one entry for each form that needs it.

/// What a form does, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Continuing {
    /// After "to": what the person was doing.
    pub(crate) purpose: &'static str,
    /// Where it ends something: the question asked first, with `{}` for the name of what ends.
    pub(crate) question: Option<&'static str>,
    /// What the answer "yes" leads to.
    pub(crate) consequence: &'static str,
    /// The button that carries it out.
    pub(crate) button: &'static str,
}

/// Starts something, or saves what was entered.
const fn goes_on(purpose: &'static str) -> Continuing {
    Continuing { purpose, question: None, consequence: "Nothing has changed yet.", button: "Continue" }
}

/// Ends something.
const fn asks(
    purpose: &'static str,
    question: &'static str,
    consequence: &'static str,
    button: &'static str,
) -> Continuing {
    Continuing { purpose, question: Some(question), consequence, button }
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
        // Its own page has asked.
        "/profile/backup-codes/reset" => goes_on("generate new backup codes"),
        "/profile/password" => goes_on("change your password"),
        "/profile/email" | "/profile/email/confirm" => goes_on("change your email address"),
        "/profile/phone" | "/profile/phone/confirm" => goes_on("change your phone number"),
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
        "/organization/applications" => goes_on("register an application"),
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
        "/organization/applications/{id}/addresses" => goes_on("add a URL"),
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
    fn a_question_names_what_ends() {
        assert_eq!(question("Remove “{}”?", Some("Phone")), "Remove “Phone”?");
        assert_eq!(question("Remove {}?", None), "Remove this?");
    }
}
