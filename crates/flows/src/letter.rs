//! What is written to an account holder, in the name of whatever they know: this server, or their application.

use countersign_core::{
    Timestamp,
    ids::UserId,
    message::{Content, Message, Notice, Recipient},
};
use countersign_store::{
    StoreResult, Tx, applications, outbox,
    users::{self, User},
};

/// Queues a notice to the account holder's mailbox.
pub(crate) fn tell(tx: &mut Tx<'_>, user: UserId, notice: Notice, now: Timestamp) -> StoreResult<()> {
    let Some(account) = users::by_id(tx, user)? else { return Ok(()) };
    let mailbox = Recipient::Email(account.email.clone());
    send(tx, &account, &mailbox, Content::Notice(notice), now)
}

/// Queues a message about this account to a mailbox or phone.
pub(crate) fn send(
    tx: &mut Tx<'_>,
    account: &User,
    to: &Recipient,
    content: Content,
    now: Timestamp,
) -> StoreResult<()> {
    let (name, application) = (account.name.clone(), application_name(tx, account)?);
    let message = Message { name, application, at_millis: now.millis(), content };
    outbox::push(tx, to, &message, now).map(drop)
}

/// The application that knows this account; `None` for those who sign in here.
pub(crate) fn application_name(tx: &mut Tx<'_>, account: &User) -> StoreResult<Option<String>> {
    let application = account.application.map(|id| applications::by_id(tx, id)).transpose()?.flatten();
    Ok(application.map(|application| application.name))
}
