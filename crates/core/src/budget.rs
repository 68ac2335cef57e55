//! How many messages may be sent. Only the passage of time gives a budget back: no correct code, no new sign-in and no
//! restart does.
//!
//! A [`Budget`] allows so many sends in a window. A [`Tally`] remembers when the sends were made that still count.
//! **Guarantee**: in any interval as long as the window, wherever it begins, at most `Budget::allowed` sends are
//! admitted. A fixed window ("per calendar day") would admit twice as many around its border.
//!
//! Up to [`EXACT`] sends are remembered to the millisecond. Above that, moments are rounded up to a 24th of the window,
//! so that a row stays small: a send then counts for up to a 24th longer than the window, never shorter.
//!
//! [`Scope`] lists what is counted, and [`Budgets`] how much each scope allows.

mod scope;

pub use scope::{Budgets, Scope};

use crate::ambient::Timestamp;
use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

/// Budgets up to this size are counted to the millisecond.
pub const EXACT: u32 = 24;

/// Into so many parts the window of a larger budget is divided.
const PARTS: i64 = 24;

/// How many sends are allowed in how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The most sends in any interval as long as `window`. 0 counts as 1: a budget cannot turn a channel off.
    pub allowed: u32,
    /// The length of that interval.
    pub window: Duration,
}

/// The budget is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the budget is used up")]
pub struct Exhausted {
    /// When there is room for one more send.
    pub until: Timestamp,
}

/// The sends of one scope that still count: when, and how many. Its text form is what the database keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<i64, u32>);

impl Budget {
    fn allowed(&self) -> u32 {
        self.allowed.max(1)
    }

    fn window_millis(&self) -> i64 {
        i64::try_from(self.window.as_millis()).unwrap_or(i64::MAX)
    }

    /// The moment under which a send at `now` is counted: never before it, and less than a part of the window after.
    fn moment(&self, now: i64) -> i64 {
        let part = if self.allowed() <= EXACT { 1 } else { (self.window_millis() / PARTS).max(1) };
        now.saturating_add(part - 1).div_euclid(part).saturating_mul(part)
    }

    /// The budget of which only half may be used. For what anyone can request without signing in: a flood of it leaves
    /// the other half to those who have.
    #[must_use]
    pub fn half(self) -> Self {
        Self { allowed: (self.allowed / 2).max(1), ..self }
    }

    /// Whether `used` sends are four fifths of the budget or more: when the operator is notified.
    pub fn is_nearly_used(&self, used: u32) -> bool {
        u64::from(used) * 5 >= u64::from(self.allowed()) * 4
    }
}

impl Tally {
    /// Counts one send at `now`, if the budget has room for it.
    ///
    /// # Errors
    ///
    /// [`Exhausted`], and nothing is counted.
    pub fn charge(mut self, now: Timestamp, budget: &Budget) -> Result<Self, Exhausted> {
        self.check(now, budget)?;
        self.forget(now, budget);
        let count = self.0.entry(budget.moment(now.millis())).or_default();
        *count = count.saturating_add(1);
        Ok(self)
    }

    /// Whether the budget has room for one more send.
    ///
    /// # Errors
    ///
    /// [`Exhausted`] if it has none.
    pub fn check(&self, now: Timestamp, budget: &Budget) -> Result<(), Exhausted> {
        let mut live = self.clone();
        live.forget(now, budget);
        let Some(mut surplus) = live.sum().checked_sub(budget.allowed()) else { return Ok(()) };
        for (at, count) in &live.0 {
            match surplus.checked_sub(*count) {
                Some(rest) => surplus = rest,
                None => return Err(Exhausted { until: Timestamp::from_millis(*at).plus(budget.window) }),
            }
        }
        Ok(())
    }

    /// How many sends count at `now`.
    pub fn used(&self, now: Timestamp, budget: &Budget) -> u32 {
        let mut live = self.clone();
        live.forget(now, budget);
        live.sum()
    }

    /// When the last send stops counting; `None` where none counts.
    pub fn ends_at(&self, budget: &Budget) -> Option<Timestamp> {
        self.0.last_key_value().map(|(at, _)| Timestamp::from_millis(*at).plus(budget.window))
    }

    fn sum(&self) -> u32 {
        self.0.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Drops what no longer counts. What lies more than a window ahead comes from a clock that has been set back since:
    /// it counts from now.
    fn forget(&mut self, now: Timestamp, budget: &Budget) {
        let (now, window) = (now.millis(), budget.window_millis());
        self.0.retain(|at, _| at.saturating_add(window) > now);
        let ahead = self.0.split_off(&now.saturating_add(window).saturating_add(1));
        if !ahead.is_empty() {
            let count = self.0.entry(budget.moment(now)).or_default();
            *count = ahead.values().fold(*count, |sum, more| sum.saturating_add(*more));
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (at, count)) in self.0.iter().enumerate() {
            let space = if i == 0 { "" } else { " " };
            write!(f, "{space}{at}:{count}")?;
        }
        Ok(())
    }
}

/// A text that is no [`Tally`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a tally")]
pub struct NotATally;

impl FromStr for Tally {
    type Err = NotATally;

    fn from_str(text: &str) -> Result<Self, NotATally> {
        let entry = |word: &str| {
            let (at, count) = word.split_once(':').ok_or(NotATally)?;
            Ok((at.parse().map_err(|_| NotATally)?, count.parse().map_err(|_| NotATally)?))
        };
        text.split_whitespace().map(entry).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const FIVE: Budget = Budget { allowed: 5, window: Duration::from_secs(15 * 60) };

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn five_in_fifteen_minutes_and_the_sixth_when_the_first_is_fifteen_minutes_old() {
        let mut tally = Tally::default();
        for minute in 0..5 {
            tally = tally.charge(at(minute * 60_000), &FIVE).unwrap();
        }
        let until = at(0).plus(15 * MINUTE);
        assert_eq!(tally.clone().charge(at(899_999), &FIVE), Err(Exhausted { until }));
        assert_eq!(tally.used(at(899_999), &FIVE), 5);
        let tally = tally.charge(until, &FIVE).unwrap();
        assert_eq!(tally.check(until, &FIVE), Err(Exhausted { until: at(960_000) }));
    }

    #[test]
    fn a_budget_that_was_lowered_is_used_up_until_enough_is_forgotten() {
        let mut tally = Tally::default();
        for second in 0..5 {
            tally = tally.charge(at(second * 1000), &FIVE).unwrap();
        }
        let two = Budget { allowed: 2, ..FIVE };
        assert_eq!(tally.check(at(5000), &two), Err(Exhausted { until: at(3000).plus(15 * MINUTE) }));
    }

    #[test]
    fn a_clock_that_was_set_back_closes_nothing_for_longer_than_two_windows() {
        let mut tally = Tally::default();
        for _ in 0..5 {
            tally = tally.charge(at(1_000_000_000), &FIVE).unwrap();
        }
        assert_eq!(tally.check(at(0), &FIVE), Err(Exhausted { until: at(900_000) }));
        assert_eq!(tally.used(at(0), &FIVE), 5);
    }

    #[test]
    fn four_fifths_are_nearly_all() {
        let budget = Budget { allowed: 10, ..FIVE };
        assert!(!budget.is_nearly_used(7) && budget.is_nearly_used(8) && budget.is_nearly_used(10));
        assert_eq!((budget.half().allowed, Budget { allowed: 1, ..FIVE }.half().allowed), (5, 1));
    }

    proptest! {
        /// However sends are spread, no interval as long as the window has more than the budget allows; and the moment
        /// that a refusal names is the first with room.
        #[test]
        fn no_interval_has_more_than_is_allowed(
            allowed in 1_u32..60,
            gaps in prop::collection::vec(0_i64..30_000, 1..400),
        ) {
            let budget = Budget { allowed, window: Duration::from_secs(600) };
            let (mut now, mut tally, mut admitted) = (1_800_000_000_123_i64, Tally::default(), Vec::new());
            for gap in gaps {
                now += gap;
                match tally.clone().charge(at(now), &budget) {
                    Ok(charged) => { tally = charged; admitted.push(now); }
                    Err(Exhausted { until }) => {
                        prop_assert!(until > at(now));
                        prop_assert!(tally.check(until, &budget).is_ok());
                        prop_assert!(tally.check(at(until.millis() - 1), &budget).is_err());
                        let counted = 600_000 + 600_000 / PARTS;
                        let recent = admitted.iter().filter(|sent| **sent > now - counted).count();
                        prop_assert!(recent >= allowed as usize, "refused with room left");
                    }
                }
                prop_assert!(tally.0.len() <= EXACT as usize + 2);
            }
            for (i, first) in admitted.iter().enumerate() {
                let within = admitted[i..].iter().take_while(|sent| **sent < first + 600_000).count();
                prop_assert!(within <= allowed as usize);
            }
        }

        /// What is stored is what was counted.
        #[test]
        fn a_tally_reads_back(gaps in prop::collection::vec(0_i64..100_000, 0..60)) {
            let (mut now, mut tally) = (0, Tally::default());
            let budget = Budget { allowed: 1000, ..FIVE };
            for gap in gaps {
                now += gap;
                tally = tally.charge(at(now), &budget).unwrap();
            }
            prop_assert_eq!(tally.to_string().parse::<Tally>(), Ok(tally));
        }
    }

    #[test]
    fn what_is_no_tally_is_refused() {
        for bad in ["1", "1:", ":1", "1:-1", "a:1", "1:1,2:2"] {
            assert_eq!(bad.parse::<Tally>(), Err(NotATally), "{bad:?}");
        }
    }
}
