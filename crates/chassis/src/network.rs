//! Networks: the unit in which clients are counted by attempts, emails and sign-ups.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The prefix length that identifies one customer's network at least. A customer chooses the other bits freely, for
/// each request.
const SMALLEST: u8 = 64;
/// The prefix length that identifies one customer's network at most.
const WIDEST: u8 = 48;

/// The network of a client: an IPv4 address, or the /64 or /48 of an IPv6 address. An IPv6 address that embeds an
/// IPv4 address stands for that one.
///
/// All counters by client use this type, never the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    /// The lowest address of the network.
    address: IpAddr,
    prefix: u8,
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            address @ IpAddr::V4(_) => Self { address, prefix: 32 },
            IpAddr::V6(address) => match embedded(address) {
                Some(address) => Self { address: address.into(), prefix: 32 },
                None => Self::around(address, SMALLEST),
            },
        }
    }
}

/// Returns the IPv4 address that a translator or tunnel embeds in an IPv6 address. By their prefix, all IPv4 clients
/// of a translator would be one network, and so would those of a Teredo server; a 6to4 site would be 65,536.
///
/// The translators of a site (`64:ff9b:1::/48`, RFC 8215, and prefixes of a provider) choose the position of the IPv4
/// address themselves, so it cannot be extracted: the proxy in front of the services should forward the address
/// before the translation.
const fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.octets() {
        // NAT64 (RFC 6052): at the end. 6to4 (RFC 3056): after the first 16 bits.
        [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] | [0x20, 0x02, a, b, c, d, ..] => {
            Some(Ipv4Addr::new(a, b, c, d))
        }
        // Teredo (RFC 4380): at the end, inverted.
        [0x20, 0x01, 0, 0, .., a, b, c, d] => Some(Ipv4Addr::new(!a, !b, !c, !d)),
        _ => None,
    }
}

impl Network {
    fn around(address: Ipv6Addr, prefix: u8) -> Self {
        let mask = u128::MAX << (128 - u32::from(prefix));
        Self { address: Ipv6Addr::from_bits(address.to_bits() & mask).into(), prefix }
    }

    /// Returns the /48 around a /64. All of it may belong to one customer, so it has a larger allowance, but not that
    /// of its 65,536 parts. An IPv4 address and a /48 have none.
    #[must_use]
    pub fn wider(self) -> Option<Self> {
        match self.address {
            IpAddr::V6(address) if self.prefix > WIDEST => Some(Self::around(address, WIDEST)),
            IpAddr::V6(_) | IpAddr::V4(_) => None,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(address) => write!(f, "{address}/{}", self.prefix),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str) -> Network {
        Network::from(address.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn an_address_becomes_its_network() {
        for (address, expected, wider) in [
            ("203.0.113.9", "203.0.113.9", None),
            ("::ffff:203.0.113.9", "203.0.113.9", None),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", Some("2001:db8:1::/48")),
            ("2001:db8:1:ffff::", "2001:db8:1:ffff::/64", Some("2001:db8:1::/48")),
            ("::1", "::/64", Some("::/48")),
            // NAT64, and a translator's own prefix, whose form is unknown.
            ("64:ff9b::203.0.113.9", "203.0.113.9", None),
            ("64:ff9b::cb00:710a", "203.0.113.10", None),
            ("64:ff9b:1::203.0.113.9", "64:ff9b:1::/64", Some("64:ff9b:1::/48")),
            ("64:ff9b:0:0:1::203.0.113.9", "64:ff9b::/64", Some("64:ff9b::/48")),
            // 6to4: all networks of a site.
            ("2002:cb00:7109::1", "203.0.113.9", None),
            ("2002:cb00:7109:ffff:1:2:3:4", "203.0.113.9", None),
            // Teredo, with any server and port.
            ("2001:0:4136:e378:8000:63bf:34ff:8ef6", "203.0.113.9", None),
            ("2001:0:53aa:64c:0:1234:34ff:8ef6", "203.0.113.9", None),
            ("2001:1::1", "2001:1::/64", Some("2001:1::/48")),
        ] {
            let found = network(address);
            assert_eq!(found.to_string(), expected, "{address}");
            assert_eq!(found.wider().map(|wider| wider.to_string()).as_deref(), wider, "{address}");
            assert_eq!(found.wider().and_then(Network::wider), None, "{address}");
        }
    }

    #[test]
    fn one_network_however_it_is_written_and_no_other() {
        assert_eq!(network("2001:db8::1"), network("2001:db8:0:0:ffff:ffff:ffff:ffff"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("2001:db8::1").wider(), network("2001:db8:0:ffff::1").wider());
        assert_ne!(network("2001:db8::1").wider(), network("2001:db8:1::1").wider());
        assert_ne!(network("203.0.113.9"), network("203.0.113.10"));
    }
}
