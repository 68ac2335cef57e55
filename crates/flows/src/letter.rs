//! What is written to an account holder, in the name of whatever they know: this server, or their application. Each message
//! has the origin of what happened: browser, operating system and IP address.
//!
//! **Notices and budgets.** A notice says that something about the account's security has changed, and so it is charged to
//! none of the budgets that others can use up. It has one of its own, for each account; with the last one that fits, the
//! account holder is told that what follows stands in the activity only. A mailbox of an application's user that no code
//! has verified may be a stranger's: notices to it are also charged like other emails to such a mailbox, and are dropped
//! where that budget is used up. Whatever is not sent is logged and counted.

use crate::sending;
use countersign_core::{
    Timestamp,
    budget::Scope,
    email::EmailAddress,
    event::Origin,
    ids::UserId,
    message::{Channel, Content, Message, Notice, Recipient},
};
use countersign_store::{
    StoreResult, Tx, applications,
    budgets::{self, Charge},
    outbox,
    users::{self, User},
};

/// Queues a notice to the account holder's mailbox.
pub(crate) fn tell(
    tx: &mut Tx<'_>,
    user: UserId,
    notice: Notice,
    origin: &Origin,
    now: Timestamp,
) -> StoreResult<()> {
    let Some(account) = users::by_id(tx, user)? else { return Ok(()) };
    let verified = sending::has_verified_mailbox(tx, &account)?;
    notify(tx, &account, &[(account.email.clone(), verified)], notice, origin, now)
}

/// Queues a notice to each of these mailboxes, which the account has verified or not.
pub(crate) fn notify(
    tx: &mut Tx<'_>,
    account: &User,
    mailboxes: &[(EmailAddress, bool)],
    notice: Notice,
    origin: &Origin,
    now: Timestamp,
) -> StoreResult<()> {
    // In this order wherever budgets are charged, or two transactions could wait for each other.
    let unverified = mailboxes.iter().filter(|(_, verified)| !verified);
    let charges: Vec<Charge> =
        unverified.flat_map(|(mailbox, _)| sending::unverified_mailbox(account, mailbox)).collect();
    let strangers = charges.is_empty() || sending::admit(tx, charges, None, now)?.is_ok();
    if !strangers && mailboxes.iter().all(|(_, verified)| !verified) {
        return Ok(());
    }
    let charge = Charge::new(Scope::Notice, account.id.to_string());
    if sending::admit(tx, vec![charge.clone()], None, now)?.is_err() {
        return Ok(());
    }
    let last = budgets::peek(tx, &charge, now)?.is_err();
    let notice = Content::Notice(notice);
    for (mailbox, verified) in mailboxes {
        if *verified || strangers {
            let to = Recipient::Email(mailbox.clone());
            send(tx, account, &to, notice.clone(), origin, now)?;
            if last {
                send(tx, account, &to, Content::Notice(Notice::NoticesPaused), origin, now)?;
            }
        }
    }
    Ok(())
}

/// Queues a message about this account to a mailbox or phone. Its budgets have been charged.
pub(crate) fn send(
    tx: &mut Tx<'_>,
    account: &User,
    to: &Recipient,
    content: Content,
    origin: &Origin,
    now: Timestamp,
) -> StoreResult<()> {
    count(&content, to.channel());
    let (name, application) = (account.name.clone(), application_name(tx, account)?);
    // The console is this machine and no one's browser.
    let origin = (*origin != Origin::console()).then(|| origin.clone());
    let message = Message { name, application, at_millis: now.millis(), origin, content };
    outbox::push(tx, to, &message, now).map(drop)
}

/// Counts a message that is queued.
pub(crate) fn count(content: &Content, channel: Channel) {
    let labels = [("kind", content.kind()), ("channel", channel.as_str())];
    metrics::counter!("countersign_sends_total", &labels).increment(1);
}

/// The application that knows this account; `None` for those who sign in here.
pub(crate) fn application_name(tx: &mut Tx<'_>, account: &User) -> StoreResult<Option<String>> {
    let application = account.application.map(|id| applications::by_id(tx, id)).transpose()?.flatten();
    Ok(application.map(|application| application.name))
}
