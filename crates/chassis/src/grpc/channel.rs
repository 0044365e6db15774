//! Channels to other services.

use std::error::Error;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{Request, Response, Uri, uri};
use rustls::pki_types::ServerName;
use tokio::time::Instant;
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, TimeoutExpired};
use tower::Service;
use tracing::{Instrument, Span};

use super::metrics::{self, Ended};
use super::rpc::{Rpc, record_status};
use super::{deadline, handed_on};
use crate::error::{Chain, Code, RETRY_AFTER, retryable};
use crate::telemetry;
use crate::tls::CallTls;

/// The error for an invalid endpoint.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// It is no URL of a service.
    #[error("`{0}` is not the address of a gRPC service; write it as https://host:port or http://host:port")]
    Invalid(String),
    /// The calls would not be encrypted, and this is production.
    #[error(
        "calls to {0} would not be encrypted: in production write it as https://host:port, or give --allow-plaintext-grpc on \
         a network that encrypts by itself"
    )]
    Plaintext(String),
}

/// Creates a channel to the service at `endpoint`, such as `http://localhost:50051`. It connects at the first call,
/// and again whenever it has to. Needs a tokio runtime.
pub fn channel(endpoint: &str) -> Result<TracedChannel, EndpointError> {
    channel_over(endpoint, &CallTls::default())
}

/// Does the same with the certificates of `tls`, for `https` endpoints.
pub fn channel_over(endpoint: &str, tls: &CallTls) -> Result<TracedChannel, EndpointError> {
    let invalid = || EndpointError::Invalid(endpoint.to_owned());
    let url: Uri = endpoint.parse().map_err(|_what| invalid())?;
    let host = url.host().filter(|host| !host.is_empty()).ok_or_else(invalid)?;
    let name = if url.scheme() == Some(&uri::Scheme::HTTPS) {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        Some(ServerName::try_from(bare.to_owned()).map_err(|_what| invalid())?)
    } else if url.scheme() != Some(&uri::Scheme::HTTP) {
        return Err(invalid());
    } else if tls.may_be_plaintext(host) {
        None
    } else {
        return Err(EndpointError::Plaintext(endpoint.to_owned()));
    };
    // tonic refuses an https endpoint without its own TLS, so the connector gets one of http, and the service its real name.
    let plain = endpoint.replacen("https://", "http://", 1);
    let endpoint = Endpoint::from_shared(plain)
        .map_err(|_what| invalid())?
        .origin(url)
        .connect_timeout(Duration::from_secs(2))
        .tcp_nodelay(true)
        .tcp_keepalive(Some(Duration::from_secs(30)))
        .http2_keep_alive_interval(Duration::from_secs(15))
        .keep_alive_timeout(Duration::from_secs(5))
        .keep_alive_while_idle(true);
    let inner = match name {
        Some(name) => endpoint.connect_with_connector_lazy(tls.connector(name)),
        None => endpoint.connect_lazy(),
    };
    Ok(TracedChannel { inner })
}

/// A channel whose calls continue the current trace, end at their deadline with `DEADLINE_EXCEEDED`, and fail with
/// `UNAVAILABLE` if the service cannot be reached. Clones share the connection.
#[derive(Clone, Debug)]
pub struct TracedChannel {
    inner: Channel,
}

impl Service<Request<Body>> for TracedChannel {
    type Response = Response<Body>;
    type Error = tonic::transport::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, tonic::transport::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let rpc = Rpc::of(request.uri().path());
        let span = if rpc.is_operational() { Span::none() } else { rpc.client_span() };
        let (method, started) = (rpc.measured_name(), Instant::now());
        telemetry::inject_trace(&span, request.headers_mut());
        let limit = deadline::requested(request.headers());
        let sent = self.inner.call(request);
        let call = async move {
            let answered = match limit {
                // tonic's own timer starts when the request leaves its queue, where it may have waited for failing
                // connections.
                Some(limit) => tokio::time::timeout(limit, sent).await,
                None => Ok(sent.await),
            };
            let response = match answered {
                Ok(Ok(response)) => {
                    handed_on::note();
                    response
                }
                Ok(Err(error)) => failed(&error).into_http(),
                Err(_elapsed) => deadline::exceeded().into_http(),
            };
            let code = record_status(&Span::current(), &response);
            if let Some(method) = method {
                metrics::client(method, Ended { code, reason: None, duration: started.elapsed() });
            }
            Ok(response)
        };
        Box::pin(call.instrument(span))
    }
}

/// Returns the status for a call without an answer.
fn failed(error: &tonic::transport::Error) -> Status {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if one.is::<TimeoutExpired>() {
            return deadline::exceeded();
        }
        cause = one.source();
    }
    tracing::warn!(error = %Chain(error), "a service cannot be reached");
    let detail = "a part of the service cannot be reached for the moment: try again";
    retryable(Code::UNAVAILABLE, detail, RETRY_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_addresses_that_can_work_are_taken() {
        for endpoint in [
            "http://localhost:50051",
            "http://[::1]:50051",
            "http://orders.rowhouse.svc:50053",
            "https://orders:1",
        ] {
            assert!(channel(endpoint).is_ok(), "{endpoint}");
        }
        for endpoint in ["", "localhost:50051", "ftp://localhost:50051", "/tmp/socket", "http://"] {
            let error = channel(endpoint).unwrap_err().to_string();
            assert!(error.contains(endpoint) && error.contains("http://host:port"), "{error}");
        }
    }
}
