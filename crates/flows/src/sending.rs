//! What a message is charged to, and what happens when a budget is used up.
//!
//! | Message | Charged to |
//! |---|---|
//! | text message | its number (a quarter of an hour, and a day), prefix and country; account, network, organizations, server |
//! | code by email | account, network, organizations, server |
//! | … to a mailbox that this account has not verified | also the mailbox; for an application's user, also the application |
//! | code to a number or mailbox that is to be added | also the account's count of unverified targets |
//! | reset link, link to confirm a browser | half of organizations and server; the reset link also its address |
//! | notice | `letter` |
//! | to the operator | nothing |
//!
//! **A number or mailbox has two counts**: one for the account that has verified it, and one for all others together. So
//! no one can use up what its owner needs to sign in.

use crate::{Services, letter};
use countersign_core::{
    Timestamp,
    budget::Scope,
    email::EmailAddress,
    event::Origin,
    message::{Channel, Content, Message, Recipient},
    network::networks,
    phone::PhoneNumber,
};
use countersign_store::{
    StoreResult, Tx, application_users, applications,
    budgets::{self, Charge, Level},
    members, outbox, phones,
    users::User,
};
use std::time::Duration;

const REFUSALS: &str = "countersign_send_refusals_total";
const USED: &str = "countersign_budget_used_ratio";

/// The scopes whose use is shown as a gauge.
const SHOWN: [Scope; 3] = [Scope::SmsServer, Scope::EmailServer, Scope::SmsCountry];

/// A budget is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Which one.
    pub scope: Scope,
    /// When there is room for one more send.
    pub retry_after: Duration,
}

/// A code on its way, for the budgets.
pub(crate) struct Sending<'a> {
    /// Whose code it is.
    pub(crate) account: &'a User,
    /// Where it goes.
    pub(crate) to: &'a Recipient,
    /// It goes to the account's own mailbox or phone, and not to one that is to be added.
    pub(crate) own: bool,
    /// Where the person is; `None` where an application's server asks on their behalf.
    pub(crate) origin: Option<&'a Origin>,
}

impl Sending<'_> {
    /// Everything that it is charged to.
    pub(crate) fn charges(&self, tx: &mut Tx<'_>) -> StoreResult<Vec<Charge>> {
        let id = self.account.id.to_string();
        let mut charges = match self.to {
            Recipient::Phone(number) => self.to_phone(tx, number)?,
            Recipient::Email(mailbox) => self.to_mailbox(tx, mailbox)?,
        };
        let [account, nets, organization, server] = match self.to {
            Recipient::Phone(_) => {
                [Scope::SmsAccount, Scope::SmsNetwork, Scope::SmsOrganization, Scope::SmsServer]
            }
            Recipient::Email(_) => {
                [Scope::EmailAccount, Scope::EmailNetwork, Scope::EmailOrganization, Scope::EmailServer]
            }
        };
        if !self.own {
            charges.push(Charge::new(Scope::Unverified, &id));
        }
        charges.push(Charge::new(account, id));
        let networks = self.origin.map(|origin| networks(origin.address)).unwrap_or_default();
        charges.extend(networks.iter().map(|net| Charge::new(nets, net.name()).times(net.weight())));
        charges.extend(organizations(tx, self.account)?.into_iter().map(|id| Charge::new(organization, id)));
        charges.push(Charge::new(server, ""));
        Ok(charges)
    }

    fn to_phone(&self, tx: &mut Tx<'_>, number: &str) -> StoreResult<Vec<Charge>> {
        let confirmed = phones::of_user(tx, self.account.id)?.is_some_and(|phone| phone.number == number);
        let counted = if confirmed { format!("{number} {}", self.account.id) } else { number.to_owned() };
        // It was validated when it was enrolled; should its plan have changed since, it is counted on its own.
        let parsed = number.parse::<PhoneNumber>().ok();
        let prefix = parsed.as_ref().map_or(number, PhoneNumber::prefix);
        let country = parsed.as_ref().and_then(PhoneNumber::country).unwrap_or("none");
        Ok(vec![
            Charge::new(Scope::SmsNumber, counted.clone()),
            Charge::new(Scope::SmsNumberDay, counted),
            Charge::new(Scope::SmsPrefix, prefix),
            Charge::new(Scope::SmsCountry, country),
        ])
    }

    fn to_mailbox(&self, tx: &mut Tx<'_>, mailbox: &EmailAddress) -> StoreResult<Vec<Charge>> {
        let verified = self.own && has_verified_mailbox(tx, self.account)?;
        Ok(if verified { Vec::new() } else { unverified_mailbox(self.account, mailbox) })
    }
}

/// Whether the account's mailbox has been verified: someone who signs in here has theirs from an administrator or by a
/// code; of an application's user nothing is known until a code has been entered.
pub(crate) fn has_verified_mailbox(tx: &mut Tx<'_>, account: &User) -> StoreResult<bool> {
    Ok(account.application.is_none() || application_users::has_proven_email(tx, account.id)?)
}

/// What an email to a mailbox is charged to that the account has not verified: it may be anyone's.
pub(crate) fn unverified_mailbox(account: &User, mailbox: &EmailAddress) -> Vec<Charge> {
    let mut charges = vec![Charge::new(Scope::EmailMailbox, mailbox.untagged())];
    charges.extend(account.application.map(|id| Charge::new(Scope::FirstEmail, id.to_string())));
    charges
}

/// The organizations of an account, or that of its application.
fn organizations(tx: &mut Tx<'_>, account: &User) -> StoreResult<Vec<String>> {
    if let Some(id) = account.application {
        let application = applications::by_id(tx, id)?;
        return Ok(application.map(|application| application.organization.to_string()).into_iter().collect());
    }
    let memberships = members::of_user(tx, account.id)?;
    Ok(memberships.into_iter().map(|membership| membership.organization.to_string()).collect())
}

/// What a link is charged to that anyone can request: only half of the budgets that stop others too.
pub(crate) fn from_anyone(tx: &mut Tx<'_>, account: &User) -> StoreResult<Vec<Charge>> {
    let organizations = organizations(tx, account)?.into_iter();
    let organizations = organizations.map(|id| Charge::new(Scope::EmailOrganization, id).half());
    Ok(organizations.chain([server_from_anyone()]).collect())
}

/// The half of the server's emails that anyone can request.
pub(crate) fn server_from_anyone() -> Charge {
    Charge::new(Scope::EmailServer, "").half()
}

/// Charges a send to all of these, or refuses it; the operator is notified where that is due. Refusals are counted and
/// logged.
pub(crate) fn admit(
    tx: &mut Tx<'_>,
    charges: Vec<Charge>,
    operator: Option<&EmailAddress>,
    now: Timestamp,
) -> StoreResult<Result<(), Limit>> {
    let levels = match budgets::charge(tx, charges, now)? {
        Ok(levels) => levels,
        Err(refusal) => {
            let limit = Limit { scope: refusal.scope, retry_after: refusal.until.since(now) };
            refused(limit);
            return Ok(Err(limit));
        }
    };
    for level in levels {
        show(&level);
        if level.notify {
            notify(tx, level, operator, now)?;
        }
    }
    Ok(Ok(()))
}

fn refused(limit: Limit) {
    let scope = limit.scope.as_str();
    metrics::counter!(REFUSALS, "scope" => scope).increment(1);
    let (setting, seconds) = (limit.scope.setting(), limit.retry_after.as_secs());
    tracing::warn!(
        event = "send_refused",
        scope,
        setting = %format_args!("budget.{setting}"),
        retry_after_seconds = seconds,
        "a message was not sent, because a budget is used up"
    );
}

/// Logs that a budget is nearly used up, and writes to the operator. What this queues is charged to nothing.
fn notify(tx: &mut Tx<'_>, level: Level, operator: Option<&EmailAddress>, now: Timestamp) -> StoreResult<()> {
    let Level { scope, subject, used, allowed, .. } = level;
    let setting = format!("budget.{}", scope.setting());
    tracing::warn!(
        event = "budget_nearly_used",
        scope = scope.as_str(),
        subject,
        used,
        allowed,
        setting,
        "a budget of messages is nearly used up; when it is, no more are sent"
    );
    let Some(operator) = operator else { return Ok(()) };
    let organization = match scope {
        Scope::SmsOrganization | Scope::EmailOrganization => subject.parse().ok(),
        _ => None,
    };
    let named = organization.map(|id| members::organization_name(tx, id)).transpose()?.flatten();
    let subject = named.unwrap_or(subject);
    let content =
        Content::BudgetNearlyUsed { scope: scope.as_str().to_owned(), subject, used, allowed, setting };
    letter::count(&content, Channel::Email);
    let message =
        Message { name: String::new(), application: None, at_millis: now.millis(), origin: None, content };
    outbox::push(tx, &Recipient::Email(operator.clone()), &message, now).map(drop)
}

fn show(level: &Level) {
    if SHOWN.contains(&level.scope) {
        let labels = [("scope", level.scope.as_str().to_owned()), ("country", level.subject.clone())];
        metrics::gauge!(USED, &labels).set(f64::from(level.used) / f64::from(level.allowed.max(1)));
    }
}

/// Sets the gauges of the budgets, which also fall while nothing is sent, or while other nodes send.
pub async fn measure(s: &Services) -> StoreResult<()> {
    metrics::describe_counter!(
        REFUSALS,
        "Messages that were not sent because a budget is used up, by scope."
    );
    metrics::describe_gauge!(USED, "How much of a budget of messages is used, from 0 to 1.");
    let now = s.now();
    for scope in SHOWN {
        for level in s.store.read(move |tx| budgets::levels(tx, scope, now)).await? {
            show(&level);
        }
    }
    Ok(())
}
