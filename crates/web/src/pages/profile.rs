//! `/profile`

use crate::{
    app::App,
    extract::{Own, Query},
    problem::Problem,
    respond::{self, Answer, ResponseExt as _},
    times,
    views::{AppRow, EmailForm, OtherStep, PasswordForm, PhoneForm, ProfilePage, ProfileStatus, ReplaceRow},
};
use axum::extract::State;
use countersign_core::{
    phone::display,
    second_step::{Method, Standing},
};
use countersign_flows::{
    AppSummary, email_change, phone,
    profile::{self, Overview},
};
use http::StatusCode;
use std::time::Duration;

/// One of the page's forms that was refused.
#[derive(Default)]
pub(super) struct Refused {
    pub(super) email: EmailForm,
    pub(super) phone: PhoneForm,
    pub(super) password: PasswordForm,
    pub(super) wait: Option<Duration>,
}

/// `GET /profile`; `edit=phone` and `edit=email` open the form, with the number or address that waits for its code.
pub(crate) async fn show(State(app): State<App>, query: Query, own: Own) -> Answer {
    let mut page = page(&app, &own, Refused::default()).await?;
    match query.get("edit") {
        Some("phone") => {
            page.phone_form.open = true;
            page.phone_form.value = page.phone_form.waiting.clone().unwrap_or_default();
        }
        Some("email") => {
            page.email_form.open = true;
            page.email_form.value = page.email_form.waiting.clone().unwrap_or_default();
        }
        _ => {}
    }
    respond::page(StatusCode::OK, &page)
}

/// The page with what is wrong in one of its forms.
pub(super) async fn again(app: &App, own: &Own, refused: Refused) -> Answer {
    let wait = refused.wait;
    let page = page(app, own, refused).await?;
    Ok(respond::page(respond::refused(wait), &page)?.with_retry_after(wait))
}

async fn page(app: &App, own: &Own, refused: Refused) -> Result<ProfilePage, Problem> {
    let overview = profile::overview(&app.services, &own.session).await?;
    let waiting = email_change::pending(&app.services, &own.session).await?.map(|pending| pending.target);
    let new_phone =
        phone::pending(&app.services, &own.session).await?.map(|pending| display(&pending.target));
    Ok(ProfilePage {
        shell: own.shell(app),
        status: status(&overview),
        email_step: email_step(app, &overview),
        sms_step: sms_step(&overview),
        apps: overview.apps.iter().map(row).collect(),
        replace: overview
            .apps
            .iter()
            .map(|app| ReplaceRow { id: app.id.to_string(), name: app.name.clone() })
            .collect(),
        name: overview.name,
        email: overview.email,
        phone: overview.phone_masked,
        email_form: EmailForm { waiting, ..refused.email },
        phone_form: PhoneForm { waiting: new_phone, ..refused.phone },
        password_form: refused.password,
        backup_codes_left: overview.backup_codes_left,
        backup_codes_unsaved: overview.backup_codes_unsaved,
        backup_codes_shown_until: overview.backup_codes_shown_until.map(times::time_of_day),
    })
}

/// Whether two-factor authentication is on, and what the next sign-in asks for. A code by email is a step, never a factor
/// (docs/decisions/0025), so with it two-factor authentication is off.
fn status(overview: &Overview) -> ProfileStatus {
    let on = |text: String| ProfileStatus { on: true, works: true, text };
    match overview.usable.first() {
        Some(Method::App) => {
            let mut working = overview.apps.iter().filter(|app| !app.disabled);
            match (working.next(), working.next()) {
                (Some(only), None) => {
                    on(format!("When you sign in, you’ll be asked for a code from “{}”.", only.name))
                }
                _ => on("When you sign in, you’ll be asked for a code from one of your authenticator apps.".into()),
            }
        }
        Some(Method::Sms) => {
            let phone = overview.phone_masked.as_deref().unwrap_or("your phone");
            on(format!("When you sign in, you’ll be asked for a code sent by text message to {phone}."))
        }
        Some(Method::BackupCode) => on(
            "Your authenticator app is turned off after too many incorrect codes, so you’ll be asked for a backup code. \
             Set up your app again before they run out."
                .into(),
        ),
        Some(Method::Email) => ProfileStatus {
            on: false,
            works: true,
            text: format!(
                "When you sign in, you’ll be asked for a code sent to {}. That isn’t a second factor: someone in your mailbox \
                 can also reset your password. Set up an authenticator app.",
                masked(&overview.email)
            ),
        },
        None if overview.due => ProfileStatus {
            on: true,
            works: false,
            text: "None of your methods works right now, so you couldn’t sign in again. Set one up below before you sign out."
                .into(),
        },
        None => ProfileStatus {
            on: false,
            works: true,
            text: "When you sign in, you’ll only be asked for your password.".into(),
        },
    }
}

fn row(app: &AppSummary) -> AppRow {
    AppRow {
        id: app.id.to_string(),
        name: app.name.clone(),
        added: times::day(app.created_at),
        last_used: app.last_used_at.map(times::moment),
        disabled: app.disabled,
    }
}

fn email_step(app: &App, overview: &Overview) -> OtherStep {
    let offered = app.services.rules.methods.contains(&Method::Email);
    let why_not = match overview.steps.standing(Method::Email) {
        _ if !offered => "Codes by e-mail are not used here.",
        Standing::Ready => return available(masked(&overview.email)),
        Standing::Absent => "There is no address to which a code could go.",
        Standing::Disabled => {
            "Too many wrong codes were tried. It stays off until you choose a new password by the link under “Forgot \
             your password?”, which proves your mailbox again."
        }
    };
    unavailable(why_not)
}

fn sms_step(overview: &Overview) -> OtherStep {
    let why_not = match overview.steps.standing(Method::Sms) {
        _ if !overview.sms_on_offer => "Codes by text message are not used here.",
        Standing::Ready => return available(overview.phone_masked.clone().unwrap_or_default()),
        Standing::Absent => "Add your phone number below to use this.",
        Standing::Disabled => {
            "Too many wrong codes were tried. Confirm your phone number below once more to use this."
        }
    };
    unavailable(why_not)
}

fn available(to_masked: String) -> OtherStep {
    OtherStep { available: true, to_masked, why_not: None }
}

fn unavailable(why_not: &str) -> OtherStep {
    OtherStep { why_not: Some(why_not.to_owned()), ..OtherStep::default() }
}

fn masked(email: &str) -> String {
    email.parse::<countersign_core::email::EmailAddress>().map(|address| address.masked()).unwrap_or_default()
}
