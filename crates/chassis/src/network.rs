//! Networks: what the address of a client stands for where attempts, messages and sign-ups are counted.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// The bits of an IPv6 address that one customer is given at least: the rest they choose as they like, a new address for
/// each request.
const SMALLEST: u8 = 64;
/// The bits that one customer may be given at most.
const WIDEST: u8 = 48;

/// The network of a client: an IPv4 address by itself, or the /64 or /48 of an IPv6 address.
///
/// Wherever a client is a key, this is it, and never the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    /// The lowest address.
    address: IpAddr,
    prefix: u8,
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            address @ IpAddr::V4(_) => Self { address, prefix: 32 },
            IpAddr::V6(address) => Self::around(address, SMALLEST),
        }
    }
}

impl Network {
    fn around(address: Ipv6Addr, prefix: u8) -> Self {
        let mask = u128::MAX << (128 - u32::from(prefix));
        Self { address: Ipv6Addr::from_bits(address.to_bits() & mask).into(), prefix }
    }

    /// The /48 around a /64, all of which may be one customer's: it is allowed more, and not as much as its 65,536 parts.
    /// There is none around an IPv4 address, nor around a /48.
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
