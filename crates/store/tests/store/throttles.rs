//! Counters.

use crate::harness::{DAY, HOUR, MINUTE, NOW, later, on_both};
use countersign_core::throttle::{Closed, Limits, Pace, Verdict};
use countersign_store::throttles;

pub(crate) const SECOND_STEP: Limits =
    Limits { allowed: 10, first_pause: HOUR, longest_pause: DAY, pace: Pace::Closing, forgotten_after: None };

#[tokio::test]
async fn a_counter_closes_and_its_key_is_its_own() {
    on_both(async |w| {
        let charge = |key: &'static str, at| w.write(move |tx| throttles::charge(tx, key, at, &SECOND_STEP));
        let peek = |key: &'static str, at| w.read(move |tx| throttles::peek(tx, key, at));
        assert_eq!(peek("mia", NOW).await, Ok(()));
        for _ in 0..10 {
            assert!(charge("mia", NOW).await.is_ok());
        }
        let closed = Closed { until: later(HOUR) };
        assert_eq!(charge("mia", later(MINUTE)).await, Err(closed));
        assert_eq!(peek("mia", later(MINUTE)).await, Err(closed));
        assert_eq!(w.sql("SELECT failures FROM throttles"), "10", "a refusal costs nothing");
        assert!(charge("ole", NOW).await.is_ok());
        assert_eq!(peek("mia", later(HOUR)).await, Ok(()));
        for _ in 0..10 {
            assert!(charge("mia", later(HOUR)).await.is_ok());
        }
        assert_eq!(charge("mia", later(HOUR)).await, Err(Closed { until: later(3 * HOUR) }));
    })
    .await;
}

#[tokio::test]
async fn a_right_answer_takes_back_what_came_before_it() {
    on_both(async |w| {
        let charge = || w.write(|tx| throttles::charge(tx, "mia", NOW, &SECOND_STEP));
        let settle = |ticket, verdict| w.write(move |tx| throttles::settle(tx, "mia", ticket, verdict));
        let failures = || w.sql("SELECT failures FROM throttles");
        let first = charge().await.unwrap();
        settle(first, Verdict::NotAGuess).await;
        assert_eq!(failures(), "0");
        for _ in 0..9 {
            charge().await.unwrap();
        }
        let tenth = charge().await.unwrap();
        assert!(charge().await.is_err());
        settle(tenth, Verdict::Right).await;
        assert_eq!(failures(), "0");
        assert!(charge().await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn settling_what_was_swept_away_is_no_mistake() {
    on_both(async |w| {
        let ticket = w.write(|tx| throttles::charge(tx, "mia", NOW, &SECOND_STEP)).await.unwrap();
        w.sql("DELETE FROM throttles");
        w.write(move |tx| throttles::settle(tx, "mia", ticket, Verdict::Right)).await;
        assert_eq!(w.read(|tx| throttles::peek(tx, "mia", NOW)).await, Ok(()));
    })
    .await;
}

#[tokio::test]
async fn quiet_makes_a_counter_forget_where_its_limits_say_so() {
    on_both(async |w| {
        let limits = Limits { forgotten_after: Some(DAY), pace: Pace::Slowing, ..SECOND_STEP };
        let charge = |at| w.write(move |tx| throttles::charge(tx, "mia", at, &limits));
        charge(NOW).await.unwrap();
        charge(later(HOUR)).await.unwrap();
        assert_eq!(w.sql("SELECT failures FROM throttles"), "2");
        charge(later(HOUR + DAY)).await.unwrap();
        assert_eq!(w.sql("SELECT failures FROM throttles"), "1");
    })
    .await;
}

#[tokio::test]
async fn a_forgotten_counter_starts_anew_and_its_neighbour_does_not() {
    on_both(async |w| {
        let charge = |key: &'static str| w.write(move |tx| throttles::charge(tx, key, NOW, &SECOND_STEP));
        for _ in 0..10 {
            charge("mia").await.unwrap();
            charge("ole").await.unwrap();
        }
        w.write(|tx| throttles::forget(tx, "mia")).await;
        assert!(charge("mia").await.is_ok());
        assert!(charge("ole").await.is_err());
    })
    .await;
}
