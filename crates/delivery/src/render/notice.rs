//! Notices: what has happened on an account, told to its holder, with what to do if it was not them.

use super::Words;
use super::layout::{Letter, span};
use countersign_core::{
    message::{Notice, OperatorChange},
    public_name::inert,
    second_step::few_backup_codes,
};

/// The e-mail that tells `notice`.
pub(super) fn letter(notice: &Notice, when: &str, words: &Words) -> Letter {
    let (otherwise, page) = otherwise(notice, words);
    Letter::about(subject(notice))
        .says(&happened(notice, when, &words.service_name))
        .says(&otherwise)
        .shows(&format!("{}{page}", words.public_url))
}

fn subject(notice: &Notice) -> &'static str {
    match notice {
        Notice::AppAdded { .. } => "An authenticator app was added to your account",
        Notice::AppRemoved { .. } => "An authenticator app was removed from your account",
        Notice::AppReplaced { .. } => "Your authenticator app was replaced",
        Notice::BackupCodesReset => "New backup codes were made for your account",
        Notice::BackupCodeUsed { .. } => "A backup code was used for your account",
        Notice::PasswordChanged => "Your password was changed",
        Notice::EmailChanged { .. } => "Your sign-in address was changed",
        Notice::PhoneChanged { .. } => "A phone was added to your account",
        Notice::PhoneRemoved => "The phone was removed from your account",
        Notice::LoginAs { .. } => "An administrator has entered your account",
        Notice::SecondStepDisabled { .. } => "A way to sign in to your account was turned off",
        Notice::SecondStepPaused { .. } => "Wrong codes were entered for your account",
        Notice::ByOperator(change) => operator_subject(change),
        Notice::ApiKeyCreated { .. } => "An API key for second steps was created",
        Notice::NoticesPaused => "Many changes to your account",
    }
}

pub(super) fn happened(notice: &Notice, when: &str, service: &str) -> String {
    match notice {
        Notice::AppAdded { app } => format!(
            "The authenticator app \"{app}\" was added to your {service} account on {when}. The codes that it shows \
             can now be used to sign in, after your password."
        ),
        Notice::AppRemoved { app, last } => format!(
            "The authenticator app \"{app}\" was removed from your {service} account on {when}. Its codes no longer \
             work.{}",
            if *last {
                " It was the last one, so your backup codes no longer work either: they stand in for an app."
            } else {
                ""
            }
        ),
        Notice::AppReplaced { old, app } => replaced(old, app, when, service),
        Notice::BackupCodesReset => format!(
            "Ten new backup codes were made for your {service} account on {when}. Any older ones no longer work and \
             can be thrown away."
        ),
        Notice::BackupCodeUsed { left } => format!(
            "A backup code was used to sign in to your {service} account, or to confirm your identity there, on {when}. \
             That code will not work again. {}",
            codes_left(*left)
        ),
        Notice::PasswordChanged => format!("The password of your {service} account was changed on {when}."),
        Notice::EmailChanged { to } => format!(
            "The e-mail address of your {service} account was changed to {to} on {when}. You now sign in with the \
             new address, and messages about your account go there."
        ),
        Notice::PhoneChanged { to } => format!(
            "The phone with the number {to} was added to your {service} account on {when}. Codes by text message go \
             to this phone from now on, and to no other."
        ),
        Notice::PhoneRemoved => format!(
            "The phone was removed from your {service} account on {when}. No more codes are sent by text message."
        ),
        Notice::LoginAs { actor, organization, reason } => format!(
            "{}, who administers {}, entered your {service} account on {when}, with this reason: \
             \"{reason}\". For a limited time they see what you see. They cannot see or change your password, your \
             address, your phone, your authenticator apps or your backup codes.",
            inert(actor),
            inert(organization)
        ),
        Notice::ApiKeyCreated { key, application, organization, by, scopes } => format!(
            "{} created the API key \"{}\" for {}, an application of {}, on {when}. It allows: {}. With such a key, a \
             program can change how the people of this application prove who they are, or set up their first authenticator \
             app without asking for a code.",
            by.as_deref().map_or_else(|| format!("The operator of {service}"), inert),
            inert(key),
            inert(application),
            inert(organization),
            scopes.replace(' ', ", ")
        ),
        Notice::SecondStepDisabled { method } => format!(
            "Many wrong codes in a row were entered for your {service} account, the last on {when}. To protect it, \
             {} no longer work, until you set them up anew.",
            codes(method)
        ),
        Notice::NoticesPaused => format!(
            "We have sent you many messages about your {service} account within an hour. For now, we send no more: \
             what happens after {when} is recorded on your account only."
        ),
        Notice::SecondStepPaused { minutes } => format!(
            "Too many wrong codes were entered for your {service} account, the last on {when}. To protect it, no \
             more codes are taken for {}.",
            span(*minutes)
        ),
        Notice::ByOperator(change) => by_operator(change, when, service),
    }
}

fn operator_subject(change: &OperatorChange) -> &'static str {
    match change {
        OperatorChange::Disabled => "Your account was disabled",
        OperatorChange::Enabled => "Your account was enabled again",
        OperatorChange::SignedOut => "You were signed out everywhere",
        OperatorChange::ResetLink => "A password reset link was created for your account",
        OperatorChange::SecondStepReset { .. } => "Two-factor authentication was reset for your account",
    }
}

fn by_operator(change: &OperatorChange, when: &str, service: &str) -> String {
    match change {
        OperatorChange::Disabled => format!(
            "Your {service} account was disabled on {when} by the people who run {service}. You are signed out \
             everywhere and can't sign in until they enable it again."
        ),
        OperatorChange::Enabled => format!(
            "Your {service} account was enabled again on {when} by the people who run {service}. You can sign in as \
             before."
        ),
        OperatorChange::SignedOut => format!(
            "You were signed out of your {service} account everywhere on {when} by the people who run {service}. \
             Your password and your second step are unchanged: sign in again to continue."
        ),
        OperatorChange::ResetLink => format!(
            "The people who run {service} created a link on {when} that resets the password of your account. They \
             will give it to you themselves; it works once, for an hour. Your second step is unchanged."
        ),
        OperatorChange::SecondStepReset { reason } => format!(
            "The people who run {service} reset two-factor authentication for your account on {when}, with this \
             reason: \"{reason}\". Your authenticator apps, your phone and your backup codes were removed, and you \
             are signed out everywhere. Sign in with your password, then set up your authenticator app again."
        ),
    }
}

fn codes_left(left: u32) -> String {
    let soon = "Make ten new ones soon, so that you can still sign in if you lose your phone.";
    match left {
        0 => format!("It was your last one. {soon}"),
        left if few_backup_codes(left) => format!("You have {left} left. {soon}"),
        _ => format!("You have {left} left."),
    }
}

/// A kind of code as people know it; the word comes from [`Method::as_str`](countersign_core::second_step::Method).
fn codes(method: &str) -> &'static str {
    match method {
        "app" => "the codes of your authenticator app",
        "sms" => "codes by text message",
        "email" => "codes by e-mail",
        "backup-code" => "your backup codes",
        _ => "codes of that kind",
    }
}

fn replaced(old: &str, app: &str, when: &str, service: &str) -> String {
    format!(
        "The authenticator app \"{app}\" replaced \"{old}\" for your {service} account on {when}. Codes from \"{old}\" no \
         longer work. Ten new backup codes were created, and the old ones no longer work either."
    )
}

/// The advice where notices are paused.
const NOT_YOURS: &str = "If these changes were not yours, change your password now. You can see everything that has happened here:";

/// What to do if it was not you, and the page where.
fn otherwise(notice: &Notice, words: &Words) -> (String, &'static str) {
    let intruder = "If this was not you, somebody else has been in your account.";
    let text = match notice {
        Notice::AppAdded { .. } => format!(
            "{intruder} On your profile, remove this app, change your password, and end the sessions that are not \
             yours:"
        ),
        Notice::AppReplaced { .. } | Notice::AppRemoved { .. } => format!(
            "{intruder} On your profile, change your password, end the sessions that are not yours, and set up your \
             app again:"
        ),
        Notice::BackupCodesReset => format!(
            "{intruder} On your profile, change your password, end the sessions that are not yours, and make new \
             backup codes:"
        ),
        Notice::BackupCodeUsed { .. } => {
            "If this was not you, somebody has your password and at least one of your backup codes. On your profile, \
             change your password, make new backup codes, and end the sessions that are not yours:"
                .to_owned()
        }
        Notice::PhoneChanged { .. } | Notice::PhoneRemoved => format!(
            "{intruder} On your profile, change your password, end the sessions that are not yours, and put your \
             phone right:"
        ),
        Notice::EmailChanged { .. } => format!(
            "{intruder} Tell an administrator of your organization, or the people who run {}. If you can still sign \
             in, change your password and put the address right on your profile:",
            words.service_name
        ),
        Notice::PasswordChanged => {
            let text = format!("{intruder} Choose another password at once. This page sends you a link for it:");
            return (text, "/forgot-password");
        }
        Notice::ApiKeyCreated { .. } => {
            let text = "You receive this because you are an owner. If you did not expect it, revoke the key on the \
                        application's page, then ask the person who created it:";
            return (text.to_owned(), "/organization/applications");
        }
        Notice::LoginAs { actor, .. } => {
            let actor = inert(actor);
            let text = format!(
                "If you did not expect this, ask {actor} or another administrator. What is done in your account is \
                 listed here:"
            );
            return (text, "/profile/activity");
        }
        Notice::ByOperator(_) => {
            let text = format!(
                "If you didn't ask for this, contact the people who run {}. If you can sign in, this page shows what \
                 happened on your account:",
                words.service_name
            );
            return (text, "/profile/activity");
        }
        Notice::SecondStepDisabled { .. } => {
            "If this was not you, somebody knows your password. Sign in another way, and on your profile change your \
             password and set up anew what was turned off. If no other way is left to you, ask an administrator of \
             your organization:"
                .to_owned()
        }
        Notice::NoticesPaused => return (NOT_YOURS.to_owned(), "/profile/activity"),
        Notice::SecondStepPaused { .. } => {
            let text = "If this was you, wait a little, or sign in with a browser that you have used before. If this \
                        was not you, someone knows your password. Choose a new one, and then you can sign in again \
                        right away. This page sends you a link for it:";
            return (text.to_owned(), "/forgot-password");
        }
    };
    (text, "/profile")
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use countersign_core::message::Content;
    use insta::assert_snapshot;

    fn email(notice: Notice) -> String {
        samples::email(Content::Notice(notice))
    }

    #[test]
    fn an_app_was_added() {
        assert_snapshot!(email(Notice::AppAdded { app: "Mia's phone".into() }), @r#"
    Subject: An authenticator app was added to your account

    Hello Mia Lund,

    The authenticator app "Mia's phone" was added to your Harbour CRM
    account on 24 November 2026, 05:54 UTC. The codes that it shows can now
    be used to sign in, after your password.

    If this was not you, somebody else has been in your account. On your
    profile, remove this app, change your password, and end the sessions
    that are not yours:

        https://accounts.harbour.example/profile

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
    }

    #[test]
    fn an_app_was_removed() {
        assert_snapshot!(email(Notice::AppRemoved { app: "Mia's phone".into(), last: false }), @r#"
    Subject: An authenticator app was removed from your account

    Hello Mia Lund,

    The authenticator app "Mia's phone" was removed from your Harbour CRM
    account on 24 November 2026, 05:54 UTC. Its codes no longer work.

    If this was not you, somebody else has been in your account. On your
    profile, change your password, end the sessions that are not yours, and
    set up your app again:

        https://accounts.harbour.example/profile

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
    }

    #[test]
    fn the_last_app_was_removed() {
        assert_snapshot!(email(Notice::AppRemoved { app: "Mia's phone".into(), last: true }), @r#"
    Subject: An authenticator app was removed from your account

    Hello Mia Lund,

    The authenticator app "Mia's phone" was removed from your Harbour CRM
    account on 24 November 2026, 05:54 UTC. Its codes no longer work. It was
    the last one, so your backup codes no longer work either: they stand in
    for an app.

    If this was not you, somebody else has been in your account. On your
    profile, change your password, end the sessions that are not yours, and
    set up your app again:

        https://accounts.harbour.example/profile

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
    }

    #[test]
    fn backup_codes_were_reset() {
        assert_snapshot!(email(Notice::BackupCodesReset), @r#"
    Subject: New backup codes were made for your account

    Hello Mia Lund,

    Ten new backup codes were made for your Harbour CRM account on 24
    November 2026, 05:54 UTC. Any older ones no longer work and can be
    thrown away.

    If this was not you, somebody else has been in your account. On your
    profile, change your password, end the sessions that are not yours, and
    make new backup codes:

        https://accounts.harbour.example/profile

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
    }

    #[test]
    fn a_backup_code_was_used() {
        assert_snapshot!(email(Notice::BackupCodeUsed { left: 7 }), @r#"
    Subject: A backup code was used for your account

    Hello Mia Lund,

    A backup code was used to sign in to your Harbour CRM account, or to
    confirm your identity there, on 24 November 2026, 05:54 UTC. That code
    will not work again. You have 7 left.

    If this was not you, somebody has your password and at least one of your
    backup codes. On your profile, change your password, make new backup
    codes, and end the sessions that are not yours:

        https://accounts.harbour.example/profile

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
    }

    #[test]
    fn an_app_was_replaced() {
        assert_snapshot!(email(Notice::AppReplaced { old: "Old phone".into(), app: "Mia's phone".into() }), @r#"
    Subject: Your authenticator app was replaced

    Hello Mia Lund,

    The authenticator app "Mia's phone" replaced "Old phone" for your
    Harbour CRM account on 24 November 2026, 05:54 UTC. Codes from "Old
    phone" no longer work. Ten new backup codes were created, and the old
    ones no longer work either.

    If this was not you, somebody else has been in your account. On your
    profile, change your password, end the sessions that are not yours, and
    set up your app again:

        https://accounts.harbour.example/profile

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
    }

    #[test]
    fn one_of_the_last_backup_codes_was_used() {
        assert_snapshot!(email(Notice::BackupCodeUsed { left: 3 }), @r#"
    Subject: A backup code was used for your account

    Hello Mia Lund,

    A backup code was used to sign in to your Harbour CRM account, or to
    confirm your identity there, on 24 November 2026, 05:54 UTC. That code
    will not work again. You have 3 left. Make ten new ones soon, so that
    you can still sign in if you lose your phone.

    If this was not you, somebody has your password and at least one of your
    backup codes. On your profile, change your password, make new backup
    codes, and end the sessions that are not yours:

        https://accounts.harbour.example/profile

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
        assert!(codes_left(1).starts_with("You have 1 left. Make ten new ones soon"));
        assert!(codes_left(0).starts_with("It was your last one. Make ten new ones soon"));
        assert_eq!(codes_left(4), "You have 4 left.");
    }

    #[test]
    fn the_password_was_changed() {
        assert_snapshot!(email(Notice::PasswordChanged), @r#"
    Subject: Your password was changed

    Hello Mia Lund,

    The password of your Harbour CRM account was changed on 24 November
    2026, 05:54 UTC.

    If this was not you, somebody else has been in your account. Choose
    another password at once. This page sends you a link for it:

        https://accounts.harbour.example/forgot-password

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
    }

    #[test]
    fn the_address_was_changed() {
        assert_snapshot!(email(Notice::EmailChanged { to: "m•••@new.example".into() }), @r#"
    Subject: Your sign-in address was changed

    Hello Mia Lund,

    The e-mail address of your Harbour CRM account was changed to
    m•••@new.example on 24 November 2026, 05:54 UTC. You now sign in with
    the new address, and messages about your account go there.

    If this was not you, somebody else has been in your account. Tell an
    administrator of your organization, or the people who run Harbour CRM.
    If you can still sign in, change your password and put the address right
    on your profile:

        https://accounts.harbour.example/profile

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
    }

    #[test]
    fn a_phone_was_added() {
        assert_snapshot!(email(Notice::PhoneChanged { to: "••• ••18".into() }), @r#"
    Subject: A phone was added to your account

    Hello Mia Lund,

    The phone with the number ••• ••18 was added to your Harbour CRM account
    on 24 November 2026, 05:54 UTC. Codes by text message go to this phone
    from now on, and to no other.

    If this was not you, somebody else has been in your account. On your
    profile, change your password, end the sessions that are not yours, and
    put your phone right:

        https://accounts.harbour.example/profile

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
    }

    #[test]
    fn the_phone_was_removed() {
        assert_snapshot!(email(Notice::PhoneRemoved), @r#"
    Subject: The phone was removed from your account

    Hello Mia Lund,

    The phone was removed from your Harbour CRM account on 24 November 2026,
    05:54 UTC. No more codes are sent by text message.

    If this was not you, somebody else has been in your account. On your
    profile, change your password, end the sessions that are not yours, and
    put your phone right:

        https://accounts.harbour.example/profile

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
    }

    #[test]
    fn an_administrator_entered_and_cannot_forge_a_line() {
        let notice = Notice::LoginAs {
            actor: "Ada Park".into(),
            organization: "Harbour & Pine".into(),
            reason: "ticket 4711\r\n\r\nYour account is closed.".into(),
        };
        assert_snapshot!(email(notice), @r#"
    Subject: An administrator has entered your account

    Hello Mia Lund,

    Ada Park, who administers Harbour & Pine, entered your Harbour CRM
    account on 24 November 2026, 05:54 UTC, with this reason: "ticket 4711
    Your account is closed.". For a limited time they see what you see. They
    cannot see or change your password, your address, your phone, your
    authenticator apps or your backup codes.

    If you did not expect this, ask Ada Park or another administrator. What
    is done in your account is listed here:

        https://accounts.harbour.example/profile/activity

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
    }

    #[test]
    fn a_key_for_second_steps_was_created() {
        let notice = |by: Option<&str>| {
            email(Notice::ApiKeyCreated {
                key: "CRM server".into(),
                application: "Harbour.io".into(),
                organization: "Harbour & Pine".into(),
                by: by.map(str::to_owned),
                scopes: "challenges first-enrolments".into(),
            })
        };
        assert_snapshot!(notice(Some("Olivia Hart")), @r#"
    Subject: An API key for second steps was created

    Hello Mia Lund,

    Olivia Hart created the API key "CRM server" for Harbour. io, an
    application of Harbour & Pine, on 24 November 2026, 05:54 UTC. It
    allows: challenges, first-enrolments. With such a key, a program can
    change how the people of this application prove who they are, or set up
    their first authenticator app without asking for a code.

    You receive this because you are an owner. If you did not expect it,
    revoke the key on the application's page, then ask the person who
    created it:

        https://accounts.harbour.example/organization/applications

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
        assert!(notice(None).contains("The operator of Harbour CRM created the API key"));
    }

    #[test]
    fn a_second_step_was_turned_off() {
        assert_snapshot!(email(Notice::SecondStepDisabled { method: "app".into() }), @r#"
    Subject: A way to sign in to your account was turned off

    Hello Mia Lund,

    Many wrong codes in a row were entered for your Harbour CRM account, the
    last on 24 November 2026, 05:54 UTC. To protect it, the codes of your
    authenticator app no longer work, until you set them up anew.

    If this was not you, somebody knows your password. Sign in another way,
    and on your profile change your password and set up anew what was turned
    off. If no other way is left to you, ask an administrator of your
    organization:

        https://accounts.harbour.example/profile

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
    }

    #[test]
    fn every_kind_of_code_has_words_of_its_own() {
        use countersign_core::second_step::Method;
        for method in Method::ALL {
            assert_ne!(codes(method.as_str()), codes("unknown"), "{method}");
        }
    }

    #[test]
    fn the_second_step_is_paused() {
        assert_snapshot!(email(Notice::SecondStepPaused { minutes: 15 }), @r#"
    Subject: Wrong codes were entered for your account

    Hello Mia Lund,

    Too many wrong codes were entered for your Harbour CRM account, the last
    on 24 November 2026, 05:54 UTC. To protect it, no more codes are taken
    for 15 minutes.

    If this was you, wait a little, or sign in with a browser that you have
    used before. If this was not you, someone knows your password. Choose a
    new one, and then you can sign in again right away. This page sends you
    a link for it:

        https://accounts.harbour.example/forgot-password

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
    }
}
