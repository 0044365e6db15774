//! The addresses to which webhooks may be sent.
//!
//! Tenants choose the addresses of their endpoints, and this service can reach what outsiders cannot: databases,
//! metadata servers, the service itself. So in production it connects only to addresses of the public Internet,
//! whatever their names are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use rowhouse_chassis::config::Environment;
use url::Host;

/// The IPv4 networks in the IANA's registry of special-purpose addresses (RFC 6890) that are not the public Internet.
const SPECIAL_V4: [Ipv4Net; 16] = [
    // This network.
    v4([0, 0, 0, 0], 8),
    // Private (RFC 1918).
    v4([10, 0, 0, 0], 8),
    v4([172, 16, 0, 0], 12),
    v4([192, 168, 0, 0], 16),
    // Shared by the customers of a provider (RFC 6598).
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    // Link-local; the metadata servers of clouds are there.
    v4([169, 254, 0, 0], 16),
    v4([192, 0, 0, 0], 24),
    // Documentation (RFC 5737).
    v4([192, 0, 2, 0], 24),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    // Relays of 6to4 (RFC 7526).
    v4([192, 88, 99, 0], 24),
    // Benchmarks (RFC 2544).
    v4([198, 18, 0, 0], 15),
    // Azure's platform with its metadata, under a public address.
    v4([168, 63, 129, 16], 32),
    v4([224, 0, 0, 0], 4),
    // Reserved, and broadcast.
    v4([240, 0, 0, 0], 4),
];

/// The allocated part of IPv6. Loopback, unspecified, v4-mapped, v4-compatible, NAT64, unique local, link-local,
/// site-local and multicast addresses are outside of it.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0], 3);

/// The networks in [`GLOBAL_V6`] that are not the public Internet.
const SPECIAL_V6: [Ipv6Net; 5] = [
    // Protocols: Teredo, benchmarks, ORCHID and others.
    v6([0x2001, 0], 23),
    // Documentation (RFC 3849, RFC 9637).
    v6([0x2001, 0x0db8], 32),
    v6([0x3fff, 0], 20),
    // 6to4, which embeds an IPv4 address.
    v6([0x2002, 0], 16),
    // The 6bone, which was returned.
    v6([0x3ffe, 0], 16),
];

/// The last labels of internal names.
const INSIDE: [&str; 9] =
    ["localhost", "local", "internal", "intranet", "private", "corp", "home", "lan", "home.arpa"];

const fn v4([a, b, c, d]: [u8; 4], length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6([a, b]: [u16; 2], length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), length)
}

/// The addresses that webhooks may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// All addresses, also without TLS: for development.
    Open,
    /// The public Internet, with TLS.
    PublicOnly,
}

impl Guard {
    pub(crate) const fn of(environment: Environment) -> Self {
        if environment.is_production() { Self::PublicOnly } else { Self::Open }
    }

    /// Returns whether connections to an address are allowed.
    pub(crate) fn allows(self, address: IpAddr) -> bool {
        match self {
            Self::Open => true,
            Self::PublicOnly => is_public(address),
        }
    }

    /// Returns whether a host may be allowed, as far as its name shows.
    pub(crate) fn allows_host(self, host: &Host<&str>) -> bool {
        match (self, host) {
            (Self::Open, _) => true,
            (_, Host::Ipv4(address)) => self.allows((*address).into()),
            (_, Host::Ipv6(address)) => self.allows((*address).into()),
            (_, Host::Domain(name)) => is_public_name(name),
        }
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|net| net.contains(&address)),
        IpAddr::V6(address) => {
            GLOBAL_V6.contains(&address) && !SPECIAL_V6.iter().any(|net| net.contains(&address))
        }
    }
}

/// Returns whether a name is public. A resolver completes a name of one label from its search list: in a cluster,
/// `orders` is a service.
fn is_public_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let is_inside =
        |inside: &str| name.strip_suffix(inside).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    name.contains('.') && !INSIDE.iter().any(|inside| is_inside(inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_public_internet() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "168.63.129.15",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.255",
            "192.0.3.0",
            "192.88.98.255",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "2003::1",
            "2a00:1450::1",
            "3fff:1000::1",
        ] {
            assert!(Guard::PublicOnly.allows(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn every_other_address() {
        for address in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "168.63.129.16",
            "169.254.169.254",
            "169.254.0.0",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.0.192",
            "192.0.2.7",
            "192.88.99.1",
            "192.168.0.1",
            "192.168.255.255",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.255",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            // Unspecified, loopback, v4-compatible, v4-mapped, v4-translated.
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:1.1.1.1",
            "::ffff:0:127.0.0.1",
            // NAT64, of everybody and of a network.
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b::101:101",
            "64:ff9b:1::1",
            // Discard-only, Teredo, benchmarks, ORCHID, documentation, 6to4, segment routing.
            "100::1",
            "100:0:0:1::1",
            "2001::1",
            "2001:0:7f00:1::",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:1ff:ffff::1",
            "2001:db8::1",
            "2001:db8:ffff::1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2002:101:101::",
            "3ffe::1",
            "3fff::1",
            "3fff:fff::1",
            "5f00::1",
            // Not allocated, unique local, link-local, site-local, multicast.
            "1fff::1",
            "4000::1",
            "fc00::1",
            "fd00:ec2::254",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "feff::1",
            "ff02::1",
            "ff0e::1",
            "ffff::1",
        ] {
            assert!(!Guard::PublicOnly.allows(address.parse().unwrap()), "{address}");
            assert!(Guard::Open.allows(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn names() {
        for (name, public) in [
            ("example.com", true),
            ("hooks.example.com.", true),
            ("internal.example.com", true),
            ("notlocalhost.example", true),
            ("mylocal.example", true),
            ("localhost", false),
            ("LOCALHOST", false),
            ("localhost.", false),
            ("a.localhost", false),
            ("printer.local", false),
            ("metadata.google.internal", false),
            ("metadata.google.internal.", false),
            ("router.home.arpa", false),
            ("orders", false),
            ("orders.", false),
            ("rowhouse-orders.rowhouse.svc.cluster.local", false),
        ] {
            assert_eq!(Guard::PublicOnly.allows_host(&Host::Domain(name)), public, "{name}");
            assert!(Guard::Open.allows_host(&Host::Domain(name)));
        }
    }

    #[test]
    fn production_is_guarded_and_development_is_not() {
        assert_eq!(Guard::of(Environment::Production), Guard::PublicOnly);
        assert_eq!(Guard::of(Environment::Dev), Guard::Open);
    }
}
