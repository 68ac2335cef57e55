//! `/support`: for someone who can't use any of their verification methods, or can't get into their mailbox.
//!
//! Only someone who has entered the password (a waiting sign-in, or an own session) sees anything about an account. Everyone
//! else, a "login as" included, sees the contacts from the settings.

use crate::{
    app::App,
    extract::{Query, Visitor},
    respond::Answer,
    return_to,
    shell::shell,
    views::{AccountHelp, OrganizationHelp, SupportPage},
};
use axum::extract::State;
use countersign_core::session::Session;
use countersign_flows::{identity, support};
use http::StatusCode;

/// `GET /support`
pub(crate) async fn show(State(app): State<App>, query: Query, visitor: Visitor) -> Answer {
    let browser = &visitor.browser;
    let back = query.get("return_to").and_then(|raw| return_to::local(&app.settings.public_url, raw));
    // Only the page that asks for a code links here with a way back.
    let back = back.filter(|path| path.starts_with("/confirm-identity"));
    let waiting = match &browser.handle {
        Some(handle) => identity::waiting(&app.services, handle).await?,
        None => None,
    };
    let page = if let Some(challenge) = waiting {
        let help = support::for_sign_in(&app.services, &challenge).await?;
        let help = Some(view(help, "/sign-in/verify?method=backup-code".to_owned()));
        SupportPage { shell: shell(&app, browser, None), help, back: "/sign-in/verify".to_owned() }
    } else if let Some(session) = browser.session(&app).await? {
        let who = identity::who(&app.services, &session).await?;
        let help = match &session {
            Session::Own(own) => {
                let help = support::for_session(&app.services, own).await?;
                let confirm = back.as_deref().unwrap_or("/confirm-identity");
                let separator = if confirm.contains('?') { '&' } else { '?' };
                Some(view(help, format!("{confirm}{separator}method=backup-code")))
            }
            Session::Impersonated(_) => None,
        };
        let back = back.unwrap_or_else(|| "/profile".to_owned());
        SupportPage { shell: shell(&app, browser, Some(&who)), help, back }
    } else {
        SupportPage { shell: shell(&app, browser, None), help: None, back: "/sign-in".to_owned() }
    };
    visitor.page(StatusCode::OK, &page)
}

fn view(help: support::AccountHelp, backup_codes: String) -> AccountHelp {
    let organization =
        |one: support::OrganizationHelp| OrganizationHelp { name: one.name, owners: one.owners };
    AccountHelp {
        organizations: help.organizations.into_iter().map(organization).collect(),
        backup_codes: help.has_backup_codes.then_some(backup_codes),
    }
}
