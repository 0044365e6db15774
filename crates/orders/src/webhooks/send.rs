//! One request to an endpoint.
//!
//! It uses HTTP/1.1 on a connection of its own, without a pool, proxy or redirect, so it reaches exactly the address
//! that was checked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rowhouse_chassis::telemetry::TRACEPARENT;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::Host;

use super::resolve::{Resolve, SystemResolver, addresses};
use super::send_error::{LIMIT, SendError};
use crate::domain::{Guard, Target};

/// The time limit for a connection to one of the addresses.
const CONNECT_LIMIT: Duration = Duration::from_secs(4);
/// The number of a name's addresses that are tried.
const MAX_ADDRESSES: usize = 3;
/// The size limit of an answer's head.
const MAX_HEAD: usize = 16 * 1024;
/// The size and time limits for reading an answer's body, which only lets a receiver finish.
const MAX_BODY: usize = 16 * 1024;
const BODY_LIMIT: Duration = Duration::from_secs(1);

/// Sends deliveries.
pub(crate) struct Sender<R = SystemResolver> {
    resolver: R,
    guard: Guard,
    tls: TlsConnector,
    limit: Duration,
}

/// A signed delivery.
pub(crate) struct Message {
    /// The header `webhook-id`.
    pub(crate) id: String,
    /// The header `webhook-timestamp`: seconds since 1970.
    pub(crate) timestamp: i64,
    /// The header `webhook-signature`.
    pub(crate) signature: String,
    /// JSON.
    pub(crate) body: String,
    /// The header `traceparent` (W3C Trace Context).
    pub(crate) trace_parent: Option<String>,
}

/// The answer of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// The time for which it asks not to be called; a date is compared with this machine's clock.
    pub(crate) retry_after: Option<Duration>,
}

impl Sender {
    /// Creates a sender that trusts the public certificate authorities.
    pub(crate) fn new(guard: Guard) -> Result<Self, rustls::Error> {
        let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        Self::with(SystemResolver, guard, roots)
    }
}

impl<R: Resolve> Sender<R> {
    fn with(resolver: R, guard: Guard, roots: rustls::RootCertStore) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { resolver, guard, tls: TlsConnector::from(Arc::new(config)), limit: LIMIT })
    }

    pub(crate) const fn guard(&self) -> Guard {
        self.guard
    }

    /// Sends a message once.
    pub(crate) async fn send(&self, target: &Target, message: &Message) -> Result<Answer, SendError> {
        timeout(self.limit, self.send_unlimited(target, message)).await.or(Err(SendError::TimedOut))?
    }

    async fn send_unlimited(&self, target: &Target, message: &Message) -> Result<Answer, SendError> {
        let host = target.host().ok_or(SendError::NotAllowed)?;
        let request = request(target, message)?;
        let connection =
            connect(&addresses(&self.resolver, self.guard, host.clone(), target.port()).await?).await?;
        if target.uses_tls() {
            let name = server_name(&host)?;
            let connection = self.tls.connect(name, connection).await.or(Err(SendError::Tls))?;
            exchange(connection, request).await
        } else {
            exchange(connection, request).await
        }
    }
}

fn server_name(host: &Host<&str>) -> Result<ServerName<'static>, SendError> {
    match host {
        Host::Domain(name) => {
            ServerName::try_from(name.trim_end_matches('.').to_owned()).or(Err(SendError::Tls))
        }
        Host::Ipv4(address) => Ok(ServerName::IpAddress(std::net::IpAddr::from(*address).into())),
        Host::Ipv6(address) => Ok(ServerName::IpAddress(std::net::IpAddr::from(*address).into())),
    }
}

fn request(target: &Target, message: &Message) -> Result<Request<Full<Bytes>>, SendError> {
    let request = Request::post(target.path())
        .header(HOST, target.authority())
        .header(CONNECTION, "close")
        .header(USER_AGENT, concat!("Rowhouse-Webhooks/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", &message.id)
        .header("webhook-timestamp", message.timestamp)
        .header("webhook-signature", &message.signature);
    let request =
        message.trace_parent.iter().fold(request, |request, parent| request.header(TRACEPARENT, parent));
    request.body(Full::new(Bytes::from(message.body.clone()))).or(Err(SendError::Request))
}

async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, SendError> {
    for address in addresses.iter().take(MAX_ADDRESSES) {
        if let Ok(Ok(connection)) = timeout(CONNECT_LIMIT, TcpStream::connect(address)).await {
            return Ok(connection);
        }
    }
    Err(SendError::Connect)
}

async fn exchange(
    connection: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Answer, SendError> {
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .handshake(TokioIo::new(connection))
        .await
        .or(Err(SendError::NoAnswer))?;
    // The connection's task ends with this function.
    let mut driving = JoinSet::new();
    driving.spawn(connection);
    let response = sender.send_request(request).await.or(Err(SendError::NoAnswer))?;
    let answer = Answer { status: response.status(), retry_after: retry_after(&response) };
    // The status is the answer: the body changes nothing.
    let _cut = timeout(BODY_LIMIT, read(response.into_body())).await;
    Ok(answer)
}

async fn read(mut body: Incoming) {
    let mut room = MAX_BODY;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        let Some(rest) = room.checked_sub(length) else { return };
        room = rest;
    }
}

fn retry_after(response: &Response<Incoming>) -> Option<Duration> {
    parse_retry_after(response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim(), SystemTime::now())
}

/// Parses seconds or a date, as in RFC 9110; a past date means now.
fn parse_retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests;
