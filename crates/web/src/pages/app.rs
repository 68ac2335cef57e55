//! `/profile/app/…`: setting up and removing authenticator apps.

use crate::{
    app::App,
    extract::{Form, Id, Own},
    notice::Done,
    problem::Problem,
    qr,
    respond::{self, Answer, see_other},
    times,
    views::AppSetupPage,
    words,
};
use axum::extract::State;
use countersign_core::{ids::AuthenticatorId, second_step::Method};
use countersign_flows::{
    enrolment::{self, ConfirmOutcome},
    profile,
    second_step::CodeRefusal,
};
use http::StatusCode;

/// The name that an app has unless the person says otherwise.
const NAME: &str = "Authenticator app";

/// What is wrong with the form.
#[derive(Default)]
struct Errors {
    code: Option<String>,
    name: Option<String>,
    form: Option<String>,
    clock: Option<String>,
}

/// `POST /profile/app/begin`
pub(crate) async fn begin(State(app): State<App>, own: Own, form: Form) -> Answer {
    let authority = own.fresh(&app)?;
    form.only_a_button()?;
    enrolment::begin(&app.services, authority).await?;
    Ok(see_other("/profile/app/setup"))
}

/// `GET /profile/app/setup`
pub(crate) async fn show(State(app): State<App>, own: Own) -> Answer {
    page(&app, &own, NAME, StatusCode::OK, Errors::default()).await
}

/// `POST /profile/app/confirm`: the proof of identity that began the enrolment counts for as long as that lives.
pub(crate) async fn confirm(State(app): State<App>, own: Own, form: Form) -> Answer {
    let (code, typed) = (form.get("code"), form.get("name"));
    if let Some(defect) = form.defect() {
        let text = Some(defect.error.to_string());
        let errors = match defect.field.as_str() {
            "code" => Errors { code: text, ..Errors::default() },
            "name" => Errors { name: text, ..Errors::default() },
            _ => Errors { form: text, ..Errors::default() },
        };
        return again(&app, &own, typed, errors).await;
    }
    let errors =
        match enrolment::confirm(&app.services, &own.session, code, typed, &own.browser.origin).await? {
            ConfirmOutcome::Added { ended, first, .. } => {
                // The first one brings backup codes, which are shown before anything else.
                let next = if first { "/profile/backup-codes" } else { "/profile" };
                return own.renewed(&app, &Done::AppAdded.ending(next, ended)).await;
            }
            ConfirmOutcome::NotPending => return Ok(see_other(&Done::SetUpOver.at("/profile"))),
            ConfirmOutcome::Code(error) => {
                Errors { code: Some(words::code(CodeRefusal::from(error), Method::App)), ..Errors::default() }
            }
            ConfirmOutcome::Wrong { phone_off_by_seconds: Some(off) } => Errors {
                code: Some("This code is not right for the present time.".into()),
                clock: Some(words::clock_hint(off)),
                ..Errors::default()
            },
            ConfirmOutcome::Wrong { phone_off_by_seconds: None } => {
                Errors { code: Some(words::code(CodeRefusal::Wrong, Method::App)), ..Errors::default() }
            }
            ConfirmOutcome::Name(error) => {
                Errors { name: Some(words::text(error, "a name for this app")), ..Errors::default() }
            }
        };
    again(&app, &own, typed, errors).await
}

/// `POST /profile/app/cancel`
pub(crate) async fn cancel(State(app): State<App>, own: Own, form: Form) -> Answer {
    form.only_a_button()?;
    enrolment::cancel(&app.services, &own.session).await?;
    Ok(see_other(&Done::SetUpCancelled.at("/profile")))
}

/// `POST /profile/app/{id}/remove`
pub(crate) async fn remove(
    State(app): State<App>,
    own: Own,
    Id(id): Id<AuthenticatorId>,
    form: Form,
) -> Answer {
    let authority = own.fresh(&app)?;
    form.only_a_button()?;
    let removed = enrolment::remove(&app.services, authority, id, &own.browser.origin).await?;
    let removed = removed.ok_or(Problem::NotFound)?;
    let done = if removed.last { Done::LastAppRemoved } else { Done::AppRemoved };
    own.renewed(&app, &done.ending("/profile", removed.ended)).await
}

async fn again(app: &App, own: &Own, name: &str, errors: Errors) -> Answer {
    page(app, own, name, StatusCode::UNPROCESSABLE_ENTITY, errors).await
}

async fn page(app: &App, own: &Own, name: &str, status: StatusCode, errors: Errors) -> Answer {
    let Some(pending) = enrolment::pending(&app.services, &own.session).await? else {
        return Ok(see_other(&Done::SetUpOver.at("/profile")));
    };
    let overview = profile::overview(&app.services, &own.session).await?;
    let page = AppSetupPage {
        shell: own.shell(app),
        qr_svg: qr::svg(&pending.uri)?,
        otpauth_uri: pending.uri,
        key_groups: pending.key_grouped,
        key_plain: pending.key_plain,
        account_label: format!("{} ({})", app.services.rules.service_name, pending.account),
        name: name.to_owned(),
        name_error: errors.name,
        code_error: errors.code,
        form_error: errors.form,
        clock_hint: errors.clock,
        expires_text: format!("until {}", times::time_of_day(pending.expires_at)),
        has_other_app: !overview.apps.is_empty(),
    };
    respond::page(status, &page)
}
