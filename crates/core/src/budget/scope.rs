//! What is counted, and how much of it is allowed.

use super::Budget;
use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

macro_rules! scopes {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $setting:literal, $allowed:literal in $window:expr;)*) => {
        /// What a budget counts. A send is charged to every scope that it belongs to, or to none.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Scope { $($(#[$doc])* $name,)* }

        impl Scope {
            /// Every scope.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word for the database, the log and the metrics.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// The setting that says how much is allowed: `budget.` and this.
            pub fn setting(self) -> &'static str {
                match self { $(Self::$name => $setting,)* }
            }

            /// What is allowed where the setting says nothing else.
            pub fn default_budget(self) -> Budget {
                match self { $(Self::$name => Budget { allowed: $allowed, window: Duration::from_secs($window) },)* }
            }
        }
    };
}

scopes! {
    /// Text messages to one number, within a quarter of an hour.
    SmsNumber = "sms-number", "sms_per_number_quarter_hour", 5 in 15 * MINUTE;
    /// Text messages to one number.
    SmsNumberDay = "sms-number-day", "sms_per_number_day", 10 in DAY;
    /// Text messages to the ten thousand numbers that differ in their last four digits only: ranges that are sold for
    /// toll fraud are that small or larger.
    SmsPrefix = "sms-prefix", "sms_per_prefix_day", 100 in DAY;
    /// Text messages to one country.
    SmsCountry = "sms-country", "sms_per_country_day", 1000 in DAY;
    /// Text messages that one account causes.
    SmsAccount = "sms-account", "sms_per_account_day", 20 in DAY;
    /// Text messages that are requested from one network.
    SmsNetwork = "sms-network", "sms_per_network_day", 200 in DAY;
    /// Text messages for the accounts of one organization.
    SmsOrganization = "sms-organization", "sms_per_organization_day", 1000 in DAY;
    /// Text messages of the whole server.
    SmsServer = "sms-server", "sms_per_server_day", 5000 in DAY;
    /// Emails to one mailbox on behalf of accounts that have never verified it, all of them together.
    EmailMailbox = "email-mailbox", "email_per_mailbox_day", 10 in DAY;
    /// Codes by email that one account causes, those to its own mailbox included.
    EmailAccount = "email-account", "email_per_account_day", 50 in DAY;
    /// Codes by email that are requested from one network.
    EmailNetwork = "email-network", "email_per_network_day", 1000 in DAY;
    /// Emails with a code or a link for the accounts of one organization.
    EmailOrganization = "email-organization", "email_per_organization_day", 5000 in DAY;
    /// Emails with a code or a link of the whole server.
    EmailServer = "email-server", "email_per_server_day", 20_000 in DAY;
    /// Codes that one account sends to numbers and mailboxes that it has not verified yet.
    Unverified = "unverified-account", "unverified_per_account_day", 10 in DAY;
    /// Emails of one application to mailboxes that no code has verified yet.
    FirstEmail = "first-email", "first_emails_per_application_hour", 100 in HOUR;
    /// Links to choose a new password, for one address; of each browser that the account knows, separately.
    ResetLink = "reset-link", "reset_links_per_address_hour", 3 in HOUR;
    /// Notices to one account.
    Notice = "notice", "notices_per_account_hour", 30 in HOUR;
}

impl Scope {
    /// Whether the operator is notified when it is nearly used up: it stops many people, and not one.
    pub fn is_watched(self) -> bool {
        matches!(
            self,
            Self::SmsCountry
                | Self::SmsOrganization
                | Self::SmsServer
                | Self::EmailOrganization
                | Self::EmailServer
        )
    }
}

/// How much each scope allows: the operator's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budgets(Vec<(Scope, u32)>);

impl Budgets {
    /// The budgets for which `allowed` gives a number; the others are the defaults.
    pub fn new(allowed: impl Fn(Scope) -> Option<u32>) -> Self {
        Self(Scope::ALL.iter().filter_map(|scope| Some((*scope, allowed(*scope)?))).collect())
    }

    /// The budget of `scope`.
    pub fn of(&self, scope: Scope) -> Budget {
        let set = self.0.iter().find(|(other, _)| *other == scope);
        let default = scope.default_budget();
        set.map_or(default, |(_, allowed)| Budget { allowed: *allowed, ..default })
    }
}

impl Default for Budgets {
    fn default() -> Self {
        Self::new(|_| None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn words_and_settings_are_distinct() {
        let words: BTreeSet<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
        let settings: BTreeSet<_> = Scope::ALL.iter().map(|scope| scope.setting()).collect();
        assert_eq!((words.len(), settings.len()), (Scope::ALL.len(), Scope::ALL.len()));
    }

    #[test]
    fn a_setting_changes_its_own_budget_only() {
        let budgets = Budgets::new(|scope| (scope == Scope::SmsNumber).then_some(2));
        assert_eq!(budgets.of(Scope::SmsNumber), Budget { allowed: 2, window: Duration::from_secs(900) });
        assert_eq!(budgets.of(Scope::SmsServer), Scope::SmsServer.default_budget());
    }
}
