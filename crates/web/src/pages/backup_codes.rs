//! `/profile/backup-codes`

use super::once::is_read_by_a_person;
use crate::{
    app::App,
    extract::{Form, Own, Query},
    problem::Problem,
    respond::{self, Answer, see_other},
    return_to,
    views::{BackupCodes, BackupCodesPage, FreshCodes},
};
use axum::extract::State;
use countersign_core::second_step::few_backup_codes;
use countersign_flows::backup_codes;
use http::{HeaderMap, Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// `GET /profile/backup-codes`: the codes, the first time after they were made; later only how many are left.
pub(crate) async fn show(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    query: Query,
    own: Own,
) -> Answer {
    let shown = if is_read_by_a_person(&method, &headers) {
        backup_codes::reveal(&app.services, &own.session).await?
    } else {
        None
    };
    let state = match shown {
        Some(codes) => {
            let owner = format!("{}, {}", app.settings.service_name, own.who.email);
            BackupCodes::Fresh(fresh(owner, codes))
        }
        None => {
            let count = backup_codes::left(&app.services, &own.session).await?;
            let low = count.is_some_and(few_backup_codes);
            BackupCodes::Left { count, low, just_used: query.get("after") == Some("sign-in") }
        }
    };
    let continue_to = query.get("continue").and_then(|raw| return_to::local(&app.settings.public_url, raw));
    let continue_to = continue_to.unwrap_or_else(|| "/profile".to_owned());
    respond::page(StatusCode::OK, &BackupCodesPage { shell: own.shell(&app), state, continue_to })
}

/// `POST /profile/backup-codes/reset`
pub(crate) async fn reset(State(app): State<App>, own: Own, form: Form) -> Answer {
    let authority = own.fresh(&app, &form).await?;
    form.only_a_button()?;
    if backup_codes::reset(&app.services, authority, &own.browser.origin).await? {
        return Ok(see_other("/profile/backup-codes"));
    }
    Err(Problem::CannotBeDone(
        "Backup codes stand in for an authenticator app, and you have none. Set one up on My Profile; it brings ten codes \
         with it.",
    ))
}

/// Ten new codes, with a file to keep them in that says whose they are.
pub(super) fn fresh(owner: String, codes: Vec<String>) -> FreshCodes {
    let plain_text = format!("Backup codes for {owner}\nEach of them works once.\n\n{}\n", codes.join("\n"));
    let encoded = utf8_percent_encode(&plain_text, NON_ALPHANUMERIC);
    FreshCodes { owner, codes, download_href: format!("data:text/plain;charset=utf-8,{encoded}"), plain_text }
}
