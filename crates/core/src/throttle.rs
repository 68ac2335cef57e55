//! How wrong guesses are counted.
//!
//! One counter is charged **before** a guess is looked at, in a write of its own, and settled afterwards. So parallel
//! guesses cannot slip past it, and no rolled-back sign-in gives a guess back.
//!
//! ```text
//!             charge: failures + 1                       settle(Right): this charge and all before it are forgotten
//!   open ───────────────────────────► open, or closed    settle(NotAGuess): this one charge is taken back
//!     ▲                                 │                settle never called (wrong, or a crash): it stays
//!     └────── closed_until is past ─────┘
//!   closed: charge is refused, and costs nothing
//! ```
//!
//! Three shapes ([`Pace`]): the second step closes after every `allowed` failures, for twice as long each time; passwords
//! slow down with every failure past `allowed`; and an account's run of wrong passwords over all networks stops there.

use crate::ambient::Timestamp;
use std::time::Duration;

/// How the pauses grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// A pause after every `allowed`-th failure, doubling from pause to pause.
    Closing,
    /// A pause after the `allowed`-th failure and after each one that follows, doubling each time.
    Slowing,
    /// Nothing more after the `allowed`-th failure, however much time passes, until the counter is forgotten.
    Stopping,
}

/// The limits of one kind of counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Failures before the first pause. At least 1.
    pub allowed: u32,
    /// The first pause.
    pub first_pause: Duration,
    /// No pause is longer than this.
    pub longest_pause: Duration,
    /// How the pauses grow.
    pub pace: Pace,
    /// Failures are forgotten after this much quiet; `None` where only a right answer forgets them
    /// (NIST SP 800-63B-4 §3.2.2 counts *consecutive* failures, however far apart).
    pub forgotten_after: Option<Duration>,
}

/// One counter as it is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counter {
    /// Failures in a row, guesses that are being looked at included.
    pub failures: u32,
    /// Nothing is admitted before this moment.
    pub closed_until: Option<Timestamp>,
    /// The last charge.
    pub charged_at: Option<Timestamp>,
}

/// A charge that was admitted: what to hand back when the guess has been looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    number: u32,
    crossed: Option<Timestamp>,
    before_pause: BeforePause,
}

/// How far a charge is from the counter's next pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BeforePause {
    /// How many more guesses are admitted before it; 0 if this charge brought it about.
    pub left: u32,
    /// How long the pause will be.
    pub pause: Duration,
}

impl BeforePause {
    /// Whether so few guesses are left that the account holder is warned: three, or fewer.
    pub fn is_near(self) -> bool {
        self.left <= 3
    }
}

impl Ticket {
    /// Until when this very charge closed the counter, if it did.
    pub fn closes_until(&self) -> Option<Timestamp> {
        self.crossed
    }

    /// How far this very charge was from the next pause, as it was counted.
    pub fn before_pause(&self) -> BeforePause {
        self.before_pause
    }
}

/// What a guess turned out to be, where that takes something back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was right: the row of failures is broken.
    Right,
    /// It was no guess at all (a code that was right and already spent, a typing error that the check character shows).
    NotAGuess,
}

/// The counter is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many attempts")]
pub struct Closed {
    /// When it opens again.
    pub until: Timestamp,
}

impl Closed {
    /// Whether no passing of time opens it again ([`Pace::Stopping`]).
    pub fn is_for_good(&self) -> bool {
        self.until == Timestamp::from_millis(i64::MAX)
    }
}

impl Counter {
    /// Charges one guess.
    pub fn charge(mut self, now: Timestamp, limits: &Limits) -> Result<(Self, Ticket), Closed> {
        self.check(now)?;
        let quiet = self.charged_at.map(|at| now.since(at));
        if let (Some(limit), Some(quiet)) = (limits.forgotten_after, quiet)
            && quiet >= limit
        {
            self = Self::default();
        }
        self.failures = self.failures.saturating_add(1);
        self.charged_at = Some(now);
        let crossed = limits.pause_after(self.failures).map(|pause| now.plus(pause));
        if crossed.is_some() {
            self.closed_until = crossed;
        }
        let before_pause = limits.before_pause(self.failures);
        Ok((self, Ticket { number: self.failures, crossed, before_pause }))
    }

    /// Whether a guess would be admitted, without charging it.
    pub fn check(&self, now: Timestamp) -> Result<(), Closed> {
        match self.closed_until {
            Some(until) if now < until => Err(Closed { until }),
            _ => Ok(()),
        }
    }

    /// Takes back what `verdict` takes back of the charge `ticket`.
    #[must_use]
    pub fn settle(mut self, ticket: Ticket, verdict: Verdict) -> Self {
        let back = match verdict {
            Verdict::Right => ticket.number,
            Verdict::NotAGuess => 1,
        };
        self.failures = self.failures.saturating_sub(back);
        // A pause stays only if a failure that still counts brought it about: not this one, and not one before a success.
        let own = ticket.crossed.is_some() && self.closed_until == ticket.crossed;
        if own || self.failures == 0 {
            self.closed_until = None;
        }
        self
    }
}

impl Limits {
    /// The same pauses for something that is allowed `times` as many failures: a wider network
    /// ([`Network::weight`](crate::network::Network::weight)).
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { allowed: self.allowed.saturating_mul(times), ..self }
    }

    /// How many guesses are left after `failures` in a row, and the pause that the last of them brings about.
    fn before_pause(&self, failures: u32) -> BeforePause {
        let allowed = self.allowed.max(1);
        let left = match self.pace {
            Pace::Closing => (allowed - failures % allowed) % allowed,
            Pace::Slowing | Pace::Stopping => allowed.saturating_sub(failures),
        };
        let pause = self.pause_after(failures.saturating_add(left)).unwrap_or(self.first_pause);
        BeforePause { left, pause }
    }

    /// The pause that the `failures`-th failure in a row brings about.
    fn pause_after(&self, failures: u32) -> Option<Duration> {
        let allowed = self.allowed.max(1);
        let doublings = match self.pace {
            Pace::Closing if failures.is_multiple_of(allowed) => failures / allowed - 1,
            Pace::Slowing if failures >= allowed => failures - allowed,
            Pace::Stopping if failures >= allowed => return Some(Duration::MAX),
            _ => return None,
        };
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        Some(self.first_pause.saturating_mul(factor).min(self.longest_pause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const SECOND_STEP: Limits = Limits {
        allowed: 10,
        first_pause: Duration::from_secs(15 * 60),
        longest_pause: Duration::from_secs(7 * 24 * 3600),
        pace: Pace::Closing,
        forgotten_after: None,
    };
    const PASSWORD: Limits = Limits {
        allowed: 5,
        first_pause: Duration::from_secs(30),
        longest_pause: Duration::from_secs(15 * 60),
        pace: Pace::Slowing,
        forgotten_after: Some(Duration::from_secs(24 * 3600)),
    };

    #[test]
    fn ten_wrong_codes_close_for_fifteen_minutes_and_the_next_ten_for_thirty() {
        let mut now = Timestamp::from_millis(0);
        let mut counter = Counter::default();
        for round in 0..9 {
            for _ in 0..10 {
                (counter, _) = counter.charge(now, &SECOND_STEP).unwrap();
            }
            let pause = 15 * MINUTE * 2_u32.pow(round);
            assert_eq!(counter.charge(now, &SECOND_STEP), Err(Closed { until: now.plus(pause) }));
            now = now.plus(pause);
        }
        assert_eq!(counter.failures, 90);
    }

    #[test]
    fn passwords_slow_down_and_are_forgotten() {
        let mut now = Timestamp::from_millis(0);
        let mut counter = Counter::default();
        for _ in 0..5 {
            (counter, _) = counter.charge(now, &PASSWORD).unwrap();
        }
        for pause in [30, 60, 120, 240, 480, 900, 900] {
            let until = now.plus(Duration::from_secs(pause));
            assert_eq!(counter.charge(now, &PASSWORD), Err(Closed { until }));
            now = until;
            (counter, _) = counter.charge(now, &PASSWORD).unwrap();
        }
        now = now.plus(Duration::from_secs(24 * 3600));
        (counter, _) = counter.charge(now, &PASSWORD).unwrap();
        assert_eq!(counter.failures, 1);
    }

    const ACCOUNT: Limits = Limits {
        allowed: 100,
        pace: Pace::Stopping,
        forgotten_after: Some(Duration::from_secs(365 * 24 * 3600)),
        ..PASSWORD
    };

    #[test]
    fn a_hundred_wrong_passwords_stop_however_long_one_waits() {
        let mut now = Timestamp::from_millis(0);
        let mut counter = Counter::default();
        let mut last = None;
        for _ in 0..100 {
            now = now.plus(100 * 24 * 60 * MINUTE);
            let (charged, ticket) = counter.charge(now, &ACCOUNT).unwrap();
            (counter, last) = (charged, Some(ticket));
        }
        let later = now.plus(100 * 365 * 24 * 60 * MINUTE);
        assert!(counter.charge(later, &ACCOUNT).unwrap_err().is_for_good());
        assert_eq!(
            counter.settle(last.unwrap(), Verdict::NotAGuess).check(later),
            Ok(()),
            "the last was right"
        );
        let paused = Counter::default().charge(now, &Limits { allowed: 1, ..SECOND_STEP }).unwrap().0;
        assert!(!paused.check(now).unwrap_err().is_for_good());
    }

    #[test]
    fn a_wider_network_is_allowed_more_and_then_waits_as_long() {
        let wider = PASSWORD.times(4);
        assert_eq!(wider, Limits { allowed: 20, ..PASSWORD });
    }

    #[test]
    fn a_charge_says_how_many_guesses_are_left_before_which_pause() {
        let mut now = Timestamp::from_millis(0);
        let mut counter = Counter::default();
        for number in 1..=20_u32 {
            if let Err(closed) = counter.check(now) {
                now = closed.until;
            }
            let (charged, ticket) = counter.charge(now, &SECOND_STEP).unwrap();
            counter = charged;
            let pause = if number <= 10 { 15 * MINUTE } else { 30 * MINUTE };
            let left = if number <= 10 { 10 - number } else { 20 - number };
            assert_eq!(ticket.before_pause(), BeforePause { left, pause }, "{number}");
            assert_eq!(ticket.before_pause().is_near(), number % 10 >= 7 || number % 10 == 0, "{number}");
        }
        let last = Counter { failures: u32::MAX - 1, ..Counter::default() };
        let three = Limits { allowed: 3, ..SECOND_STEP };
        assert_eq!(last.charge(now, &three).unwrap().1.before_pause().left, 0, "no arithmetic overflows");
    }

    #[test]
    fn the_tenth_guess_reopens_if_it_was_right() {
        let now = Timestamp::from_millis(0);
        let mut counter = Counter::default();
        let mut last = None;
        for _ in 0..10 {
            let (next, ticket) = counter.charge(now, &SECOND_STEP).unwrap();
            (counter, last) = (next, Some(ticket));
        }
        assert!(counter.check(now).is_err());
        assert_eq!(
            counter.settle(last.unwrap(), Verdict::Right),
            Counter { charged_at: Some(now), ..Counter::default() }
        );
        let spent = counter.settle(last.unwrap(), Verdict::NotAGuess);
        assert_eq!((spent.failures, spent.check(now)), (9, Ok(())));
    }

    proptest! {
        /// Whatever order guesses are charged and settled in, at most `allowed` guesses that stay wrong are admitted
        /// before a pause.
        #[test]
        fn never_more_than_allowed_wrong_guesses_before_a_pause(settled in proptest::collection::vec(any::<bool>(), 1..400)) {
            let now = Timestamp::from_millis(0);
            let mut counter = Counter::default();
            let mut wrong = 0;
            for not_a_guess in settled {
                match counter.charge(now, &SECOND_STEP) {
                    Ok((charged, ticket)) if not_a_guess => counter = charged.settle(ticket, Verdict::NotAGuess),
                    Ok((charged, _)) => { counter = charged; wrong += 1; }
                    Err(_) => break,
                }
            }
            prop_assert!(wrong <= 10);
            prop_assert_eq!(counter.check(now).is_err(), wrong == 10);
        }

        /// However guesses and waits alternate, no more than `allowed` that stay wrong are admitted without a quiet year.
        #[test]
        fn never_more_than_a_hundred_wrong_passwords_in_a_row(
            steps in proptest::collection::vec((any::<bool>(), 0_u64..364), 1..400),
        ) {
            let mut now = Timestamp::from_millis(0);
            let (mut counter, mut wrong) = (Counter::default(), 0);
            for (right, days) in steps {
                now = now.plus(Duration::from_secs(days * 24 * 3600));
                if let Ok((charged, ticket)) = counter.charge(now, &ACCOUNT) {
                    // A right password takes back its own charge only.
                    counter = if right { charged.settle(ticket, Verdict::NotAGuess) } else { charged };
                    wrong += u32::from(!right);
                }
            }
            prop_assert!(wrong <= 100);
        }

        /// A success forgets what came before it, and keeps what was charged after it.
        #[test]
        fn a_success_forgets_only_what_came_before(before in 0_u32..8, after in 0_u32..8) {
            let now = Timestamp::from_millis(0);
            let limits = Limits { allowed: 100, ..SECOND_STEP };
            let mut counter = Counter::default();
            for _ in 0..before { (counter, _) = counter.charge(now, &limits).unwrap(); }
            let (mut counter, ticket) = counter.charge(now, &limits).unwrap();
            for _ in 0..after { (counter, _) = counter.charge(now, &limits).unwrap(); }
            prop_assert_eq!(counter.settle(ticket, Verdict::Right).failures, after);
        }

        /// No arithmetic overflows, however long a row of failures.
        #[test]
        fn pauses_never_shrink(failures in 1_u32..u32::MAX) {
            for limits in [SECOND_STEP, PASSWORD] {
                if let Some(pause) = limits.pause_after(failures) {
                    prop_assert!(pause >= limits.first_pause && pause <= limits.longest_pause);
                }
            }
        }
    }
}
