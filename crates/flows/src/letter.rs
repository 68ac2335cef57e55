//! What is written to an account holder, in the name of whatever they know: this server, or their application.

use countersign_core::{
    Timestamp,
    message::{Content, Message},
};
use countersign_store::{StoreResult, Tx, applications, users::User};

/// A message to this account's holder.
pub(crate) fn to(tx: &mut Tx<'_>, account: &User, content: Content, now: Timestamp) -> StoreResult<Message> {
    let application = account.application.map(|id| applications::by_id(tx, id)).transpose()?.flatten();
    Ok(Message {
        name: account.name.clone(),
        application: application.map(|application| application.name),
        at_millis: now.millis(),
        content,
    })
}
