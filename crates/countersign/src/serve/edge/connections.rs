//! The table of open connections, and who has to leave when there are too many.
//!
//! Two caps: in total, and for one network (an IPv4 address, or an IPv6 /64, the least that one subscriber has: RFC 6177 §2).
//! When a cap is reached, the newcomer is let in, and the connection that has waited longest for its client is closed. A
//! connection waits as long as no complete request is being worked on: it is new or idle, or a head or a body is incomplete.
//! Only where every connection is at work, the newcomer is refused. Someone who holds many connections open and sends little
//! therefore pushes out their own, and a person behind the same address still gets in.
//!
//! - At the cap of a network, the one that leaves is of the same network.
//! - At the cap in total, it is of a network that has many connections, compared with the others.
//! - Trusted proxies are counted in total only, because everyone comes from them; they are never pushed out.

use super::framing::Refusal;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::Notify;
use tokio::time::Instant;

/// How many requests one connection may give up before they are answered; a page that is left gives up a few.
const MOST_CANCELLED: u32 = 100;

/// How many connections are looked at to find one that leaves.
const LOOKED_AT: usize = 256;

/// A network, for counting. `None` is a trusted proxy.
type Network = Option<IpAddr>;

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// This network has as many connections as it may, and all are at work.
    Network,
    /// There are as many connections as there may be.
    Total,
}

impl Full {
    /// The word for metrics.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Network => "network-limit",
            Self::Total => "total-limit",
        }
    }
}

/// The table.
#[derive(Clone)]
pub(super) struct Connections(Arc<Inner>);

struct Inner {
    /// The word for metrics.
    listener: &'static str,
    most: usize,
    most_of_a_network: usize,
    table: Mutex<Table>,
    /// Notified when the last connection has left.
    empty: Notify,
}

#[derive(Default)]
struct Table {
    open: usize,
    next: u64,
    networks: HashMap<IpAddr, Members>,
    /// How many connections each network has, to find the one with most.
    sizes: BTreeSet<(usize, IpAddr)>,
    /// The networks of all waiting connections, the longest-waiting first.
    waiting: BTreeMap<u64, IpAddr>,
}

#[derive(Default)]
struct Members {
    open: usize,
    /// Those that wait for their client, the longest-waiting first.
    waiting: BTreeMap<u64, Arc<Notify>>,
}

impl Connections {
    /// At most `most` in total and `most_of_a_network` for each network; `listener` is the word for metrics.
    pub(super) fn new(listener: &'static str, most: usize, most_of_a_network: usize) -> Self {
        let (table, empty) = (Mutex::default(), Notify::new());
        Self(Arc::new(Inner { listener, most, most_of_a_network, table, empty }))
    }

    /// A place for a new connection. Another one may have to leave for it.
    pub(super) fn open(&self, peer: IpAddr, is_proxy: bool) -> Result<Arc<Connection>, Full> {
        let network = (!is_proxy).then(|| network(peer));
        let mut table = self.table();
        if let Some(network) = network
            && table.networks.get(&network).is_some_and(|members| members.open >= self.0.most_of_a_network)
            && !table.push_out(network)
        {
            return Err(Full::Network);
        }
        if table.open >= self.0.most && !table.push_out_anyone() {
            return Err(Full::Total);
        }
        let leave = Arc::new(Notify::new());
        self.count_one(&mut table, network, 1);
        let ticket = table.wait(network, &leave);
        drop(table);
        let state =
            State { requests: 0, under_way: 0, at_work: 0, cancelled: 0, ticket, since: Instant::now() };
        Ok(Arc::new(Connection {
            connections: self.clone(),
            network,
            leave,
            state: Mutex::new(state),
            heads: AtomicU64::new(0),
            refused: OnceLock::new(),
        }))
    }

    /// Closes the connection that would have to leave for another one, to free what it holds.
    pub(super) fn make_room(&self) -> bool {
        self.table().push_out_anyone()
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.table().open
    }

    /// Resolves when none is left.
    pub(super) async fn all_closed(&self) {
        loop {
            let empty = self.0.empty.notified();
            if self.count() == 0 {
                return;
            }
            empty.await;
        }
    }

    fn count_one(&self, table: &mut Table, network: Network, by: isize) {
        table.count(network, by);
        let open = u32::try_from(table.open).unwrap_or(u32::MAX);
        metrics::gauge!("countersign_connections_open", "listener" => self.0.listener).set(open);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn count(&mut self, network: Network, by: isize) {
        self.open = self.open.saturating_add_signed(by);
        let Some(network) = network else { return };
        let members = self.networks.entry(network).or_default();
        self.sizes.remove(&(members.open, network));
        members.open = members.open.saturating_add_signed(by);
        if members.open == 0 {
            self.networks.remove(&network);
        } else {
            self.sizes.insert((members.open, network));
        }
    }

    /// Enters a connection among the waiting ones. The ticket is for [`Self::work`].
    fn wait(&mut self, network: Network, leave: &Arc<Notify>) -> u64 {
        self.next += 1;
        if let Some(network) = network
            && let Some(members) = self.networks.get_mut(&network)
        {
            members.waiting.insert(self.next, Arc::clone(leave));
            self.waiting.insert(self.next, network);
        }
        self.next
    }

    fn work(&mut self, network: Network, ticket: u64) {
        if let Some(members) = network.and_then(|network| self.networks.get_mut(&network)) {
            members.waiting.remove(&ticket);
            self.waiting.remove(&ticket);
        }
    }

    /// Whether a connection of this network leaves.
    fn push_out(&mut self, network: IpAddr) -> bool {
        let Some(members) = self.networks.get_mut(&network) else { return false };
        let Some((ticket, leave)) = members.waiting.pop_first() else { return false };
        self.waiting.remove(&ticket);
        leave.notify_one();
        metrics::counter!("countersign_connections_closed_total", "reason" => "pushed-out").increment(1);
        true
    }

    /// Whether a connection of any network leaves: the longest-waiting one of those that have at least half as many as the
    /// largest. Only so many are looked at; behind them it is one of the largest networks.
    fn push_out_anyone(&mut self) -> bool {
        let Some((most, _)) = self.sizes.last() else { return false };
        let size = |network: &IpAddr| self.networks.get(network).map_or(0, |members| members.open);
        let waiting = self.waiting.values().take(LOOKED_AT);
        let largest = self.sizes.iter().rev().take(LOOKED_AT).map(|(_, network)| network);
        let waits = |network: &IpAddr| self.networks.get(network).is_some_and(|one| !one.waiting.is_empty());
        let chosen =
            waiting.chain(largest).find(|network| size(network) * 2 >= *most && waits(network)).copied();
        chosen.is_some_and(|network| self.push_out(network))
    }
}

/// One open connection. Its place is free again when this is dropped.
pub(super) struct Connection {
    connections: Connections,
    network: Network,
    leave: Arc<Notify>,
    state: Mutex<State>,
    /// How many heads were passed on to the HTTP library.
    heads: AtomicU64,
    /// Which request stands in for one that was refused, counted from 1, and why.
    refused: OnceLock<(u64, Refusal)>,
}

#[derive(Clone, Copy)]
struct State {
    requests: u64,
    under_way: usize,
    /// Those of them that have arrived completely.
    at_work: usize,
    cancelled: u32,
    ticket: u64,
    since: Instant,
}

/// What a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    /// No request has come yet.
    Fresh,
    /// The last answer was given, at this moment.
    Idle(Instant),
    /// Requests are under way.
    Busy,
}

impl Connection {
    /// Resolves when this connection has to leave.
    pub(super) async fn has_to_leave(&self) {
        self.leave.notified().await;
    }

    pub(super) fn activity(&self) -> Activity {
        let state = self.state();
        match (state.under_way, state.requests) {
            (0, 0) => Activity::Fresh,
            (0, _) => Activity::Idle(state.since),
            _ => Activity::Busy,
        }
    }

    /// Notes that a head is passed on to the HTTP library.
    pub(super) fn head_passed(&self) {
        self.heads.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that the next head is a stand-in for one that was refused.
    pub(super) fn refuse_next(&self, refusal: Refusal) {
        let number = self.heads.fetch_add(1, Ordering::Relaxed) + 1;
        let _first = self.refused.set((number, refusal));
    }

    /// A request begins, and ends when the value is dropped; and why it is refused, if it is. The library hands requests over
    /// in the order of their heads.
    pub(super) fn begin(self: &Arc<Self>) -> (Request, Option<Refusal>) {
        let mut state = self.state();
        state.requests += 1;
        state.under_way += 1;
        let refusal = self.refused.get().filter(|(number, _)| *number == state.requests);
        let request =
            Request { connection: Arc::clone(self), is_complete: Arc::default(), is_answered: false };
        (request, refusal.map(|(_, refusal)| *refusal))
    }

    /// Whether the client has given up too many requests: it begins work that it does not wait for (CVE-2023-44487).
    pub(super) fn is_abusive(&self) -> bool {
        self.state().cancelled >= MOST_CANCELLED
    }

    /// Whether a complete request is worked on.
    pub(super) fn is_at_work(&self) -> bool {
        self.state().at_work > 0
    }

    /// A complete request is worked on from now on.
    fn work(&self) {
        let mut state = self.state();
        state.at_work += 1;
        if state.at_work == 1 {
            self.connections.table().work(self.network, state.ticket);
        }
    }

    fn end(&self, was_complete: bool, is_answered: bool) {
        let mut state = self.state();
        // A trusted proxy gives up for everyone behind it, so its are not counted.
        if !is_answered && self.network.is_some() {
            state.cancelled += 1;
            if state.cancelled == MOST_CANCELLED {
                self.leave.notify_one();
            }
        }
        state.under_way -= 1;
        if state.under_way == 0 {
            state.since = Instant::now();
        }
        state.at_work -= usize::from(was_complete);
        if was_complete && state.at_work == 0 {
            state.ticket = self.connections.table().wait(self.network, &self.leave);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let ticket = self.state().ticket;
        let mut table = self.connections.table();
        table.work(self.network, ticket);
        self.connections.count_one(&mut table, self.network, -1);
        if table.open == 0 {
            self.connections.0.empty.notify_waiters();
        }
    }
}

/// A request that is under way.
pub(super) struct Request {
    connection: Arc<Connection>,
    is_complete: Arc<AtomicBool>,
    is_answered: bool,
}

/// For the body of a request, which knows when it has arrived.
pub(super) struct Arrival {
    connection: Arc<Connection>,
    is_complete: Arc<AtomicBool>,
}

impl Request {
    pub(super) fn arrival(&self) -> Arrival {
        Arrival { connection: Arc::clone(&self.connection), is_complete: Arc::clone(&self.is_complete) }
    }

    /// The client has taken the answer, so it has not given the request up.
    pub(super) fn is_answered(&mut self) {
        self.is_answered = true;
    }
}

impl Arrival {
    /// The request has arrived completely: from now on its connection is at work.
    pub(super) fn complete(&self) {
        if !self.is_complete.swap(true, Ordering::Relaxed) {
            self.connection.work();
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        // A body that arrives later changes nothing any more.
        let was_complete = self.is_complete.swap(true, Ordering::Relaxed);
        self.connection.end(was_complete, self.is_answered);
    }
}

fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests;
