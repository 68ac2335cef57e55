//! `/profile/backup-codes…`

use super::codes_file::{About, file_name};
use crate::{
    app::App,
    extract::{Form, Own, Query},
    notice::Done,
    onward::{self, FormTargets},
    problem::Problem,
    respond::{self, Answer, ResponseExt as _, see_other},
    return_to,
    views::{BackupCodes, BackupCodesPage, NewBackupCodesPage, ReplaceRow},
};
use axum::{extract::State, response::IntoResponse as _};
use countersign_core::second_step::{Method, few_backup_codes};
use countersign_flows::{backup_codes, profile};
use http::{HeaderValue, StatusCode, header};

const PAGE: &str = "/profile/backup-codes";

/// `GET /profile/backup-codes`: the codes, for five minutes, to the session that generated them; otherwise how many are
/// left.
pub(crate) async fn show(State(app): State<App>, query: Query, own: Own) -> Answer {
    let current = backup_codes::current(&app.services, &own.session).await?;
    let after_sign_in = query.get("after") == Some("sign-in");
    // What an address says may be anyone's words: only this session knows how it was signed in to.
    let just_used = after_sign_in && own.session.record().second_step == Some(Method::BackupCode);
    let state = match current {
        Some((status, Some(reveal))) => {
            BackupCodes::Fresh(Box::new(about(&app, &own).fresh(&status, reveal)))
        }
        Some((status, None)) => BackupCodes::Left {
            count: Some(status.left),
            low: few_backup_codes(status.left),
            unsaved: (!status.saved).then(|| status.set.to_string()),
            just_used,
        },
        None => BackupCodes::Left { count: None, low: false, unsaved: None, just_used },
    };
    let replace = if just_used {
        let apps = profile::overview(&app.services, &own.session).await?.apps;
        apps.iter().map(|app| ReplaceRow { id: app.id.to_string(), name: app.name.clone() }).collect()
    } else {
        Vec::new()
    };
    let continue_to = query.get("continue").and_then(|raw| return_to::local(&app.settings.public_url, raw));
    let continue_to = continue_to.unwrap_or_else(|| "/profile".to_owned());
    let targets = FormTargets(onward::behind(&app, &continue_to).await.origins);
    let page = BackupCodesPage { shell: own.shell(&app), state, after_sign_in, replace, continue_to };
    Ok(respond::page(StatusCode::OK, &page)?.with_form_targets(targets))
}

/// `GET /profile/backup-codes/reset`: asks first. It wants the proof of identity that creating new codes wants, so that the
/// answer is not asked for a second time.
pub(crate) async fn ask(State(app): State<App>, own: Own) -> Answer {
    own.confirmed(&app)?;
    let overview = profile::overview(&app.services, &own.session).await?;
    if overview.apps.is_empty() {
        return Ok(see_other(PAGE));
    }
    let left = overview.backup_codes_left.unwrap_or(0);
    respond::page(StatusCode::OK, &NewBackupCodesPage { shell: own.shell(&app), left })
}

/// `POST /profile/backup-codes/reset`
pub(crate) async fn reset(State(app): State<App>, own: Own, form: Form) -> Answer {
    let authority = own.fresh(&app, &form).await?;
    form.only_a_button()?;
    if backup_codes::reset(&app.services, authority, &own.browser.origin).await? {
        return Ok(see_other(PAGE));
    }
    Err(Problem::CannotBeDone(
        "Backup codes stand in for an authenticator app, and you don’t have one. Set one up on My Profile. You’ll get 10 \
         backup codes with it.",
    ))
}

/// `POST /profile/backup-codes/saved`: by the button, and by the script after a copy, a printout or a download.
pub(crate) async fn saved(State(app): State<App>, own: Own, form: Form) -> Answer {
    form.only_a_button()?;
    let set = form.get("set").parse().map_err(|_| Problem::NotFound)?;
    if !backup_codes::saved(&app.services, &own.session, set).await? {
        return Ok(see_other(&Done::CodesReplaced.at(PAGE)));
    }
    match return_to::local(&app.settings.public_url, form.get("continue")) {
        Some(to) if to != "/profile" => Ok(see_other(&to)),
        _ => Ok(see_other(&Done::CodesSaved.at("/profile"))),
    }
}

/// `POST /profile/backup-codes/download`: the file, while the codes can be shown.
pub(crate) async fn download(State(app): State<App>, own: Own, form: Form) -> Answer {
    form.only_a_button()?;
    let Some((status, reveal)) = backup_codes::download(&app.services, &own.session).await? else {
        return Ok(see_other(&Done::CodesNotShown.at(PAGE)));
    };
    let about = about(&app, &own);
    let name = file_name(&about.service, status.created_at);
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (header::CONTENT_DISPOSITION, disposition.map_err(|_| Problem::Internal)?),
    ];
    Ok((headers, about.text(status.created_at, &reveal.codes)).into_response())
}

fn about(app: &App, own: &Own) -> About {
    About {
        service: app.settings.service_name.clone(),
        site: app.settings.base(),
        account: own.who.email.clone(),
    }
}
