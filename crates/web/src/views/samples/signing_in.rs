//! Before anybody is signed in, and the second step.

use super::{Sample, member, push, some, stranger, with_notice};
use crate::views::{
    AccountHelp, ConfirmBrowser, ConfirmBrowserPage, ConfirmIdentityPage, ContinuePage, Destination,
    ErrorAction, ErrorPage, ForgotPasswordPage, NoticeKind, OrganizationHelp, ResetPasswordPage, SecondStep,
    SentState, Shell, SignInPage, SupportPage, VerifyPage,
};
use countersign_core::second_step::Method;

pub(super) const SENT: SentState = SentState::Sent { resend_after_seconds: 42, expires_minutes: 10 };

pub(super) fn add(pages: &mut Vec<Sample>) -> askama::Result<()> {
    password(pages)?;
    verify(pages)?;
    confirm_identity(pages)?;
    support(pages)?;
    errors(pages)
}

fn sign_in() -> SignInPage {
    SignInPage {
        shell: stranger(),
        email: String::new(),
        return_to: some("/profile"),
        destination: None,
        forgot_url: "/forgot-password".into(),
        email_error: None,
        password_error: None,
        form_error: None,
    }
}

/// An application that waits for the sign-in.
fn destination(name: &str) -> Option<Destination> {
    let way_out = ErrorAction { label: format!("Cancel and go back to {name}"), href: "/profile".into() };
    Some(Destination { name: name.into(), way_out })
}

fn password(pages: &mut Vec<Sample>) -> askama::Result<()> {
    push(pages, "sign-in", &sign_in())?;
    let form_error = some("The e-mail address or the password is not right. Check both and try again.");
    push(
        pages,
        "sign-in-wrong",
        &SignInPage { email: "mia@brightwater.example".into(), form_error, ..sign_in() },
    )?;
    let email_error = some("Enter your email address, such as name@example.com.");
    let password_error = some("Enter your password.");
    push(pages, "sign-in-empty", &SignInPage { email_error, password_error, ..sign_in() })?;
    let shell = with_notice(stranger(), NoticeKind::Good, "You’ve signed out.");
    push(pages, "sign-in-signed-out", &SignInPage { shell, ..sign_in() })?;
    let shell = with_notice(
        stranger(),
        NoticeKind::Warning,
        "You were signed out because your password was changed. If that wasn’t you, reset it now.",
    );
    push(pages, "sign-in-ended", &SignInPage { shell, ..sign_in() })?;
    let page = SignInPage { destination: destination("Tidewater staff"), ..sign_in() };
    push(pages, "sign-in-to-application", &page)?;
    let way_out = ErrorAction { label: "Go to your account instead".into(), href: "/sign-in".into() };
    let name = "wiki.internal.a-very-long-name-of-a-department.brightwater-agency.example".into();
    push(
        pages,
        "sign-in-to-site",
        &SignInPage { destination: Some(Destination { name, way_out }), ..sign_in() },
    )?;

    let confirm_browser = |step| ConfirmBrowserPage { shell: stranger(), step };
    push(pages, "confirm-browser-check-email", &confirm_browser(ConfirmBrowser::CheckEmail))?;
    let (action, email) = ("/sign-in/confirm-browser/sample".into(), "mia@brightwater.example".into());
    push(pages, "confirm-browser", &confirm_browser(ConfirmBrowser::Confirm { action, email }))?;
    push(pages, "confirm-browser-invalid", &confirm_browser(ConfirmBrowser::Invalid))?;

    let forgot = || ForgotPasswordPage {
        shell: stranger(),
        email: String::new(),
        email_error: None,
        again_url: "/forgot-password".into(),
        sign_in_url: "/sign-in".into(),
        return_to: None,
        destination: None,
        sent: false,
        links_an_hour: "3 links".into(),
    };
    push(pages, "forgot-password", &forgot())?;
    let email_error = some("This is not an e-mail address. It needs an @ and a domain: name@example.com.");
    push(
        pages,
        "forgot-password-refused",
        &ForgotPasswordPage { email: "mia".into(), email_error, ..forgot() },
    )?;
    push(pages, "forgot-password-sent", &ForgotPasswordPage { sent: true, ..forgot() })?;

    let reset = || ResetPasswordPage {
        shell: stranger(),
        action: "/reset-password/sample".into(),
        email: "mia@brightwater.example".into(),
        password_error: None,
        form_error: None,
        invalid: false,
    };
    push(pages, "reset-password", &reset())?;
    let password_error =
        some("This password is on a list of common ones. Choose one that only you would think of.");
    push(pages, "reset-password-refused", &ResetPasswordPage { password_error, ..reset() })?;
    push(
        pages,
        "reset-password-invalid",
        &ResetPasswordPage { email: String::new(), invalid: true, ..reset() },
    )
}

pub(super) fn step(selected: Method, sent: SentState) -> SecondStep {
    let to_masked = match selected {
        Method::Sms => "+44 ••• ••42",
        Method::Email => "m•••@brightwater.example",
        Method::App | Method::BackupCode => "",
    };
    SecondStep {
        methods: vec![Method::App, Method::Sms, Method::Email, Method::BackupCode],
        selected,
        sent,
        to_masked: to_masked.into(),
        code_error: None,
        listed_as: "Countersign".into(),
        page_url: "/sign-in/verify".into(),
        verify_url: "/sign-in/verify".into(),
        send_url: "/sign-in/send-code".into(),
        help_url: "/support".into(),
        return_to: None,
    }
}

fn verify(pages: &mut Vec<Sample>) -> askama::Result<()> {
    let page =
        |step| VerifyPage { shell: stranger(), step, form_error: None, return_to: None, destination: None };
    push(pages, "verify-app", &page(step(Method::App, SentState::NotSent)))?;
    push(pages, "verify-sms", &page(step(Method::Sms, SentState::NotSent)))?;
    push(pages, "verify-sms-sent", &page(step(Method::Sms, SENT)))?;
    push(pages, "verify-email", &page(step(Method::Email, SentState::NotSent)))?;
    push(pages, "verify-email-sent", &page(step(Method::Email, SENT)))?;
    push(pages, "verify-backup-code", &page(step(Method::BackupCode, SentState::NotSent)))?;
    let email_only = SecondStep { methods: vec![Method::Email], ..step(Method::Email, SentState::NotSent) };
    push(pages, "verify-email-only", &page(email_only.clone()))?;
    let to_masked =
        "m•••@the-longest-domain-that-anyone-would-ever-register.department.brightwater-agency.example"
            .into();
    let sent = SecondStep { to_masked, sent: SENT, ..email_only };
    let long = VerifyPage { destination: destination("Tidewater staff"), ..page(sent) };
    push(pages, "verify-email-only-sent", &long)?;

    let refused = |selected, sent, error| SecondStep { code_error: some(error), ..step(selected, sent) };
    let wrong = "That code is incorrect. Wait for the next one and try again. 3 attempts left before a 15-minute pause.";
    push(pages, "verify-app-wrong", &page(refused(Method::App, SentState::NotSent, wrong)))?;
    let typing = "This looks like a typing error. Compare it with your list, letter by letter.";
    push(pages, "verify-backup-code-wrong", &page(refused(Method::BackupCode, SentState::NotSent, typing)))?;
    let expired = "This code is no longer good. Send a new one and type that.";
    push(pages, "verify-email-expired", &page(refused(Method::Email, SentState::NotSent, expired)))?;

    let form_error =
        some("Too many wrong codes. For the safety of your account, wait 15 minutes, then try again.");
    push(pages, "verify-closed", &VerifyPage { form_error, ..page(step(Method::App, SentState::NotSent)) })
}

fn support(pages: &mut Vec<Sample>) -> askama::Result<()> {
    let page = |help| SupportPage { shell: stranger(), help, back: "/sign-in/verify".into() };
    let organization = |owners| OrganizationHelp { name: "Brightwater Agency".into(), owners };
    let help = |owners, backup_codes| AccountHelp { organizations: vec![organization(owners)], backup_codes };
    let owners = || vec!["Ola Owner".to_owned(), "Astrid Owens".to_owned()];
    push(pages, "support", &page(None))?;
    push(pages, "support-waiting", &page(Some(help(owners(), None))))?;
    push(
        pages,
        "support-backup-codes",
        &page(Some(help(owners(), some("/sign-in/verify?method=backup-code")))),
    )?;
    push(pages, "support-only-owner", &page(Some(help(Vec::new(), None))))?;
    let delayed = Shell { email_delayed: true, sms_delayed: true, ..stranger() };
    let sent = VerifyPage {
        shell: delayed,
        step: step(Method::Email, SENT),
        form_error: None,
        return_to: None,
        destination: None,
    };
    push(pages, "verify-email-delayed", &sent)?;
    let sms = VerifyPage { step: step(Method::Sms, SentState::NotSent), ..sent };
    push(pages, "verify-sms-delayed", &sms)
}

fn confirm_identity(pages: &mut Vec<Sample>) -> askama::Result<()> {
    let step = |selected, sent| SecondStep {
        page_url: "/confirm-identity".into(),
        verify_url: "/confirm-identity".into(),
        send_url: "/confirm-identity/send-code".into(),
        return_to: some("/profile"),
        ..step(selected, sent)
    };
    let page = |step| ConfirmIdentityPage {
        shell: member(),
        email: "mia@brightwater.example".into(),
        step,
        application: None,
        purpose: some("set up your authenticator app"),
        holds_for: "5 minutes".into(),
        second_step_wanted: false,
        email_not_enough: false,
        return_to: "/profile".into(),
        cancel_to: "/profile".into(),
        password_error: None,
        form_error: None,
    };
    push(pages, "confirm-identity-app", &page(Some(step(Method::App, SentState::NotSent))))?;
    push(pages, "confirm-identity-email", &page(Some(step(Method::Email, SentState::NotSent))))?;
    push(pages, "confirm-identity-email-sent", &page(Some(step(Method::Email, SENT))))?;
    push(pages, "confirm-identity-password", &page(None))?;
    let asked = page(Some(step(Method::App, SentState::NotSent)));
    let application = some("Brightwater CRM");
    let asked = ConfirmIdentityPage { application, purpose: None, second_step_wanted: true, ..asked };
    push(pages, "confirm-identity-for-application", &asked)?;
    let factors = vec![Method::App, Method::Sms, Method::BackupCode];
    let without_email = SecondStep { methods: factors, ..step(Method::App, SentState::NotSent) };
    let strict = ConfirmIdentityPage { step: Some(without_email), email_not_enough: true, ..asked };
    push(pages, "confirm-identity-two-factor", &strict)?;
    let wrong = step(Method::App, SentState::NotSent);
    let code_error = some("This code is not right. Wait for the app to show the next one, then type that.");
    let password_error = some("This is not your password. Type the one that you sign in with.");
    let wrong = page(Some(SecondStep { code_error, ..wrong }));
    push(pages, "confirm-identity-wrong", &ConfirmIdentityPage { password_error, purpose: None, ..wrong })?;
    let going_on = ContinuePage {
        shell: member(),
        question: "Remove “Phone”?".into(),
        consequence: "Its codes stop working, and you’ll be signed out everywhere else. If it’s your only app, your backup \
                      codes stop working too."
            .into(),
        button: "Remove app",
        ends: true,
        form: String::new(),
        return_to: "/profile".into(),
    };
    push(pages, "confirm-identity-continue", &going_on)?;
    let confirmed_elsewhere = ContinuePage {
        question: "Continue?".into(),
        consequence:
            "You can now change your email address to mia.lund@brightwater.example. Nothing has changed yet."
                .into(),
        button: "Continue",
        ends: false,
        ..going_on
    };
    push(pages, "confirm-identity-continue-in-another-tab", &confirmed_elsewhere)
}

fn errors(pages: &mut Vec<Sample>) -> askama::Result<()> {
    let page = |status, heading: &str, text: &str| ErrorPage {
        shell: stranger(),
        status,
        heading: heading.into(),
        text: text.into(),
        action: None,
        names_support: true,
        retry_after: None,
    };
    let text = "Perhaps the link is old, or it belongs to somebody else.";
    let action = Some(ErrorAction { label: "Go to My Profile".into(), href: "/profile".into() });
    let not_found = page(404, "There is nothing here", text);
    push(pages, "error-not-found", &ErrorPage { shell: member(), action, ..not_found })?;
    let text = "Somebody tried too often from your network. Nothing is wrong with your account.";
    let many = page(429, "Please wait a little", text);
    push(pages, "error-too-many", &ErrorPage { retry_after: Some(900), ..many })?;
    let text = "Many people are signing in just now. Nothing that you did is lost.";
    let busy = page(503, "We are busy for a moment", text);
    push(pages, "error-busy", &ErrorPage { retry_after: Some(5), ..busy })
}
