//! Counters by network, and the text of a browser's handle in a counter's key.

use countersign_core::{network::networks, secret::StoredHandle, throttle::Limits};
use std::net::IpAddr;

/// The counters of an address's networks, the narrowest first: `{prefix}:{network}`, each with the limits that a network of
/// that size has (see [`countersign_core::network`]).
pub(crate) fn by_network(prefix: &str, address: IpAddr, limits: Limits) -> Vec<(String, Limits)> {
    let counter = |network: &countersign_core::network::Network| {
        (format!("{prefix}:{}", network.name()), limits.times(network.weight()))
    };
    networks(address).iter().map(counter).collect()
}

/// A browser's handle, for a key.
pub(crate) fn hex(browser: &StoredHandle) -> String {
    browser.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}
