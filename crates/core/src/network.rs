//! The networks that an address belongs to, for counters and for fair shares.
//!
//! An IPv4 address counts as it is. An IPv6 address is counted three times: by its /64, which one subscriber has at least
//! (RFC 6177 §2), by its /56, which many providers give a home, and by its /48, which is a site. Anyone who holds a /48 can
//! send from 65,536 different /64s, so a /64 that is counted only on its own costs an attacker nothing. Some providers put
//! many customers into one /48, so the wider networks are allowed more: [`Network::weight`] times as much.

use std::net::{IpAddr, Ipv6Addr};

/// One network of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    name: String,
    weight: u32,
}

/// The prefix lengths of IPv6 that are counted, and how many times what one subscriber is allowed.
const IPV6: [(u32, u32); 3] = [(64, 1), (56, 4), (48, 16)];

impl Network {
    /// Its text, for the key of a counter: `192.0.2.7`, `2001:db8:1:2::/64`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many times what a single subscriber is allowed it is allowed. At least 1.
    pub fn weight(&self) -> u32 {
        self.weight
    }
}

/// The networks of an address, the narrowest first. An IPv4 address that is mapped into IPv6 counts as what it is.
pub fn networks(address: IpAddr) -> Vec<Network> {
    match address.to_canonical() {
        IpAddr::V4(v4) => vec![Network { name: v4.to_string(), weight: 1 }],
        IpAddr::V6(v6) => IPV6
            .into_iter()
            .map(|(bits, weight)| {
                let prefix = Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << (128 - bits)));
                Network { name: format!("{prefix}/{bits}"), weight }
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> Vec<String> {
        networks(text.parse().unwrap()).iter().map(|network| network.name().to_owned()).collect()
    }

    #[test]
    fn an_ipv4_address_is_one_network() {
        assert_eq!(of("192.0.2.7"), ["192.0.2.7"]);
        assert_eq!(of("::ffff:192.0.2.7"), ["192.0.2.7"]);
    }

    #[test]
    fn an_ipv6_address_is_counted_at_64_56_and_48() {
        assert_eq!(
            of("2001:db8:1:2f3:4:5:6:7"),
            ["2001:db8:1:2f3::/64", "2001:db8:1:200::/56", "2001:db8:1::/48"]
        );
        let weights: Vec<u32> =
            networks("2001:db8::1".parse().unwrap()).iter().map(Network::weight).collect();
        assert_eq!(weights, [1, 4, 16]);
    }

    proptest! {
        /// Two addresses share a network exactly where they share its prefix.
        #[test]
        fn a_prefix_is_what_is_shared(a in any::<u128>(), flipped in 0_u32..128) {
            let b = a ^ (1 << (127 - flipped));
            let of = |bits| networks(IpAddr::V6(Ipv6Addr::from_bits(bits)));
            prop_assume!(of(a).len() == 3 && of(b).len() == 3);
            for ((x, y), (bits, _)) in of(a).iter().zip(of(b).iter()).zip(IPV6) {
                prop_assert_eq!(x == y, flipped >= bits);
            }
        }
    }
}
