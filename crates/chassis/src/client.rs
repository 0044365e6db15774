//! The origin of a request: the client's address and program, as far as known.

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use http::header::USER_AGENT;
use ipnet::IpNet;
use rowhouse_text::printable;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};

use crate::config::ProxyArgs;
use crate::grpc::Peer;
use crate::network::Network;

/// The header and metadata key in which a proxy lists the addresses that it forwards for.
pub const FORWARDED_FOR: &str = "x-forwarded-for";

/// The metadata key in which the gateway forwards the client's own `user-agent`.
pub const FORWARDED_USER_AGENT: &str = "x-forwarded-user-agent";

/// The length to which a `user-agent` is truncated. More is of no use in a list of sessions.
const LONGEST_USER_AGENT: usize = 200;

/// The origin of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// The address of the client's machine.
    pub address: Option<IpAddr>,
    /// The client's `user-agent`, 200 characters at most.
    pub user_agent: Option<String>,
}

/// The networks whose machines are trusted to say for whom they forward a request.
///
/// They determine what attempts to log in are counted against and what the audit log shows. They never determine what
/// a caller may do.
#[derive(Clone, Debug)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl From<ProxyArgs> for TrustedProxies {
    fn from(args: ProxyArgs) -> Self {
        Self(args.trusted_proxies.into())
    }
}

impl TrustedProxies {
    /// Returns the last address of the request's path that is not a trusted proxy's. `forwarded` has the values of
    /// `x-forwarded-for` in their order, each a list. What precedes an untrusted address may be forged.
    pub fn client_address<'a>(&self, peer: IpAddr, forwarded: impl Iterator<Item = &'a str>) -> IpAddr {
        self.last_untrusted(peer.to_canonical(), false, forwarded)
    }

    /// `is_verified` says that the peer is trusted, whatever its address is.
    fn last_untrusted<'a>(
        &self,
        peer: IpAddr,
        mut is_verified: bool,
        forwarded: impl Iterator<Item = &'a str>,
    ) -> IpAddr {
        let hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).map(str::trim).collect();
        let mut address = peer;
        for hop in hops.into_iter().rev() {
            if !std::mem::take(&mut is_verified) && !self.0.iter().any(|network| network.contains(&address)) {
                break;
            }
            let Some(next) = parse(hop) else { break };
            address = next;
        }
        address
    }

    /// Returns the origin of a gRPC call. A caller that is verified by mutual TLS is trusted to say for whom it calls.
    pub(crate) fn client(&self, headers: &HeaderMap, peer: Option<&Peer>) -> Client {
        let texts: Vec<_> = headers
            .get_all(FORWARDED_FOR)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        let address = peer.and_then(|peer| {
            let address = peer.address?.ip().to_canonical();
            Some(self.last_untrusted(address, peer.is_verified, texts.iter().map(AsRef::as_ref)))
        });
        let agent = headers.get(FORWARDED_USER_AGENT).or_else(|| headers.get(USER_AGENT));
        Client { address, user_agent: agent.and_then(|value| value.to_str().ok()).and_then(user_agent) }
    }
}

impl Client {
    /// Returns the origin of a call, as the server has determined it. Of a call that came past the server nothing is known.
    #[must_use]
    pub fn of<T>(request: &tonic::Request<T>) -> Self {
        request.extensions().get().cloned().unwrap_or_default()
    }

    /// Returns the network that the client is counted under, or `None` if its address is unknown.
    #[must_use]
    pub fn network(&self) -> Option<Network> {
        self.address.map(Network::from)
    }

    /// Adds the origin to an outgoing call. An unknown program is sent as an empty value, so that the callee does not
    /// take this process's own `user-agent` for it.
    pub fn carry(&self, metadata: &mut MetadataMap) {
        if let Some(Ok(address)) = self.address.map(|it| MetadataValue::<Ascii>::try_from(it.to_string())) {
            metadata.insert(FORWARDED_FOR, address);
        }
        let agent = self.user_agent.as_deref().and_then(|agent| MetadataValue::try_from(agent).ok());
        metadata.insert(FORWARDED_USER_AGENT, agent.unwrap_or(MetadataValue::from_static("")));
    }
}

/// Returns the stored form of a `user-agent` header.
#[must_use]
pub fn user_agent(text: &str) -> Option<String> {
    let text: String = printable(text.trim()).chars().take(LONGEST_USER_AGENT).collect();
    (!text.is_empty()).then_some(text)
}

/// Parses an address from `x-forwarded-for`: bare, in brackets, or with a port.
fn parse(hop: &str) -> Option<IpAddr> {
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse().ok().or_else(|| hop.parse::<std::net::SocketAddr>().ok().map(|it| it.ip()));
    address.map(|it: IpAddr| it.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted(networks: &[&str]) -> TrustedProxies {
        TrustedProxies(networks.iter().map(|network| network.parse().unwrap()).collect())
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let proxies = trusted(&["10.0.0.0/8", "::1/128"]);
        for (peer, forwarded, expected) in [
            ("203.0.113.9", &[][..], "203.0.113.9"),
            ("203.0.113.9", &["198.51.100.1"], "203.0.113.9"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["6.6.6.6, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", &["6.6.6.6", "198.51.100.1", "10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", &["10.0.0.3"], "10.0.0.3"),
            ("10.0.0.1", &["nonsense"], "10.0.0.1"),
            // Entries before the client's own address are not read.
            ("10.0.0.1", &["\u{fffd}, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("::1", &["[2001:db8::1]"], "2001:db8::1"),
            ("::1", &["[2001:db8::1]:443"], "2001:db8::1"),
            ("::ffff:10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
        ] {
            let found = proxies.client_address(peer.parse().unwrap(), forwarded.iter().copied());
            assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn the_client_survives_the_metadata() {
        let sent =
            Client { address: Some("2001:db8::1".parse().unwrap()), user_agent: Some("curl/8".into()) };
        let mut metadata = MetadataMap::new();
        sent.carry(&mut metadata);
        let sent_from = sent.address;
        let peer = Peer { address: Some("127.0.0.1:1".parse().unwrap()), is_verified: false };
        let received = |metadata: &MetadataMap, trusted: &TrustedProxies, peer| {
            trusted.client(&metadata.clone().into_headers(), Some(&peer))
        };
        let (proxies, nobody) = (trusted(&["127.0.0.0/8"]), trusted(&[]));
        assert_eq!(received(&metadata, &proxies, peer), sent);
        metadata.insert("user-agent", "tonic/0".parse().unwrap());
        assert_eq!(received(&metadata, &proxies, peer), sent);
        let unknown = Client { user_agent: None, ..sent };
        unknown.carry(&mut metadata);
        assert_eq!(received(&metadata, &proxies, peer), unknown);
        metadata.remove(FORWARDED_USER_AGENT);
        assert_eq!(received(&metadata, &proxies, peer).user_agent.as_deref(), Some("tonic/0"));
        assert_eq!(received(&metadata, &nobody, peer).address, Some("127.0.0.1".parse().unwrap()));
        let verified = Peer { is_verified: true, ..peer };
        assert_eq!(received(&metadata, &nobody, verified).address, sent_from);
    }

    #[test]
    fn a_user_agent_is_cut() {
        assert_eq!(user_agent("  "), None);
        assert_eq!(user_agent(&"é".repeat(500)).unwrap().chars().count(), 200);
        assert_eq!(user_agent("curl\u{202e}/8\n").as_deref(), Some("curl\u{fffd}/8"));
    }
}
