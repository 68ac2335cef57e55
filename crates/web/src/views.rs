//! What each page shows, as typed contexts for its template.
//!
//! A handler fills one of these structs and renders it; a template that names a field which is not there does not
//! compile. Every text in a context is plain text: askama escapes it. The only exceptions are
//! [`AppSetup::qr_svg`] and [`Time`], which are markup made on this server.
//!
//! The contexts are inert: no clock, no database, no translation of errors. Times arrive ready to be read,
//! addresses and phone numbers that must not be shown in full arrive masked.
//!
//! The rules that all the pages keep:
//!
//! - every form works without script; script only adds to it (`assets/app.js`);
//! - nothing is inline, neither style nor script, so that the Content-Security-Policy can forbid both;
//! - an error stands beside its field, is tied to it with `aria-describedby`, and says the next step;
//! - no cognitive test to sign in: every code and password can be pasted (WCAG 2.2, 3.3.8).

mod api;
mod app_setup;
mod application;
mod backup_codes;
mod contact;
mod history;
mod hosted;
mod members;
mod openid_connect;
mod profile;
pub mod samples;
mod second_step;
mod shell;
mod sign_in;
mod system;
mod time;

pub use api::{
    ApiErrorPage, ApiMember, ApiOperation, ApiProblemRow, ApiReferencePage, ApiRow, ApiSection, Span,
};
pub use app_setup::{AppSetup, AppSetupPage, ReplaceRow};
pub use application::{
    AddressList, ApplicationPage, ApplicationRow, ApplicationsPage, Choice, ClientForm, KeyForm, KeyRow,
    NewSecret, ScopeChoice, TextForm,
};
pub use backup_codes::{BackupCodes, BackupCodesPage, FreshCodes, NewBackupCodesPage};
pub use contact::{EmailConfirmPage, PhoneConfirmPage};
pub use history::{ActivityPage, ActivityRow, SessionRow, SessionsPage};
pub use hosted::{
    HostedAbout, HostedBeginPage, HostedCodesPage, HostedEnd, HostedEndPage, HostedSetUpPage, HostedStepPage,
};
pub use members::{
    LoginAsDestination, LoginAsEndedPage, LoginAsPage, LoginAsSummary, MemberPage, MemberRow, MembersPage,
};
pub use openid_connect::{ConnectedPage, ConnectedRow, ConsentPage, LogoutPage};
pub use profile::{AppRow, EmailForm, OtherStep, PasswordForm, PhoneForm, ProfilePage, ProfileStatus};
pub use second_step::{ConfirmIdentityPage, ContinuePage, SecondStep, SentState, VerifyPage};
pub use shell::{LoginAsBanner, Notice, NoticeKind, Shell, SignedIn, SupportContacts};
pub use sign_in::{
    ConfirmBrowser, ConfirmBrowserPage, Destination, ForgotPasswordPage, ResetPasswordPage, SignInPage,
};
pub use system::{
    AccountHelp, DevMessage, DevOutboxPage, ErrorAction, ErrorPage, OrganizationHelp, SitePage, SupportPage,
    TextPart,
};
pub use time::Time;
pub(crate) use time::TimeForm;
