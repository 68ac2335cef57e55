//! Notices about what administrators and the operator did.

use super::{Occasion, Text};
use countersign_core::{message::OperatorChange, public_name::inert};

pub(super) fn login_as(
    actor: &str,
    organization: &str,
    reason: &str,
    Occasion { when, service, .. }: Occasion<'_>,
) -> Text {
    let (actor, organization) = (inert(actor), inert(organization));
    Text {
        subject: "An administrator logged in as you".to_owned(),
        happened: format!(
            "{actor}, an administrator of {organization}, logged in to your {service} account on {when}. Reason: \
             \"{reason}\". For a limited time they can see what you see. They can't see or change your password, your email \
             address, your phone, your authenticator apps or your backup codes."
        ),
        advice: format!(
            "Didn't expect this? Ask {actor} or another administrator. See what happened in your account:"
        ),
        page: "/profile/activity",
    }
}

/// The names in a notice about an API key.
pub(super) struct KeyNames<'a> {
    /// The key's.
    pub(super) key: &'a str,
    /// Its application's.
    pub(super) application: &'a str,
    /// Its organization's.
    pub(super) organization: &'a str,
    /// The creator's; `None` for the operator.
    pub(super) by: Option<&'a str>,
}

pub(super) fn api_key_created(names: &KeyNames<'_>, scopes: &str, at: Occasion<'_>) -> Text {
    let Occasion { when, service, .. } = at;
    let KeyNames { key, application, organization, by } = names;
    let by = by.map_or_else(|| format!("The operator of {service}"), inert);
    Text {
        subject: "An API key for two-factor authentication was created".to_owned(),
        happened: format!(
            "{by} created the API key \"{}\" for {}, an application of {}, on {when}. It allows: {}. With such a key, a \
             program can change how the people of this application prove who they are, or set up their first \
             authenticator app without asking for a code.",
            inert(key),
            inert(application),
            inert(organization),
            scopes.replace(' ', ", ")
        ),
        advice: "You receive this because you are an owner. Didn't expect this? Revoke the key on the application's page, \
                 then ask the person who created it:"
            .to_owned(),
        page: "/organization/applications",
    }
}

pub(super) fn by_operator(change: &OperatorChange, at: Occasion<'_>) -> Text {
    let (subject, happened) = operator_change(change, at);
    Text {
        subject: subject.to_owned(),
        happened,
        advice: format!(
            "Didn't ask for this? Contact the people who run {}. If you can sign in, see what happened on your account:",
            at.service
        ),
        page: "/profile/activity",
    }
}

fn operator_change(
    change: &OperatorChange,
    Occasion { when, service, .. }: Occasion<'_>,
) -> (&'static str, String) {
    match change {
        OperatorChange::Disabled => (
            "Your account was disabled",
            format!(
                "Your {service} account was disabled on {when} by the people who run {service}. You are signed out \
                 everywhere and can't sign in until they enable it again."
            ),
        ),
        OperatorChange::Enabled => (
            "Your account was enabled again",
            format!(
                "Your {service} account was enabled again on {when} by the people who run {service}. You can sign in as \
                 before."
            ),
        ),
        OperatorChange::SignedOut => (
            "You were signed out everywhere",
            format!(
                "You were signed out of your {service} account everywhere on {when} by the people who run {service}. Your \
                 password and your two-factor authentication are unchanged: sign in again to continue."
            ),
        ),
        OperatorChange::ResetLink => (
            "A password reset link was created for your account",
            format!(
                "The people who run {service} created a link on {when} that resets the password of your account. They will \
                 give it to you themselves; it works once, for an hour. You'll still need your verification code to sign in."
            ),
        ),
        OperatorChange::SecondStepReset { reason } => (
            "Two-factor authentication was reset for your account",
            format!(
                "The people who run {service} reset two-factor authentication for your account on {when}. Reason: \
                 \"{reason}\". Your authenticator apps, your phone and your backup codes were removed, and you are signed \
                 out everywhere. Sign in with your password, then set up your authenticator app again."
            ),
        ),
    }
}
