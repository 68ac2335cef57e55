//! Members, "login as", and the development outbox.

use super::{Sample, admin, impersonated, push, some, stranger};
use crate::views::{
    DevMessage, DevOutboxPage, ErrorAction, ErrorPage, LoginAsPage, MemberPage, MemberRow, MembersPage,
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
        last_sign_in: some("today at 09:14 UTC"),
        why_not: None,
        reason: String::new(),
        reason_error: None,
    };
    push(pages, "member", &page(mia.clone()))?;
    let reason_error = some("Give a reason. Mia Member reads it in the message that we send.");
    push(pages, "member-refused", &MemberPage { reason_error, ..page(mia) })?;
    let why_not = some("This is your own account.");
    let own = MemberPage { why_not, last_sign_in: None, ..page(MemberRow { is_self: true, ..ada }) };
    push(pages, "member-self", &own)
}

fn login_as(pages: &mut Vec<Sample>) -> askama::Result<()> {
    let page = LoginAsPage {
        shell: impersonated(),
        actor: "Ada Admin".into(),
        subject: "Mia Member".into(),
        organization: "Brightwater Agency".into(),
        reason: "Asked us why an invoice is missing, ticket 4711".into(),
        ends_at: "15:20 UTC".into(),
    };
    push(pages, "login-as", &page)?;
    let refused = ErrorPage {
        shell: impersonated(),
        status: 403,
        heading: "Only Mia Member can do this".into(),
        text: "You are in this account through “login as”. What protects the account stays with the person it belongs to."
            .into(),
        action: Some(ErrorAction { label: "Go on as Mia Member".into(), href: "/".into() }),
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
