//! Notices about authenticator apps, backup codes, and incorrect codes.

use super::{Occasion, Text, not_you};
use crate::render::layout::span;
use countersign_core::second_step::few_backup_codes;

pub(super) fn app_added(app: &str, Occasion { when, service, .. }: Occasion<'_>) -> Text {
    Text {
        subject: "An authenticator app was added to your account".to_owned(),
        happened: format!(
            "The authenticator app \"{app}\" was added to your {service} account on {when}. You can now use its codes to \
             sign in."
        ),
        advice: not_you("Remove this app, change your password, and sign out other browsers:"),
        page: "/profile",
    }
}

pub(super) fn app_removed(app: &str, last: bool, Occasion { when, service, .. }: Occasion<'_>) -> Text {
    let codes = if last { " It was your last app, so your backup codes no longer work either." } else { "" };
    Text {
        subject: "An authenticator app was removed from your account".to_owned(),
        happened: format!(
            "The authenticator app \"{app}\" was removed from your {service} account on {when}. Its codes no longer \
             work.{codes}"
        ),
        advice: not_you("Change your password, sign out other browsers, and set up your app again:"),
        page: "/profile",
    }
}

pub(super) fn app_replaced(old: &str, app: &str, Occasion { when, service, .. }: Occasion<'_>) -> Text {
    Text {
        subject: "Your authenticator app was replaced".to_owned(),
        happened: format!(
            "The authenticator app \"{app}\" replaced \"{old}\" for your {service} account on {when}. Codes from \"{old}\" \
             no longer work. You have new backup codes, and the old ones no longer work either."
        ),
        advice: not_you("Change your password, sign out other browsers, and set up your app again:"),
        page: "/profile",
    }
}

pub(super) fn backup_codes_reset(Occasion { when, service, .. }: Occasion<'_>) -> Text {
    Text {
        subject: "New backup codes were created for your account".to_owned(),
        happened: format!(
            "New backup codes were created for your {service} account on {when}. Your old codes no longer work."
        ),
        advice: not_you("Change your password, sign out other browsers, and create new backup codes:"),
        page: "/profile",
    }
}

pub(super) fn backup_code_used(left: u32, Occasion { when, service, .. }: Occasion<'_>) -> Text {
    let soon = "Create new ones soon so you don't get locked out.";
    let left = match left {
        0 => format!("It was your last one. {soon}"),
        1 => format!("You have 1 backup code left. {soon}"),
        left if few_backup_codes(left) => format!("You have {left} backup codes left. {soon}"),
        _ => format!("You have {left} backup codes left."),
    };
    Text {
        subject: "A backup code was used on your account".to_owned(),
        happened: format!("A backup code was used on your {service} account on {when}. It no longer works. {left}"),
        advice: "Wasn't you? Someone has your password and at least one of your backup codes. Change your password, create \
                 new backup codes, and sign out other browsers:"
            .to_owned(),
        page: "/profile",
    }
}

pub(super) fn disabled(method: &str, Occasion { when, service, .. }: Occasion<'_>) -> Text {
    let (what, it) = kind(method);
    Text {
        subject: format!("{what} turned off after too many incorrect codes"),
        happened: format!(
            "Too many incorrect codes in a row were entered for your {service} account, the last on {when}. To protect \
             it, {it} no longer work. Set them up again to use them."
        ),
        advice: "Wasn't you? Someone has your password. Sign in another way, change your password, and set up again what was \
                 turned off. If you have no other way to sign in, ask an administrator of your organization:"
            .to_owned(),
        page: "/profile",
    }
}

pub(super) fn paused(minutes: u64, Occasion { when, service, .. }: Occasion<'_>) -> Text {
    Text {
        subject: "Too many incorrect codes".to_owned(),
        happened: format!(
            "Too many incorrect codes were entered for your {service} account, the last on {when}. To protect it, sign-in \
             codes are blocked for {}.",
            span(minutes)
        ),
        advice: "If this was you, try again later, or sign in with a browser you've used before. Wasn't you? Someone has your \
                 password. Choose a new one, and you can sign in again right away. Request a link for it here:"
            .to_owned(),
        page: "/forgot-password",
    }
}

/// A kind of code, for the subject and within a sentence; the word comes from
/// [`Method::as_str`](countersign_core::second_step::Method::as_str).
pub(super) fn kind(method: &str) -> (&'static str, &'static str) {
    match method {
        "app" => ("Authenticator app", "the codes of your authenticator app"),
        "sms" => ("Text-message codes", "text-message codes"),
        "email" => ("Email codes", "email codes"),
        "backup-code" => ("Backup codes", "your backup codes"),
        _ => ("A way to sign in", "codes of that kind"),
    }
}
