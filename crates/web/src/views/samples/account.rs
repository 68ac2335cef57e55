//! *My Profile* and the pages behind it.

use crate::{times, words};
use countersign_core::{oauth::ScopeSet, second_step::few_backup_codes};

use super::{Sample, at, member, push, some, with_notice};
use crate::views::{
    ActivityPage, ActivityRow, AppRow, AppSetup, AppSetupPage, BackupCodes, BackupCodesPage, ConnectedPage,
    ConnectedRow, ConsentPage, EmailConfirmPage, EmailForm, FreshCodes, LogoutPage, NewBackupCodesPage,
    NoticeKind, OtherStep, PasswordForm, PhoneConfirmPage, PhoneForm, ProfilePage, ProfileStatus, ReplaceRow,
    SessionRow, SessionsPage, Time,
};

pub(super) fn add(pages: &mut Vec<Sample>) -> askama::Result<()> {
    profile(pages)?;
    app_setup(pages)?;
    backup_codes(pages)?;
    contact(pages)
}

pub(super) fn add_applications(pages: &mut Vec<Sample>) -> askama::Result<()> {
    let scope = ScopeSet::requested("openid profile email organizations offline_access");
    let consent = ConsentPage {
        shell: member(),
        application: "Brightwater CRM".into(),
        organization: "Brightwater Agency".into(),
        agreed: false,
        learns: words::learns(&scope),
        request: "client_id=sample".into(),
        address: "/oauth2/authorize?client_id=sample".into(),
    };
    push(pages, "consent", &consent)?;
    push(pages, "consent-continue", &ConsentPage { agreed: true, ..consent })?;
    let logout = |application| LogoutPage {
        shell: member(),
        email: "mia@brightwater.example".into(),
        leads_back: true,
        request: "client_id=sample".into(),
        application,
    };
    push(pages, "logout", &logout(some("Brightwater CRM")))?;
    push(pages, "logout-unknown", &LogoutPage { leads_back: false, ..logout(None) })?;
    let row = |name: &str, scope: &str, agreed| ConnectedRow {
        id: "0".into(),
        name: name.into(),
        learns: words::learns(&ScopeSet::requested(scope)),
        agreed,
        signed_in: Some(times::moment(at(0))),
    };
    let rows = vec![
        row("Brightwater CRM", "openid profile email", Some(times::moment(at(0)))),
        row("Time sheets", "openid profile", None),
    ];
    push(pages, "connected", &ConnectedPage { shell: member(), rows })?;
    push(pages, "connected-none", &ConnectedPage { shell: member(), rows: Vec::new() })
}

pub(super) fn add_history(pages: &mut Vec<Sample>) -> askama::Result<()> {
    sessions(pages)?;
    activity(pages)
}

fn status(on: bool, text: &str) -> ProfileStatus {
    ProfileStatus { on, works: true, text: text.into() }
}

fn fresh_profile() -> ProfilePage {
    ProfilePage {
        shell: member(),
        status: status(
            false,
            "When you sign in, you’ll be asked for a code sent to m•••@brightwater.example. That isn’t a second factor: someone \
             in your mailbox can also reset your password. Set up an authenticator app.",
        ),
        name: "Mia Member".into(),
        email: "mia@brightwater.example".into(),
        phone: None,
        email_form: EmailForm::default(),
        phone_form: PhoneForm::default(),
        password_form: PasswordForm::default(),
        apps: Vec::new(),
        replace: Vec::new(),
        backup_codes_left: None,
        backup_codes_unsaved: false,
        backup_codes_shown_until: None,
        email_step: OtherStep {
            available: true,
            to_masked: "m•••@brightwater.example".into(),
            why_not: None,
        },
        sms_step: OtherStep {
            why_not: some("Add your phone number below to use this."),
            ..OtherStep::default()
        },
    }
}

fn app(name: &str, last_used: Option<Time>, disabled: bool) -> AppRow {
    AppRow {
        id: "0198c0de-0000-7000-8000-000000000001".into(),
        name: name.into(),
        added: times::day(at(0)),
        last_used,
        disabled,
    }
}

fn replace(names: &[&str]) -> Vec<ReplaceRow> {
    let row = |(n, name): (usize, &&str)| ReplaceRow { id: n.to_string(), name: (*name).into() };
    names.iter().enumerate().map(row).collect()
}

fn full_profile() -> ProfilePage {
    ProfilePage {
        status: status(true, "When you sign in, you’ll be asked for a code from “Mia’s phone”."),
        phone: some("+44 7911 123142"),
        apps: vec![app("Mia’s phone", Some(times::moment(at(0))), false), app("Tablet at home", None, false)],
        replace: replace(&["Mia’s phone", "Tablet at home"]),
        backup_codes_left: Some(8),
        sms_step: OtherStep { available: true, to_masked: "+44 ••• ••42".into(), why_not: None },
        ..fresh_profile()
    }
}

fn profile(pages: &mut Vec<Sample>) -> askama::Result<()> {
    push(pages, "profile-fresh", &fresh_profile())?;
    push(pages, "profile-full", &full_profile())?;
    let text = "“Tablet at home” is set up. 2 other browsers were signed out.";
    let low = ProfilePage {
        shell: with_notice(member(), NoticeKind::Good, text),
        backup_codes_left: Some(2),
        apps: vec![app("Mia’s phone", Some(times::moment(at(0))), true)],
        replace: replace(&["Mia’s phone"]),
        email_form: EmailForm { waiting: some("mia@new.example"), ..EmailForm::default() },
        ..full_profile()
    };
    push(pages, "profile-low", &low)?;
    let unsaved = ProfilePage { backup_codes_left: Some(10), backup_codes_unsaved: true, ..full_profile() };
    push(pages, "profile-codes-unsaved", &unsaved)?;
    let shown = ProfilePage { backup_codes_shown_until: Some(times::time_of_day(at(-10))), ..unsaved };
    push(pages, "profile-codes-shown", &shown)?;
    let phone_form = PhoneForm {
        value: "+44 7911 123456".into(),
        waiting: some("+44 7911 123456"),
        open: true,
        ..PhoneForm::default()
    };
    push(pages, "profile-change-number", &ProfilePage { phone_form, ..full_profile() })?;
    let refused = ProfilePage {
        email_form: EmailForm {
            value: "mia@new".into(),
            error: some("This is not an e-mail address. It needs an @ and a domain: name@example.com."),
            ..EmailForm::default()
        },
        phone_form: PhoneForm {
            value: "0049 12".into(),
            error: some("This number is too short. Type it with the country code: +44 7911 123456."),
            ..PhoneForm::default()
        },
        password_form: PasswordForm {
            current_password_error: some("This is not your password. Type the one that you sign in with."),
            password_error: some("The new password is too short. Use at least 8 characters."),
        },
        ..full_profile()
    };
    push(pages, "profile-refused", &refused)
}

/// An app that is being set up, for an account that an app lists under `issuer`.
pub(super) fn set_up(issuer: &str) -> AppSetup {
    let encoded = issuer.replace(' ', "%20");
    let uri = format!(
        "otpauth://totp/{encoded}:mia%40brightwater.example?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer={encoded}"
    );
    let qr_svg = qrcode::QrCode::with_error_correction_level(&uri, qrcode::EcLevel::M)
        .map(|qr| qr.render::<qrcode::render::svg::Color<'_>>().min_dimensions(220, 220).build())
        .unwrap_or_default();
    AppSetup {
        // As the markup goes into a page, it must not bring an XML declaration.
        qr_svg: qr_svg.find("<svg").map(|at| qr_svg[at..].to_owned()).unwrap_or_default(),
        otpauth_uri: uri,
        key_groups: "JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP".into(),
        key_plain: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP".into(),
        account_label: format!("{issuer} (mia@brightwater.example)"),
        name: "Authenticator app".into(),
        name_error: None,
        code_error: None,
        form_error: None,
        clock_hint: None,
        confirm_url: "/profile/app/confirm".into(),
        enrolment: "0198c0de-0000-7000-8000-000000000002".into(),
        cancel_url: some("/profile/app/cancel"),
        replaces: None,
    }
}

/// The same with a code that is right for another time.
pub(super) fn off_clock(set_up: AppSetup) -> AppSetup {
    AppSetup {
        code_error: some("This code doesn’t match the current time."),
        clock_hint: some(
            "Your phone’s clock is about 7 minutes behind, so its codes don’t match. Turn on automatic date and time in \
             your phone’s settings, then enter a new code.",
        ),
        ..set_up
    }
}

fn app_setup(pages: &mut Vec<Sample>) -> askama::Result<()> {
    let page = |set_up, has_other_app| AppSetupPage {
        shell: member(),
        set_up,
        expires_text: times::time_of_day(at(-10)),
        has_other_app,
    };
    push(pages, "app-setup", &page(set_up("Countersign"), false))?;
    push(pages, "app-setup-clock", &page(off_clock(set_up("Countersign")), true))?;
    let replacing = AppSetup {
        replaces: some("Mia’s old phone"),
        code_error: some(
            "The page showed an earlier QR code, which has been replaced. Scan the one on this page, then enter its code.",
        ),
        ..set_up("Countersign")
    };
    push(pages, "app-setup-replaces", &page(replacing, true))
}

/// Ten codes of this account.
pub(super) fn fresh_codes(service: &str, site: &str, account: &str) -> FreshCodes {
    let codes: Vec<String> = ["7K3M", "Q9XW", "2HPD", "R5TV", "MB8E", "4ZJC", "GY6N", "XF2A", "W9QK", "D7RH"]
        .into_iter()
        .map(|group| format!("{group}-N4VX-8TQP-ZC3W-{}", &group[1..2]))
        .collect();
    FreshCodes {
        service: service.into(),
        site: site.into(),
        account: account.into(),
        created: times::day(at(0)),
        shown_until: times::time_of_day(at(-10)),
        plain_text: format!("{service} backup codes\n\n{}\n", codes.join("\n")),
        codes,
        set: "0198c0de-0000-7000-8000-000000000003".into(),
        file_name: "countersign-backup-codes-2026-11-24.txt".into(),
    }
}

fn backup_codes(pages: &mut Vec<Sample>) -> askama::Result<()> {
    let page = |state| BackupCodesPage {
        shell: member(),
        state,
        after_sign_in: false,
        replace: Vec::new(),
        continue_to: "/profile".into(),
    };
    let fresh = fresh_codes("Countersign", "https://login.brightwater.example", "mia@brightwater.example");
    push(pages, "backup-codes-fresh", &page(BackupCodes::Fresh(Box::new(fresh))))?;
    let left = |count: Option<u32>, just_used| {
        let low = count.is_some_and(few_backup_codes);
        BackupCodes::Left { count, low, unsaved: None, just_used }
    };
    push(pages, "backup-codes-left", &page(left(Some(8), false)))?;
    let used = |count, apps: &[&str]| BackupCodesPage {
        after_sign_in: true,
        replace: replace(apps),
        ..page(left(Some(count), true))
    };
    push(pages, "backup-codes-used", &used(7, &["Mia’s phone"]))?;
    push(pages, "backup-codes-used-low", &used(1, &["Mia’s phone", "Tablet at home"]))?;
    let unsaved = || BackupCodes::Left { count: Some(10), low: false, unsaved: some("0"), just_used: false };
    push(pages, "backup-codes-unsaved", &page(unsaved()))?;
    let after = BackupCodesPage { after_sign_in: true, ..page(unsaved()) };
    push(pages, "backup-codes-unsaved-after-sign-in", &after)?;
    push(pages, "backup-codes-reset", &NewBackupCodesPage { shell: member(), left: 7 })?;
    push(pages, "backup-codes-reset-none", &NewBackupCodesPage { shell: member(), left: 0 })?;
    push(pages, "backup-codes-gone", &page(left(Some(0), false)))?;
    push(pages, "backup-codes-none", &page(left(None, false)))
}

fn contact(pages: &mut Vec<Sample>) -> askama::Result<()> {
    let phone = |code_error| PhoneConfirmPage {
        shell: member(),
        number: "+44 7911 123456".into(),
        phone: "+447911123456".into(),
        resend_after_seconds: 42,
        code_error,
        form_error: None,
    };
    push(pages, "phone-confirm", &phone(None))?;
    let error = some("This code is not right. Compare it with the newest message.");
    push(pages, "phone-confirm-wrong", &phone(error.clone()))?;
    let email = |code_error| EmailConfirmPage {
        shell: member(),
        email: "mia@new.example".into(),
        current_email: "mia@brightwater.example".into(),
        resend_after_seconds: 0,
        code_error,
        form_error: None,
    };
    push(pages, "email-confirm", &email(None))?;
    push(pages, "email-confirm-wrong", &email(error))
}

fn sessions(pages: &mut Vec<Sample>) -> askama::Result<()> {
    let current = SessionRow {
        id: "s1".into(),
        what: "Chrome on Windows".into(),
        where_from: "203.0.113.7".into(),
        last_seen: times::ago(at(0), at(0)),
        signed_in_at: times::moment(at(0)),
        current: true,
        login_as_actor: None,
    };
    let phone = SessionRow {
        id: "s2".into(),
        what: "Safari on iPhone".into(),
        where_from: "2001:db8:4012:77::19ab".into(),
        last_seen: times::ago(at(40), at(0)),
        current: false,
        ..current.clone()
    };
    let actor =
        SessionRow { id: "s3".into(), login_as_actor: some("Ada Admin"), current: false, ..current.clone() };
    let one = SessionsPage { shell: member(), rows: vec![current.clone()] };
    push(pages, "sessions", &SessionsPage { shell: member(), rows: vec![current, phone, actor] })?;
    push(pages, "sessions-one", &one)
}

fn activity(pages: &mut Vec<Sample>) -> askama::Result<()> {
    let row = |minutes, what: &str, who: &str, from| ActivityRow {
        at: times::moment(at(minutes)),
        what: what.into(),
        between: None,
        who: who.into(),
        from,
    };
    let rows = vec![
        row(0, "Signed in with an authenticator app", "You", some("203.0.113.7")),
        ActivityRow {
            between: Some((times::time_of_day(at(39)), Some(times::time_of_day(at(1))))),
            ..row(
                1,
                "14 wrong passwords",
                "Someone who was not signed in",
                some("last from 2001:db8:5d1c:9a02:77ff:fe10:4c1a:1"),
            )
        },
        row(1_000, "Login as: invoice missing, ticket 4711", "Ada Admin (login as)", some("192.0.2.4")),
        row(1_484, "Authenticator app “Mia’s phone” added", "You", some("203.0.113.7")),
        row(2_369, "Account created", "The operator", None),
    ];
    let older = some("/profile/activity?before=sample");
    let page = |rows, older, newest| ActivityPage { shell: member(), rows, older, newest };
    push(pages, "activity", &page(rows.clone(), older, true))?;
    push(pages, "activity-older", &page(rows, None, false))?;
    push(pages, "activity-empty", &page(Vec::new(), None, true))
}
