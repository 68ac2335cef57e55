//! `/sign-out`

use crate::{
    app::App,
    extract::{Browser, Form},
    notice::Done,
    respond::{Answer, ResponseExt as _, see_other},
    return_to,
};
use axum::extract::{FromRequest as _, Request, State};
use countersign_flows::sign_in;

/// `POST /sign-out`: ends the session, or the sign-in that waits. Without a handle there is nothing to end and nothing
/// to protect: somebody signs out twice.
pub(crate) async fn submit(State(app): State<App>, browser: Browser, request: Request) -> Answer {
    let Some(handle) = &browser.handle else { return Ok(see_other("/sign-in")) };
    let form = Form::from_request(request, &app).await?;
    form.only_a_button()?;
    sign_in::sign_out(&app.services, handle, &browser.origin).await?;
    // *Use a different account*: back to what this one was on its way to.
    let next = return_to::local(&app.settings.public_url, form.get("return_to"));
    let answer = match next {
        Some(path) => see_other(&path),
        None => see_other(&Done::SignedOut.at("/sign-in")),
    };
    Ok(answer.with_cookie(app.cookies.clear_handle()).with_forgotten_pages())
}
