//! How many requests a minute: for each application, and of wrong keys for each network.
//!
//! Counted in this process, by the injected clock, in windows that begin with the first request. It bounds what one program
//! costs; it guards no secret. What must hold on every node, such as the counters of wrong codes, is in the database.

use countersign_core::{
    Timestamp,
    ids::ApplicationId,
    network::{Network, networks},
};
use http::{HeaderMap, HeaderValue};
use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The length of a window.
const WINDOW: Duration = Duration::from_secs(60);

/// So many are counted at once; beyond it the ended windows go, and then, in a flood, all of them.
const MOST: usize = 10_000;

/// Wrong keys of one network in a window, before it is told to wait. Nobody guesses 256 bits; this bounds what a program
/// costs that goes on with a key that has ended.
const WRONG_KEYS: u32 = 300;

/// A counter for each of many.
pub(crate) struct Limit<K> {
    allowed: u32,
    windows: Mutex<HashMap<K, Window>>,
}

struct Window {
    ends_at: Timestamp,
    used: u32,
}

/// Where one stands after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// How many a window allows.
    pub(crate) allowed: u32,
    /// How many are left.
    pub(crate) left: u32,
    /// When the next window begins.
    pub(crate) resets_in: Duration,
    /// Whether this one was one too many.
    pub(crate) over: bool,
}

impl<K: Hash + Eq> Limit<K> {
    pub(crate) fn new(allowed: u32) -> Self {
        Self { allowed, windows: Mutex::default() }
    }

    /// Counts one request.
    pub(crate) fn charge(&self, key: K, now: Timestamp) -> Standing {
        self.charge_up_to(self.allowed, key, now)
    }

    fn charge_up_to(&self, allowed: u32, key: K, now: Timestamp) -> Standing {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= MOST && !windows.contains_key(&key) {
            windows.retain(|_, window| window.is_open(now));
            if windows.len() >= MOST {
                windows.clear();
            }
        }
        let fresh = || Window { ends_at: now.plus(WINDOW), used: 0 };
        let window = windows.entry(key).or_insert_with(fresh);
        if !window.is_open(now) {
            *window = fresh();
        }
        window.used = window.used.saturating_add(1);
        Standing {
            allowed,
            left: allowed.saturating_sub(window.used),
            resets_in: window.ends_at.since(now),
            over: window.used > allowed,
        }
    }
}

impl Window {
    /// A window that would end later than one that began now is of a clock that was set back.
    fn is_open(&self, now: Timestamp) -> bool {
        now < self.ends_at && self.ends_at <= now.plus(WINDOW)
    }
}

impl Standing {
    /// Tells it on an answer, as draft-ietf-httpapi-ratelimit-headers-10 §3 and §4 write it.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        let (allowed, window) = (self.allowed, WINDOW.as_secs());
        let (left, resets_in) = (self.left, self.resets_in.as_secs().max(1));
        for (name, value) in [
            ("ratelimit-policy", format!("\"default\";q={allowed};w={window}")),
            ("ratelimit", format!("\"default\";r={left};t={resets_in}")),
        ] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }
}

/// All the counters of the API.
pub(crate) struct Limits {
    /// Requests of each application.
    pub(crate) requests: Limit<ApplicationId>,
    wrong_keys: Limit<String>,
}

impl Limits {
    pub(crate) fn new(requests_per_minute: u32) -> Self {
        Self { requests: Limit::new(requests_per_minute), wrong_keys: Limit::new(WRONG_KEYS) }
    }

    /// Counts a wrong key of this address's networks, and returns the standing of the one that has least left.
    pub(crate) fn wrong_key(&self, address: IpAddr, now: Timestamp) -> Standing {
        let charge = |network: &Network| {
            let allowed = WRONG_KEYS.saturating_mul(network.weight());
            self.wrong_keys.charge_up_to(allowed, network.name().to_owned(), now)
        };
        let standings =
            networks(address).iter().map(charge).min_by_key(|standing| (!standing.over, standing.left));
        standings.unwrap_or(Standing {
            allowed: WRONG_KEYS,
            left: WRONG_KEYS,
            resets_in: WINDOW,
            over: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn a_window_allows_so_many_and_the_next_one_as_many_again() {
        let limit = Limit::new(2);
        assert_eq!(limit.charge('a', at(0)).left, 1);
        assert!(!limit.charge('a', at(59)).over);
        let third = limit.charge('a', at(59));
        assert!(third.over && third.left == 0 && third.resets_in == Duration::from_secs(1));
        assert!(!limit.charge('b', at(59)).over, "each has their own");
        assert_eq!(limit.charge('a', at(60)).left, 1);
        assert_eq!(limit.charge('a', at(-9_000)).left, 1, "a clock that was set back opens a window");
    }

    #[test]
    fn a_flood_of_networks_ends() {
        let limit = Limit::new(1);
        for n in 0..=MOST {
            limit.charge(n, at(0));
        }
        assert!(limit.windows.lock().unwrap().len() <= MOST);
    }

    #[test]
    fn it_is_told_as_structured_fields() {
        let mut headers = HeaderMap::new();
        Limit::new(600).charge((), at(0)).tell(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"default\";q=600;w=60");
        assert_eq!(headers["ratelimit"], "\"default\";r=599;t=60");
    }

    #[test]
    fn one_subscriber_is_one_network() {
        let limits = Limits::new(1);
        let charge = |text: &str| limits.wrong_key(text.parse().unwrap(), at(0)).left;
        assert_eq!(charge("2001:db8::1"), WRONG_KEYS - 1);
        assert_eq!(charge("2001:db8::ffff:1"), WRONG_KEYS - 2);
        assert_eq!(charge("2001:db8:0:1::1"), WRONG_KEYS - 1);
        assert_eq!(charge("::ffff:192.0.2.1"), WRONG_KEYS - 1);
        assert_eq!(charge("192.0.2.1"), WRONG_KEYS - 2);
        let from =
            |subnet: u32| limits.wrong_key(format!("2001:db8:1:{subnet:x}::1").parse().unwrap(), at(0));
        let charged = (0..4 * WRONG_KEYS).filter(|subnet| !from(subnet % 256).over).count();
        assert_eq!(charged, 1200, "one /56 is allowed four times what a /64 is");
        assert!(from(7).over);
    }
}
