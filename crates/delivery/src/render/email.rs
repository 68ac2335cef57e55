//! E-mails. Plain text only: nothing to load, nothing to hide a link behind, and the same on every device.
//!
//! Each says what happened, when, and what to do if it was not you (ASVS 5.0 V6.3.7; NIST SP 800-63B-4 §4.6).
//!
//! No subject holds a code. It would be convenient, and it would stand on the locked screen of a phone that lies on a
//! table, in the list of a mailbox that is open on a shared display, and in the logs of mail servers, which keep
//! subjects and not bodies.

use super::layout::{Letter, moment, span};
use super::operator::{self, Budget};
use super::{Words, notice};
use countersign_core::message::{Content, Message};

/// The e-mail for `message`, all but greeting and signature.
pub(super) fn letter(message: &Message, words: &Words) -> Letter {
    let when = moment(message.at_millis);
    match &message.content {
        Content::SignInCode { code, minutes } | Content::SignInCodeElsewhere { code, minutes } => {
            sign_in(code, *minutes, &when, words)
        }
        Content::SetUpCode { code, minutes } => set_up(code, *minutes, &when, &words.service_name),
        Content::ConfirmIdentityCode { code, minutes } => identity(code, *minutes, &when, words),
        Content::ConfirmPhoneCode { code, minutes } => phone(code, *minutes, &when, words),
        Content::ConfirmEmailCode { code, minutes } => address(code, *minutes, &when, words),
        Content::ResetPassword { link, minutes } => reset(link, *minutes, &when, words),
        Content::ConfirmBrowser { link, minutes } => browser(link, *minutes, words),
        Content::Notice(notice) => notice::letter(notice, &when, words),
        Content::BudgetNearlyUsed { scope, subject, used, allowed, setting } => operator::budget(
            &Budget { scope, subject, used: *used, allowed: *allowed, setting },
            &when,
            words,
        ),
    }
}

fn sign_in(code: &str, minutes: u64, when: &str, words: &Words) -> Letter {
    let Words { service_name, public_url } = words;
    Letter::about(format!("Your sign-in code for {service_name}"))
        .says(&format!("Here is the code that completes your sign-in to {service_name}:"))
        .shows(code)
        .says(&once(when, minutes, "us"))
        .says(
            "If you are not signing in, somebody else is trying to, and they know your password. They cannot get in \
             without this code, so keep it to yourself. Then choose a new password here:",
        )
        .shows(&format!("{public_url}/forgot-password"))
}

/// For `service`, where someone without a second step is about to set up their first app.
pub(super) fn set_up(code: &str, minutes: u64, when: &str, service: &str) -> Letter {
    Letter::about(format!("Your code to set up an app for {service}"))
        .says(&format!(
            "Someone, hopefully you, is about to set up an authenticator app for your {service} account. Here is the code that \
             confirms this email address:"
        ))
        .shows(code)
        .says(&once(when, minutes, service))
        .says(&format!(
            "If this was not you, someone else knows your password. They cannot set up an app without this code, so keep it \
             to yourself. Then change your password at {service}."
        ))
}

fn identity(code: &str, minutes: u64, when: &str, words: &Words) -> Letter {
    let Words { service_name, public_url } = words;
    Letter::about(format!("Your code to confirm that it is you, for {service_name}"))
        .says(&format!(
            "Somebody, hopefully you, is about to do something on your {service_name} account that needs a \
             confirmation. Here is the code for it:"
        ))
        .shows(code)
        .says(&once(when, minutes, "us"))
        .says(
            "If this was not you, somebody else is signed in to your account. It is not done without this code, \
             so keep it to yourself. Then end the sessions that are not yours and change your password:",
        )
        .shows(&format!("{public_url}/profile"))
}

fn phone(code: &str, minutes: u64, when: &str, words: &Words) -> Letter {
    let Words { service_name, public_url } = words;
    Letter::about(format!("Your code to confirm a phone for {service_name}"))
        .says(&format!("Here is the code that confirms the phone for your {service_name} account:"))
        .shows(code)
        .says(&once(when, minutes, "us"))
        .says(
            "If this was not you, somebody else is signed in to your account. No phone is added without this code, \
             so keep it to yourself. Then end the sessions that are not yours and change your password:",
        )
        .shows(&format!("{public_url}/profile"))
}

/// Goes to an address that may belong to somebody who has never heard of the service.
fn address(code: &str, minutes: u64, when: &str, words: &Words) -> Letter {
    let Words { service_name, public_url } = words;
    Letter::about(format!("Your code to confirm this address for {service_name}"))
        .says(&format!(
            "Somebody, hopefully you, wants to use this e-mail address to sign in to {service_name}. Here is the \
             code that confirms it:"
        ))
        .shows(code)
        .says(&once(when, minutes, "us"))
        .says(&format!(
            "If this was not you, somebody may have mistyped an address. You need do nothing: without the code \
             this address is not used. If you have a {service_name} account of your own, you can see on this page \
             what has happened on it:"
        ))
        .shows(&format!("{public_url}/profile/activity"))
}

fn reset(link: &str, minutes: u64, when: &str, words: &Words) -> Letter {
    let Words { service_name, public_url } = words;
    Letter::about(format!("Choose a new password for {service_name}"))
        .says(&format!(
            "Somebody, hopefully you, asked on {when} to choose a new password for your {service_name} account. \
             This page lets you do it:"
        ))
        .shows(link)
        .says(&format!(
            "The link works once, within {}. Everything else stays as it is: when you sign in with the new \
             password, you will be asked for your second step as usual.",
            span(minutes)
        ))
        .says(
            "If this was not you, you need do nothing: your password stays as it is. Do not pass the link on. You \
             can see on this page what has happened on your account:",
        )
        .shows(&format!("{public_url}/profile/activity"))
}

/// After too many wrong passwords. Most likely someone else entered them, so it says first that nothing has happened.
fn browser(link: &str, minutes: u64, words: &Words) -> Letter {
    let Words { service_name, public_url } = words;
    Letter::about(format!("Is it you who is signing in to {service_name}?"))
        .says(&format!(
            "There have been many attempts to sign in to your {service_name} account with a wrong password. None of \
             them got in. To protect your account, a new browser must be confirmed before it can sign in."
        ))
        .says("If you are signing in right now, open this page in the browser that you want to sign in with, and confirm \
             it:")
        .shows(link)
        .says(&format!("The link works once, within {}. Then sign in as usual.", span(minutes)))
        .says(
            "If you are not signing in, you don't need to do anything. Don't share the link. Browsers that you have \
             used before still work. You can see here what has happened on your account:",
        )
        .shows(&format!("{public_url}/profile/activity"))
}

/// The advice beside every code; `whom` is who would never ask for it.
pub(super) fn once(when: &str, minutes: u64, whom: &str) -> String {
    format!(
        "It was asked for on {when}, and works once, within {}. Type it only on the page that you opened yourself. \
         Nobody who works for {whom} will ever ask you for it.",
        span(minutes)
    )
}

#[cfg(test)]
mod tests {
    use super::super::samples::email;
    use super::*;
    use insta::assert_snapshot;

    fn code() -> (String, u64) {
        ("048151".to_owned(), 10)
    }

    #[test]
    fn a_sign_in_code() {
        let (code, minutes) = code();
        assert_snapshot!(email(Content::SignInCode { code, minutes }), @r#"
    Subject: Your sign-in code for Harbour CRM

    Hello Mia Lund,

    Here is the code that completes your sign-in to Harbour CRM:

        048151

    It was asked for on 24 November 2026, 05:54 UTC, and works once, within
    10 minutes. Type it only on the page that you opened yourself. Nobody
    who works for us will ever ask you for it.

    If you are not signing in, somebody else is trying to, and they know
    your password. They cannot get in without this code, so keep it to
    yourself. Then choose a new password here:

        https://accounts.harbour.example/forgot-password

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
    }

    #[test]
    fn a_code_that_confirms_an_identity() {
        let (code, minutes) = code();
        assert_snapshot!(email(Content::ConfirmIdentityCode { code, minutes }), @r#"
    Subject: Your code to confirm that it is you, for Harbour CRM

    Hello Mia Lund,

    Somebody, hopefully you, is about to do something on your Harbour CRM
    account that needs a confirmation. Here is the code for it:

        048151

    It was asked for on 24 November 2026, 05:54 UTC, and works once, within
    10 minutes. Type it only on the page that you opened yourself. Nobody
    who works for us will ever ask you for it.

    If this was not you, somebody else is signed in to your account. It is
    not done without this code, so keep it to yourself. Then end the
    sessions that are not yours and change your password:

        https://accounts.harbour.example/profile

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
    }

    #[test]
    fn a_code_that_confirms_a_phone() {
        let (code, minutes) = code();
        assert_snapshot!(email(Content::ConfirmPhoneCode { code, minutes }), @r#"
    Subject: Your code to confirm a phone for Harbour CRM

    Hello Mia Lund,

    Here is the code that confirms the phone for your Harbour CRM account:

        048151

    It was asked for on 24 November 2026, 05:54 UTC, and works once, within
    10 minutes. Type it only on the page that you opened yourself. Nobody
    who works for us will ever ask you for it.

    If this was not you, somebody else is signed in to your account. No
    phone is added without this code, so keep it to yourself. Then end the
    sessions that are not yours and change your password:

        https://accounts.harbour.example/profile

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
    }

    #[test]
    fn a_code_that_confirms_an_address() {
        let (code, minutes) = code();
        assert_snapshot!(email(Content::ConfirmEmailCode { code, minutes }), @r#"
    Subject: Your code to confirm this address for Harbour CRM

    Hello Mia Lund,

    Somebody, hopefully you, wants to use this e-mail address to sign in to
    Harbour CRM. Here is the code that confirms it:

        048151

    It was asked for on 24 November 2026, 05:54 UTC, and works once, within
    10 minutes. Type it only on the page that you opened yourself. Nobody
    who works for us will ever ask you for it.

    If this was not you, somebody may have mistyped an address. You need do
    nothing: without the code this address is not used. If you have a
    Harbour CRM account of your own, you can see on this page what has
    happened on it:

        https://accounts.harbour.example/profile/activity

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
    }

    #[test]
    fn a_link_to_a_new_password_is_never_broken() {
        let link = format!("https://accounts.harbour.example/reset-password/{}", "A1b2C3d4".repeat(6));
        assert_snapshot!(email(Content::ResetPassword { link, minutes: 60 }), @r#"
    Subject: Choose a new password for Harbour CRM

    Hello Mia Lund,

    Somebody, hopefully you, asked on 24 November 2026, 05:54 UTC to choose
    a new password for your Harbour CRM account. This page lets you do it:

        https://accounts.harbour.example/reset-password/A1b2C3d4A1b2C3d4A1b2C3d4A1b2C3d4A1b2C3d4A1b2C3d4

    The link works once, within 1 hour. Everything else stays as it is: when
    you sign in with the new password, you will be asked for your second
    step as usual.

    If this was not you, you need do nothing: your password stays as it is.
    Do not pass the link on. You can see on this page what has happened on
    your account:

        https://accounts.harbour.example/profile/activity

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
    }

    #[test]
    fn a_link_to_confirm_a_browser() {
        let link =
            format!("https://accounts.harbour.example/sign-in/confirm-browser/{}", "A1b2C3d4".repeat(5));
        let text = email(Content::ConfirmBrowser { link: link.clone(), minutes: 360 });
        assert!(text.starts_with("Subject: Is it you who is signing in to Harbour CRM?\n"), "{text}");
        assert!(text.contains(&format!("\n    {link}\n")) && text.contains("within 6 hours"), "{text}");
    }

    #[test]
    fn no_code_in_a_subject() {
        let (code, minutes) = code();
        for content in [
            Content::SignInCode { code: code.clone(), minutes },
            Content::ConfirmIdentityCode { code: code.clone(), minutes },
            Content::ConfirmPhoneCode { code: code.clone(), minutes },
            Content::ConfirmEmailCode { code: code.clone(), minutes },
        ] {
            let text = email(content);
            let (subject, body) = text.split_once("\n\n").unwrap();
            assert!(!subject.contains(&code), "{subject}");
            assert_eq!(body.matches(&code).count(), 1, "{body}");
        }
    }
}
