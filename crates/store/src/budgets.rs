//! Budgets of sends: core's [`Tally`], one row for each scope and subject.
//!
//! A send is charged in the write that queues its message, to all of its scopes or to none. The rows are locked in one
//! order, so that neither races nor nodes can exceed a budget, and two sends never wait for each other.

use crate::{
    Tx,
    error::{StoreError, StoreResult},
};
use countersign_core::{
    Timestamp,
    budget::{Budget, Exhausted, Scope, Tally},
};

sql! {
    LOCK = "INSERT INTO budgets (scope, subject, counted, ends_at) VALUES ($1, $2, '', $3) \
        ON CONFLICT (scope, subject) DO UPDATE SET subject = excluded.subject RETURNING counted, notified_at";
    CHARGED = "UPDATE budgets SET counted = $1, ends_at = $2, notified_at = $3 WHERE scope = $4 AND subject = $5";
    COUNTED = "SELECT counted FROM budgets WHERE scope = $1 AND subject = $2";
    OF_SCOPE = "SELECT subject, counted FROM budgets WHERE scope = $1";
}

/// One scope that a send is charged to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Charge {
    /// What is counted.
    pub scope: Scope,
    /// Whose it is: a number, a mailbox, an account, a network.
    pub subject: String,
    /// Only half of the budget may be used: it is a send that anyone can request.
    pub half: bool,
    /// How many times the budget this subject has: a wide network that many share has more than a narrow one.
    pub times: u32,
}

impl Charge {
    /// A charge to the whole budget.
    pub fn new(scope: Scope, subject: impl Into<String>) -> Self {
        Self { scope, subject: subject.into(), half: false, times: 1 }
    }

    /// A charge that is admitted only while less than half of the budget is used.
    #[must_use]
    pub fn half(self) -> Self {
        Self { half: true, ..self }
    }

    /// A charge to a subject that has the budget so many times.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    /// The whole budget of this subject.
    fn budget(&self, tx: &Tx<'_>) -> Budget {
        let budget = tx.budgets.of(self.scope);
        Budget { allowed: budget.allowed.saturating_mul(self.times), ..budget }
    }

    /// What of it this send may use.
    fn usable(&self, tx: &Tx<'_>) -> Budget {
        let budget = self.budget(tx);
        if self.half { budget.half() } else { budget }
    }
}

/// How much of a budget is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// What is counted.
    pub scope: Scope,
    /// Whose it is.
    pub subject: String,
    /// Sends that count now.
    pub used: u32,
    /// The most that may.
    pub allowed: u32,
    /// This send brought it to four fifths or more, for the first time within the window: the operator is to be
    /// notified, by the one who reads this and by no other node.
    pub notify: bool,
}

/// Why a send is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The scope that is used up for the longest time.
    pub scope: Scope,
    /// When every scope has room again.
    pub until: Timestamp,
}

fn read(text: &str) -> StoreResult<Tally> {
    text.parse().map_err(|_| StoreError::Corrupt("budgets.counted"))
}

/// A row that no other transaction can read for a change until this one ends.
struct Locked {
    charge: Charge,
    tally: Tally,
    notified_at: Option<Timestamp>,
}

fn lock(tx: &mut Tx<'_>, charge: Charge, now: Timestamp) -> StoreResult<Locked> {
    let row = tx.row(LOCK, values![charge.scope, &charge.subject, now])?;
    let mut row = row.ok_or(StoreError::Corrupt("budgets"))?;
    Ok(Locked { charge, tally: read(&row.text()?)?, notified_at: row.maybe_time()? })
}

/// Charges one send to all of these, or to none. The levels are those afterwards.
pub fn charge(
    tx: &mut Tx<'_>,
    mut charges: Vec<Charge>,
    now: Timestamp,
) -> StoreResult<Result<Vec<Level>, Refusal>> {
    charges.sort();
    charges.dedup_by(|a, b| (a.scope, &a.subject) == (b.scope, &b.subject));
    let rows = charges.into_iter().map(|charge| lock(tx, charge, now)).collect::<StoreResult<Vec<_>>>()?;
    let mut refusal: Option<Refusal> = None;
    for Locked { charge, tally, .. } in &rows {
        if let Err(Exhausted { until }) = tally.check(now, &charge.usable(tx))
            && refusal.as_ref().is_none_or(|refusal| refusal.until < until)
        {
            refusal = Some(Refusal { scope: charge.scope, until });
        }
    }
    if let Some(refusal) = refusal {
        return Ok(Err(refusal));
    }
    rows.into_iter().map(|row| count(tx, row, now)).collect::<StoreResult<_>>().map(Ok)
}

fn count(tx: &mut Tx<'_>, row: Locked, now: Timestamp) -> StoreResult<Level> {
    let Locked { charge, tally, notified_at } = row;
    let budget = charge.budget(tx);
    let Charge { scope, subject, .. } = charge;
    let tally = tally.charge(now, &budget).map_err(|_| StoreError::Corrupt("budgets"))?;
    let used = tally.used(now, &budget);
    let quiet = notified_at.is_none_or(|at| now.since(at) >= budget.window);
    let notify = scope.is_watched() && quiet && budget.is_nearly_used(used);
    let notified_at = if notify { Some(now) } else { notified_at };
    let ends_at = tally.ends_at(&budget).unwrap_or(now);
    tx.execute(CHARGED, values![tally.to_string(), ends_at, notified_at, scope, &subject])?;
    Ok(Level { scope, subject, used, allowed: budget.allowed, notify })
}

/// Whether a send would be admitted, without charging it.
pub fn peek(tx: &mut Tx<'_>, charge: &Charge, now: Timestamp) -> StoreResult<Result<(), Exhausted>> {
    let Some(mut row) = tx.row(COUNTED, values![charge.scope, &charge.subject])? else { return Ok(Ok(())) };
    Ok(read(&row.text()?)?.check(now, &charge.usable(tx)))
}

/// How much of each budget of this scope is used.
pub fn levels(tx: &mut Tx<'_>, scope: Scope, now: Timestamp) -> StoreResult<Vec<Level>> {
    let budget = tx.budgets.of(scope);
    let rows = tx.rows(OF_SCOPE, values![scope])?;
    let level = |mut row: crate::sql::Row| {
        let (subject, tally) = (row.text()?, read(&row.text()?)?);
        let used = tally.used(now, &budget);
        Ok(Level { scope, subject, used, allowed: budget.allowed, notify: false })
    };
    rows.into_iter().map(level).collect()
}
