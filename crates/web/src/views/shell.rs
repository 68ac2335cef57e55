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
    /// On a page that answers a form: the page that holds the form. Script puts it into the history in place of the answer,
    /// so that *Back* and *Reload* lead there (decision 0031).
    pub form_page: Option<String>,
    /// The name that people know the service by; `"Countersign"` unless configured.
    pub service_name: String,
    /// Whom people can contact when they can't sign in.
    pub support: SupportContacts,
    /// Whether emails wait because the mail server does not answer.
    pub email_delayed: bool,
    /// Whether text messages wait because the gateway does not answer.
    pub sms_delayed: bool,
    /// Changes whenever the assets do; appended as `?v=` so that they can be cached for good.
    pub assets_version: String,
}

impl Shell {
    /// The page that holds the form, where its path says too little: with the query that it was opened with.
    #[must_use]
    pub fn with_form_page(self, page: String) -> Self {
        Self { form_page: self.form_page.map(|_| page), ..self }
    }
}

/// Whom people can contact when they can't sign in: the settings `support.url` and `support.email`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SupportContacts {
    /// An `https:` page.
    pub url: Option<String>,
    /// An email address.
    pub email: Option<String>,
}

impl SupportContacts {
    /// Whether there is any.
    #[must_use]
    pub fn any(&self) -> bool {
        self.url.is_some() || self.email.is_some()
    }

    /// The page's address as people read it, without the scheme.
    #[must_use]
    pub fn site(&self) -> &str {
        let url = self.url.as_deref().unwrap_or_default();
        url.strip_prefix("https://").unwrap_or(url).trim_end_matches('/')
    }
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
