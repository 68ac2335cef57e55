//! Notices about signing in, the password, the email address and the phone.

use super::{Occasion, Text, not_you};
use countersign_core::user_agent;

/// A browser without its cookie counts as new: one that the person has used may have been cleared.
pub(super) fn new_browser(at: Occasion<'_>) -> Text {
    let Occasion { when, origin, service } = at;
    let browser = origin.and_then(|origin| user_agent::recognized(&origin.user_agent));
    Text {
        subject: match browser {
            Some(browser) if browser.starts_with("A browser") => {
                format!("New sign-in from a{}", &browser[1..])
            }
            Some(browser) => format!("New sign-in from {browser}"),
            None => "New sign-in from an unknown browser".to_owned(),
        },
        happened: format!(
            "Someone signed in to your {service} account on {when}, in a browser we don't recognize. If this was you, you \
             don't need to do anything. A browser whose cookies were cleared, or a private window, also counts as new."
        ),
        advice: not_you("Change your password and sign out other browsers:"),
        page: "/profile",
    }
}

pub(super) fn password_changed(Occasion { when, service, .. }: Occasion<'_>) -> Text {
    Text {
        subject: "Your password was changed".to_owned(),
        happened: format!("The password of your {service} account was changed on {when}."),
        advice: not_you("Choose another password now. Request a link for it here:"),
        page: "/forgot-password",
    }
}

pub(super) fn email_changed(to: &str, Occasion { when, service, .. }: Occasion<'_>) -> Text {
    Text {
        subject: "Your email address was changed".to_owned(),
        happened: format!(
            "The email address of your {service} account was changed to {to} on {when}. You now sign in with the new \
             address, and messages about your account go there."
        ),
        advice: not_you(&format!(
            "Contact an administrator of your organization, or the people who run {service}. If you can still sign in, \
             change your password and change your email address back:"
        )),
        page: "/profile",
    }
}

pub(super) fn phone_changed(to: &str, Occasion { when, service, .. }: Occasion<'_>) -> Text {
    Text {
        subject: "A phone number was added to your account".to_owned(),
        happened: format!(
            "The phone number {to} was added to your {service} account on {when}. Text-message codes now go to this \
             number."
        ),
        advice: not_you("Change your password, sign out other browsers, and fix your phone number:"),
        page: "/profile",
    }
}

pub(super) fn phone_removed(Occasion { when, service, .. }: Occasion<'_>) -> Text {
    Text {
        subject: "The phone number was removed from your account".to_owned(),
        happened: format!(
            "The phone number was removed from your {service} account on {when}. You no longer get codes by text message."
        ),
        advice: not_you("Change your password, sign out other browsers, and fix your phone number:"),
        page: "/profile",
    }
}

pub(super) fn notices_paused(Occasion { when, service, .. }: Occasion<'_>) -> Text {
    Text {
        subject: "Many changes to your account".to_owned(),
        happened: format!(
            "We've sent you many messages about your {service} account within an hour, the last about what happened on \
             {when}. We'll send no more for now. Everything is still recorded on your account."
        ),
        advice: "Weren't these changes yours? Change your password now. See what happened on your account:"
            .to_owned(),
        page: "/profile/activity",
    }
}
