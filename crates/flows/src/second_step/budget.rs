//! Which counter a guess is charged to.
//!
//! Every guess is charged to the account's one counter while that is open. While it is closed, two budgets of their own
//! remain for the owner, so someone who has the password can't keep the owner out:
//!
//! - *a known browser*: one in which the account has finished a sign-in before. Someone who only has the password has none.
//! - *after a reset*: for a day after a link to the mailbox has set a new password, sign-ins with it. Someone who only has
//!   the old password can't begin one. The counter is the account's, whatever number of resets there are, and pauses for a
//!   day each time: a thief of the mailbox gets no more than its few guesses a day.
//!
//! Whichever counter was charged, a wrong code also counts toward its authenticator's 100 in a row (`failures`), so the sum
//! stays bounded. See docs/decisions/0019.

use crate::{Rules, sign_in::hex};
use countersign_core::{
    Timestamp,
    ids::UserId,
    secret::StoredHandle,
    throttle::{BeforePause, Closed, Limits, Ticket, Verdict},
};
use countersign_store::{StoreResult, Tx, known_browsers, throttles, users};
use std::time::Duration;

/// For how long after a reset by link sign-ins have their own budget.
const AFTER_RESET: Duration = Duration::from_secs(24 * 3600);

/// The account's one counter, over all kinds of second step, sign-ins, sessions and restarts.
pub(crate) fn counter(user: UserId) -> String {
    format!("second-step:{user}")
}

/// Who guesses: the account, and the browser's known-browser handle, if it has one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guesser {
    pub(crate) user: UserId,
    pub(crate) browser: Option<StoredHandle>,
}

/// A budget that a guess was charged to.
#[derive(Clone, Copy, Debug)]
enum Budget {
    Account,
    KnownBrowser(StoredHandle),
    AfterReset,
}

impl Budget {
    fn counter(self, user: UserId, rules: &Rules) -> (String, Limits) {
        match self {
            Self::Account => (counter(user), rules.second_step),
            Self::KnownBrowser(browser) => {
                (format!("second-step-known:{user}:{}", hex(&browser)), rules.second_step_known_browser)
            }
            Self::AfterReset => (format!("second-step-reset:{user}"), rules.second_step_after_reset),
        }
    }
}

/// The guess that was charged: settle it when the code has been compared.
#[derive(Clone, Debug)]
pub(crate) struct Charge {
    user: UserId,
    key: String,
    budget: Budget,
    ticket: Ticket,
}

impl Charge {
    /// Until when this very charge closed its counter, if it did.
    pub(super) fn closes_until(&self) -> Option<Timestamp> {
        self.ticket.closes_until()
    }

    /// How far this very charge was from the next pause of its budget.
    pub(super) fn before_pause(&self) -> BeforePause {
        self.ticket.before_pause()
    }

    /// Takes back what `verdict` takes back. A right code after a reset lifts the account's pause as well: mailbox, new
    /// password and second step were all shown. A right code in a known browser leaves it: it pauses the others.
    pub(super) fn settle(&self, tx: &mut Tx<'_>, verdict: Verdict) -> StoreResult<()> {
        throttles::settle(tx, &self.key, self.ticket, verdict)?;
        match (self.budget, verdict) {
            (Budget::AfterReset, Verdict::Right) => lift(tx, self.user),
            _ => Ok(()),
        }
    }
}

/// Charges a guess, to the first budget that is open. Commit it before the code is compared.
pub(super) fn charge(
    tx: &mut Tx<'_>,
    guesser: Guesser,
    rules: &Rules,
    now: Timestamp,
) -> StoreResult<Result<Charge, Closed>> {
    let charge = |tx: &mut Tx<'_>, budget: Budget| {
        let user = guesser.user;
        let (key, limits) = budget.counter(user, rules);
        let charged = throttles::charge(tx, &key, now, &limits)?;
        Ok(charged.map(|ticket| Charge { user, key, budget, ticket }))
    };
    first_open(tx, guesser, now, charge)
}

/// Whether a guess would be admitted, without charging it.
pub(super) fn peek(
    tx: &mut Tx<'_>,
    guesser: Guesser,
    rules: &Rules,
    now: Timestamp,
) -> StoreResult<Result<(), Closed>> {
    let peek =
        |tx: &mut Tx<'_>, budget: Budget| throttles::peek(tx, &budget.counter(guesser.user, rules).0, now);
    first_open(tx, guesser, now, peek)
}

/// Ends the account's pause: its password was changed by someone who has shown the second step.
pub(crate) fn lift(tx: &mut Tx<'_>, user: UserId) -> StoreResult<()> {
    throttles::forget(tx, &counter(user))
}

fn first_open<T>(
    tx: &mut Tx<'_>,
    guesser: Guesser,
    now: Timestamp,
    mut attempt: impl FnMut(&mut Tx<'_>, Budget) -> StoreResult<Result<T, Closed>>,
) -> StoreResult<Result<T, Closed>> {
    let mut closed = match attempt(tx, Budget::Account)? {
        Ok(admitted) => return Ok(Ok(admitted)),
        Err(closed) => closed,
    };
    for budget in of_the_owner(tx, guesser, now)? {
        match attempt(tx, budget)? {
            Ok(admitted) => return Ok(Ok(admitted)),
            Err(other) => closed.until = closed.until.min(other.until),
        }
    }
    Ok(Err(closed))
}

/// The budgets that someone who only has the password doesn't have.
fn of_the_owner(tx: &mut Tx<'_>, guesser: Guesser, now: Timestamp) -> StoreResult<Vec<Budget>> {
    let mut budgets = Vec::new();
    if let Some(browser) = guesser.browser
        && known_browsers::is_known(tx, &browser, guesser.user)?
    {
        budgets.push(Budget::KnownBrowser(browser));
    }
    // Every sign-in that was waiting when the link was used has ended, so one that waits now began with the new password.
    let reset = users::by_id(tx, guesser.user)?.and_then(|account| account.password_by_link_at);
    if reset.is_some_and(|at| at <= now && now.since(at) < AFTER_RESET) {
        budgets.push(Budget::AfterReset);
    }
    Ok(budgets)
}
