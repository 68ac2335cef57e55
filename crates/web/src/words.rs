//! Every refusal as one or two sentences for a person, the next step last.

pub(crate) mod applications;

use crate::{
    times,
    views::{Notice, NoticeKind},
};
use countersign_core::{
    authority::LoginAsRefusal,
    budget::Scope,
    email::EmailError,
    oauth::{LoginAsDenied, OauthScope, ScopeSet},
    password::{LONGEST, PasswordError, SHORTEST},
    phone::PhoneError,
    role::Role,
    second_step::Method,
    session::{EndReason, Lifetimes},
    text::TextError,
};
use countersign_flows::{second_step::CodeRefusal, sending::Limit};
use std::time::Duration;

/// The same for an address that nobody has, an account that is switched off, and a wrong password.
pub(crate) const WRONG_PAIR: &str = "That email and password don’t match. Try again, or reset your password.";

/// A wrong password in the person's own session.
pub(crate) const NOT_YOUR_PASSWORD: &str = "Incorrect password.";

/// No way, or an unknown one, to take the second step.
pub(crate) const CHOOSE_A_WAY: &str = "That option isn’t available for your account. Choose another one.";

/// `"Too many wrong passwords. Try again in 15 minutes."`
pub(crate) fn wait(what: &str, retry_after: Duration) -> String {
    format!("{what} Try again in {}.", times::wait(retry_after))
}

/// Why someone has to sign in again.
pub(crate) fn signed_out(reason: EndReason, lifetimes: &Lifetimes) -> Notice {
    let text = match reason {
        EndReason::Idle => {
            format!("You were signed out after {} without activity.", times::span(lifetimes.idle))
        }
        EndReason::Age => format!(
            "You were signed out because you signed in {} ago. Sign in again to continue.",
            times::span(lifetimes.absolute)
        ),
        EndReason::Elsewhere => "You were signed out from another browser.".to_owned(),
        EndReason::Password => {
            "You were signed out because your password was changed. If that wasn’t you, reset it now."
                .to_owned()
        }
        EndReason::Email => "You were signed out because your email address was changed.".to_owned(),
        EndReason::SecondStep => {
            "You were signed out because your two-factor authentication was changed.".to_owned()
        }
        EndReason::Operator => "You were signed out by an administrator.".to_owned(),
        EndReason::LoginAs => "“Log in as” has ended. Sign in to your own account again.".to_owned(),
    };
    Notice { kind: NoticeKind::Warning, text }
}

/// The counter of wrong passwords is closed.
pub(crate) fn too_many_passwords(retry_after: Duration) -> String {
    wait("Too many attempts.", retry_after)
}

/// The counter of second steps is closed.
pub(crate) fn too_many_codes(retry_after: Duration) -> String {
    wait(
        "Too many wrong codes were typed. For the safety of your account we take no more for a while.",
        retry_after,
    )
}

/// Too many codes have been asked for, or typed wrongly.
pub(crate) fn too_many_sends(retry_after: Duration) -> String {
    wait("Too many codes were sent or typed wrongly, so we send no more for a while.", retry_after)
}

/// A budget of messages is used up. Nothing is said of which, where it is about more people than this one.
pub(crate) fn send_limit(limit: Limit) -> String {
    let what = match limit.scope {
        Scope::SmsNumber | Scope::SmsNumberDay => {
            "We’ve sent as many codes to this number as we can for now."
        }
        Scope::EmailMailbox => "We’ve sent as many codes to this address as we can for now.",
        Scope::SmsAccount | Scope::EmailAccount => {
            "We’ve sent as many codes for your account as we can for now."
        }
        Scope::Unverified => {
            return wait("You’ve requested codes for too many new numbers or addresses.", limit.retry_after);
        }
        Scope::SmsPrefix
        | Scope::SmsCountry
        | Scope::SmsNetwork
        | Scope::SmsOrganization
        | Scope::SmsServer => "We can’t send more text messages right now.",
        Scope::EmailNetwork
        | Scope::EmailOrganization
        | Scope::EmailServer
        | Scope::FirstEmail
        | Scope::ResetLink
        | Scope::Notice => "We can’t send more emails right now.",
    };
    format!("{what} Use another method, or try again in {}.", times::wait(limit.retry_after))
}

/// Another code was asked for too early.
pub(crate) fn sent_a_moment_ago(retry_after: Duration) -> String {
    format!(
        "We sent a code a moment ago. Look for the newest message, or ask for another in {}.",
        times::wait(retry_after)
    )
}

/// What is wrong with a code of this kind.
pub(crate) fn code(refusal: CodeRefusal, method: Method) -> String {
    match (refusal, method) {
        (CodeRefusal::Empty, Method::App) => "Type the six digits that your app shows.".into(),
        (CodeRefusal::Empty, Method::BackupCode) => "Type one of your backup codes.".into(),
        (CodeRefusal::Empty, _) => "Type the six digits from the message.".into(),
        (CodeRefusal::NotDigits, _) => "A code has digits only. Type it as it is shown.".into(),
        (CodeRefusal::WrongLength { expected, found }, Method::BackupCode) => format!(
            "A backup code has {expected} letters and digits, and you typed {found}. Compare it with your list."
        ),
        (CodeRefusal::WrongLength { expected, found }, _) => {
            format!("A code has {expected} digits, and you typed {found}. Type all of it.")
        }
        (CodeRefusal::Mistyped, _) => {
            "This looks like a typing error. Compare it with your list, letter by letter.".into()
        }
        (CodeRefusal::Wrong, Method::App) => "This code is not right. Wait for the app to show the next one, then type \
             that. If it happens again, switch on automatic date and time on your phone."
            .into(),
        (CodeRefusal::Wrong, Method::BackupCode) => {
            "This is none of your backup codes. Look for your newest list and type one of its codes.".into()
        }
        (CodeRefusal::Wrong, _) => "This code is not right. Compare it with the newest message.".into(),
        (CodeRefusal::AlreadyUsed, Method::App) => {
            "This code has been used, and each works once. Wait for the app to show the next one, then type that.".into()
        }
        (CodeRefusal::AlreadyUsed, Method::BackupCode) => {
            "This backup code has been used, and each works once. Type another one of your list.".into()
        }
        (CodeRefusal::AlreadyUsed, _) => {
            "This code has been used, and each works once. Ask for a new one and type that.".into()
        }
        (CodeRefusal::NotSent, _) => "There is no code yet. Have one sent, then type it here.".into(),
        (CodeRefusal::Expired, _) => "This code is no longer good. Ask for a new one and type that.".into(),
        (CodeRefusal::NotAvailable, _) => CHOOSE_A_WAY.into(),
        (CodeRefusal::Closed { retry_after }, _) => too_many_codes(retry_after),
    }
}

/// How long a refused code makes the person wait, if it does.
pub(crate) fn code_wait(refusal: CodeRefusal) -> Option<Duration> {
    match refusal {
        CodeRefusal::Closed { retry_after } => Some(retry_after),
        _ => None,
    }
}

/// Whether the sentence belongs to the code field, and not to the whole form.
pub(crate) fn belongs_to_the_code(refusal: CodeRefusal) -> bool {
    !matches!(refusal, CodeRefusal::Closed { .. } | CodeRefusal::NotAvailable)
}

/// A code would have been right on a clock that is off by so many seconds; positive: the phone is ahead.
pub(crate) fn clock_hint(phone_off_by_seconds: i64) -> String {
    let off = phone_off_by_seconds.unsigned_abs();
    let direction = if phone_off_by_seconds > 0 { "fast" } else { "slow" };
    let by = match off {
        0..=89 => format!("{off} seconds"),
        _ => format!("{} minutes", (off + 30) / 60),
    };
    format!(
        "Your phone’s clock is about {by} {direction}, so its codes are for another time. In the phone’s settings, under \
         date and time, switch on “Set automatically”. Then wait for a new code and type that."
    )
}

/// An address cannot be used.
pub(crate) fn email(error: EmailError) -> &'static str {
    match error {
        EmailError::Empty => "Type your e-mail address, for example name@example.com.",
        EmailError::Malformed => {
            "This is not an e-mail address. It needs an @ and a domain: name@example.com."
        }
    }
}

/// A number cannot be used.
pub(crate) fn phone(error: PhoneError) -> &'static str {
    match error {
        PhoneError::Empty => "Type your phone number with the country code, for example +44 7911 123456.",
        PhoneError::NoCountryCode => {
            "The country code is missing. Begin with + and the country: +44 7911 123456."
        }
        PhoneError::Invalid => {
            "This is not a phone number that can get messages. Check its digits and the country code: +44 7911 123456."
        }
    }
}

/// A password that was typed to prove who one is.
pub(crate) fn typed_password(error: PasswordError) -> &'static str {
    match error {
        PasswordError::Empty => "Type your password.",
        PasswordError::TooShort | PasswordError::TooLong | PasswordError::Guessable => NOT_YOUR_PASSWORD,
    }
}

/// A password that somebody wants to choose.
pub(crate) fn new_password(error: PasswordError) -> String {
    match error {
        PasswordError::Empty => format!("Type a new password of at least {SHORTEST} characters."),
        PasswordError::TooShort => format!("This is too short. Use at least {SHORTEST} characters."),
        PasswordError::TooLong => format!("This is too long. Use at most {LONGEST} characters."),
        PasswordError::Guessable => {
            "This would be guessed quickly. Choose one that only you would think of, such as four unrelated words.".into()
        }
    }
}

/// A short text; `what` says which, as in `"a reason"`.
pub(crate) fn text(error: TextError, what: &str) -> String {
    match error {
        TextError::Empty => format!("Type {what}."),
        TextError::TooLong(most) => format!("This is too long. Use at most {most} characters."),
        TextError::Unprintable => {
            "This contains characters that cannot be shown, such as line breaks. Type it without them.".into()
        }
        TextError::Link => {
            "This looks like a web or email address, and email programs would turn it into a link. Write it without the dot, or \
             put a space after it: “Acme io” or “Co. KG”."
                .into()
        }
        TextError::Amount => {
            "This looks like an amount of money, and the name is shown in emails. Use a name without the amount.".into()
        }
        TextError::PhoneNumber => {
            "This looks like a phone number, and the name is shown in emails. Use a name without the number.".into()
        }
    }
}

/// Why "login as" is not on offer.
pub(crate) fn login_as(refusal: LoginAsRefusal) -> &'static str {
    match refusal {
        LoginAsRefusal::Rank => {
            "You can only log in as somebody whose role is below yours. Ask an owner if it has to be done."
        }
        LoginAsRefusal::Inactive => {
            "This account is switched off. Switch it on again before you log in as this person."
        }
    }
}

/// Why a "login as" does not enter an application.
pub(crate) fn login_as_denied(why: LoginAsDenied, application: &str) -> String {
    let why = match why {
        LoginAsDenied::NotAccepted => format!("{application} doesn’t accept “login as”."),
        LoginAsDenied::OtherOrganization => {
            format!("{application} belongs to another organization, and “login as” stays within yours.")
        }
    };
    format!("{why} To use it as yourself, end “login as” above, then open it again.")
}

/// A role's name.
pub(crate) fn role(role: Role) -> &'static str {
    match role {
        Role::Owner => "Owner",
        Role::Admin => "Administrator",
        Role::Member => "Member",
    }
}

/// Neither button of the consent page.
pub(crate) const CHOOSE_ALLOW_OR_NOT: &str =
    "It did not arrive whether you allow this. Go back to the application and sign in once more.";

/// What an application may learn or do with these scopes, for somebody who has never heard of them: "it will …".
pub(crate) fn learns(scope: &ScopeSet) -> Vec<&'static str> {
    let sentence = |scope| match scope {
        OauthScope::OpenId => "Recognise you when you come back.",
        OauthScope::Profile => "See your name.",
        OauthScope::Email => "See your e-mail address.",
        OauthScope::Organizations => "See which organizations you belong to, and your role there.",
        OauthScope::OfflineAccess => "Keep this access for up to 30 days, even after you have signed out.",
    };
    scope.iter().map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_core::second_step::Method::{App, BackupCode, Email, Sms};

    const REFUSALS: [CodeRefusal; 10] = [
        CodeRefusal::Empty,
        CodeRefusal::NotDigits,
        CodeRefusal::WrongLength { expected: 6, found: 5 },
        CodeRefusal::Mistyped,
        CodeRefusal::Wrong,
        CodeRefusal::AlreadyUsed,
        CodeRefusal::NotSent,
        CodeRefusal::Expired,
        CodeRefusal::NotAvailable,
        CodeRefusal::Closed { retry_after: Duration::from_secs(900) },
    ];

    #[test]
    fn every_refusal_of_a_code_is_said_in_sentences() {
        for refusal in REFUSALS {
            for method in [App, Sms, Email, BackupCode] {
                let text = code(refusal, method);
                assert!(text.ends_with('.') && text.len() > 20 && !text.contains("  "), "{text:?}");
            }
        }
    }

    #[test]
    fn people_are_told_how_long_to_wait() {
        let closed = CodeRefusal::Closed { retry_after: Duration::from_millis(899_001) };
        assert!(code(closed, App).ends_with("Try again in 15 minutes."));
        assert_eq!(code_wait(closed), Some(Duration::from_millis(899_001)));
        assert!(!belongs_to_the_code(closed));
        assert!(belongs_to_the_code(CodeRefusal::Wrong) && code_wait(CodeRefusal::Wrong).is_none());
        let text = too_many_passwords(Duration::from_secs(30));
        assert_eq!(text, "Too many attempts. Try again in 30 seconds.");
    }

    #[test]
    fn a_clock_that_is_off_is_named_with_its_direction() {
        assert!(clock_hint(420).starts_with("Your phone’s clock is about 7 minutes fast,"));
        assert!(clock_hint(-410).starts_with("Your phone’s clock is about 7 minutes slow,"));
        assert!(clock_hint(-60).starts_with("Your phone’s clock is about 60 seconds slow,"));
        assert!(clock_hint(90).starts_with("Your phone’s clock is about 2 minutes fast,"));
    }

    #[test]
    fn the_rest_is_said_in_sentences_too() {
        let mut said: Vec<String> = Vec::new();
        said.extend([EmailError::Empty, EmailError::Malformed].map(|e| email(e).to_owned()));
        said.extend(
            [PhoneError::Empty, PhoneError::NoCountryCode, PhoneError::Invalid].map(|e| phone(e).to_owned()),
        );
        let passwords =
            [PasswordError::Empty, PasswordError::TooShort, PasswordError::TooLong, PasswordError::Guessable];
        said.extend(passwords.map(new_password));
        said.extend(passwords.map(|e| typed_password(e).to_owned()));
        said.extend(
            [
                TextError::Empty,
                TextError::TooLong(40),
                TextError::Unprintable,
                TextError::Link,
                TextError::Amount,
                TextError::PhoneNumber,
            ]
            .map(|e| text(e, "a reason")),
        );
        said.extend([LoginAsRefusal::Rank, LoginAsRefusal::Inactive].map(|e| login_as(e).to_owned()));
        said.extend(Scope::ALL.iter().map(|scope| {
            let text = send_limit(Limit { scope: *scope, retry_after: Duration::from_secs(7200) });
            assert!(text.ends_with("ry again in 2 hours."), "{text:?}");
            text
        }));
        for sentence in said {
            assert!(sentence.ends_with('.') && !sentence.contains("  "), "{sentence:?}");
        }
    }
}
