//! The origin of a request: where it comes from, and how urgent it is.

use std::future::{Ready, ready};
use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use actix_web::{FromRequest, HttpRequest, web};
use rowhouse_chassis::admission::{PRIORITY, Urgency, urgency};
use rowhouse_chassis::client::{Client, FORWARDED_FOR, TrustedProxies, user_agent};

use crate::error::Problem;

/// The client's address and program, and the priority that it asked for, to be passed on to the services.
pub(crate) struct Origin {
    client: Client,
    urgency: Urgency,
}

impl Origin {
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Self {
            client: Client { address: address(request)?, user_agent: agent.and_then(user_agent) },
            urgency: priority(request.headers()),
        })
    }

    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the urgency that the client asked for.
    pub(crate) const fn urgency(&self) -> Urgency {
        self.urgency
    }
}

/// Returns the client's address, which is the peer's or the one that a trusted proxy names.
pub(crate) fn address(request: &HttpRequest) -> Result<Option<IpAddr>, Problem> {
    let Some(proxies) = request.app_data::<web::Data<TrustedProxies>>() else {
        tracing::error!("the application does not know its proxies");
        return Err(Problem::internal());
    };
    let forwarded = request.headers().get_all(HeaderName::from_static(FORWARDED_FOR));
    // An odd byte from the client does not hide what a proxy has appended.
    let forwarded: Vec<_> = forwarded.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    let forwarded = forwarded.iter().map(AsRef::as_ref);
    Ok(request.peer_addr().map(|peer| proxies.client_address(peer.ip(), forwarded)))
}

/// Returns the urgency that the client asked for.
pub(crate) fn priority(headers: &HeaderMap) -> Urgency {
    urgency(headers.get_all(HeaderName::from_static(PRIORITY)).map(HeaderValue::as_bytes))
}

impl FromRequest for Origin {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use rowhouse_chassis::config::ProxyArgs;

    use super::*;

    fn origin(peer: &str, headers: &[(&str, &str)]) -> Client {
        let proxies = TrustedProxies::from(ProxyArgs::this_machine());
        let request =
            TestRequest::default().peer_addr(peer.parse().unwrap()).app_data(web::Data::new(proxies));
        let request = headers.iter().fold(request, |request, header| request.append_header(*header));
        Origin::of(&request.to_http_request()).unwrap().client
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let headers = [
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-for", "198.51.100.1, 127.0.0.2"),
            ("user-agent", " curl/8 "),
        ];
        let client = origin("127.0.0.1:4711", &headers);
        assert_eq!(client.address, Some("198.51.100.1".parse().unwrap()));
        assert_eq!(client.user_agent.as_deref(), Some("curl/8"));
        let client = origin("203.0.113.9:4711", &headers);
        assert_eq!(client.address, Some("203.0.113.9".parse().unwrap()));
    }

    #[test]
    fn an_absent_header_is_unknown() {
        let client = origin("[2001:db8::1]:4711", &[]);
        assert_eq!(client.address, Some("2001:db8::1".parse().unwrap()));
        assert_eq!(client.user_agent, None);
    }
}
