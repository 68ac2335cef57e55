//! `/sign-in/confirm-browser/{token}`

use crate::{
    app::App,
    extract::{Browser, Form, Id, Visitor},
    notice::Done,
    respond::{self, Answer, ResponseExt as _, see_other},
    return_to,
    shell::shell,
    views::{ConfirmBrowser, ConfirmBrowserPage},
};
use axum::extract::State;
use countersign_flows::sign_in::confirm_browser;
use http::StatusCode;

/// `GET /sign-in/confirm-browser/{token}`: looking changes nothing.
pub(crate) async fn show(State(app): State<App>, Id(token): Id<String>, visitor: Visitor) -> Answer {
    let step = match confirm_browser::account_of(&app.services, &token).await? {
        // Only what is a token comes back: it is in the base64url alphabet.
        Some(email) => ConfirmBrowser::Confirm { action: format!("/sign-in/confirm-browser/{token}"), email },
        None => ConfirmBrowser::Invalid,
    };
    let status = if matches!(step, ConfirmBrowser::Invalid) { StatusCode::NOT_FOUND } else { StatusCode::OK };
    let page = page(&app, &visitor.browser, step);
    visitor.page(status, &page)
}

/// `POST /sign-in/confirm-browser/{token}`: confirms the browser that sends it.
pub(crate) async fn submit(
    State(app): State<App>,
    Id(token): Id<String>,
    browser: Browser,
    _form: Form,
) -> Answer {
    let handle = browser.handle.as_ref().map(|handle| handle.stored());
    let redeemed =
        confirm_browser::confirm(&app.services, &token, browser.known, handle, &browser.origin).await?;
    match redeemed {
        Some(confirmed) => {
            let cookie = confirmed.browser.and_then(|handle| app.cookies.set_known_browser(&handle));
            let sign_in = return_to::with("/sign-in", confirmed.return_to.as_deref());
            Ok(see_other(&Done::BrowserConfirmed.at(&sign_in)).with_cookie(cookie))
        }
        None => respond::page(StatusCode::NOT_FOUND, &page(&app, &browser, ConfirmBrowser::Invalid)),
    }
}

/// The answer to a sign-in with an address that has had too many wrong passwords: the same for every address.
pub(super) fn check_email(app: &App, browser: &Browser) -> Answer {
    respond::page(StatusCode::UNPROCESSABLE_ENTITY, &page(app, browser, ConfirmBrowser::CheckEmail))
}

fn page(app: &App, browser: &Browser, step: ConfirmBrowser) -> ConfirmBrowserPage {
    ConfirmBrowserPage { shell: shell(app, browser, None), step }
}
