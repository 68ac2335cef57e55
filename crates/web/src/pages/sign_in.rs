//! `/sign-in`

use super::{confirm_browser, second_step};
use crate::{
    app::App,
    extract::{Browser, Form, Query, Visitor},
    onward::{self, FormTargets},
    respond::{self, Answer, Leads as _, ResponseExt as _, see_other},
    return_to,
    shell::shell,
    views::{Destination, SignInPage},
    words,
};
use axum::{extract::State, response::Response};
use countersign_core::{email::EmailError, password::PasswordError, session::Session};
use countersign_flows::{
    identity,
    sign_in::{self, Attempt, PasswordOutcome, SignedIn},
};
use http::StatusCode;
use std::time::Duration;

/// What is wrong with the form.
#[derive(Default)]
struct Errors {
    email: Option<String>,
    password: Option<String>,
    form: Option<String>,
    wait: Option<Duration>,
}

/// `GET /sign-in`
pub(crate) async fn show(State(app): State<App>, query: Query, visitor: Visitor) -> Answer {
    let return_to = query.get("return_to").and_then(|raw| return_to::local(&app.settings.public_url, raw));
    match visitor.browser.session(&app).await? {
        Some(Session::Own(_)) => return Ok(see_other(return_to.as_deref().unwrap_or("/profile"))),
        Some(Session::Impersonated(_)) => return Ok(see_other("/login-as")),
        None => {}
    }
    let Onward { targets, destination } = onward(&app, return_to.as_deref()).await;
    let mut page = page(&app, &visitor.browser, "", return_to, destination, Errors::default());
    if let Some(handle) = visitor.browser.handle.as_ref().filter(|_| page.shell.notice.is_none()) {
        let reason = identity::why_ended(&app.services, handle).await?;
        page.shell.notice = reason.map(|reason| words::signed_out(reason, &app.services.rules.lifetimes));
    }
    Ok(visitor.page(StatusCode::OK, &page)?.with_form_targets(targets))
}

/// `POST /sign-in`
pub(crate) async fn submit(State(app): State<App>, browser: Browser, form: Form) -> Answer {
    let return_to = return_to::local(&app.settings.public_url, form.get("return_to"));
    if let Some(defect) = form.defect() {
        let text = Some(defect.error.to_string());
        let errors = match defect.field.as_str() {
            "email" => Errors { email: text, ..Errors::default() },
            "password" => Errors { password: text, ..Errors::default() },
            _ => Errors { form: text, ..Errors::default() },
        };
        return again(&app, &browser, &form, return_to, errors).await;
    }
    let attempt = Attempt {
        email: form.get("email"),
        password: form.get("password"),
        return_to: return_to.clone(),
        origin: &browser.origin,
        browser: browser.known,
        replaces: browser.handle.as_ref().map(|handle| handle.stored()),
    };
    let outcome = sign_in::password(&app.services, attempt).await?;
    let errors = match outcome {
        PasswordOutcome::Challenged { handle, not_sent } => {
            let verify = match not_sent {
                Some(refused) => second_step::not_sent(refused, "/sign-in/verify"),
                None => "/sign-in/verify".redirect(),
            };
            return Ok(see_other(&verify).with_cookie(app.cookies.set_handle(&handle)));
        }
        PasswordOutcome::SignedIn(signed_in) => return Ok(admit(&app, signed_in)),
        PasswordOutcome::ConfirmBrowser => return confirm_browser::check_email(&app, &browser),
        outcome => errors(&outcome, form.get("password")),
    };
    again(&app, &browser, &form, return_to, errors).await
}

/// The way in: both cookies, and on to where the person wanted to go.
pub(crate) fn admit(app: &App, signed_in: SignedIn) -> Response {
    let wanted = signed_in.return_to.and_then(|path| return_to::local(&app.settings.public_url, &path));
    let next = wanted.as_deref().unwrap_or("/profile");
    let response = match signed_in.backup_codes_left {
        None => see_other(next),
        Some(_) => {
            see_other(&format!("/profile/backup-codes?after=sign-in&continue={}", return_to::encode(next)))
        }
    };
    let browser = signed_in.browser.and_then(|handle| app.cookies.set_known_browser(&handle));
    response.with_cookie(app.cookies.set_handle(&signed_in.session)).with_cookie(browser)
}

fn errors(outcome: &PasswordOutcome, typed: &str) -> Errors {
    let mut errors = Errors::default();
    match outcome {
        PasswordOutcome::BadEmail(error) => {
            errors.email = Some(words::email(*error).into());
            // Both fields were left empty: say it once, not one after the other.
            if *error == EmailError::Empty && typed.is_empty() {
                errors.password = Some(words::typed_password(PasswordError::Empty).into());
            }
        }
        PasswordOutcome::BadPassword(PasswordError::Empty) => {
            errors.password = Some(words::typed_password(PasswordError::Empty).into());
        }
        PasswordOutcome::Closed { retry_after } => {
            errors.form = Some(words::too_many_passwords(*retry_after));
            errors.wait = Some(*retry_after);
        }
        _ => errors.password = Some(words::WRONG_PAIR.into()),
    }
    errors
}

/// What a sign-in leads to.
pub(super) struct Onward {
    /// To where its forms may lead.
    pub(super) targets: FormTargets,
    /// Named on its pages, where it is not one of our own.
    pub(super) destination: Option<Destination>,
}

/// What this sign-in leads to.
pub(super) async fn onward(app: &App, return_to: Option<&str>) -> Onward {
    let to = return_to.unwrap_or_default();
    let behind = onward::behind(app, to).await;
    let destination = behind.destination(to);
    Onward { targets: FormTargets(behind.origins), destination }
}

async fn again(
    app: &App,
    browser: &Browser,
    form: &Form,
    return_to: Option<String>,
    errors: Errors,
) -> Answer {
    let wait = errors.wait;
    let Onward { targets, destination } = onward(app, return_to.as_deref()).await;
    let page = page(app, browser, form.get("email"), return_to, destination, errors);
    Ok(respond::page(respond::refused(wait), &page)?.with_retry_after(wait).with_form_targets(targets))
}

fn page(
    app: &App,
    browser: &Browser,
    email: &str,
    return_to: Option<String>,
    destination: Option<Destination>,
    errors: Errors,
) -> SignInPage {
    let address = |page| return_to::with(page, return_to.as_deref());
    SignInPage {
        shell: shell(app, browser, None).with_form_page(address("/sign-in")),
        email: email.to_owned(),
        destination,
        forgot_url: address("/forgot-password"),
        email_error: errors.email,
        password_error: errors.password,
        form_error: errors.form,
        return_to,
    }
}
