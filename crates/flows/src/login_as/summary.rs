//! What an administrator reads after a "login as": from what is recorded, and from nothing else.

use crate::{Fault, Services};
use countersign_core::{event::EventKind, ids::UserId, session::OwnSession};
use countersign_store::{StoreError, events, users};
use std::time::Duration;

/// For how long after the end of a "login as" it is summed up.
const SUMMED_UP: Duration = Duration::from_secs(15 * 60);

/// No more events of one "login as" are read than this.
const MOST: u32 = 500;

/// A "login as" that has just ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Whose account it was.
    pub subject: UserId,
    /// Their name.
    pub name: String,
    /// Why, in the administrator's words.
    pub reason: String,
    /// How long it lasted.
    pub lasted: Duration,
    /// The applications that were opened, each once, in this order.
    pub opened: Vec<String>,
}

/// The newest "login as" of this administrator that ended within the last quarter of an hour, and began in this session.
pub async fn summary(s: &Services, session: &OwnSession) -> Result<Option<Summary>, Fault> {
    let (now, actor, began) = (s.now(), session.user(), session.record().created_at);
    s.store
        .read(move |tx| {
            let since = now.minus(SUMMED_UP);
            let Some((end, at)) = events::last(tx, actor, EventKind::LoggedInAsEnded, since, now)? else {
                return Ok(None);
            };
            let Some((begin, begun_at)) = events::last(tx, actor, EventKind::LoggedInAs, began, at)? else {
                return Ok(None);
            };
            let Some(subject) = end.subject.filter(|subject| begin.subject.as_ref() == Some(subject)) else {
                return Ok(None);
            };
            let subject: UserId = subject.parse().map_err(|_| StoreError::Corrupt("events.detail"))?;
            let lasted = Duration::from_secs(end.count.unwrap_or_default());
            // The end is rounded down to a second.
            let until = begun_at.plus(lasted + Duration::from_secs(1));
            let mut reason = String::new();
            let mut opened = Vec::new();
            for (kind, detail) in events::by_actor(tx, subject, actor, begun_at, until, MOST)? {
                match (kind, detail.text) {
                    (EventKind::LoginAsBegun, Some(text)) => reason = text,
                    (EventKind::SignedInToApplication, Some(name)) if !opened.contains(&name) => {
                        opened.push(name);
                    }
                    _ => {}
                }
            }
            let name = users::by_id(tx, subject)?.map(|user| user.name).unwrap_or_default();
            Ok(Some(Summary { subject, name, reason, lasted, opened }))
        })
        .await
        .map_err(Into::into)
}
