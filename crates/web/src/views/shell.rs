//! What surrounds every page: the header, the login-as banner, the notice.

use super::Time;

/// The part that all the pages have in common.
#[derive(Clone)]
pub struct Shell {
    /// Goes into the hidden field `csrf_token` of every form.
    pub csrf_token: String,
    /// Whose account is open; `None` before the sign-in is complete.
    pub signed_in: Option<SignedIn>,
    /// Present exactly when the session is an impersonated one.
    pub banner: Option<LoginAsBanner>,
    /// One message about what has just happened, shown above the page's content.
    pub notice: Option<Notice>,
    /// The name that people know the service by; `"Countersign"` unless configured.
    pub service_name: String,
    /// Changes whenever the assets do; appended as `?v=` so that they can be cached for good.
    pub assets_version: String,
}

/// The account that the header names.
#[derive(Clone)]
pub struct SignedIn {
    /// The user's name.
    pub name: String,
    /// The user's e-mail address, in full: it is their own.
    pub email: String,
    /// The organization that the session works in.
    pub organization: String,
    /// Whether the link to the members is shown (owners and administrators).
    pub can_see_members: bool,
}

/// The strip across every page of an impersonated session.
#[derive(Clone)]
pub struct LoginAsBanner {
    /// Who is at the keyboard.
    pub actor: String,
    /// Whose account it is.
    pub subject: String,
    /// When the session ends by itself.
    pub ends_at: Time,
    /// Seconds until then, for the countdown.
    pub seconds_left: u64,
    /// The same in words, for example `"52 minutes left"`.
    pub left: String,
}

/// One message above the content.
#[derive(Clone)]
pub struct Notice {
    /// Its weight, shown by colour and by a symbol.
    pub kind: NoticeKind,
    /// One or two plain sentences.
    pub text: String,
}

/// How a [`Notice`] is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// Something worked.
    Good,
    /// Something needs the person's attention.
    Warning,
}

impl NoticeKind {
    /// Whether this is good news; the template chooses symbol and colour by it.
    #[must_use]
    pub fn is_good(self) -> bool {
        self == Self::Good
    }
}
