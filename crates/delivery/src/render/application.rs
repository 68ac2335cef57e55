//! E-mails to people whom an application knows. They sign in there, with a password of that application's, and cannot open
//! this server's pages: so nothing here leads to one, and what they can do, they do there.

use super::{
    email::{once, set_up},
    layout::{Letter, occasion},
    notice::{self, Occasion},
};
use countersign_core::message::{Content, Message, Notice, OperatorChange};

/// The e-mail and the application's name; `None` for people who sign in here, and for what only they can get.
pub(super) fn letter(message: &Message) -> Option<(Letter, &str)> {
    let application = message.application.as_deref()?;
    let when = occasion(message);
    let letter = match &message.content {
        Content::SignInCode { code, minutes } | Content::SignInCodeElsewhere { code, minutes } => {
            sign_in(code, *minutes, &when, application)
        }
        Content::SetUpCode { code, minutes } => set_up(code, *minutes, &when, application),
        Content::Notice(notice) => told(notice, message, &when, application),
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
        .says(&format!("Your {application} verification code is:"))
        .shows(code)
        .says(&once(when, minutes, &format!("{application} will")))
        .says(&format!(
            "Didn't try to sign in? Someone has your password. They can't get in without this code, so don't share it. \
             Change your {application} password now."
        ))
}

fn told(notice: &Notice, message: &Message, when: &str, application: &str) -> Letter {
    let happened = match notice {
        // Nobody signs in with that address: the application has names of its own.
        Notice::EmailChanged { to } => format!(
            "The email address of your {application} account was changed to {to} on {when}. Your codes and messages like \
             this one now go to the new address."
        ),
        notice => {
            let at = Occasion { when, origin: message.origin.as_ref(), service: application };
            notice::text(notice, at).happened
        }
    };
    Letter::about(subject(notice, application)).says(&happened).says(&otherwise(notice, application))
}

fn subject(notice: &Notice, application: &str) -> String {
    let account = format!("your {application} account");
    match notice {
        Notice::AppAdded { .. } => format!("An authenticator app was added to {account}"),
        Notice::AppRemoved { .. } => format!("An authenticator app was removed from {account}"),
        Notice::AppReplaced { .. } => format!("Your authenticator app for {account} was replaced"),
        Notice::BackupCodesReset => format!("New backup codes were created for {account}"),
        Notice::BackupCodeUsed { .. } => format!("A backup code was used on {account}"),
        Notice::NewBrowser => format!("New sign-in to {account}"),
        Notice::PasswordChanged => format!("The password of {account} was changed"),
        Notice::EmailChanged { .. } => format!("The email address of {account} was changed"),
        Notice::PhoneChanged { .. } => format!("A phone number was added to {account}"),
        Notice::PhoneRemoved => format!("The phone number was removed from {account}"),
        Notice::LoginAs { .. } => format!("An administrator logged in to {account}"),
        Notice::SecondStepDisabled { .. } => format!("A way to sign in to {account} was turned off"),
        Notice::SecondStepPaused { .. } => format!("Too many incorrect codes for {account}"),
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

/// What to do if it wasn't the account holder.
fn otherwise(notice: &Notice, application: &str) -> String {
    let intruder = "Wasn't you? Someone may have access to your account.";
    let change = format!("Change your {application} password now");
    match notice {
        Notice::AppAdded { .. } => {
            format!("{intruder} {change} and contact {application} support: this app isn't yours.")
        }
        Notice::AppReplaced { .. } | Notice::AppRemoved { .. } => {
            format!("{intruder} {change}, set up your app again, and contact {application} support.")
        }
        Notice::BackupCodesReset => {
            format!("{intruder} {change}, create new backup codes, and contact {application} support.")
        }
        Notice::BackupCodeUsed { .. } => format!(
            "Wasn't you? Someone has your password and at least one of your backup codes. {change}, create new backup \
             codes, and contact {application} support."
        ),
        Notice::SecondStepDisabled { .. } => format!(
            "Wasn't you? Someone has your password. {change}. Sign in another way, and set up again what was turned off. \
             If you have no other way to sign in, contact {application} support."
        ),
        Notice::SecondStepPaused { .. } => {
            format!("If this was you, try again later. Wasn't you? Someone has your password. {change}.")
        }
        Notice::ByOperator(_) => format!("Didn't ask for this? Contact {application} support."),
        Notice::NoticesPaused => {
            format!("Weren't these changes yours? {change} and contact {application} support.")
        }
        Notice::LoginAs { .. } | Notice::ApiKeyCreated { .. } => {
            format!("Didn't expect this? Contact {application} support.")
        }
        Notice::NewBrowser
        | Notice::PasswordChanged
        | Notice::EmailChanged { .. }
        | Notice::PhoneChanged { .. }
        | Notice::PhoneRemoved => format!("{intruder} {change} and contact {application} support."),
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

        Hi Mia Lund,

        Your Brightbooks verification code is:

            048151

        It expires in 10 minutes. Enter it only on the page where you started.
        Brightbooks will never ask you for it. Requested on
        24 November 2026, 05:54 UTC (Firefox on Windows, 203.0.113.7).

        Didn't try to sign in? Someone has your password. They can't get in
        without this code, so don't share it. Change your Brightbooks password
        now.

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

        Hi Mia Lund,

        Use this code to set up an authenticator app for your Brightbooks
        account:

            048151

        It expires in 10 minutes. Enter it only on the page where you started.
        Brightbooks will never ask you for it. Requested on
        24 November 2026, 05:54 UTC (Firefox on Windows, 203.0.113.7).

        Wasn't you? Someone has your password. They can't set up an app without
        this code, so don't share it. Change your Brightbooks password now.

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

        Hi Mia Lund,

        The authenticator app "Mia's phone" was added to your Brightbooks
        account on 24 November 2026, 05:54 UTC (Firefox on Windows,
        203.0.113.7). You can now use its codes to sign in.

        Wasn't you? Someone may have access to your account. Change your
        Brightbooks password now and contact Brightbooks support: this app isn't
        yours.

        -- 
        Brightbooks
        Sent by Harbour CRM for Brightbooks
        "#);
    }

    #[test]
    fn an_app_was_removed() {
        assert_snapshot!(notice(Notice::AppRemoved { app: "Mia's phone".into(), last: true }), @r#"
        Subject: An authenticator app was removed from your Brightbooks account

        Hi Mia Lund,

        The authenticator app "Mia's phone" was removed from your Brightbooks
        account on 24 November 2026, 05:54 UTC (Firefox on Windows,
        203.0.113.7). Its codes no longer work. It was your last app, so your
        backup codes no longer work either.

        Wasn't you? Someone may have access to your account. Change your
        Brightbooks password now, set up your app again, and contact Brightbooks
        support.

        -- 
        Brightbooks
        Sent by Harbour CRM for Brightbooks
        "#);
    }

    #[test]
    fn backup_codes_were_reset() {
        assert_snapshot!(notice(Notice::BackupCodesReset), @r#"
        Subject: New backup codes were created for your Brightbooks account

        Hi Mia Lund,

        New backup codes were created for your Brightbooks account on
        24 November 2026, 05:54 UTC (Firefox on Windows, 203.0.113.7). Your old
        codes no longer work.

        Wasn't you? Someone may have access to your account. Change your
        Brightbooks password now, create new backup codes, and contact
        Brightbooks support.

        -- 
        Brightbooks
        Sent by Harbour CRM for Brightbooks
        "#);
    }

    #[test]
    fn a_backup_code_was_used() {
        assert_snapshot!(notice(Notice::BackupCodeUsed { left: 3 }), @r#"
        Subject: A backup code was used on your Brightbooks account

        Hi Mia Lund,

        A backup code was used on your Brightbooks account on
        24 November 2026, 05:54 UTC (Firefox on Windows, 203.0.113.7). It no
        longer works. You have 3 backup codes left. Create new ones soon so you
        don't get locked out.

        Wasn't you? Someone has your password and at least one of your backup
        codes. Change your Brightbooks password now, create new backup codes,
        and contact Brightbooks support.

        -- 
        Brightbooks
        Sent by Harbour CRM for Brightbooks
        "#);
    }

    #[test]
    fn the_address_was_changed() {
        assert_snapshot!(notice(Notice::EmailChanged { to: "m•••@new.example".into() }), @r#"
        Subject: The email address of your Brightbooks account was changed

        Hi Mia Lund,

        The email address of your Brightbooks account was changed to
        m•••@new.example on 24 November 2026, 05:54 UTC (Firefox on Windows,
        203.0.113.7). Your codes and messages like this one now go to the new
        address.

        Wasn't you? Someone may have access to your account. Change your
        Brightbooks password now and contact Brightbooks support.

        -- 
        Brightbooks
        Sent by Harbour CRM for Brightbooks
        "#);
    }

    #[test]
    fn a_second_step_was_turned_off() {
        assert_snapshot!(notice(Notice::SecondStepDisabled { method: "app".into() }), @r#"
        Subject: A way to sign in to your Brightbooks account was turned off

        Hi Mia Lund,

        Too many incorrect codes in a row were entered for your Brightbooks
        account, the last on 24 November 2026, 05:54 UTC (Firefox on Windows,
        203.0.113.7). To protect it, the codes of your authenticator app no
        longer work. Set them up again to use them.

        Wasn't you? Someone has your password. Change your Brightbooks password
        now. Sign in another way, and set up again what was turned off. If you
        have no other way to sign in, contact Brightbooks support.

        -- 
        Brightbooks
        Sent by Harbour CRM for Brightbooks
        "#);
    }

    #[test]
    fn the_second_step_is_paused() {
        assert_snapshot!(notice(Notice::SecondStepPaused { minutes: 15 }), @r#"
        Subject: Too many incorrect codes for your Brightbooks account

        Hi Mia Lund,

        Too many incorrect codes were entered for your Brightbooks account, the
        last on 24 November 2026, 05:54 UTC (Firefox on Windows, 203.0.113.7).
        To protect it, sign-in codes are blocked for 15 minutes.

        If this was you, try again later. Wasn't you? Someone has your password.
        Change your Brightbooks password now.

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
