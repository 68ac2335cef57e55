//! Members, "login as", and the development outbox.

use crate::times;

use super::{Sample, admin, at, impersonated, push, some, stranger};
use crate::views::{
    DevMessage, DevOutboxPage, ErrorAction, ErrorPage, LoginAsDestination, LoginAsEndedPage, LoginAsPage,
    LoginAsSummary, MemberPage, MemberRow, MembersPage,
};

pub(super) fn add(pages: &mut Vec<Sample>) -> askama::Result<()> {
    members(pages)?;
    login_as(pages)?;
    dev_outbox(pages)
}

fn row(name: &str, email: &str, role: &str, second_step: &str) -> MemberRow {
    MemberRow {
        id: "0198c0de-0000-7000-8000-0000000000aa".into(),
        name: name.into(),
        email: email.into(),
        role: role.into(),
        second_step: second_step.into(),
        other_steps: if second_step == "Authenticator app" { "text message, email" } else { "" }.into(),
        disabled: false,
        is_self: false,
    }
}

fn members(pages: &mut Vec<Sample>) -> askama::Result<()> {
    let mia = row("Mia Member", "mia@brightwater.example", "Member", "Authenticator app");
    let ada = row("Ada Admin", "ada@brightwater.example", "Administrator", "Authenticator app");
    let rows = vec![
        row("Olga Owner", "olga@brightwater.example", "Owner", "Authenticator app"),
        MemberRow { is_self: true, ..ada.clone() },
        mia.clone(),
        row("Noah Newcomer", "noah.newcomer@brightwater.example", "Member", "Email"),
        row(
            "Wilhelmina Featherstonehaugh",
            "wilhelmina.featherstonehaugh@brightwater.example",
            "Member",
            "Password only",
        ),
        MemberRow {
            disabled: true,
            ..row("Max Member", "max@brightwater.example", "Member", "Text message")
        },
    ];
    let organization = || "Brightwater Agency".to_owned();
    push(pages, "members", &MembersPage { shell: admin(), organization: organization(), rows })?;
    let page = |member| MemberPage {
        shell: admin(),
        organization: organization(),
        member,
        last_sign_in: Some(times::moment(at(0))),
        summary: None,
        why_not: None,
        reason: String::new(),
        reason_error: None,
    };
    push(pages, "member", &page(mia.clone()))?;
    let reason_error = some("Give a reason. Mia Member reads it in the message that we send.");
    let summary = LoginAsSummary {
        lasted: "12 minutes".into(),
        reason: "Asked us why an invoice is missing, ticket 4711".into(),
        opened: vec!["Brightwater CRM".into(), "Time sheets".into()],
    };
    push(pages, "member-after-login-as", &MemberPage { summary: Some(summary), ..page(mia.clone()) })?;
    push(pages, "member-refused", &MemberPage { reason_error, ..page(mia) })?;
    let why_not = some("This is your own account.");
    let own = MemberPage { why_not, last_sign_in: None, ..page(MemberRow { is_self: true, ..ada }) };
    push(pages, "member-self", &own)
}

fn destination(name: &str, address: Option<&str>, accepted: bool) -> LoginAsDestination {
    LoginAsDestination { name: name.into(), address: address.map(str::to_owned), accepted }
}

fn login_as(pages: &mut Vec<Sample>) -> askama::Result<()> {
    let page = LoginAsPage {
        shell: impersonated(),
        actor: "Ada Admin".into(),
        subject: "Mia Member".into(),
        organization: "Brightwater Agency".into(),
        reason: "Asked us why an invoice is missing, ticket 4711".into(),
        ends_at: times::time_of_day(at(-52)),
        destinations: vec![
            destination("Brightwater CRM", Some("https://crm.brightwater.example"), true),
            destination("Time sheets", None, true),
            destination("wiki.brightwater.example", Some("https://wiki.brightwater.example"), true),
            destination("Payroll", Some("https://payroll.brightwater.example"), false),
        ],
    };
    push(pages, "login-as", &page)?;
    push(
        pages,
        "login-as-nothing",
        &LoginAsPage { destinations: Vec::new(), shell: impersonated(), ..page },
    )?;
    let ended = LoginAsEndedPage {
        shell: stranger(),
        actor: "Ada Admin".into(),
        subject: "Mia Member".into(),
        ended_at: times::time_of_day(at(3)),
    };
    push(pages, "login-as-ended", &ended)?;
    let refused = ErrorPage {
        shell: impersonated(),
        status: 403,
        heading: "Not available while logged in as Mia Member".into(),
        text: "Only Mia Member can see and change their security settings. If you opened this page as Ada Admin: you’re now \
               logged in as Mia Member in every tab of this browser, so nothing was changed."
            .into(),
        action: Some(ErrorAction { label: "Continue as Mia Member".into(), href: "/".into() }),
        names_support: false,
        retry_after: None,
    };
    push(pages, "error-login-as", &refused)
}

fn dev_outbox(pages: &mut Vec<Sample>) -> askama::Result<()> {
    let messages = vec![
        DevMessage {
            kind: "sms".into(),
            to: "+447700900142".into(),
            subject: String::new(),
            text: "Countersign: your code is 418 207. It is good for 10 minutes.".into(),
            at: "2026-03-12 09:14:03 UTC".into(),
        },
        DevMessage {
            kind: "email".into(),
            to: "mia@brightwater.example".into(),
            subject: "Choose a new password".into(),
            text: "Hello Mia,\n\nopen this link within 30 minutes to choose a new password:\n\n\
                   http://127.0.0.1:8080/reset-password/6c0f7cbf3e2c4b51a9e7b0d53a1c77f0.\n\n\
                   If you did not ask for it, do nothing."
                .into(),
            at: "2026-03-12 09:10:41 UTC".into(),
        },
    ];
    push(pages, "dev-outbox", &DevOutboxPage { shell: stranger(), messages })?;
    push(pages, "dev-outbox-empty", &DevOutboxPage { shell: stranger(), messages: Vec::new() })
}
