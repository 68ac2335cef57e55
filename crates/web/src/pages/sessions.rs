//! `/profile/sessions`

use crate::{
    app::App,
    extract::{Form, Id, Own},
    notice::Done,
    problem::Problem,
    respond::{self, Answer, see_other},
    times,
    views::{SessionRow, SessionsPage},
};
use axum::extract::State;
use countersign_core::{ids::SessionId, user_agent};
use countersign_flows::sessions;
use http::StatusCode;

/// `GET /profile/sessions`
pub(crate) async fn show(State(app): State<App>, own: Own) -> Answer {
    let (now, current) = (app.services.now(), own.session.id());
    let mut sessions = sessions::list(&app.services, &own.session).await?;
    sessions.sort_by_key(|session| session.record.id != current);
    let rows = sessions
        .into_iter()
        .map(|session| SessionRow {
            id: session.record.id.to_string(),
            what: user_agent::describe(&session.user_agent),
            where_from: session.address,
            last_seen: times::ago(session.record.last_seen_at, now),
            signed_in_at: times::moment(session.record.created_at),
            current: session.record.id == current,
            login_as_actor: session.record.login_as.map(|_| session.actor_name.unwrap_or_default()),
        })
        .collect();
    respond::page(StatusCode::OK, &SessionsPage { shell: own.shell(&app), rows })
}

/// `POST /profile/sessions/{id}/end`
pub(crate) async fn end(State(app): State<App>, own: Own, Id(id): Id<SessionId>, form: Form) -> Answer {
    form.only_a_button()?;
    if sessions::end(&app.services, &own.session, id, &own.browser.origin).await? {
        Ok(see_other(&Done::SessionEnded.at("/profile/sessions")))
    } else {
        Err(Problem::NotFound)
    }
}

/// `POST /profile/sessions/end-others`
pub(crate) async fn end_others(State(app): State<App>, own: Own, form: Form) -> Answer {
    form.only_a_button()?;
    let ended = sessions::end_others(&app.services, &own.session, &own.browser.origin).await?;
    own.renewed(&app, &Done::OthersEnded.ending("/profile/sessions", ended)).await
}
