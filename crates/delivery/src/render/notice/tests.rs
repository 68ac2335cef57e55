//! Every notice as it is sent.

use super::Occasion;
use crate::render::samples;
use countersign_core::{
    event::Origin,
    message::{Content, Message, Notice, OperatorChange},
};
use insta::assert_snapshot;

fn codes_left(left: u32) -> String {
    let (when, service) = ("now", "Harbour CRM");
    super::second_step::backup_code_used(left, Occasion { when, origin: None, service }).happened
}

fn email(notice: Notice) -> String {
    samples::email(Content::Notice(notice))
}

#[test]
fn an_app_was_added() {
    assert_snapshot!(email(Notice::AppAdded { app: "Mia's phone".into() }), @r#"
    Subject: An authenticator app was added to your account

    Hi Mia Lund,

    The authenticator app "Mia's phone" was added to your Harbour CRM
    account on 24 November 2026, 05:54 UTC (Firefox on Windows,
    203.0.113.7). You can now use its codes to sign in.

    Wasn't you? Someone may have access to your account. Remove this app,
    change your password, and sign out other browsers:

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

    Hi Mia Lund,

    The authenticator app "Mia's phone" was removed from your Harbour CRM
    account on 24 November 2026, 05:54 UTC (Firefox on Windows,
    203.0.113.7). Its codes no longer work.

    Wasn't you? Someone may have access to your account. Change your
    password, sign out other browsers, and set up your app again:

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

    Hi Mia Lund,

    The authenticator app "Mia's phone" was removed from your Harbour CRM
    account on 24 November 2026, 05:54 UTC (Firefox on Windows,
    203.0.113.7). Its codes no longer work. It was your last app, so your
    backup codes no longer work either.

    Wasn't you? Someone may have access to your account. Change your
    password, sign out other browsers, and set up your app again:

        https://accounts.harbour.example/profile

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
}

#[test]
fn backup_codes_were_reset() {
    assert_snapshot!(email(Notice::BackupCodesReset), @r#"
    Subject: New backup codes were created for your account

    Hi Mia Lund,

    New backup codes were created for your Harbour CRM account on
    24 November 2026, 05:54 UTC (Firefox on Windows, 203.0.113.7). Your old
    codes no longer work.

    Wasn't you? Someone may have access to your account. Change your
    password, sign out other browsers, and create new backup codes:

        https://accounts.harbour.example/profile

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
}

#[test]
fn a_backup_code_was_used() {
    assert_snapshot!(email(Notice::BackupCodeUsed { left: 7 }), @r#"
    Subject: A backup code was used on your account

    Hi Mia Lund,

    A backup code was used on your Harbour CRM account on
    24 November 2026, 05:54 UTC (Firefox on Windows, 203.0.113.7). It no
    longer works. You have 7 backup codes left.

    Wasn't you? Someone has your password and at least one of your backup
    codes. Change your password, create new backup codes, and sign out other
    browsers:

        https://accounts.harbour.example/profile

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
}

#[test]
fn one_of_the_last_backup_codes_was_used() {
    assert_snapshot!(email(Notice::BackupCodeUsed { left: 3 }), @r#"
    Subject: A backup code was used on your account

    Hi Mia Lund,

    A backup code was used on your Harbour CRM account on
    24 November 2026, 05:54 UTC (Firefox on Windows, 203.0.113.7). It no
    longer works. You have 3 backup codes left. Create new ones soon so you
    don't get locked out.

    Wasn't you? Someone has your password and at least one of your backup
    codes. Change your password, create new backup codes, and sign out other
    browsers:

        https://accounts.harbour.example/profile

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
    assert!(
        codes_left(1)
            .ends_with("You have 1 backup code left. Create new ones soon so you don't get locked out.")
    );
    assert!(
        codes_left(0).ends_with("It was your last one. Create new ones soon so you don't get locked out.")
    );
    assert!(codes_left(4).ends_with("You have 4 backup codes left."));
}

#[test]
fn the_password_was_changed() {
    assert_snapshot!(email(Notice::PasswordChanged), @r#"
    Subject: Your password was changed

    Hi Mia Lund,

    The password of your Harbour CRM account was changed on
    24 November 2026, 05:54 UTC (Firefox on Windows, 203.0.113.7).

    Wasn't you? Someone may have access to your account. Choose another
    password now. Request a link for it here:

        https://accounts.harbour.example/forgot-password

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
}

#[test]
fn the_address_was_changed() {
    assert_snapshot!(email(Notice::EmailChanged { to: "m•••@new.example".into() }), @r#"
    Subject: Your email address was changed

    Hi Mia Lund,

    The email address of your Harbour CRM account was changed to
    m•••@new.example on 24 November 2026, 05:54 UTC (Firefox on Windows,
    203.0.113.7). You now sign in with the new address, and messages about
    your account go there.

    Wasn't you? Someone may have access to your account. Contact an
    administrator of your organization, or the people who run Harbour CRM.
    If you can still sign in, change your password and change your email
    address back:

        https://accounts.harbour.example/profile

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
}

#[test]
fn a_phone_was_added() {
    assert_snapshot!(email(Notice::PhoneChanged { to: "••• ••18".into() }), @r#"
    Subject: A phone number was added to your account

    Hi Mia Lund,

    The phone number ••• ••18 was added to your Harbour CRM account on
    24 November 2026, 05:54 UTC (Firefox on Windows, 203.0.113.7).
    Text-message codes now go to this number.

    Wasn't you? Someone may have access to your account. Change your
    password, sign out other browsers, and fix your phone number:

        https://accounts.harbour.example/profile

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
}

#[test]
fn the_phone_was_removed() {
    assert_snapshot!(email(Notice::PhoneRemoved), @r#"
    Subject: The phone number was removed from your account

    Hi Mia Lund,

    The phone number was removed from your Harbour CRM account on
    24 November 2026, 05:54 UTC (Firefox on Windows, 203.0.113.7). You no
    longer get codes by text message.

    Wasn't you? Someone may have access to your account. Change your
    password, sign out other browsers, and fix your phone number:

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
    Subject: An administrator logged in as you

    Hi Mia Lund,

    Ada Park, an administrator of Harbour & Pine, logged in to your Harbour
    CRM account on 24 November 2026, 05:54 UTC (Firefox on Windows,
    203.0.113.7). Reason: "ticket 4711 Your account is closed.". For a
    limited time they can see what you see. They can't see or change your
    password, your email address, your phone, your authenticator apps or
    your backup codes.

    Didn't expect this? Ask Ada Park or another administrator. See what
    happened in your account:

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
    Subject: An API key for two-factor authentication was created

    Hi Mia Lund,

    Olivia Hart created the API key "CRM server" for Harbour. io, an
    application of Harbour & Pine, on 24 November 2026, 05:54 UTC (Firefox
    on Windows, 203.0.113.7). It allows: challenges, first-enrolments. With
    such a key, a program can change how the people of this application
    prove who they are, or set up their first authenticator app without
    asking for a code.

    You receive this because you are an owner. Didn't expect this? Revoke
    the key on the application's page, then ask the person who created it:

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
    Subject: Authenticator app turned off after too many incorrect codes

    Hi Mia Lund,

    Too many incorrect codes in a row were entered for your Harbour CRM
    account, the last on 24 November 2026, 05:54 UTC (Firefox on Windows,
    203.0.113.7). To protect it, the codes of your authenticator app no
    longer work. Set them up again to use them.

    Wasn't you? Someone has your password. Sign in another way, change your
    password, and set up again what was turned off. If you have no other way
    to sign in, ask an administrator of your organization:

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
        assert_ne!(
            super::second_step::kind(method.as_str()),
            super::second_step::kind("unknown"),
            "{method}"
        );
    }
}

#[test]
fn the_second_step_is_paused() {
    assert_snapshot!(email(Notice::SecondStepPaused { minutes: 15 }), @r#"
    Subject: Too many incorrect codes

    Hi Mia Lund,

    Too many incorrect codes were entered for your Harbour CRM account, the
    last on 24 November 2026, 05:54 UTC (Firefox on Windows, 203.0.113.7).
    To protect it, sign-in codes are blocked for 15 minutes.

    If this was you, try again later, or sign in with a browser you've used
    before. Wasn't you? Someone has your password. Choose a new one, and you
    can sign in again right away. Request a link for it here:

        https://accounts.harbour.example/forgot-password

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
}

#[test]
fn a_sign_in_with_a_new_browser() {
    assert_snapshot!(email(Notice::NewBrowser), @r#"
    Subject: New sign-in from Firefox on Windows

    Hi Mia Lund,

    Someone signed in to your Harbour CRM account on
    24 November 2026, 05:54 UTC (Firefox on Windows, 203.0.113.7), in a
    browser we don't recognize. If this was you, you don't need to do
    anything. A browser whose cookies were cleared, or a private window,
    also counts as new.

    Wasn't you? Someone may have access to your account. Change your
    password and sign out other browsers:

        https://accounts.harbour.example/profile

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
}

#[test]
fn a_new_browser_is_named_in_words_of_our_own() {
    let subject = |user_agent: &str| {
        let mut message = samples::message(Content::Notice(Notice::NewBrowser));
        message.origin = Some(Origin { address: [203, 0, 113, 7].into(), user_agent: user_agent.into() });
        samples::written(&message).lines().next().unwrap().to_owned()
    };
    assert_eq!(
        subject("Firefox/1\r\nBcc: x@example.com Windows"),
        "Subject: New sign-in from Firefox on Windows"
    );
    assert_eq!(subject("https://win.example"), "Subject: New sign-in from an unknown browser");
    assert_eq!(subject("Android"), "Subject: New sign-in from a browser on Android");
}

#[test]
fn what_the_operator_did_has_no_browser() {
    let mut message = samples::message(Content::Notice(Notice::ByOperator(OperatorChange::Disabled)));
    message.origin = None;
    assert_snapshot!(samples::written(&message), @r#"
    Subject: Your account was disabled

    Hi Mia Lund,

    Your Harbour CRM account was disabled on 24 November 2026, 05:54 UTC by
    the people who run Harbour CRM. You are signed out everywhere and can't
    sign in until they enable it again.

    Didn't ask for this? Contact the people who run Harbour CRM. If you can
    sign in, see what happened on your account:

        https://accounts.harbour.example/profile/activity

    -- 
    Harbour CRM
    https://accounts.harbour.example
    "#);
}

#[test]
fn a_message_that_waited_over_an_upgrade_is_still_read() {
    let before =
        r#"{"name":"Mia Lund","application":null,"at_millis":0,"content":{"Notice":"PasswordChanged"}}"#;
    assert!(serde_json::from_str::<Message>(before).unwrap().origin.is_none());
}
