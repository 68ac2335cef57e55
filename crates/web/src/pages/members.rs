//! `/members` and `/members/{id}`

use crate::{
    app::App,
    extract::{Administrator, Id, Own},
    problem::Problem,
    respond::{self, Answer},
    times,
    views::{LoginAsSummary, MemberPage, MemberRow, MembersPage},
    words,
};
use axum::extract::State;
use countersign_core::{authority::LoginAsRefusal, ids::UserId};
use countersign_flows::{
    Member, login_as,
    members::{self, MemberSteps, Seen},
};
use http::StatusCode;

/// `GET /members`
pub(crate) async fn list(State(app): State<App>, Administrator(own): Administrator) -> Answer {
    let members = members::list(&app.services, &own.session).await?.ok_or(Problem::OnlyAdministrators)?;
    let rows = members.iter().map(|member| row(&app, &own, member)).collect();
    let page =
        MembersPage { shell: own.shell(&app), organization: own.run()?.organization_name.clone(), rows };
    respond::page(StatusCode::OK, &page)
}

/// `GET /members/{id}`
pub(crate) async fn show(
    State(app): State<App>,
    Administrator(own): Administrator,
    Id(id): Id<UserId>,
) -> Answer {
    respond::page(StatusCode::OK, &page(&app, &own, id).await?)
}

/// The page of one member, or 404.
pub(super) async fn page(app: &App, own: &Own, id: UserId) -> Result<MemberPage, Problem> {
    let (member, may_log_in_as) = match members::one(&app.services, &own.session, id).await? {
        Seen::Forbidden => return Err(Problem::OnlyAdministrators),
        Seen::NotFound => return Err(Problem::NotFound),
        Seen::Found { member, may_log_in_as } => (member, may_log_in_as),
    };
    let summary =
        login_as::summary(&app.services, &own.session).await?.filter(|summary| summary.subject == id);
    Ok(MemberPage {
        shell: own.shell(app),
        organization: own.run()?.organization_name.clone(),
        member: row(app, own, &member),
        last_sign_in: None,
        summary: summary.map(|summary| LoginAsSummary {
            lasted: times::lasted(summary.lasted),
            reason: summary.reason,
            opened: summary.opened,
        }),
        why_not: may_log_in_as.err().map(|refusal| why_not(own, id, refusal).to_owned()),
        reason: String::new(),
        reason_error: None,
    })
}

fn why_not(own: &Own, id: UserId, refusal: LoginAsRefusal) -> &'static str {
    if id == own.who.id { "This is your own account." } else { words::login_as(refusal) }
}

fn row(app: &App, own: &Own, member: &Member) -> MemberRow {
    let MemberSteps { usable, due } = members::second_steps(&app.services, member);
    let second_step = match usable.first() {
        Some(method) => words::method(*method),
        None if due => "No method works",
        None => "Password only",
    };
    let others = usable.iter().skip(1).map(|method| words::method(*method).to_lowercase());
    MemberRow {
        id: member.id.to_string(),
        name: member.name.clone(),
        email: member.email.clone(),
        role: words::role(member.role).to_owned(),
        second_step: second_step.to_owned(),
        other_steps: others.collect::<Vec<_>>().join(", "),
        disabled: !member.active,
        is_self: member.id == own.who.id,
    }
}
