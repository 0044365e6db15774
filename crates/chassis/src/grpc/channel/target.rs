//! [`Target`], a URL under which instances of a service are found.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use rustls::pki_types::ServerName;
use tonic::transport::{Channel, Endpoint};

use crate::admission::STREAMS;
use crate::grpc::streams::STREAM_WINDOW;
use crate::tls::CallTls;

/// The error for an invalid endpoint.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// It is no URL of a service.
    #[error(
        "`{0}` is not the address of a gRPC service; write it as https://host:port or http://host:port, and several separated by \
         commas"
    )]
    Invalid(String),
    /// The calls would not be encrypted, and this is production.
    #[error(
        "calls to {0} would not be encrypted: in production write it as https://host:port, or give --allow-plaintext-grpc on \
         a network that encrypts by itself"
    )]
    Plaintext(String),
}

/// A URL, with one address if its host is an IP address, and otherwise with all addresses that the host's name has.
#[derive(Clone, Debug)]
pub(super) struct Target {
    url: Uri,
    /// The name that an instance's certificate must have, and the authorities.
    tls: Option<(ServerName<'static>, CallTls)>,
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
    pub(super) fn parse_all(endpoints: &str, tls: &CallTls) -> Result<Vec<Self>, EndpointError> {
        let invalid = || EndpointError::Invalid(endpoints.to_owned());
        let targets = endpoints.split(',').map(|endpoint| {
            let target = Self::parse(endpoint.trim(), tls).ok_or_else(invalid)?;
            let here = target.url.host().is_some_and(|host| tls.may_be_plaintext(host));
            if target.tls.is_none() && !here {
                return Err(EndpointError::Plaintext(endpoint.trim().to_owned()));
            }
            Ok(target)
        });
        targets.collect()
    }

    fn parse(endpoint: &str, tls: &CallTls) -> Option<Self> {
        let url: Uri = endpoint.parse().ok()?;
        let host = url.host().filter(|host| !host.is_empty())?;
        // IPv6 addresses are in brackets.
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let (tls, port) = if url.scheme() == Some(&Scheme::HTTPS) {
            (Some((ServerName::try_from(bare.to_owned()).ok()?, tls.clone())), 443)
        } else if url.scheme() == Some(&Scheme::HTTP) {
            (None, 80)
        } else {
            return None;
        };
        let host = match bare.parse() {
            Ok(address) => Host::Address(address),
            Err(_name) => Host::Name(host.to_owned()),
        };
        Some(Self { tls, host, port: url.port_u16().unwrap_or(port), url })
    }

    /// Creates a connection to one of the target's addresses. It connects at the first call, and again whenever it has to.
    pub(super) fn connect(&self, address: SocketAddr) -> Option<Channel> {
        // Twice what all streams take that nobody reads. With less, as hyper has by default, three callers who do not read would stop
        // everybody's answers.
        let window_of_all = 2 * u32::from(STREAMS) * STREAM_WINDOW;
        // tonic refuses an https endpoint without its own TLS, so the connector gets one of http, and the instance the name that it
        // was found by.
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .ok()?
            .origin(self.url.clone())
            .connect_timeout(Duration::from_secs(2))
            .tcp_nodelay(true)
            .tcp_keepalive(Some(Duration::from_secs(30)))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(window_of_all)
            .http2_keep_alive_interval(Duration::from_secs(15))
            .keep_alive_timeout(Duration::from_secs(5))
            .keep_alive_while_idle(true);
        Some(match &self.tls {
            Some((name, tls)) => endpoint.connect_with_connector_lazy(tls.connector(name.clone())),
            None => endpoint.connect_lazy(),
        })
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
            ("https://orders:1", 1),
            ("http://127.0.0.1:1,http://127.0.0.1:2, http://orders:3", 3),
        ] {
            assert_eq!(
                Target::parse_all(endpoints, &CallTls::default()).unwrap().len(),
                count,
                "{endpoints}"
            );
        }
        for endpoints in [
            "",
            "localhost:50051",
            "ftp://localhost:50051",
            "/tmp/socket",
            "http://",
            "http://a:1,",
            "http://a:1,b:2",
        ] {
            let error = Target::parse_all(endpoints, &CallTls::default()).unwrap_err().to_string();
            assert!(error.contains(endpoints) && error.contains("http://host:port"), "{error}");
        }
    }

    #[test]
    fn an_address_is_not_looked_up() {
        for (endpoint, address) in
            [("http://127.0.0.1:5", true), ("http://[::1]:5", true), ("http://a:5", false)]
        {
            let [target] = Target::parse_all(endpoint, &CallTls::default()).unwrap().try_into().unwrap();
            assert_eq!(matches!(target.host, Host::Address(_)), address, "{endpoint}");
            assert_eq!(target.port, 5);
        }
    }
}
