//! The operator's settings, as the flows need them.

use crate::forward_auth::Site;
use countersign_core::{
    budget::Budgets, email::EmailAddress, event::Retention, second_step::Method, session::Lifetimes,
    throttle::Limits,
};
use std::time::Duration;

/// Every limit and lifetime, and what the organization permits.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What the service calls itself; the issuer in people's authenticator apps.
    pub service_name: String,
    /// Where people reach it, without a trailing slash. Links in messages begin with it.
    pub public_url: String,
    /// How long sessions live.
    pub lifetimes: Lifetimes,
    /// How old an identity proof may be for a sensitive change.
    pub step_up_max_age: Duration,
    /// The kinds of second step that are permitted.
    pub methods: Vec<Method>,
    /// The account's one counter of wrong second-step codes.
    pub second_step: Limits,
    /// The separate allowance of a browser that the account knows, while the account's counter is closed.
    pub second_step_known_browser: Limits,
    /// The separate allowance of sign-ins after a password reset, while the account's counter is closed.
    pub second_step_after_reset: Limits,
    /// Wrong codes in a row that switch an authenticator off.
    pub disable_after: u32,
    /// Wrong passwords of one account from one network.
    pub password_pair: Limits,
    /// Wrong passwords in a row for one account over all networks, before unknown browsers go through the mailbox.
    pub password_account: Limits,
    /// Wrong passwords of one network.
    pub password_network: Limits,
    /// Codes sent to one account without one of them being used, and links requested from one network.
    pub sends: Limits,
    /// How many messages may be sent.
    pub budgets: Budgets,
    /// Where the operator is notified when a budget is nearly used up.
    pub operator: Option<EmailAddress>,
    /// How long a sent code can be used.
    pub code_lifetime: Duration,
    /// How soon a code can be sent again.
    pub resend_after: Duration,
    /// How long a pending enrolment lives.
    pub enrolment_lifetime: Duration,
    /// How long a sign-in waits for its second step.
    pub challenge_lifetime: Duration,
    /// How long a link to choose a new password can be used.
    pub reset_lifetime: Duration,
    /// The countries to whose numbers text messages go (ISO 3166-1 alpha-2); `None` where SMS is off.
    pub sms_countries: Option<Vec<String>>,
    /// How long the activity of accounts is kept.
    pub events_kept: Retention,
    /// The sites whose proxies ask here who may see a page.
    pub sites: Vec<Site>,
}
