//! Everything that is answered with an error page, or with the way to where the person can help themselves.
//!
//! A handler returns a [`Problem`]; the page for it is made in one place (`guard::problems`), which knows who is
//! looking. Nothing internal is on it; the log has the rest.

use crate::{
    app::App,
    respond::{self, Redirect},
    views::ErrorAction,
};
use axum::response::{IntoResponse, Response};
use countersign_flows::{Fault, identity::LoginAsView, openid_connect::authorize::NotAClient};
use http::StatusCode;
use std::time::Duration;

/// How soon it is worth trying again when the database is away or the queue is full.
const SOON: Duration = Duration::from_secs(5);

/// Why there is no ordinary answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// No error: go there first (sign in, confirm your identity).
    Elsewhere(String),
    /// The same, with a message about what has happened.
    Telling(Redirect),
    /// The form comes from another site.
    ForeignOrigin,
    /// The form's `csrf_token` is missing, or of another handle.
    StaleForm {
        /// The page with a fresh form.
        page: String,
    },
    /// The form came without any cookie of ours.
    NoCookies {
        /// The page with the form.
        page: String,
    },
    /// The account holder alone may do this, and this is an administrator in their account.
    OnlyTheAccountHolder,
    /// A page for administrators, in a "login as" to someone who is none.
    SubjectIsNoAdministrator,
    /// A "login as" and a feature that the settings don't offer to anyone.
    NotOffered,
    /// Administrators and owners alone may do this.
    OnlyAdministrators,
    /// Only owners may do this.
    OnlyOwners,
    /// This "login as" is not permitted.
    LoginAsRefused(&'static str),
    /// A second step is due, and none of the account's works.
    NoSecondStepLeft,
    /// No such page, or somebody else's.
    NotFound,
    /// No second step is asked for at this address of an application's.
    NoChallenge,
    /// An application's request that leads nowhere.
    NotAClient(NotAClient),
    /// A request that arrived damaged.
    BadRequest,
    /// Not with this method.
    MethodNotAllowed,
    /// The form is longer than any of ours.
    TooLarge,
    /// The form did not arrive as a whole.
    Body(BodyDefect),
    /// A button's form that cannot be carried out.
    CannotBeDone(&'static str),
    /// Too many attempts.
    TooMany {
        /// When to come back.
        retry_after: Duration,
    },
    /// The database is away.
    Away,
    /// The database did not confirm a write: it may have happened.
    Unconfirmed,
    /// Too many passwords wait to be checked.
    Busy,
    /// It took too long.
    TimedOut,
    /// A defect.
    Internal,
}

/// Why a body did not arrive as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyDefect {
    /// It was not complete in time.
    TooSlow,
    /// It is malformed, or the client ended in the middle of it.
    Damaged,
    /// The memory for unfinished requests is used up.
    NoMemory,
}

/// Who reads an error page, as far as that changes its words.
#[derive(Clone, Copy, Default)]
pub(crate) struct Reader<'a> {
    /// The "login as" in which it is read.
    pub(crate) login_as: Option<&'a LoginAsView>,
    /// In the administrator's own session: the name of the member as whom they were logged in a moment ago.
    pub(crate) was: Option<&'a str>,
    /// The path that was asked for.
    pub(crate) path: &'a str,
}

/// The words of an error page.
pub(crate) struct Words {
    pub(crate) status: StatusCode,
    pub(crate) heading: String,
    pub(crate) text: String,
    pub(crate) action: Option<ErrorAction>,
    pub(crate) retry_after: Option<Duration>,
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Away(_) => tracing::warn!(%fault, "the database is away"),
            Fault::Unconfirmed(_) => tracing::error!(%fault, "the outcome of a write is unknown"),
            Fault::Busy => tracing::warn!("the password queue is full"),
            // `Posted::once` answers with the stored response; nothing else has an idempotency key.
            Fault::Internal(_) | Fault::Repeated => tracing::error!(%fault, "a fault"),
        }
        match fault {
            Fault::Away(_) => Self::Away,
            Fault::Unconfirmed(_) => Self::Unconfirmed,
            Fault::Busy => Self::Busy,
            Fault::Internal(_) | Fault::Repeated => Self::Internal,
        }
    }
}

impl IntoResponse for Problem {
    /// A bare answer that carries the problem to `guard::problems`.
    fn into_response(self) -> Response {
        match self {
            Self::Elsewhere(to) => respond::see_other(&to),
            Self::Telling(redirect) => respond::see_other(&redirect),
            problem => {
                let mut response = problem.status().into_response();
                response.extensions_mut().insert(problem);
                response
            }
        }
    }
}

impl Problem {
    /// The status.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Elsewhere(_) | Self::Telling(_) => StatusCode::SEE_OTHER,
            Self::ForeignOrigin
            | Self::StaleForm { .. }
            | Self::NoCookies { .. }
            | Self::OnlyTheAccountHolder
            | Self::SubjectIsNoAdministrator
            | Self::NotOffered
            | Self::OnlyAdministrators
            | Self::OnlyOwners
            | Self::LoginAsRefused(_)
            | Self::NoSecondStepLeft => StatusCode::FORBIDDEN,
            Self::NotFound | Self::NoChallenge => StatusCode::NOT_FOUND,
            Self::NotAClient(_) | Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(BodyDefect::TooSlow) => StatusCode::REQUEST_TIMEOUT,
            Self::Body(BodyDefect::Damaged) => StatusCode::BAD_REQUEST,
            Self::Body(BodyDefect::NoMemory) => StatusCode::SERVICE_UNAVAILABLE,
            Self::CannotBeDone(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Away | Self::Unconfirmed | Self::Busy | Self::TimedOut => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The word for metrics and the log.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Elsewhere(_) | Self::Telling(_) => "elsewhere",
            Self::ForeignOrigin => "foreign-origin",
            Self::StaleForm { .. } => "stale-form",
            Self::NoCookies { .. } => "no-cookies",
            Self::OnlyTheAccountHolder | Self::SubjectIsNoAdministrator | Self::NotOffered => "login-as",
            Self::OnlyAdministrators | Self::OnlyOwners => "role",
            Self::LoginAsRefused(_) => "login-as-refused",
            Self::NoSecondStepLeft => "no-second-step-left",
            Self::NotFound => "not-found",
            Self::NoChallenge => "no-challenge",
            Self::NotAClient(NotAClient::Unknown) => "unknown-client",
            Self::NotAClient(NotAClient::Address) => "unregistered-address",
            Self::NotAClient(NotAClient::TooLong) => "request-too-long",
            Self::BadRequest => "bad-request",
            Self::MethodNotAllowed => "method",
            Self::TooLarge => "too-large",
            Self::Body(BodyDefect::TooSlow) => "body-too-slow",
            Self::Body(BodyDefect::Damaged) => "body-damaged",
            Self::Body(BodyDefect::NoMemory) => "body-memory",
            Self::CannotBeDone(_) => "cannot-be-done",
            Self::TooMany { .. } => "too-many",
            Self::Away => "database-away",
            Self::Unconfirmed => "outcome-unknown",
            Self::Busy => "password-queue-full",
            Self::TimedOut => "timed-out",
            Self::Internal => "internal",
        }
    }

    /// When to come back, where that helps.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooMany { retry_after } => Some(*retry_after),
            Self::Away
            | Self::Unconfirmed
            | Self::Busy
            | Self::TimedOut
            | Self::Body(BodyDefect::NoMemory) => Some(SOON),
            _ => None,
        }
    }

    /// What a person reads; `number` names the request in the log.
    pub(crate) fn words(&self, app: &App, reader: Reader<'_>, number: &str) -> Words {
        let (heading, text) = self.text(app, reader, number);
        let action = self.action(reader.login_as.map(|login_as| login_as.subject.as_str()));
        Words { status: self.status(), heading, text, action, retry_after: self.retry_after() }
    }

    /// Whether the page names the support's contacts: where waiting or going back may not be enough.
    pub(crate) fn names_support(&self) -> bool {
        matches!(
            self,
            Self::NoSecondStepLeft
                | Self::TooMany { .. }
                | Self::Away
                | Self::Unconfirmed
                | Self::TimedOut
                | Self::Internal
        )
    }

    fn text(&self, app: &App, reader: Reader<'_>, number: &str) -> (String, String) {
        let plain = |heading: &str, text: &str| (heading.to_owned(), text.to_owned());
        match self {
            Self::ForeignOrigin => (
                "This came from another site".into(),
                format!(
                    "For your safety we only take forms from our own pages, and nothing was changed. Open {} in your \
                     browser and do it there.",
                    app.origin
                ),
            ),
            Self::StaleForm { .. } | Self::OnlyTheAccountHolder => self.text_of_another_session(reader),
            Self::NoCookies { .. } => plain(
                "Your browser sent no cookie",
                "Nothing was changed. This page needs a cookie until you close your browser. Allow cookies for this site, then \
                 open the page again and repeat what you did.",
            ),
            Self::SubjectIsNoAdministrator => (
                "This page is for administrators".into(),
                format!(
                    "{} isn’t an administrator and can’t open it either. To use it yourself, end “login as” and return \
                     to your account.",
                    reader.login_as.map_or("The account holder", |login_as| &login_as.subject)
                ),
            ),
            Self::NotOffered => {
                plain("This isn’t offered here", "It’s turned off for everyone on this server.")
            }
            Self::OnlyAdministrators | Self::OnlyOwners => self.text_about_roles(),
            Self::LoginAsRefused(why) => plain("You cannot enter this account", why),
            Self::NoSecondStepLeft => plain(
                "No second step is left",
                "You need a verification code, and none of this account’s methods works right now. A method is turned off \
                 after too many incorrect codes. Your password still works.",
            ),
            Self::Elsewhere(_) | Self::Telling(_) | Self::NotFound => {
                plain("There is nothing here", "Perhaps the link is old, or it belongs to somebody else.")
            }
            Self::NoChallenge | Self::NotAClient(_) | Self::BadRequest => self.text_from_elsewhere(),
            Self::MethodNotAllowed => {
                plain("This does not work that way", "The address is right, but it cannot be used like this.")
            }
            Self::TooLarge => plain(
                "That is too much",
                "What was sent is larger than any of our forms. Shorten what you typed and try again.",
            ),
            Self::Body(_) => plain(
                "That didn’t arrive in full",
                "Your connection may be slow or was interrupted, so nothing was changed. Go back and try again.",
            ),
            Self::CannotBeDone(why) => plain("This could not be done", why),
            Self::TooMany { .. } => plain(
                "Please wait a little",
                "Somebody tried too often from your network, or for your account. Nothing was changed.",
            ),
            Self::Busy | Self::Away | Self::Unconfirmed | Self::TimedOut | Self::Internal => {
                self.text_of_fault(number)
            }
        }
    }

    /// For a page of another session than the browser has now: one browser has one session, in all its tabs.
    fn text_of_another_session(&self, reader: Reader<'_>) -> (String, String) {
        match (self, reader.login_as, reader.was) {
            (Self::StaleForm { .. }, Some(LoginAsView { actor, subject, .. }), _) => (
                format!("You’re now logged in as {subject}"),
                format!(
                    "You logged in as {subject} after this page was opened, and that holds for every tab of this browser. \
                     Nothing was changed. End it to go on as {actor}, then open the page again."
                ),
            ),
            (Self::StaleForm { .. }, None, Some(subject)) => (
                "You’re back in your own account".to_owned(),
                format!(
                    "You’re no longer logged in as {subject}. This page was opened before that ended, so nothing was changed. \
                     Open it again and repeat what you did."
                ),
            ),
            (Self::StaleForm { .. }, None, None) => (
                "This page was open for too long".to_owned(),
                "You have signed in or out since it was opened, so nothing was changed. Open it again and repeat what you did."
                    .to_owned(),
            ),
            (_, Some(LoginAsView { actor, subject, .. }), _) => {
                let administration = ["/members", "/organization"].iter().any(|part| reader.path.starts_with(part));
                let why = if administration {
                    "Return to your own account to manage members and applications.".to_owned()
                } else {
                    format!("Only {subject} can see and change their security settings.")
                };
                (
                    format!("Not available while logged in as {subject}"),
                    format!(
                        "{why} If you opened this page as {actor}: you’re now logged in as {subject} in every tab of this \
                         browser, so nothing was changed."
                    ),
                )
            }
            (_, None, _) => (
                "Not available while logged in as someone else".to_owned(),
                "Return to your own account first.".to_owned(),
            ),
        }
    }

    /// For what went wrong on our side.
    fn text_of_fault(&self, number: &str) -> (String, String) {
        let plain = |heading: &str, text: &str| (heading.to_owned(), text.to_owned());
        match self {
            Self::Busy => plain(
                "We are busy for a moment",
                "Many people are signing in just now. Nothing that you did is lost.",
            ),
            Self::Away | Self::TimedOut => plain(
                "We cannot answer just now",
                "Something that we need is away for a moment. Nothing is wrong with your account.",
            ),
            Self::Unconfirmed => plain(
                "We can’t confirm that this was saved",
                "Our database didn’t answer in time. Check whether your change is there before you try again. A code that \
                 you entered may already be used.",
            ),
            _ => (
                "Something went wrong on our side".into(),
                format!(
                    "It is not your fault, and it has been recorded. If it happens again, tell us this number: {number}."
                ),
            ),
        }
    }

    /// For someone whose role is too low.
    fn text_about_roles(&self) -> (String, String) {
        let (heading, text) = match self {
            Self::OnlyOwners => (
                "This is for owners",
                "Nothing was changed. Only an owner of your organization can do this. Ask one of them; the list of members \
                 shows who they are.",
            ),
            _ => (
                "This is for administrators",
                "Your account is not an administrator’s. If you need something done here, ask one of your team’s \
                 administrators.",
            ),
        };
        (heading.to_owned(), text.to_owned())
    }

    /// For somebody whom an application has sent here.
    fn text_from_elsewhere(&self) -> (String, String) {
        let (heading, text) = match self {
            Self::NotAClient(why) => return not_a_client(*why),
            Self::BadRequest => (
                "This arrived damaged",
                "Something was missing, or came twice. Go back to where you came from and try again.",
            ),
            _ => (
                "There is nothing here",
                "Perhaps the link is old. Go back to where you wanted to sign in, and begin again there.",
            ),
        };
        (heading.to_owned(), text.to_owned())
    }

    fn action(&self, subject: Option<&str>) -> Option<ErrorAction> {
        let go = |label: &str, href: &str| Some(ErrorAction { label: label.into(), href: href.into() });
        match (self, subject) {
            (Self::StaleForm { .. }, Some(subject)) => go(&format!("Continue as {subject}"), "/"),
            (Self::StaleForm { page } | Self::NoCookies { page }, _) => go("Open the page again", page),
            // An application's people have no start page here.
            (Self::NoChallenge, _) => None,
            (Self::TooMany { .. } | Self::Away | Self::Unconfirmed | Self::Busy | Self::TimedOut, _) => None,
            (Self::NoSecondStepLeft, _) => go("Get help signing in", "/support"),
            (_, Some(subject)) => go(&format!("Continue as {subject}"), "/"),
            (Self::LoginAsRefused(_) | Self::OnlyOwners, None) => go("Back to the members", "/members"),
            (_, None) => go("Go to the start page", "/"),
        }
    }
}

fn not_a_client(why: NotAClient) -> (String, String) {
    let text = match why {
        NotAClient::Unknown => "It is not known here, or it has been switched off.",
        NotAClient::Address => {
            "The address to which you would go back is not one that it has registered here."
        }
        NotAClient::TooLong => "What it sent is longer than it has to be.",
    };
    let advice = "You were not sent on, and nothing was given away. Tell whoever runs the application.";
    ("This application cannot sign you in".into(), format!("{text} {advice}"))
}
