//! E-mails to people whom an application knows. They sign in there, with a password of that application's, and cannot open
//! this server's pages: so nothing here leads to one, and what they can do, they do there.

use super::{
    email::{once, set_up},
    layout::{Letter, moment},
    notice::happened,
};
use countersign_core::message::{Content, Message, Notice, OperatorChange};

/// The e-mail and the application's name; `None` for people who sign in here, and for what only they can get.
pub(super) fn letter(message: &Message) -> Option<(Letter, &str)> {
    let application = message.application.as_deref()?;
    let when = moment(message.at_millis);
    let letter = match &message.content {
        Content::SignInCode { code, minutes } | Content::SignInCodeElsewhere { code, minutes } => {
            sign_in(code, *minutes, &when, application)
        }
        Content::SetUpCode { code, minutes } => set_up(code, *minutes, &when, application),
        Content::Notice(notice) => told(notice, &when, application),
        Content::ConfirmIdentityCode { .. }
        | Content::ConfirmPhoneCode { .. }
        | Content::ConfirmEmailCode { .. }
        | Content::ResetPassword { .. }
        | Content::ConfirmBrowser { .. }
        | Content::BudgetNearlyUsed { .. } => return None,
    };
    Some((letter, application))
}

fn sign_in(code: &str, minutes: u64, when: &str, application: &str) -> Letter {
    Letter::about(format!("Your sign-in code for {application}"))
        .says(&format!("Here is the code that completes your sign-in to {application}:"))
        .shows(code)
        .says(&once(when, minutes, application))
        .says(&format!(
            "If you are not signing in, somebody else is trying to, and they know your password. They cannot get in \
             without this code, so keep it to yourself. Then change your password at {application}."
        ))
}

fn told(notice: &Notice, when: &str, application: &str) -> Letter {
    let happened = match notice {
        // Nobody signs in with that address: the application has names of its own.
        Notice::EmailChanged { to } => format!(
            "The e-mail address of your {application} account was changed to {to} on {when}. The codes for your \
             sign-in and messages like this one go to the new address from now on."
        ),
        notice => happened(notice, when, application),
    };
    Letter::about(subject(notice, application)).says(&happened).says(&otherwise(notice, application))
}

fn subject(notice: &Notice, application: &str) -> String {
    let account = format!("your {application} account");
    match notice {
        Notice::AppAdded { .. } => format!("An authenticator app was added to {account}"),
        Notice::AppRemoved { .. } => format!("An authenticator app was removed from {account}"),
        Notice::AppReplaced { .. } => format!("The authenticator app of {account} was replaced"),
        Notice::BackupCodesReset => format!("New backup codes were made for {account}"),
        Notice::BackupCodeUsed { .. } => format!("A backup code was used for {account}"),
        Notice::PasswordChanged => format!("The password of {account} was changed"),
        Notice::EmailChanged { .. } => format!("The e-mail address of {account} was changed"),
        Notice::PhoneChanged { .. } => format!("A phone was added to {account}"),
        Notice::PhoneRemoved => format!("The phone was removed from {account}"),
        Notice::LoginAs { .. } => format!("An administrator has entered {account}"),
        Notice::SecondStepDisabled { .. } => format!("A way to sign in to {account} was turned off"),
        Notice::SecondStepPaused { .. } => format!("Wrong codes were entered for {account}"),
        Notice::ByOperator(change) => match change {
            OperatorChange::Disabled => format!("Your {application} account was disabled"),
            OperatorChange::Enabled => format!("Your {application} account was enabled again"),
            OperatorChange::SignedOut => format!("You were signed out of {account} everywhere"),
            OperatorChange::ResetLink => format!("A password reset link was created for {account}"),
            OperatorChange::SecondStepReset { .. } => {
                format!("Two-factor authentication was reset for {account}")
            }
        },
        Notice::ApiKeyCreated { .. } => "An API key was created".to_owned(),
        Notice::NoticesPaused => format!("Many changes to {account}"),
    }
}

/// What to do if it was not you.
fn otherwise(notice: &Notice, application: &str) -> String {
    let intruder = "If this was not you, somebody else has been in your account.";
    match notice {
        Notice::AppAdded { .. } => format!(
            "{intruder} Change your password at {application} at once, and tell its support that this app is not \
             yours."
        ),
        Notice::AppReplaced { .. } | Notice::AppRemoved { .. } => format!(
            "{intruder} Change your password at {application} at once, set up your app again, and tell its support."
        ),
        Notice::BackupCodesReset => format!(
            "{intruder} Change your password at {application} at once, make new backup codes, and tell its support."
        ),
        Notice::BackupCodeUsed { .. } => format!(
            "If this was not you, somebody has your password and at least one of your backup codes. Change your \
             password at {application} at once, make new backup codes, and tell its support."
        ),
        Notice::SecondStepDisabled { .. } => format!(
            "If this was not you, somebody knows your password: change it at {application}. Sign in another way, and \
             set up anew what was turned off. If no other way is left to you, ask the support of {application}."
        ),
        Notice::SecondStepPaused { .. } => format!(
            "If this was you, wait a little and try again. If this was not you, somebody knows your password: change \
             it at {application}."
        ),
        Notice::ByOperator(_) => {
            format!("If you didn't ask for this, contact the support of {application}.")
        }
        Notice::NoticesPaused => format!(
            "If these changes were not yours, change your password at {application} now, and contact its support."
        ),
        Notice::LoginAs { .. } | Notice::ApiKeyCreated { .. } => {
            format!("If you did not expect this, ask the support of {application}.")
        }
        Notice::PasswordChanged
        | Notice::EmailChanged { .. }
        | Notice::PhoneChanged { .. }
        | Notice::PhoneRemoved => {
            format!("{intruder} Tell the support of {application} at once, and change your password there.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{of_an_application, words, written};
    use super::*;
    use countersign_core::message::Channel;
    use insta::assert_snapshot;

    fn notice(notice: Notice) -> String {
        written(&of_an_application(Content::Notice(notice)))
    }

    #[test]
    fn a_sign_in_code() {
        let code = Content::SignInCode { code: "048151".into(), minutes: 10 };
        let elsewhere = Content::SignInCodeElsewhere { code: "048151".into(), minutes: 10 };
        let text = written(&of_an_application(code));
        assert_eq!(written(&of_an_application(elsewhere)), text);
        assert_snapshot!(text, @r#"
    Subject: Your sign-in code for Brightbooks

    Hello Mia Lund,

    Here is the code that completes your sign-in to Brightbooks:

        048151

    It was asked for on 24 November 2026, 05:54 UTC, and works once, within
    10 minutes. Type it only on the page that you opened yourself. Nobody
    who works for Brightbooks will ever ask you for it.

    If you are not signing in, somebody else is trying to, and they know
    your password. They cannot get in without this code, so keep it to
    yourself. Then change your password at Brightbooks.

    -- 
    Brightbooks
    Sent by Harbour CRM for Brightbooks
    "#);
    }

    #[test]
    fn a_code_before_a_set_up() {
        let code = Content::SetUpCode { code: "048151".into(), minutes: 10 };
        assert_snapshot!(written(&of_an_application(code)), @r#"
    Subject: Your code to set up an app for Brightbooks

    Hello Mia Lund,

    Someone, hopefully you, is about to set up an authenticator app for your
    Brightbooks account. Here is the code that confirms this email address:

        048151

    It was asked for on 24 November 2026, 05:54 UTC, and works once, within
    10 minutes. Type it only on the page that you opened yourself. Nobody
    who works for Brightbooks will ever ask you for it.

    If this was not you, someone else knows your password. They cannot set
    up an app without this code, so keep it to yourself. Then change your
    password at Brightbooks.

    -- 
    Brightbooks
    Sent by Harbour CRM for Brightbooks
    "#);
    }

    #[test]
    fn an_older_name_becomes_no_link() {
        let content = || Content::SignInCode { code: "048151".into(), minutes: 10 };
        let message =
            Message { application: Some("https://win.example/x".into()), ..of_an_application(content()) };
        let text = written(&message);
        assert!(text.contains("https: / / win. example/ x"), "{text}");
        assert!(!text.contains("://") && !text.contains("win.example"), "{text}");
        let sms = super::super::render(&message, Channel::Sms, &words()).unwrap().text;
        assert!(!sms.contains("://") && !sms.contains("win.example"), "{sms}");
    }

    #[test]
    fn an_app_was_added() {
        assert_snapshot!(notice(Notice::AppAdded { app: "Mia's phone".into() }), @r#"
    Subject: An authenticator app was added to your Brightbooks account

    Hello Mia Lund,

    The authenticator app "Mia's phone" was added to your Brightbooks
    account on 24 November 2026, 05:54 UTC. The codes that it shows can now
    be used to sign in, after your password.

    If this was not you, somebody else has been in your account. Change your
    password at Brightbooks at once, and tell its support that this app is
    not yours.

    -- 
    Brightbooks
    Sent by Harbour CRM for Brightbooks
    "#);
    }

    #[test]
    fn an_app_was_removed() {
        assert_snapshot!(notice(Notice::AppRemoved { app: "Mia's phone".into(), last: true }), @r#"
    Subject: An authenticator app was removed from your Brightbooks account

    Hello Mia Lund,

    The authenticator app "Mia's phone" was removed from your Brightbooks
    account on 24 November 2026, 05:54 UTC. Its codes no longer work. It was
    the last one, so your backup codes no longer work either: they stand in
    for an app.

    If this was not you, somebody else has been in your account. Change your
    password at Brightbooks at once, set up your app again, and tell its
    support.

    -- 
    Brightbooks
    Sent by Harbour CRM for Brightbooks
    "#);
    }

    #[test]
    fn backup_codes_were_reset() {
        assert_snapshot!(notice(Notice::BackupCodesReset), @r#"
    Subject: New backup codes were made for your Brightbooks account

    Hello Mia Lund,

    Ten new backup codes were made for your Brightbooks account on 24
    November 2026, 05:54 UTC. Any older ones no longer work and can be
    thrown away.

    If this was not you, somebody else has been in your account. Change your
    password at Brightbooks at once, make new backup codes, and tell its
    support.

    -- 
    Brightbooks
    Sent by Harbour CRM for Brightbooks
    "#);
    }

    #[test]
    fn a_backup_code_was_used() {
        assert_snapshot!(notice(Notice::BackupCodeUsed { left: 3 }), @r#"
    Subject: A backup code was used for your Brightbooks account

    Hello Mia Lund,

    A backup code was used to sign in to your Brightbooks account, or to
    confirm your identity there, on 24 November 2026, 05:54 UTC. That code
    will not work again. You have 3 left. Make ten new ones soon, so that
    you can still sign in if you lose your phone.

    If this was not you, somebody has your password and at least one of your
    backup codes. Change your password at Brightbooks at once, make new
    backup codes, and tell its support.

    -- 
    Brightbooks
    Sent by Harbour CRM for Brightbooks
    "#);
    }

    #[test]
    fn the_address_was_changed() {
        assert_snapshot!(notice(Notice::EmailChanged { to: "m•••@new.example".into() }), @r#"
    Subject: The e-mail address of your Brightbooks account was changed

    Hello Mia Lund,

    The e-mail address of your Brightbooks account was changed to
    m•••@new.example on 24 November 2026, 05:54 UTC. The codes for your
    sign-in and messages like this one go to the new address from now on.

    If this was not you, somebody else has been in your account. Tell the
    support of Brightbooks at once, and change your password there.

    -- 
    Brightbooks
    Sent by Harbour CRM for Brightbooks
    "#);
    }

    #[test]
    fn a_second_step_was_turned_off() {
        assert_snapshot!(notice(Notice::SecondStepDisabled { method: "app".into() }), @r#"
    Subject: A way to sign in to your Brightbooks account was turned off

    Hello Mia Lund,

    Many wrong codes in a row were entered for your Brightbooks account, the
    last on 24 November 2026, 05:54 UTC. To protect it, the codes of your
    authenticator app no longer work, until you set them up anew.

    If this was not you, somebody knows your password: change it at
    Brightbooks. Sign in another way, and set up anew what was turned off.
    If no other way is left to you, ask the support of Brightbooks.

    -- 
    Brightbooks
    Sent by Harbour CRM for Brightbooks
    "#);
    }

    #[test]
    fn the_second_step_is_paused() {
        assert_snapshot!(notice(Notice::SecondStepPaused { minutes: 15 }), @r#"
    Subject: Wrong codes were entered for your Brightbooks account

    Hello Mia Lund,

    Too many wrong codes were entered for your Brightbooks account, the last
    on 24 November 2026, 05:54 UTC. To protect it, no more codes are taken
    for 15 minutes.

    If this was you, wait a little and try again. If this was not you,
    somebody knows your password: change it at Brightbooks.

    -- 
    Brightbooks
    Sent by Harbour CRM for Brightbooks
    "#);
    }

    #[test]
    fn nothing_leads_to_a_page_that_they_cannot_open() {
        let phone = || "••• ••18".to_owned();
        let entered =
            Notice::LoginAs { actor: "Ada".into(), organization: "Harbour".into(), reason: "ticket".into() };
        for other in [
            Notice::PasswordChanged,
            Notice::PhoneChanged { to: phone() },
            Notice::PhoneRemoved,
            entered,
            Notice::AppAdded { app: "A".into() },
            Notice::AppRemoved { app: "A".into(), last: false },
            Notice::AppReplaced { old: "A".into(), app: "B".into() },
            Notice::BackupCodesReset,
            Notice::BackupCodeUsed { left: 0 },
            Notice::EmailChanged { to: "m•••@new.example".into() },
            Notice::SecondStepDisabled { method: "sms".into() },
            Notice::SecondStepPaused { minutes: 15 },
            Notice::ByOperator(OperatorChange::Disabled),
            Notice::ByOperator(OperatorChange::Enabled),
            Notice::ByOperator(OperatorChange::SignedOut),
            Notice::ByOperator(OperatorChange::SecondStepReset { reason: "Lost phone".into() }),
        ] {
            let text = notice(other);
            assert!(!text.contains(&words().public_url) && !text.contains("://"), "{text}");
            assert!(text.contains("Brightbooks account") && !text.contains("your profile"), "{text}");
            assert_eq!(text.matches("Harbour CRM").count(), 1, "{text}");
        }
    }

    #[test]
    fn a_message_that_was_queued_before_this_field_still_opens() {
        let old = r#"{"name":"Mia Lund","at_millis":0,"content":{"Notice":"PasswordChanged"}}"#;
        let message: Message = serde_json::from_str(old).unwrap();
        assert_eq!(message.application, None);
    }
}
