//! Browsers in which an account has finished a sign-in: strangers' failures do not slow these down, and the account holder is
//! notified of the first sign-in in each (see docs/decisions/0038).

use crate::{Tx, error::StoreResult};
use countersign_core::{Timestamp, event::Origin, ids::UserId, secret::StoredHandle};
use std::time::Duration;

sql! {
    KNOW = "INSERT INTO known_browsers (handle, user_id, last_seen_at, first_seen_at, address, user_agent) \
        VALUES ($1, $2, $3, $3, $4, $5) \
        ON CONFLICT (handle, user_id) DO UPDATE SET last_seen_at = excluded.last_seen_at";
    IS_KNOWN = "SELECT last_seen_at FROM known_browsers WHERE handle = $1 AND user_id = $2";
    TAB_OF_THE_SAME = "SELECT count(*) FROM known_browsers \
        WHERE user_id = $1 AND first_seen_at > $2 AND address = $3 AND user_agent = $4";
    FIRST_SIGN_IN = "UPDATE users SET first_sign_in_at = $1 WHERE id = $2 AND first_sign_in_at IS NULL";
    FORGET_ALL = "DELETE FROM known_browsers WHERE user_id = $1";
}

/// How long sign-ins from one address, with one `User-Agent`, count as several tabs of one new browser. Tabs that were opened
/// before the browser had its cookie each receive one of their own.
const TABS: Duration = Duration::from_secs(60);

/// What an account knew of a browser when a sign-in in it was finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Familiarity {
    /// It has finished a sign-in there before.
    Known,
    /// It has never finished a sign-in anywhere.
    FirstEver,
    /// Another tab of a browser that was new within the last minute.
    AnotherTab,
    /// It doesn't know the browser.
    New,
}

/// Remembers that the account finished a sign-in in this browser, and returns what it knew of the browser before. In the
/// account's turn ([`take_turn`](crate::users::take_turn)), or two sign-ins at once could both be the first.
pub fn know(
    tx: &mut Tx<'_>,
    browser: &StoredHandle,
    user: UserId,
    origin: &Origin,
    now: Timestamp,
) -> StoreResult<Familiarity> {
    let (address, since) = (origin.address.to_string(), now.minus(TABS));
    let familiarity = if is_known(tx, browser, user)? {
        Familiarity::Known
    } else if tx.changes_one(FIRST_SIGN_IN, values![now, user])? {
        Familiarity::FirstEver
    } else {
        let tabs = tx.row(TAB_OF_THE_SAME, values![user, since, &address, &origin.user_agent])?;
        match tabs.map(|mut row| row.int()).transpose()? {
            Some(1..) => Familiarity::AnotherTab,
            _ => Familiarity::New,
        }
    };
    tx.execute(KNOW, values![browser, user, now, address, &origin.user_agent])?;
    Ok(familiarity)
}

/// Whether the account has finished a sign-in in this browser.
pub fn is_known(tx: &mut Tx<'_>, browser: &StoredHandle, user: UserId) -> StoreResult<bool> {
    Ok(tx.row(IS_KNOWN, values![browser, user])?.is_some())
}

/// Forgets all browsers of an account.
pub fn forget_all(tx: &mut Tx<'_>, user: UserId) -> StoreResult<()> {
    tx.execute(FORGET_ALL, values![user]).map(drop)
}
