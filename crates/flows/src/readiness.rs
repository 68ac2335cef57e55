//! Whether this server can serve: a probe that really writes, shared by all who ask.
//!
//! ```text
//!   asked ──(a result younger than a second)───────────────► that result
//!     │
//!     ├──(a probe is under way)──► wait for it ──(answer)──► its result
//!     └──(none)──► begin one ─────────┘  └─(2.5 s)─────────► not ready; the probe goes on, and no second one begins
//! ```

use crate::Services;
use countersign_core::Timestamp;
use countersign_store::{StoreError, readiness};
use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

/// For how long a result stands for the next one: the most often that a probe writes.
const FRESH: Duration = Duration::from_secs(1);

/// How long a probe may take. An answer within three seconds is promised.
const LIMIT: Duration = Duration::from_millis(2_500);

/// How far the clocks of this server and of its database may be apart. Several nodes share the database's records of time
/// steps, counters and expiry.
const SKEW: Duration = Duration::from_secs(5);

/// The start of 2025 and of 2100, in milliseconds: a clock outside says that it was never set, and with a wrong clock no
/// code of an app is right.
const PLAUSIBLE: Range<i64> = 1_735_689_600_000..4_102_444_800_000;

/// What whoever asks is told: nothing about why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The database takes writes, makes them durable, and is the one that was opened.
    pub database: bool,
    /// The clock is plausible, and within five seconds of the database's.
    pub clock: bool,
}

impl Report {
    /// Whether the server can serve.
    #[must_use]
    pub fn is_ready(self) -> bool {
        self.database && self.clock
    }
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Finding {
    Ready,
    /// It could not write.
    Database(String),
    /// The path of the database leads elsewhere.
    Replaced(String),
    /// Milliseconds by which this clock is ahead of the database's, or `None` where it was never set.
    Clock(Option<i64>),
    /// Nothing came in time.
    Silent,
}

impl Finding {
    /// The word for the metric and the log.
    fn word(&self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Database(_) => "database",
            Self::Replaced(_) => "database-replaced",
            Self::Clock(_) => "clock",
            Self::Silent => "no-answer",
        }
    }

    fn report(&self) -> Report {
        Report {
            database: matches!(self, Self::Ready | Self::Clock(_)),
            clock: !matches!(self, Self::Clock(_)),
        }
    }

    /// For the operator.
    fn log(&self) {
        let reason = self.word();
        match self {
            Self::Ready => tracing::info!("ready"),
            Self::Database(error) => {
                tracing::error!(reason, error, "not ready: the database cannot be written");
            }
            Self::Replaced(error) => tracing::error!(reason, error, "not ready"),
            Self::Clock(Some(ahead_ms)) => {
                tracing::error!(reason, ahead_ms, "not ready: the clocks of server and database differ");
            }
            Self::Clock(None) => tracing::error!(reason, "not ready: this server's clock was never set"),
            Self::Silent => tracing::error!(reason, "not ready: the database does not answer"),
        }
    }
}

/// The probe under way, the last result, and what the log was last told.
#[derive(Debug, Default)]
pub struct Readiness(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    running: Option<Running>,
    last: Option<(Instant, Report)>,
    logged: Option<&'static str>,
}

#[derive(Debug)]
struct Running {
    since: Instant,
    report: watch::Receiver<Option<Report>>,
    /// Somebody has waited for it in vain.
    silent: bool,
}

/// Answers within three seconds, whatever hangs.
pub async fn check(s: &Services) -> Report {
    let (since, mut report) = match s.readiness.join(s) {
        Ok(report) => return report,
        Err(running) => running,
    };
    let answered = timeout_at(since + LIMIT, report.wait_for(Option::is_some)).await;
    let answered = answered.ok().and_then(Result::ok).and_then(|report| *report);
    answered.unwrap_or_else(|| s.readiness.gave_no_answer())
}

impl Readiness {
    /// The last result where it is fresh, or else the probe under way, which is begun where there is none.
    fn join(&self, s: &Services) -> Result<Report, (Instant, watch::Receiver<Option<Report>>)> {
        let mut state = self.state();
        let now = Instant::now();
        if let Some((at, report)) = state.last
            && now.duration_since(at) < FRESH
        {
            return Ok(report);
        }
        if let Some(running) = &state.running {
            return Err((running.since, running.report.clone()));
        }
        let (sender, report) = watch::channel(None);
        state.running = Some(Running { since: now, report: report.clone(), silent: false });
        let services = s.clone();
        tokio::spawn(async move {
            // A task of its own, so that a panic ends the probe and is not taken for one that still runs.
            let task = services.clone();
            let finding = tokio::spawn(async move { probe(&task).await }).await;
            let finding = finding.unwrap_or_else(|error| Finding::Database(error.to_string()));
            sender.send_replace(Some(services.readiness.finished(&finding)));
        });
        Err((now, report))
    }

    fn finished(&self, finding: &Finding) -> Report {
        let mut state = self.state();
        let counted = state.running.take().is_some_and(|running| running.silent);
        let report = finding.report();
        state.last = Some((Instant::now(), report));
        if !counted {
            count(finding);
        }
        state.log(finding);
        report
    }

    /// The probe under way is late. That is counted once.
    fn gave_no_answer(&self) -> Report {
        let mut state = self.state();
        let first =
            state.running.as_mut().is_some_and(|running| !std::mem::replace(&mut running.silent, true));
        if first {
            count(&Finding::Silent);
            state.log(&Finding::Silent);
        }
        Finding::Silent.report()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Once for each change.
    fn log(&mut self, finding: &Finding) {
        if self.logged.replace(finding.word()) != Some(finding.word()) {
            finding.log();
        }
    }
}

fn count(finding: &Finding) {
    metrics::counter!("countersign_readiness_probes_total", "outcome" => finding.word()).increment(1);
}

async fn probe(s: &Services) -> Finding {
    if let Err(error) = s.store.is_in_place().await {
        return of_database(&error);
    }
    let clock = Arc::clone(&s.clock);
    let looked = s
        .store
        .write(move |tx| {
            readiness::write(tx, clock.now())?;
            let before = clock.now();
            Ok((before, readiness::database_time(tx)?, clock.now()))
        })
        .await;
    match looked {
        Ok((before, database, after)) => of_clock(before, database, after),
        Err(error) => of_database(&error),
    }
}

fn of_database(error: &StoreError) -> Finding {
    match error {
        StoreError::Replaced(_) => Finding::Replaced(error.to_string()),
        _ => Finding::Database(error.to_string()),
    }
}

/// This clock, looked at before and after the database's. Time that passes in between is not taken for skew.
fn of_clock(before: Timestamp, database: Option<Timestamp>, after: Timestamp) -> Finding {
    if !PLAUSIBLE.contains(&after.millis()) {
        return Finding::Clock(None);
    }
    let ahead = database.map_or(0, |database| {
        let (least, most) = (before.millis() - database.millis(), after.millis() - database.millis());
        if least > 0 { least } else { most.min(0) }
    });
    if u128::from(ahead.unsigned_abs()) > SKEW.as_millis() {
        Finding::Clock(Some(ahead))
    } else {
        Finding::Ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_clock_that_was_never_set_is_noticed() {
        for wrong in [0, 1_735_689_599_999, 4_102_444_800_000, i64::MAX] {
            assert_eq!(of_clock(at(wrong), None, at(wrong)), Finding::Clock(None), "{wrong}");
        }
        assert_eq!(of_clock(at(NOW), None, at(NOW)), Finding::Ready);
    }

    #[test]
    fn five_seconds_apart_are_still_good_and_waiting_is_not_being_apart() {
        let look = |database: i64, took: i64| of_clock(at(NOW), Some(at(NOW + database)), at(NOW + took));
        for (database, took) in
            [(0, 0), (5_000, 0), (-5_000, 0), (7_000, 2_000), (1_000, 60_000), (-5_000, 9_000)]
        {
            assert_eq!(look(database, took), Finding::Ready, "{database} {took}");
        }
        assert_eq!(look(5_001, 0), Finding::Clock(Some(-5_001)));
        assert_eq!(look(90_000, 10), Finding::Clock(Some(-89_990)));
        assert_eq!(look(-5_001, 0), Finding::Clock(Some(5_001)));
        assert_eq!(look(-90_000, 10), Finding::Clock(Some(90_000)));
    }

    #[test]
    fn each_finding_fails_its_own_line() {
        let both = |finding: Finding| {
            let report = finding.report();
            (report.database, report.clock, report.is_ready())
        };
        assert_eq!(both(Finding::Ready), (true, true, true));
        assert_eq!(both(Finding::Clock(None)), (true, false, false));
        for finding in [Finding::Silent, Finding::Database(String::new()), Finding::Replaced(String::new())] {
            assert_eq!(both(finding), (false, true, false));
        }
    }
}
