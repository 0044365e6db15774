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
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{Request, Response};
use tokio::time::Instant;
use tonic::body::Body;
use tonic::{Code as GrpcCode, Status};
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
use super::permitted_body::{hold, unread_limit};
use super::rpc::{Rpc, record_status};
use super::streams::StreamedMethods;
use crate::admission::{Admission, Applicant, CallOutcome};
use crate::error::{Chain, Code, RETRY_AFTER, code_name, retryable};
use crate::telemetry;
use crate::tls::CallTls;

/// Creates a channel to the service at `endpoint`, such as `http://orders:50053`: to all addresses that the name has, which are
/// looked up every two seconds, or to all of several endpoints that are separated by commas. It looks names up and connects from the first
/// call on.
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
    Ok(TracedChannel { balancer, admitted: None })
}

/// A channel whose calls continue the current trace, end at their deadline with `DEADLINE_EXCEEDED`, and fail with
/// `UNAVAILABLE` if no instance of the service can be reached. Clones share the connections.
#[derive(Clone)]
pub struct TracedChannel {
    balancer: Arc<Balancer>,
    admitted: Option<Admitted>,
}

/// The bounds on the calls of a channel.
#[derive(Clone)]
struct Admitted {
    admission: Admission,
    streamed: StreamedMethods,
    /// The time for which the reader of a stream may take nothing.
    unread_limit: Duration,
}

impl TracedChannel {
    /// Sends a call when it has a place, and waits for the answer until the deadline.
    async fn send(&self, mut request: Request<Body>, deadline: Option<Deadline>) -> Response<Body> {
        let Some(admitted) = &self.admitted else { return self.send_admitted(request, deadline).await };
        let Admitted { admission, streamed, unread_limit } = admitted;
        let applicant = request.extensions().get::<Applicant>().copied().unwrap_or(Applicant::UNKNOWN);
        let is_streamed = streamed.contains(request.uri().path());
        let place = match is_streamed.then(|| admission.enter_stream(applicant)) {
            Some(Err(refusal)) => return refusal.into_http(),
            Some(Ok(place)) => Some(place),
            None => None,
        };
        let permit = match admission.enter(applicant, deadline).await {
            Ok(permit) => permit,
            Err(refusal) => return refusal.into_http(),
        };
        if let (true, Some(deadline)) = (permit.waited(), deadline) {
            deadline::set_header(request.headers_mut(), deadline.remaining());
        }
        let response = self.send_admitted(request, deadline).await;
        permit.ended(outcome(&response));
        match place {
            Some(place) => hold(place, response, *unread_limit),
            None => response,
        }
    }

    async fn send_admitted(&self, request: Request<Body>, deadline: Option<Deadline>) -> Response<Body> {
        let sent = retry::send(&self.balancer, request, deadline);
        let answered = match deadline {
            // tonic's own timer starts when the request leaves its queue, where it may have waited for failing
            // connections.
            Some(deadline) => tokio::time::timeout(deadline.remaining(), sent).await,
            None => Ok(sent.await),
        };
        match answered {
            Ok(Ok(response)) => {
                handed_on::note();
                response
            }
            Ok(Err(unanswered)) => status(&unanswered).into_http(),
            Err(_elapsed) => deadline::exceeded().into_http(),
        }
    }

    /// Returns a channel to the same service, under the same bound, whose connections are its own and driven by the current tokio
    /// runtime. A call from one runtime over a connection of another wakes a thread on the way out and one on the way back.
    #[must_use]
    pub fn on_this_runtime(&self) -> Self {
        Self { balancer: Arc::new(self.balancer.anew()), admitted: self.admitted.clone() }
    }

    /// Returns the channel with bounds on the calls that run at once, and on the answers that are streams, which also end when their
    /// readers take nothing for [a while](unread_limit). An [`Applicant`] in a call's extensions says for whom it is.
    #[must_use]
    pub fn admitted_by(
        self,
        admission: Admission,
        streamed: StreamedMethods,
        request_timeout: Duration,
    ) -> Self {
        let unread_limit = unread_limit(request_timeout);
        Self { admitted: Some(Admitted { admission, streamed, unread_limit }), ..self }
    }

    /// Returns the bound on the calls that run at once.
    #[must_use]
    pub fn admission(&self) -> Option<&Admission> {
        self.admitted.as_ref().map(|admitted| &admitted.admission)
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
        let channel = self.clone();
        let call = async move {
            let response = channel.send(request, deadline).await;
            let code = record_status(&Span::current(), &response);
            if let Some(method) = method {
                metrics::client(method, Ended { code, reason: None, duration: started.elapsed() });
            }
            Ok(response)
        };
        Box::pin(call.instrument(span))
    }
}

/// Returns what an answer says about the service's load.
fn outcome(response: &Response<Body>) -> CallOutcome {
    let Some(status) = Status::from_header_map(response.headers()) else { return CallOutcome::Answered };
    match status.code() {
        code if code == Code::OVERLOADED.grpc() && code_name(&status) == Code::OVERLOADED.as_str() => {
            CallOutcome::Overloaded
        }
        GrpcCode::Unavailable | GrpcCode::DeadlineExceeded | GrpcCode::Internal | GrpcCode::Unknown => {
            CallOutcome::Failed
        }
        _ => CallOutcome::Answered,
    }
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
