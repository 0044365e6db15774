//! [`Addresses`], the addresses of the gateway and the services.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rowhouse_catalog::PerService;

/// An address for each part. Port 0 means any free one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The gateway's address.
    pub gateway: SocketAddr,
    /// The services' addresses.
    pub services: PerService<SocketAddr>,
}

impl Addresses {
    /// Returns free ports on 127.0.0.1.
    #[must_use]
    pub fn free() -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { gateway: any, services: PerService::from_fn(|_| any) }
    }
}

/// Returns the URL by which this machine reaches the address.
#[must_use]
pub fn url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_becomes_a_reachable_url() {
        for (address, expected) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:80", "http://[::1]:80"),
            ("192.0.2.7:80", "http://192.0.2.7:80"),
        ] {
            assert_eq!(url(address.parse().unwrap()), expected);
        }
    }
}
