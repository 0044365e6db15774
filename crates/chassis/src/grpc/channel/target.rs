//! [`Target`], a URL under which instances of a service are found.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::uri::Scheme;
use tonic::transport::{Channel, Endpoint};

/// The error for an invalid endpoint.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not the address of a gRPC service; write it as http://host:port, and several separated by commas"
)]
pub struct EndpointError(String);

/// A URL, with one address if its host is an IP address, and otherwise with all addresses that the host's name has.
#[derive(Clone, Debug)]
pub(super) struct Target {
    endpoint: Endpoint,
    pub(super) host: Host,
    pub(super) port: u16,
}

#[derive(Clone, Debug)]
pub(super) enum Host {
    Address(IpAddr),
    Name(String),
}

impl Target {
    /// Parses URLs that are separated by commas.
    pub(super) fn parse_all(endpoints: &str) -> Result<Vec<Self>, EndpointError> {
        endpoints
            .split(',')
            .map(|endpoint| Self::parse(endpoint.trim()))
            .collect::<Option<_>>()
            .ok_or_else(|| EndpointError(endpoints.to_owned()))
    }

    fn parse(endpoint: &str) -> Option<Self> {
        let endpoint = Endpoint::from_shared(endpoint.to_owned()).ok()?;
        let uri = endpoint.uri();
        if uri.scheme() != Some(&Scheme::HTTP) {
            return None;
        }
        let host = uri.host().filter(|host| !host.is_empty())?;
        // IPv6 addresses are in brackets.
        let host = match host.trim_start_matches('[').trim_end_matches(']').parse() {
            Ok(address) => Host::Address(address),
            Err(_name) => Host::Name(host.to_owned()),
        };
        let port = uri.port_u16().unwrap_or(80);
        Some(Self { endpoint, host, port })
    }

    /// Creates a connection to one of the target's addresses. It connects at the first call, and again whenever it has to.
    pub(super) fn connect(&self, address: SocketAddr) -> Option<Channel> {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).ok()?;
        let channel = endpoint
            // The instance is told the name that it was found by.
            .origin(self.endpoint.uri().clone())
            .connect_timeout(Duration::from_secs(2))
            .tcp_nodelay(true)
            .tcp_keepalive(Some(Duration::from_secs(30)))
            .http2_keep_alive_interval(Duration::from_secs(15))
            .keep_alive_timeout(Duration::from_secs(5))
            .keep_alive_while_idle(true)
            .connect_lazy();
        Some(channel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_can_work_are_taken() {
        for (endpoints, count) in [
            ("http://localhost:50051", 1),
            ("http://[::1]:50051", 1),
            ("http://orders.rowhouse.svc:50053", 1),
            ("http://127.0.0.1:1,http://127.0.0.1:2, http://orders:3", 3),
        ] {
            assert_eq!(Target::parse_all(endpoints).unwrap().len(), count, "{endpoints}");
        }
        for endpoints in [
            "",
            "localhost:50051",
            "https://localhost:50051",
            "/tmp/socket",
            "http://",
            "http://a:1,",
            "http://a:1,b:2",
        ] {
            let error = Target::parse_all(endpoints).unwrap_err().to_string();
            assert!(error.contains(endpoints) && error.contains("http://host:port"), "{error}");
        }
    }

    #[test]
    fn an_address_is_not_looked_up() {
        for (endpoint, address) in
            [("http://127.0.0.1:5", true), ("http://[::1]:5", true), ("http://a:5", false)]
        {
            let [target] = Target::parse_all(endpoint).unwrap().try_into().unwrap();
            assert_eq!(matches!(target.host, Host::Address(_)), address, "{endpoint}");
            assert_eq!(target.port, 5);
        }
    }
}
