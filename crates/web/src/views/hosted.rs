//! A second step that an application asks for, on this server's own pages. The people may have no account here: nothing on
//! these pages leads to any other of ours.

use askama::Template;

use super::{AppSetup, FreshCodes, SecondStep, Shell, Time};
use countersign_core::second_step::Method;

/// What all of these pages say.
#[derive(Clone)]
pub struct HostedAbout {
    /// Which application asks.
    pub application: String,
    /// The name of the person who has to show the second step.
    pub name: String,
    /// In the application's "login as": the name of the one whose account it is about.
    pub subject: Option<String>,
    /// The origin to which the person goes back.
    pub origin: String,
    /// The same as people read it: `"crm.example"`.
    pub site: String,
    /// The first app is set up before the person goes back.
    pub sets_up: bool,
    /// Before that, a code to the mailbox: no second step is due.
    pub confirms_mailbox: bool,
    /// The set-up was begun in another browser.
    pub elsewhere: bool,
    /// The pages' own path: `/second-step/{handle}`.
    pub path: String,
}

/// `GET /second-step/{handle}`, and the answer (422, 429) to a refused `POST` of a code or of a wish to have one sent.
#[derive(Template)]
#[template(path = "hosted/step.html")]
pub struct HostedStepPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Who asks, and whom.
    pub about: HostedAbout,
    /// The methods, the code field and the send button.
    pub step: SecondStep,
    /// What does not belong to the code field, such as too many attempts.
    pub form_error: Option<String>,
}

/// `GET /second-step/{handle}` for somebody who has to set up their first app.
#[derive(Template)]
#[template(path = "hosted/begin.html")]
pub struct HostedBeginPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Who asks, and whom.
    pub about: HostedAbout,
}

/// `GET /second-step/{handle}/set-up`, and the answer (422) to a refused `POST /second-step/{handle}/set-up/confirm`.
#[derive(Template)]
#[template(path = "hosted/set_up.html")]
pub struct HostedSetUpPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Who asks, and whom.
    pub about: HostedAbout,
    /// The picture, the key and the form.
    pub set_up: AppSetup,
    /// When this set-up expires.
    pub expires_text: Time,
}

/// `GET /second-step/{handle}/backup-codes`.
#[derive(Template)]
#[template(path = "hosted/codes.html")]
pub struct HostedCodesPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Who asks, and whom.
    pub about: HostedAbout,
    /// The codes, for five minutes; later nothing.
    pub fresh: Option<FreshCodes>,
}

/// Why there is nothing more to do here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostedEnd {
    /// Answered, or not in time.
    Over,
    /// The set-up was begun in another browser, and continues only there.
    Elsewhere,
    /// A second step is due, and none of the account's works.
    NothingLeft,
    /// The person can't use any of the account's methods, and asks for help.
    Support,
}

/// The end of a challenge that does not lead back with an answer.
#[derive(Template)]
#[template(path = "hosted/end.html")]
pub struct HostedEndPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// Who asked, and whom.
    pub about: HostedAbout,
    /// Why.
    pub end: HostedEnd,
}

impl HostedEndPage {
    /// A few words.
    #[must_use]
    pub fn heading(&self) -> &'static str {
        match self.end {
            HostedEnd::Over => "This second step is over",
            HostedEnd::Elsewhere => "Continue in your other browser",
            HostedEnd::Support => "Get help signing in",
            HostedEnd::NothingLeft => "No second step is left",
        }
    }
}
