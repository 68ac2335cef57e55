//! E-mails. Plain text only: nothing to load, nothing to hide a link behind, and the same on every device.
//!
//! Each says what happened, when, and what to do if it was not you (ASVS 5.0 V6.3.7; NIST SP 800-63B-4 §4.6).
//!
//! No subject holds a code. It would be convenient, and it would stand on the locked screen of a phone that lies on a
//! table, in the list of a mailbox that is open on a shared display, and in the logs of mail servers, which keep
//! subjects and not bodies.

use super::layout::{Letter, occasion, span};
use super::operator::{self, Budget};
use super::{Words, notice};
use countersign_core::message::{Content, Message};

/// The e-mail for `message`, all but greeting and signature.
pub(super) fn letter(message: &Message, words: &Words) -> Letter {
    let when = occasion(message);
    match &message.content {
        Content::SignInCode { code, minutes } | Content::SignInCodeElsewhere { code, minutes } => {
            sign_in(code, *minutes, &when, words)
        }
        Content::SetUpCode { code, minutes } => set_up(code, *minutes, &when, &words.service_name),
        Content::ConfirmIdentityCode { code, minutes } => identity(code, *minutes, &when, words),
        Content::ConfirmPhoneCode { code, minutes } => phone(code, *minutes, &when, words),
        Content::ConfirmEmailCode { code, minutes } => address(code, *minutes, &when, words),
        Content::ResetPassword { link, minutes } => reset(link, *minutes, &when, words),
        Content::ConfirmBrowser { link, minutes } => browser(link, *minutes, &when, words),
        Content::Notice(notice) => notice::letter(notice, message.origin.as_ref(), &when, words),
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
        .says("Your verification code is:")
        .shows(code)
        .says(&once(when, minutes, "We'll"))
        .says(
            "Didn't try to sign in? Someone has your password. They can't get in without this code, so don't share it. \
             Change your password now:",
        )
        .shows(&format!("{public_url}/forgot-password"))
}

/// For `service`, where someone without a second step is about to set up their first app.
pub(super) fn set_up(code: &str, minutes: u64, when: &str, service: &str) -> Letter {
    Letter::about(format!("Your code to set up an app for {service}"))
        .says(&format!("Use this code to set up an authenticator app for your {service} account:"))
        .shows(code)
        .says(&once(when, minutes, &format!("{service} will")))
        .says(&format!(
            "Wasn't you? Someone has your password. They can't set up an app without this code, so don't share it. Change \
             your {service} password now."
        ))
}

fn identity(code: &str, minutes: u64, when: &str, words: &Words) -> Letter {
    let Words { service_name, public_url } = words;
    Letter::about(format!("Confirm it's you: your {service_name} code"))
        .says(&format!("Use this code to confirm a change to your {service_name} account:"))
        .shows(code)
        .says(&once(when, minutes, "We'll"))
        .says(
            "Wasn't you? Someone may have access to your account. Nothing happens without this code, so don't share it. \
             Sign out other browsers and change your password:",
        )
        .shows(&format!("{public_url}/profile"))
}

fn phone(code: &str, minutes: u64, when: &str, words: &Words) -> Letter {
    let Words { service_name, public_url } = words;
    Letter::about(format!("Your code to confirm a phone for {service_name}"))
        .says(&format!("Use this code to confirm the phone number for your {service_name} account:"))
        .shows(code)
        .says(&once(when, minutes, "We'll"))
        .says(
            "Wasn't you? Someone may have access to your account. No phone is added without this code, so don't share it. \
             Sign out other browsers and change your password:",
        )
        .shows(&format!("{public_url}/profile"))
}

/// Goes to an address that may belong to someone who has never heard of the service.
fn address(code: &str, minutes: u64, when: &str, words: &Words) -> Letter {
    let Words { service_name, .. } = words;
    Letter::about(format!("Your code to confirm this email address for {service_name}"))
        .says(&format!("Use this code to confirm this email address for {service_name}:"))
        .shows(code)
        .says(&once(when, minutes, "We'll"))
        .says(
            "Not you? Someone probably mistyped their address. You don't need to do anything: without the code, this \
             address isn't used.",
        )
}

fn reset(link: &str, minutes: u64, when: &str, words: &Words) -> Letter {
    let Words { service_name, .. } = words;
    Letter::about(format!("Reset your {service_name} password"))
        .says(&format!("Use this link to choose a new password for your {service_name} account:"))
        .shows(link)
        .says(&format!(
            "The link expires in {} and works once. You'll still need your verification code to sign in. Requested on \
             {when}.",
            span(minutes)
        ))
        .says(
            "Didn't ask for this? Ignore this email; your password hasn't changed. Don't forward this link.",
        )
}

/// After too many wrong passwords. Most likely someone else entered them, so it says first that nothing has happened.
fn browser(link: &str, minutes: u64, when: &str, words: &Words) -> Letter {
    let Words { service_name, public_url } = words;
    Letter::about(format!("Is it you who is signing in to {service_name}?"))
        .says(&format!(
            "There have been many attempts to sign in to your {service_name} account with an incorrect password, the last \
             on {when}. None of them got in. To protect your account, a new browser must be confirmed before it can sign \
             in."
        ))
        .says("If you're signing in right now, open this page in the browser you want to sign in with, and confirm it:")
        .shows(link)
        .says(&format!("The link expires in {} and works once. Then sign in as usual.", span(minutes)))
        .says(
            "Not signing in? You don't need to do anything. Don't forward this link. Browsers you've used before still \
             work. See what happened on your account:",
        )
        .shows(&format!("{public_url}/profile/activity"))
}

/// The advice beside every code; `who` would never ask for it ("We'll", "Brightbooks will").
pub(super) fn once(when: &str, minutes: u64, who: &str) -> String {
    format!(
        "It expires in {}. Enter it only on the page where you started. {who} never ask you for it. Requested on {when}.",
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

        Hi Mia Lund,

        Your verification code is:

            048151

        It expires in 10 minutes. Enter it only on the page where you started.
        We'll never ask you for it. Requested on 24 November 2026, 05:54 UTC
        (Firefox on Windows, 203.0.113.7).

        Didn't try to sign in? Someone has your password. They can't get in
        without this code, so don't share it. Change your password now:

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
        Subject: Confirm it's you: your Harbour CRM code

        Hi Mia Lund,

        Use this code to confirm a change to your Harbour CRM account:

            048151

        It expires in 10 minutes. Enter it only on the page where you started.
        We'll never ask you for it. Requested on 24 November 2026, 05:54 UTC
        (Firefox on Windows, 203.0.113.7).

        Wasn't you? Someone may have access to your account. Nothing happens
        without this code, so don't share it. Sign out other browsers and change
        your password:

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

        Hi Mia Lund,

        Use this code to confirm the phone number for your Harbour CRM account:

            048151

        It expires in 10 minutes. Enter it only on the page where you started.
        We'll never ask you for it. Requested on 24 November 2026, 05:54 UTC
        (Firefox on Windows, 203.0.113.7).

        Wasn't you? Someone may have access to your account. No phone is added
        without this code, so don't share it. Sign out other browsers and change
        your password:

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
        Subject: Your code to confirm this email address for Harbour CRM

        Hi Mia Lund,

        Use this code to confirm this email address for Harbour CRM:

            048151

        It expires in 10 minutes. Enter it only on the page where you started.
        We'll never ask you for it. Requested on 24 November 2026, 05:54 UTC
        (Firefox on Windows, 203.0.113.7).

        Not you? Someone probably mistyped their address. You don't need to do
        anything: without the code, this address isn't used.

        -- 
        Harbour CRM
        https://accounts.harbour.example
        "#);
    }

    #[test]
    fn a_link_to_a_new_password_is_never_broken() {
        let link = format!("https://accounts.harbour.example/reset-password/{}", "A1b2C3d4".repeat(6));
        assert_snapshot!(email(Content::ResetPassword { link, minutes: 60 }), @r#"
        Subject: Reset your Harbour CRM password

        Hi Mia Lund,

        Use this link to choose a new password for your Harbour CRM account:

            https://accounts.harbour.example/reset-password/A1b2C3d4A1b2C3d4A1b2C3d4A1b2C3d4A1b2C3d4A1b2C3d4

        The link expires in 1 hour and works once. You'll still need your
        verification code to sign in. Requested on 24 November 2026, 05:54 UTC
        (Firefox on Windows, 203.0.113.7).

        Didn't ask for this? Ignore this email; your password hasn't changed.
        Don't forward this link.

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
        assert!(text.contains(&format!("\n    {link}\n")) && text.contains("expires in 6 hours"), "{text}");
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
