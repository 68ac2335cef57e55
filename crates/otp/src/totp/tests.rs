use std::collections::HashMap;

use super::*;

const NOW: u64 = 1_700_000_000;

fn totp() -> Totp {
    Totp::standard(Secret::from_bytes(b"12345678901234567890").unwrap())
}

fn step_at(seconds: u64) -> TimeStep {
    TimeStep::at(seconds, Period::THIRTY)
}

#[test]
fn a_code_is_accepted_from_the_first_to_the_last_second_of_its_window() {
    let totp = totp();
    let step = step_at(NOW);
    let code = totp.code_at(step);
    let begins = step.get() * 30;
    let verify = |now| totp.verify(&code, now, Window::ONE_EITHER_SIDE);
    assert_eq!(verify(begins - 31), None);
    assert_eq!(verify(begins - 30), Some(step));
    assert_eq!(verify(begins), Some(step));
    assert_eq!(verify(begins + 59), Some(step));
    assert_eq!(verify(begins + 60), None);
}

#[test]
fn the_two_sides_of_a_window_are_separate() {
    let totp = totp();
    let only_past = Window { past: 2, future: 0 };
    let verify = |shift: i64| {
        let step = TimeStep::new(step_at(NOW).get().checked_add_signed(shift).unwrap());
        totp.verify(&totp.code_at(step), NOW, only_past) == Some(step)
    };
    assert_eq!([-3, -2, -1, 0, 1].map(verify), [false, true, true, true, false]);
}

#[test]
fn of_two_steps_with_the_same_code_the_newest_is_matched() {
    let totp = totp();
    let mut last_seen = HashMap::new();
    let (older, newer) = (0u64..)
        .find_map(|step| {
            let older = last_seen.insert(totp.code_at(TimeStep::new(step)).to_string(), step)?;
            (step - older <= 255).then_some((older, step))
        })
        .unwrap();
    let code = totp.code_at(TimeStep::new(older));
    assert_eq!(code, totp.code_at(TimeStep::new(newer)));
    let looking_back = Window { past: u8::MAX, future: 0 };
    assert_eq!(totp.verify(&code, newer * 30, looking_back), Some(TimeStep::new(newer)));
    assert_eq!(totp.verify(&code, (newer - 1) * 30, looking_back), Some(TimeStep::new(older)));
    let looking_ahead = Window { past: 0, future: u8::MAX };
    assert_eq!(totp.verify(&code, older * 30, looking_ahead), Some(TimeStep::new(newer)));
}

#[test]
fn the_ends_of_time_are_no_special_case() {
    let second =
        Totp::new(totp().secret().clone(), Algorithm::Sha512, Digits::EIGHT, Period::new(1).unwrap());
    for now in [0, u64::MAX] {
        let step = TimeStep::new(now);
        let code = second.code_at(step);
        assert_eq!(second.verify(&code, now, Window { past: 255, future: 255 }), Some(step));
        assert_eq!(second.search_offset(&code, now, u64::MAX).map(ClockOffset::seconds), Some(0));
        let absent = (0..).map(|n| Code::from_truncated(n, Digits::EIGHT));
        let absent = absent.into_iter().find(|code| second.search_offset(code, now, 10).is_none());
        assert!(absent.is_some());
    }
}

#[test]
fn a_code_of_another_length_never_matches() {
    let code = Code::from_truncated(totp().code_at(step_at(NOW)).to_string().parse().unwrap(), Digits::SEVEN);
    assert_eq!(totp().verify(&code, NOW, Window::ONE_EITHER_SIDE), None);
}

#[test]
fn the_phones_clock_is_found_ahead_and_behind() {
    let totp = totp();
    let offset =
        |phone: u64| totp.search_offset(&totp.code_at(step_at(phone)), NOW, 3600).map(ClockOffset::seconds);
    assert_eq!(offset(NOW + 420), Some(420));
    assert_eq!(offset(NOW - 420), Some(-420));
    assert_eq!(offset(NOW + 3600), Some(3600));
    assert_eq!(offset(NOW - 3600), Some(-3600));
    assert_eq!(offset(NOW), Some(0));
    assert_eq!(offset(NOW + 3660), None);
    assert_eq!(offset(NOW - 3660), None);
}

#[test]
fn the_nearest_offset_is_reported() {
    let totp = totp();
    // A code that two steps share, both in reach: the answer turns from one to the other in the middle.
    let mut last_seen = HashMap::new();
    let (older, newer) = (0u64..)
        .find_map(|step| {
            let older = last_seen.insert(totp.code_at(TimeStep::new(step)).to_string(), step)?;
            (3..200).contains(&(step - older)).then_some((older, step))
        })
        .unwrap();
    let code = totp.code_at(TimeStep::new(older));
    let offset = |step: u64| totp.search_offset(&code, step * 30, 200 * 30).map(ClockOffset::seconds);
    assert_eq!(offset(older + 1), Some(-30));
    assert_eq!(offset(newer - 1), Some(30));
}

#[test]
fn a_short_period_does_not_make_the_search_long() {
    let second = Totp::new(totp().secret().clone(), Algorithm::Sha1, Digits::EIGHT, Period::new(1).unwrap());
    let offset = |ahead: u64| {
        let code = second.code_at(TimeStep::new(NOW + ahead));
        second.search_offset(&code, NOW, u64::MAX).map(ClockOffset::seconds)
    };
    assert_eq!(offset(3600), Some(3600));
    assert_eq!(offset(3601), None);
}

#[test]
fn debug_shows_the_parameters_alone() {
    assert_eq!(
        format!("{:?}", totp()),
        "Totp { secret: Secret(redacted), algorithm: Sha1, digits: Digits(6), period: Period(30) }"
    );
}

#[test]
fn authenticators_are_equal_only_in_everything() {
    let secret = || totp().secret().clone();
    let other = Secret::from_bytes(b"another secret of 160").unwrap();
    assert_eq!(totp(), Totp::standard(secret()));
    assert_ne!(totp(), Totp::standard(other));
    assert_ne!(totp(), Totp::new(secret(), Algorithm::Sha256, Digits::SIX, Period::THIRTY));
    assert_ne!(totp(), Totp::new(secret(), Algorithm::Sha1, Digits::EIGHT, Period::THIRTY));
    assert_ne!(totp(), Totp::new(secret(), Algorithm::Sha1, Digits::SIX, Period::new(60).unwrap()));
}
