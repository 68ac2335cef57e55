//! When a key that signs ID tokens is made, begins to sign, and is taken off the list.
//!
//! ```text
//!   made ──(a day)──► signs ──(90 days, until its successor signs)──► retired ──(two days)──► gone
//!   └───────────────────── published ───────────────────────────────────────┘
//! ```
//!
//! The first key of an algorithm signs at once: nobody can have an older list. Every later one stands on the list for a
//! day before it signs, so that an application that keeps the list for hours knows it in time. What a key has signed can
//! be checked for two days after it has retired: longer than any ID token is good, and long enough for the
//! `id_token_hint` of a sign-out on the day after.
//!
//! Everything follows from two moments that are stored with a key, so that all nodes agree without talking.

use crate::ambient::Timestamp;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long a key is published before it signs. No list may be kept for longer.
pub const AHEAD: Duration = DAY;

/// How long a key signs.
pub const SIGNS_FOR: Duration = Duration::from_secs(90 * 24 * 3600);

/// How long a retired key is still published.
pub const LINGERS: Duration = Duration::from_secs(2 * 24 * 3600);

/// The moments of one key; the keys of one algorithm are judged together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyTimes {
    /// When it begins to sign.
    pub signs_from: Timestamp,
    /// When it was withdrawn by hand: it neither signs nor is published from then on.
    pub withdrawn_at: Option<Timestamp>,
}

/// The key that signs at `now`, as its place in `keys`.
pub fn signer(keys: &[KeyTimes], now: Timestamp) -> Option<usize> {
    let begun = keys.iter().enumerate().filter(|(_, key)| usable(key, now) && key.signs_from <= now);
    begun.max_by_key(|(place, key)| (key.signs_from, *place)).map(|(place, _)| place)
}

/// Whether a key stands on the list at `now`.
pub fn is_published(keys: &[KeyTimes], place: usize, now: Timestamp) -> bool {
    let Some(key) = keys.get(place).filter(|key| usable(key, now)) else { return false };
    // What retires a key is that another one signs; a successor that was withdrawn since then did so all the same.
    let mut successors = keys.iter().enumerate().filter(|(other, later)| {
        (later.signs_from, *other) > (key.signs_from, place) && later.signs_from.plus(LINGERS) <= now
    });
    successors.next().is_none() || signer(keys, now) == Some(place)
}

/// When the next key has to begin to sign, if it is time to make it. Where none signs now (all that there are will sign
/// later, because they were made before the first start, or the clock has been set back) it is due now.
pub fn due(keys: &[KeyTimes], now: Timestamp) -> Option<Timestamp> {
    if signer(keys, now).is_none() {
        return Some(now);
    }
    let newest = keys.iter().filter(|key| usable(key, now)).map(|key| key.signs_from).max();
    match newest {
        Some(newest) if newest.plus(SIGNS_FOR).minus(AHEAD) <= now => Some(now.plus(AHEAD)),
        _ => None,
    }
}

fn usable(key: &KeyTimes, now: Timestamp) -> bool {
    key.withdrawn_at.is_none_or(|at| now < at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn live(signs_from: Timestamp) -> KeyTimes {
        KeyTimes { signs_from, withdrawn_at: None }
    }

    proptest! {
        /// Whenever housekeeping runs, with whatever gaps (a server that was off for months).
        #[test]
        fn a_token_can_be_checked_from_when_it_is_signed_until_two_days_later(
            gaps in prop::collection::vec(1_u32..3000, 1..60)
        ) {
            let mut now = Timestamp::from_millis(0);
            let mut keys: Vec<KeyTimes> = Vec::new();
            let mut first_seen: Vec<Timestamp> = Vec::new();
            let mut signed: Vec<(usize, Timestamp)> = Vec::new();
            for gap in gaps {
                if let Some(signs_from) = due(&keys, now) {
                    keys.push(live(signs_from));
                    first_seen.push(now);
                }
                prop_assert_eq!(due(&keys, now), None, "one at a time");
                let signer = signer(&keys, now).unwrap();
                prop_assert!(is_published(&keys, signer, now));
                if signer > 0 {
                    prop_assert!(now.since(first_seen[signer]) >= AHEAD, "known before it signs");
                }
                signed.push((signer, now));
                for (place, at) in &signed {
                    if now.since(*at) <= LINGERS {
                        prop_assert!(is_published(&keys, *place, now));
                    }
                }
                now = now.plus(HOUR * gap);
            }
        }
    }

    #[test]
    fn a_key_lives_as_the_drawing_says() {
        let start = Timestamp::from_millis(1_000_000);
        assert_eq!(due(&[], start), Some(start), "the first one signs at once");
        let first = live(start);
        assert_eq!(due(&[first], start.plus(SIGNS_FOR - AHEAD).minus(HOUR)), None);
        let made = start.plus(SIGNS_FOR - AHEAD);
        assert_eq!(due(&[first], made), Some(start.plus(SIGNS_FOR)));
        let keys = [first, live(start.plus(SIGNS_FOR))];
        assert_eq!(signer(&keys, made), Some(0));
        assert!(is_published(&keys, 1, made));
        let retired = start.plus(SIGNS_FOR);
        assert_eq!(signer(&keys, retired), Some(1));
        assert!(is_published(&keys, 0, retired.plus(LINGERS).minus(HOUR)));
        assert!(!is_published(&keys, 0, retired.plus(LINGERS)));
    }

    #[test]
    fn where_no_key_signs_yet_one_is_due_now() {
        let now = Timestamp::from_millis(1_000_000);
        let later = live(now.plus(AHEAD));
        assert_eq!(signer(&[later], now), None);
        assert_eq!(due(&[later], now), Some(now));
        let keys = [live(now), later];
        assert_eq!((signer(&keys, now), due(&keys, now)), (Some(0), None));
        assert_eq!(signer(&keys, now.plus(AHEAD)), Some(1), "and what was made before takes its turn");
        assert!(is_published(&keys, 0, now.plus(AHEAD)) && is_published(&keys, 1, now));
    }

    #[test]
    fn a_withdrawn_key_is_gone_at_once() {
        let start = Timestamp::from_millis(1_000_000);
        let now = start.plus(HOUR);
        let withdrawn = KeyTimes { signs_from: start, withdrawn_at: Some(now) };
        assert_eq!(signer(&[withdrawn], now), None);
        assert!(!is_published(&[withdrawn], 0, now));
        assert_eq!(due(&[withdrawn], now), Some(now), "its successor signs at once");
    }
}
