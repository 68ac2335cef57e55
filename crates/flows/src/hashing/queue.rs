//! Who is hashed next: a queue in which no account and no network can take the places of others.
//!
//! Each request has a rank: how many hashes have begun so far, plus how many places its own account or network (whichever
//! has more) holds already. The lowest rank is next, the earlier one among equals. So the first request of a share comes
//! before the second one of another, and a share with a hundred requests delays a stranger to it by at most one hash.
//! Since the count of begun hashes only grows, everyone is served in the end.
//!
//! No share has a fixed number of places, because an office behind one address signs in at nine o'clock. Where the queue
//! is full, the request with the highest rank gives up its place to a newcomer with a lower one.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::net::IpAddr;

use countersign_core::network::networks;

/// On whose behalf a hash is asked for: the account or the address that was entered, and the client's networks.
#[derive(Clone, Debug, Default)]
pub struct Share(Vec<(String, u32)>);

impl Share {
    /// The share of an account, or of an address that may have none, from this address.
    pub fn new(account: impl Display, address: IpAddr) -> Self {
        let mut share = Self::account(account);
        for network in networks(address) {
            share.0.push((format!("network:{}", network.name()), network.weight()));
        }
        share
    }

    /// The share of an account, from wherever.
    pub fn account(account: impl Display) -> Self {
        Self(vec![(format!("account:{account}"), 1)])
    }

    /// The server's own work, such as the first owner's password: it shares with no one.
    pub fn operator() -> Self {
        Self::default()
    }
}

/// What became of a request for a place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entered {
    /// It runs now.
    Running(u64),
    /// It waits.
    Waiting(u64),
    /// The queue is full of others that come first.
    Full,
}

/// The queue. `W` wakes a waiting request; dropping it refuses the request.
pub(super) struct Queue<W> {
    threads: usize,
    longest: usize,
    begun: u64,
    arrived: u64,
    held: HashMap<String, u32>,
    running: HashSet<u64>,
    waiting: Vec<Waiting<W>>,
}

struct Waiting<W> {
    number: u64,
    rank: u64,
    wake: W,
}

impl<W> Queue<W> {
    /// A queue for `threads` hashes at once, in which `longest` more may wait.
    pub(super) fn new(threads: usize, longest: usize) -> Self {
        Self {
            threads: threads.max(1),
            longest,
            begun: 0,
            arrived: 0,
            held: HashMap::new(),
            running: HashSet::new(),
            waiting: Vec::new(),
        }
    }

    /// How many run and how many wait.
    pub(super) fn load(&self) -> (usize, usize) {
        (self.running.len(), self.waiting.len())
    }

    /// Asks for a place. Whoever gets one calls [`Queue::leave`] once, whatever became of it in between.
    pub(super) fn enter(&mut self, share: &Share, wake: W) -> Entered {
        let number = self.arrived;
        let rank = self.begun + u64::from(self.places_of(share));
        if self.running.len() >= self.threads && self.waiting.len() >= self.longest && !self.evict(rank) {
            return Entered::Full;
        }
        self.arrived += 1;
        for (key, _) in &share.0 {
            *self.held.entry(key.clone()).or_default() += 1;
        }
        if self.running.len() < self.threads {
            self.begun += 1;
            self.running.insert(number);
            return Entered::Running(number);
        }
        self.waiting.push(Waiting { number, rank, wake });
        Entered::Waiting(number)
    }

    /// Gives a place back: its hash is done, its request is gone, or it was refused while it waited. Returns what wakes
    /// the requests that run from now on.
    pub(super) fn leave(&mut self, share: &Share, number: u64) -> Vec<W> {
        self.running.remove(&number);
        self.waiting.retain(|waiting| waiting.number != number);
        for (key, _) in &share.0 {
            if let Some(held) = self.held.get_mut(key) {
                *held -= 1;
                if *held == 0 {
                    self.held.remove(key);
                }
            }
        }
        let mut woken = Vec::new();
        while self.running.len() < self.threads
            && let Some(next) = self.extreme(|one, other| one < other)
        {
            let next = self.waiting.swap_remove(next);
            self.begun += 1;
            self.running.insert(next.number);
            woken.push(next.wake);
        }
        woken
    }

    /// The places that the share's account or network holds, whichever has more; a wider network counts for less.
    fn places_of(&self, share: &Share) -> u32 {
        let places = |(key, weight): &(String, u32)| self.held.get(key).map_or(0, |held| held / weight);
        share.0.iter().map(places).max().unwrap_or(0)
    }

    /// Takes away the last place in the queue, if it comes after `rank`.
    fn evict(&mut self, rank: u64) -> bool {
        match self.extreme(|one, other| one > other) {
            Some(last) if self.waiting[last].rank > rank => {
                self.waiting.swap_remove(last);
                true
            }
            _ => false,
        }
    }

    fn extreme(&self, before: impl Fn((u64, u64), (u64, u64)) -> bool) -> Option<usize> {
        let place = |index: usize| (self.waiting[index].rank, self.waiting[index].number);
        (0..self.waiting.len())
            .reduce(|one, other| if before(place(other), place(one)) { other } else { one })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn share(account: usize, network: u8) -> Share {
        Share::new(account, IpAddr::from([192, 0, 2, network]))
    }

    /// A queue, and the shares of those who have a place in it.
    struct World {
        queue: Queue<usize>,
        places: Vec<(u64, Share)>,
    }

    impl World {
        fn new(threads: usize, longest: usize) -> Self {
            Self { queue: Queue::new(threads, longest), places: Vec::new() }
        }

        fn enter(&mut self, share: Share, who: usize) -> Entered {
            let entered = self.queue.enter(&share, who);
            if let Entered::Running(number) | Entered::Waiting(number) = entered {
                self.places.push((number, share));
            }
            entered
        }

        /// One running hash ends; who comes next.
        fn end_one(&mut self) -> Vec<usize> {
            let index =
                self.places.iter().position(|(number, _)| self.queue.running.contains(number)).unwrap();
            let (number, share) = self.places.swap_remove(index);
            self.queue.leave(&share, number)
        }
    }

    #[test]
    fn seventy_of_one_account_leave_room_for_everyone_else() {
        let mut world = World::new(1, 64);
        for who in 0..70 {
            world.enter(share(1, 1), who);
        }
        for other in 100..130 {
            let network = u8::try_from(other).unwrap();
            assert!(matches!(world.enter(share(other, network), other), Entered::Waiting(_)), "{other}");
        }
        let served: Vec<usize> = (0..31).flat_map(|_| world.end_one()).collect();
        assert!(served[..30].iter().all(|who| *who >= 100), "{served:?}");
        assert!(served[30] < 70, "the seventy go on: {served:?}");
    }

    #[test]
    fn an_office_behind_one_address_uses_the_whole_queue_while_no_one_else_wants_it() {
        let mut world = World::new(2, 64);
        for who in 0..66 {
            assert_ne!(world.enter(share(who, 1), who), Entered::Full, "{who}");
        }
        assert_eq!(world.enter(share(66, 1), 66), Entered::Full);
        assert!(matches!(world.enter(share(67, 2), 67), Entered::Waiting(_)));
        assert_eq!(world.queue.load(), (2, 64));
    }

    #[test]
    fn a_site_of_many_subnets_is_one_share_in_the_end() {
        let mut world = World::new(1, 64);
        let from = |subnet: usize| {
            let address = format!("2001:db8:1:{subnet:x}::1").parse().unwrap();
            Share::new(format!("user{subnet}"), address)
        };
        for subnet in 0..65 {
            world.enter(from(subnet), subnet);
        }
        assert!(matches!(world.enter(share(100, 1), 100), Entered::Waiting(_)));
    }

    proptest! {
        /// Whatever comes, ends and hangs up in whatever order: never more run than there are threads, never more wait than
        /// may, no thread rests while anyone waits, and nothing is left when everyone has gone.
        #[test]
        fn places_are_kept(steps in proptest::collection::vec((0_u8..3, 0_usize..6, 0_u8..4, any::<usize>()), 1..300)) {
            let mut world = World::new(2, 5);
            for (step, account, network, choice) in steps {
                match step {
                    0 | 1 => { world.enter(share(account, network), 0); }
                    _ if world.places.is_empty() => {}
                    _ => {
                        let index = choice % world.places.len();
                        let (number, share) = world.places.swap_remove(index);
                        world.queue.leave(&share, number);
                    }
                }
                let (running, waiting) = world.queue.load();
                prop_assert!(running <= 2 && waiting <= 5);
                prop_assert!(running == 2 || waiting == 0);
            }
            for (number, share) in std::mem::take(&mut world.places) {
                world.queue.leave(&share, number);
            }
            prop_assert_eq!(world.queue.load(), (0, 0));
            prop_assert!(world.queue.held.is_empty());
        }

        /// Everyone who waits is served, however many come after them with fewer places of their own.
        #[test]
        fn no_one_waits_forever(ahead in 1_usize..30) {
            let mut world = World::new(1, 64);
            for who in 0..ahead {
                world.enter(share(0, 0), who);
            }
            let mut rounds = 0;
            let mut last_served = ahead == 1;
            while !last_served {
                let other = 100 + rounds;
                world.enter(share(other, u8::try_from(rounds % 200).unwrap_or(0) + 1), other);
                last_served = world.end_one().contains(&(ahead - 1));
                rounds += 1;
                prop_assert!(rounds <= 3 * ahead, "{rounds}");
            }
        }
    }
}
