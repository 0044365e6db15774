//! Limits on attempts and rates, and the keys under which they are counted.

use std::time::Duration;

use rowhouse_chassis::network::Network;

use crate::encryption::{Digest32, EncryptionKeys};

/// The factor by which a /48 of IPv6 is allowed more than each of its /64 networks: it may belong to one customer, or
/// to a whole provider.
const WIDER: i32 = 4;

/// A limit that slows attempts down: some are free, and each further one doubles the wait for the next, from a second
/// to a quarter of an hour. It is cleared an hour after the last attempt, and by a successful one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    /// A keyed digest, so that readers of the table do not learn what is counted.
    pub(crate) key: Digest32,
    pub(crate) free: i32,
}

/// A rate: a burst, and the time after which one more is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) at_once: i32,
    pub(crate) every: Duration,
}

/// Something that is counted, such as emails to an address, with its rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) key: Digest32,
    pub(crate) rate: Rate,
}

impl Limit {
    /// Creates a limit. `purpose` distinguishes limits that count the same parts.
    pub(crate) fn new(encryption: &EncryptionKeys, purpose: &'static str, parts: &[&str], free: i32) -> Self {
        Self { key: key(encryption, purpose, parts), free }
    }

    /// Returns the limits of a network and of the wider one around it.
    pub(crate) fn of_network(
        encryption: &EncryptionKeys,
        purpose: &'static str,
        network: Option<Network>,
        free: i32,
    ) -> Vec<Self> {
        let keys = network_keys(encryption, purpose, network);
        keys.map(|(key, times)| Self { key, free: free.saturating_mul(times) }).collect()
    }
}

impl Allowance {
    /// Creates an allowance. `purpose` distinguishes allowances that count the same parts.
    pub(crate) fn new(
        encryption: &EncryptionKeys,
        purpose: &'static str,
        parts: &[&str],
        rate: Rate,
    ) -> Self {
        Self { key: key(encryption, purpose, parts), rate }
    }

    /// Returns the allowances of a network and of the wider one around it.
    pub(crate) fn of_network(
        encryption: &EncryptionKeys,
        purpose: &'static str,
        network: Option<Network>,
        rate: Rate,
    ) -> Vec<Self> {
        let keys = network_keys(encryption, purpose, network);
        keys.map(|(key, times)| Self { key, rate: rate.times(times) }).collect()
    }
}

impl Rate {
    /// Creates a rate with a burst that is also the number per hour.
    pub(crate) fn hourly(most: i32) -> Self {
        Self { at_once: most, every: Duration::from_hours(1) / most.unsigned_abs().max(1) }
    }

    fn times(self, times: i32) -> Self {
        Self { at_once: self.at_once.saturating_mul(times), every: self.every / times.unsigned_abs().max(1) }
    }
}

fn key(encryption: &EncryptionKeys, purpose: &'static str, parts: &[&str]) -> Digest32 {
    let data = parts.iter().flat_map(|part| [part.as_bytes(), b"\0"]).collect::<Vec<_>>().concat();
    encryption.digest(purpose, &data)
}

/// Returns the keys of a network and of the wider one around it, with the factor of each. Clients with an unknown
/// network are counted together.
fn network_keys(
    encryption: &EncryptionKeys,
    purpose: &'static str,
    network: Option<Network>,
) -> impl Iterator<Item = (Digest32, i32)> {
    let text = |network: Option<Network>| network.map(|network| network.to_string()).unwrap_or_default();
    let of = |network, times| (key(encryption, purpose, &[&text(network)]), times);
    let wider = network.and_then(Network::wider).map(|wider| of(Some(wider), WIDER));
    [of(network, 1)].into_iter().chain(wider)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::encryption::tests::encryption;

    #[test]
    fn a_wider_network_is_counted_apart() {
        let encryption = encryption();
        let of = |address: &str| {
            let network = Network::from(address.parse::<IpAddr>().unwrap());
            Limit::of_network(&encryption, "test", Some(network), 10)
        };
        let [narrow, wide] = of("2001:db8::1")[..] else { panic!("a /64 and a /48") };
        assert_eq!((narrow.free, wide.free), (10, 40));
        assert_eq!(of("2001:db8::ffff"), [narrow, wide]);
        let [other, same] = of("2001:db8:0:1::1")[..] else { panic!("a /64 and a /48") };
        assert!(other.key != narrow.key && same.key == wide.key);
        assert_eq!(of("203.0.113.9").len(), 1);
        assert_eq!(Limit::of_network(&encryption, "test", None, 1).len(), 1);
    }

    #[test]
    fn a_rate_by_the_hour() {
        let rate = Rate::hourly(20);
        assert_eq!(rate, Rate { at_once: 20, every: Duration::from_mins(3) });
        assert_eq!(rate.times(WIDER), Rate { at_once: 80, every: Duration::from_secs(45) });
    }
}
