//! `/profile/activity`

use crate::{
    app::App,
    extract::{Own, Query},
    respond::{self, Answer},
    times,
    views::{ActivityPage, ActivityRow, Time},
};
use axum::extract::State;
use countersign_core::{
    event::{Detail, EventKind},
    second_step::Method,
};
use countersign_flows::{EventCursor, EventRow, activity};
use http::StatusCode;
use std::time::Duration;

/// `GET /profile/activity`; with `before`, a cursor of the page before, the older part. What is no cursor shows the newest.
pub(crate) async fn show(State(app): State<App>, query: Query, own: Own) -> Answer {
    let before: Option<EventCursor> = query.get("before").and_then(|text| text.parse().ok());
    let found = activity::page(&app.services, &own.session, before).await?;
    let page = ActivityPage {
        shell: own.shell(&app),
        rows: found.events.iter().map(row).collect(),
        older: found.older.map(|older| format!("/profile/activity?before={older}")),
        newest: before.is_none(),
    };
    respond::page(StatusCode::OK, &page)
}

fn row(event: &EventRow) -> ActivityRow {
    let (many, address) = (event.times > 1, event.address.as_str());
    let from = if many { format!("last from {address}") } else { address.to_owned() };
    ActivityRow {
        at: times::moment(event.at),
        what: if many { repeated(event) } else { what(event.kind, &event.detail) },
        between: many.then(|| between(event)),
        who: who(event),
        from: Some(from).filter(|_| !address.is_empty()),
    }
}

/// What happened several times within an hour, in one sentence without its full stop.
fn repeated(event: &EventRow) -> String {
    let (times, method) = (event.times, method(&event.detail).unwrap_or("a second step"));
    match event.kind {
        EventKind::PasswordWrong => format!("{times} wrong passwords"),
        EventKind::CodeWrong => format!("{times} wrong codes from {method}"),
        EventKind::CodeReplayed => format!("{times} used codes from {method} were tried again"),
        EventKind::CodeSent => match sent_by(&event.detail) {
            Some(by) => format!("{times} codes were sent by {by}"),
            None => format!("{times} codes were sent"),
        },
        EventKind::PasswordResetAsked => format!("{times} links to choose a new password were sent"),
        other => format!("{}, {times} times", what(other, &event.detail)),
    }
}

/// The first and the last time of day; the same minute is named once.
fn between(event: &EventRow) -> (Time, Option<Time>) {
    let (first, last) = (times::time_of_day(event.first_at), times::time_of_day(event.at));
    let other = last.text() != first.text();
    (first, other.then_some(last))
}

/// What happened, in one sentence without its full stop.
fn what(kind: EventKind, detail: &Detail) -> String {
    let method = method(detail);
    let quoted =
        |text: &str| detail.text.as_ref().map_or(text.to_owned(), |name| format!("{text}: “{name}”"));
    let masked = |text: &str| detail.text.as_ref().map_or(text.to_owned(), |to| format!("{text} to {to}"));
    match kind {
        EventKind::SignedIn => method.map_or("Signed in".into(), |by| format!("Signed in with {by}")),
        EventKind::SignedOut => "Signed out".into(),
        EventKind::PasswordWrong => "Wrong password".into(),
        EventKind::CodeWrong => format!("Wrong code from {}", method.unwrap_or("a second step")),
        EventKind::CodeReplayed => {
            format!("A code from {} was tried a second time", method.unwrap_or("a second step"))
        }
        EventKind::SecondStepPaused => "Too many wrong codes: no more were taken for a while".into(),
        EventKind::SecondStepDisabled => {
            format!("Too many wrong codes: {} was switched off", method.unwrap_or("a second step"))
        }
        EventKind::CodeSent => match sent_by(detail) {
            Some(by) => format!("A code was sent by {by}"),
            None => "A code was sent".into(),
        },
        EventKind::IdentityConfirmed => "Identity confirmed".into(),
        EventKind::AppAdded => quoted("Authenticator app added"),
        EventKind::AppRemoved => quoted("Authenticator app removed"),
        EventKind::BackupCodesMade => "New backup codes made".into(),
        EventKind::BackupCodeUsed => match detail.count {
            Some(left) => format!("Backup code used, {left} left"),
            None => "Backup code used".into(),
        },
        EventKind::PasswordChanged => "Password changed".into(),
        EventKind::PasswordResetAsked => "A link to choose a new password was sent".into(),
        EventKind::PasswordReset => "New password chosen by the link in the e-mail".into(),
        EventKind::BrowserLinkSent => {
            "Too many wrong passwords: a link to confirm a browser was sent by email".into()
        }
        EventKind::BrowserConfirmed => "Browser confirmed by the link in the email".into(),
        EventKind::EmailChanged => masked("E-mail address changed"),
        EventKind::PhoneChanged => masked("Phone number changed"),
        EventKind::PhoneRemoved => "Phone number removed".into(),
        EventKind::SessionEnded => others_signed_out(detail.count),
        EventKind::LoginAsBegun => quoted("Login as"),
        EventKind::LoginAsEnded => "Login as ended".into(),
        EventKind::LoggedInAs => logged_in_as(detail),
        EventKind::LoggedInAsEnded => back_from_login_as(detail),
        EventKind::AccountCreated => "Account created".into(),
        EventKind::AccountDisabled => "Account disabled".into(),
        EventKind::AccountEnabled => "Account enabled".into(),
        EventKind::SessionsEndedByOperator => match detail.count {
            Some(count) => format!("Signed out everywhere (sessions: {count})"),
            None => "Signed out everywhere".into(),
        },
        EventKind::ResetLinkMade => "Password reset link created".into(),
        EventKind::SecondStepReset => quoted("Two-factor authentication reset"),
        EventKind::ApplicationRegistered => quoted("Application registered"),
        EventKind::ApplicationChanged => quoted("Application changed"),
        EventKind::ApiKeyMade => quoted("API key made"),
        EventKind::OwnersKeyMade => quoted("API key that can change second steps made"),
        EventKind::ApiKeyRevoked => quoted("API key revoked"),
        EventKind::ClientSecretMade => quoted("New secret made for the application"),
        EventKind::KnownToApplication => quoted("Account made known by the application"),
        EventKind::VerifiedForApplication => quoted("Second step shown to the application"),
        EventKind::MailboxConfirmed => quoted("Email address confirmed before a set-up for the application"),
        EventKind::SignedInToApplication => quoted("Signed in to the application"),
        EventKind::ConsentGiven => quoted("Access given to the application"),
        EventKind::ConsentWithdrawn => quoted("Access taken back from the application"),
        EventKind::TokenReused => quoted("A key of the application came twice, so its access was ended"),
        EventKind::TokenForApplication => quoted("Changes of the second step opened to the application"),
    }
}

fn others_signed_out(count: Option<u64>) -> String {
    match count {
        Some(count) if count != 1 => format!("{count} other browsers signed out"),
        _ => "Another browser signed out".into(),
    }
}

/// In the administrator's own activity.
fn logged_in_as(detail: &Detail) -> String {
    detail.text.as_ref().map_or_else(|| "Logged in as a member".into(), |name| format!("Logged in as {name}"))
}

fn back_from_login_as(detail: &Detail) -> String {
    let name = detail.text.as_deref().unwrap_or("a member");
    let lasted = detail.count.map(|seconds| times::lasted(Duration::from_secs(seconds)));
    let after = lasted.map_or_else(String::new, |lasted| format!(" after {lasted}"));
    format!("No longer logged in as {name}{after}")
}

/// By which way a code was sent.
fn sent_by(detail: &Detail) -> Option<&'static str> {
    match detail.method.as_deref()?.parse().ok()? {
        Method::Sms => Some("text message"),
        Method::Email => Some("email"),
        Method::App | Method::BackupCode => None,
    }
}

fn method(detail: &Detail) -> Option<&'static str> {
    Some(match detail.method.as_deref()?.parse().ok()? {
        Method::App => "an authenticator app",
        Method::Sms => "a text message",
        Method::Email => "an e-mail",
        Method::BackupCode => "a backup code",
    })
}

/// Who it was, as far as that is known: a wrong password is no proof of anybody.
fn who(event: &EventRow) -> String {
    match (&event.actor_name, event.kind) {
        (Some(actor), EventKind::OwnersKeyMade) => actor.clone(),
        (None, EventKind::OwnersKeyMade) => "The operator".into(),
        (Some(actor), _) => format!("{actor} (login as)"),
        (None, _) if event.actor.is_some() => "An administrator (login as)".into(),
        (None, EventKind::PasswordWrong | EventKind::PasswordResetAsked | EventKind::BrowserLinkSent) => {
            "Someone who was not signed in".into()
        }
        (None, EventKind::CodeWrong | EventKind::CodeReplayed | EventKind::CodeSent) => {
            "You, or someone who has your password".into()
        }
        (None, EventKind::TokenReused) => "The application, or someone who has its key".into(),
        (None, EventKind::SecondStepPaused | EventKind::SecondStepDisabled) => "The server".into(),
        (
            None,
            EventKind::AccountCreated
            | EventKind::AccountDisabled
            | EventKind::AccountEnabled
            | EventKind::SessionsEndedByOperator
            | EventKind::ResetLinkMade
            | EventKind::SecondStepReset,
        ) => "The operator".into(),
        (None, _) => "You".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_core::{
        Entropy, Timestamp,
        event::EventClass,
        ids::{EventId, UserId},
    };

    struct Fill;
    impl Entropy for Fill {
        fn fill(&self, out: &mut [u8]) {
            out.fill(7);
        }
    }

    fn event(kind: EventKind, actor_name: Option<&str>) -> EventRow {
        let at = Timestamp::from_millis(0);
        EventRow {
            id: EventId::generate(at, &Fill),
            kind,
            detail: Detail::default(),
            times: 1,
            first_at: at,
            at,
            address: String::new(),
            user_agent: String::new(),
            actor: actor_name.map(|_| UserId::generate(at, &Fill)),
            actor_name: actor_name.filter(|name| !name.is_empty()).map(str::to_owned),
        }
    }

    #[test]
    fn every_kind_is_told_with_and_without_its_detail() {
        let full =
            Detail { method: Some("app".into()), text: Some("Phone".into()), count: Some(2), subject: None };
        for kind in EventKind::ALL {
            for detail in [&Detail::default(), &full] {
                let text = what(*kind, detail);
                assert!(text.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit()), "{text}");
                assert!(!text.ends_with('.') && !text.contains("  "), "{text}");
            }
        }
        assert_eq!(what(EventKind::SignedIn, &full), "Signed in with an authenticator app");
        assert_eq!(what(EventKind::AppAdded, &full), "Authenticator app added: “Phone”");
    }

    #[test]
    fn attempts_are_counted_in_words() {
        let minute = Duration::from_secs(60);
        let many = |kind, method: &str, times, minutes: u32| {
            let detail = Detail { method: Some(method.into()), ..Detail::default() };
            let one = event(kind, None);
            row(&EventRow {
                detail,
                times,
                at: one.at.plus(minutes * minute),
                address: "192.0.2.7".into(),
                ..one
            })
        };
        let row = many(EventKind::PasswordWrong, "", 14, 38);
        assert_eq!(row.what, "14 wrong passwords");
        let clock = |time: Option<Time>| time.map(|time| time.text().to_owned());
        let (first, last) = row.between.clone().unwrap();
        assert_eq!(
            (clock(Some(first)).as_deref(), clock(last).as_deref()),
            (Some("00:00 UTC"), Some("00:38 UTC"))
        );
        assert_eq!(row.from.as_deref(), Some("last from 192.0.2.7"));
        let once = many(EventKind::CodeWrong, "sms", 3, 0);
        assert_eq!(once.what, "3 wrong codes from a text message");
        assert_eq!(once.between.unwrap().1, None);
        assert_eq!(many(EventKind::CodeSent, "email", 2, 1).what, "2 codes were sent by email");
        let attempts = EventKind::ALL.iter().filter(|kind| kind.class() == EventClass::Attempt);
        for kind in attempts {
            let what = many(*kind, "app", 2, 1).what;
            assert!(what.starts_with("2 ") && !what.contains("times"), "{what}: it needs words of its own");
        }
    }

    #[test]
    fn an_administrator_is_named_and_a_stranger_is_not_you() {
        assert_eq!(who(&event(EventKind::LoginAsBegun, Some("Ada"))), "Ada (login as)");
        assert_eq!(who(&event(EventKind::LoginAsEnded, Some(""))), "An administrator (login as)");
        assert_eq!(who(&event(EventKind::PasswordWrong, None)), "Someone who was not signed in");
        assert_eq!(who(&event(EventKind::AppAdded, None)), "You");
    }
}
