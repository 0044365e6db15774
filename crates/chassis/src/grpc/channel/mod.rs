//! Channels to other services: each call is sent to one of the service's instances.

mod balancer;
mod failure;
mod instance;
mod resolver;
mod retry;
mod target;

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::{Request, Response};
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tower::Service;
use tracing::{Instrument, Span};

pub use resolver::Resolve;
pub use retry::mark_repeatable;
pub use target::EndpointError;

use self::balancer::Balancer;
use self::failure::Failure;
use self::retry::Unanswered;
use self::target::Target;
use super::deadline::{self, Deadline};
use super::handed_on;
use super::metrics::{self, Ended};
use super::rpc::{Rpc, record_status};
use crate::admission::{Admission, Asker, Place};
use crate::error::{Chain, Code, RETRY_AFTER, code_name, retryable};
use crate::telemetry;
use crate::tls::CallTls;

/// Creates a channel to the service at `endpoint`, such as `http://orders:50053`: to all addresses that the name has, which are
/// looked up every two seconds, or to all of several endpoints that are separated by commas. It connects to an instance at the
/// first call, and again whenever it has to. Needs a tokio runtime.
pub fn channel(endpoint: &str) -> Result<TracedChannel, EndpointError> {
    channel_over(endpoint, &CallTls::default())
}

/// Does the same with the certificates of `tls`, for `https` endpoints.
pub fn channel_over(endpoint: &str, tls: &CallTls) -> Result<TracedChannel, EndpointError> {
    channel_resolved_by(endpoint, tls, resolver::system())
}

/// Does the same with another resolver than the operating system's.
pub fn channel_resolved_by(
    endpoint: &str,
    tls: &CallTls,
    resolve: Resolve,
) -> Result<TracedChannel, EndpointError> {
    metrics::expect_retries();
    let balancer = Arc::new(Balancer::new(Target::parse_all(endpoint, tls)?, resolve));
    Ok(TracedChannel { balancer, admission: None })
}

/// A channel whose calls continue the current trace, end at their deadline with `DEADLINE_EXCEEDED`, and fail with
/// `UNAVAILABLE` if no instance of the service can be reached. Clones share the connections.
#[derive(Clone)]
pub struct TracedChannel {
    balancer: Arc<Balancer>,
    admission: Option<Admission>,
}

impl TracedChannel {
    /// Returns the channel with a bound on the calls that run at once. An [`Asker`] in a call's extensions says for whom it is.
    #[must_use]
    pub fn admitted_by(self, admission: Admission) -> Self {
        Self { admission: Some(admission), ..self }
    }
}

impl fmt::Debug for TracedChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracedChannel").finish_non_exhaustive()
    }
}

impl Service<Request<Body>> for TracedChannel {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let rpc = Rpc::of(request.uri().path());
        let span = if rpc.is_operational() { Span::none() } else { rpc.client_span() };
        let (method, started) = (rpc.measured_name(), Instant::now());
        telemetry::inject_trace(&span, request.headers_mut());
        let deadline = deadline::requested(request.headers()).map(Deadline::after);
        let (balancer, admission) = (Arc::clone(&self.balancer), self.admission.clone());
        let call = async move {
            let place = match admission {
                Some(admission) => match admit(&admission, &mut request, deadline).await {
                    Ok(place) => Some(place),
                    Err(refusal) => return Ok(refusal.into_http()),
                },
                None => None,
            };
            let sent = retry::send(&balancer, request, deadline);
            let answered = match deadline {
                // tonic's own timer starts when the request leaves its queue, where it may have waited for failing
                // connections.
                Some(deadline) => tokio::time::timeout(deadline.remaining(), sent).await,
                None => Ok(sent.await),
            };
            let response = match answered {
                Ok(Ok(response)) => {
                    handed_on::note();
                    response
                }
                Ok(Err(unanswered)) => status(&unanswered).into_http(),
                Err(_elapsed) => deadline::exceeded().into_http(),
            };
            let code = record_status(&Span::current(), &response);
            if let Some(place) = place {
                place.ended(is_overloaded(&response, code));
            }
            if let Some(method) = method {
                metrics::client(method, Ended { code, reason: None, duration: started.elapsed() });
            }
            Ok(response)
        };
        Box::pin(call.instrument(span))
    }
}

/// Waits for a place, and tells the service how much time is left after that.
async fn admit(
    admission: &Admission,
    request: &mut Request<Body>,
    deadline: Option<Deadline>,
) -> Result<Place, Status> {
    let asker = request.extensions().get::<Asker>().copied().unwrap_or(Asker::NOBODY);
    let place = admission.enter(asker, deadline).await?;
    if let (true, Some(deadline)) = (place.waited, deadline) {
        deadline::set_header(request.headers_mut(), deadline.remaining());
    }
    Ok(place)
}

/// Returns whether the service refused the call for its load.
fn is_overloaded(response: &Response<Body>, code: tonic::Code) -> bool {
    code == Code::OVERLOADED.grpc()
        && Status::from_header_map(response.headers())
            .is_some_and(|status| code_name(&status) == Code::OVERLOADED.as_str())
}

/// Returns the status for a call without an answer.
fn status(unanswered: &Unanswered) -> Status {
    match unanswered {
        Unanswered::Failed(Failure::Late, _) => return deadline::exceeded(),
        Unanswered::Failed(_, error) => tracing::warn!(error = %Chain(error), "a service cannot be reached"),
        Unanswered::NoInstance => tracing::warn!("a service cannot be reached: its name has no address"),
    }
    let detail = "a part of the service cannot be reached for the moment: try again";
    retryable(Code::UNAVAILABLE, detail, RETRY_AFTER)
}
