//! A second step that an application asks for.

use super::{
    Sample,
    account::{fresh_codes, off_clock, set_up},
    at, push,
    signing_in::{SENT, step},
    some, stranger, with_notice,
};
use crate::times;
use crate::views::{
    AppSetup, HostedAbout, HostedBeginPage, HostedCodesPage, HostedEnd, HostedEndPage, HostedSetUpPage,
    HostedStepPage, NoticeKind, SecondStep, SentState,
};
use countersign_core::second_step::Method;

const PATH: &str = "/second-step/sample";

pub(super) fn add(pages: &mut Vec<Sample>) -> askama::Result<()> {
    second_step(pages)?;
    app_setup(pages)?;
    end(pages)
}

fn about() -> HostedAbout {
    HostedAbout {
        application: "Harbour CRM".into(),
        name: "Mia Member".into(),
        subject: None,
        origin: "https://crm.harbour.example".into(),
        site: "crm.harbour.example".into(),
        sets_up: false,
        confirms_mailbox: false,
        elsewhere: false,
        path: PATH.into(),
    }
}

fn second_step(pages: &mut Vec<Sample>) -> askama::Result<()> {
    let hosted = |selected, sent| SecondStep {
        listed_as: "Harbour CRM".into(),
        page_url: PATH.into(),
        verify_url: format!("{PATH}/verify"),
        send_url: format!("{PATH}/send-code"),
        ..step(selected, sent)
    };
    let page = |step| HostedStepPage { shell: stranger(), about: about(), step, form_error: None };
    push(pages, "hosted-app", &page(hosted(Method::App, SentState::NotSent)))?;
    push(pages, "hosted-email", &page(hosted(Method::Email, SentState::NotSent)))?;
    push(pages, "hosted-sms-sent", &page(hosted(Method::Sms, SENT)))?;
    push(pages, "hosted-backup-code", &page(hosted(Method::BackupCode, SentState::NotSent)))?;
    let code_error = some("This code is not right. Wait for the app to show the next one, then type that.");
    let wrong = SecondStep { code_error, ..hosted(Method::App, SentState::NotSent) };
    push(pages, "hosted-wrong", &page(wrong))?;
    let form_error =
        some("Too many wrong codes. For the safety of your account, wait 15 minutes, then try again.");
    let closed = HostedStepPage { form_error, ..page(hosted(Method::App, SentState::NotSent)) };
    push(pages, "hosted-closed", &closed)?;
    let elsewhere = HostedAbout { sets_up: true, elsewhere: true, ..about() };
    let again = HostedStepPage { about: elsewhere, ..page(hosted(Method::Email, SentState::NotSent)) };
    push(pages, "hosted-elsewhere", &again)?;
    let mailbox = HostedAbout { sets_up: true, confirms_mailbox: true, ..about() };
    let only_email = SecondStep { methods: vec![Method::Email], ..hosted(Method::Email, SentState::NotSent) };
    let mailbox = HostedStepPage { about: mailbox, ..page(only_email) };
    push(pages, "hosted-mailbox", &mailbox)?;
    let about = HostedAbout { name: "Ada Admin".into(), subject: some("Mia Member"), ..about() };
    let login_as = HostedStepPage { about, ..page(hosted(Method::App, SentState::NotSent)) };
    push(pages, "hosted-login-as", &login_as)
}

fn app_setup(pages: &mut Vec<Sample>) -> askama::Result<()> {
    push(pages, "hosted-begin", &HostedBeginPage { shell: stranger(), about: about() })?;
    let text = "That setup expired or was already finished. Start again below.";
    let shell = with_notice(stranger(), NoticeKind::Warning, text);
    push(pages, "hosted-begin-again", &HostedBeginPage { shell, about: about() })?;
    let fresh = || AppSetup {
        confirm_url: format!("{PATH}/set-up/confirm"),
        cancel_url: None,
        ..set_up("Harbour CRM")
    };
    let page = |set_up| HostedSetUpPage {
        shell: stranger(),
        about: about(),
        set_up,
        expires_text: times::time_of_day(at(-10)),
    };
    push(pages, "hosted-set-up", &page(fresh()))?;
    push(pages, "hosted-set-up-clock", &page(off_clock(fresh())))?;
    let codes = |fresh| HostedCodesPage { shell: stranger(), about: about(), fresh };
    push(
        pages,
        "hosted-codes",
        &codes(Some(fresh_codes("Harbour CRM", "https://crm.harbour.example", "Mia Member"))),
    )?;
    push(pages, "hosted-codes-later", &codes(None))
}

fn end(pages: &mut Vec<Sample>) -> askama::Result<()> {
    let page = |end| HostedEndPage { shell: stranger(), about: about(), end };
    push(pages, "hosted-over", &page(HostedEnd::Over))?;
    push(pages, "hosted-set-up-elsewhere", &page(HostedEnd::Elsewhere))?;
    push(pages, "hosted-nothing-left", &page(HostedEnd::NothingLeft))
}
