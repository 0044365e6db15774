//! Sending a call, and sending it again where that does no harm.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::request::Parts;
use http::{Request, Response};
use http_body::Body as _;
use http_body::Frame;
use http_body_util::{BodyStream, Full, StreamBody};
use tokio::time::{Instant, sleep};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service;

use super::balancer::Balancer;
use super::failure::Failure;
use super::instance::{Instance, Place};
use crate::grpc::deadline::{self, Deadline};
use crate::grpc::metrics;

/// The most times that a call is sent.
const ATTEMPTS: u32 = 5;
/// The pause before the second retry. It doubles with each further one. The first retry is immediate.
const PAUSE: Duration = Duration::from_millis(5);

/// Marks a call that may be executed twice.
#[derive(Clone, Copy, Debug)]
struct Repeatable;

/// Marks a call that does no harm if it is executed twice, such as a read or one with an idempotency key. If its connection breaks or
/// an instance answers that it is unavailable, the channel sends it to another instance.
pub fn mark_repeatable<T>(request: &mut tonic::Request<T>) {
    request.extensions_mut().insert(Repeatable);
}

/// A call without an answer. The error is that of the last attempt.
pub(super) enum Unanswered {
    /// The service has no instance.
    NoInstance,
    Failed(Failure, tonic::transport::Error),
}

/// Sends a call to an instance, and returns the answer.
///
/// A call that was not accepted is sent again. One that is repeatable is sent to another instance, also if the first one may have begun
/// it or answers that it is unavailable. Both are done within the budget, and not after the deadline.
pub(super) async fn send(
    balancer: &Balancer,
    request: Request<Body>,
    deadline: Option<Deadline>,
) -> Result<Response<Body>, Unanswered> {
    balancer.resolved().await;
    balancer.count_call();
    let (mut parts, body) = request.into_parts();
    let repeatable = parts.extensions.get::<Repeatable>().is_some();
    let mut avoided: Vec<Arc<Instance>> = Vec::new();
    let mut place = balancer.place(&avoided).ok_or(Unanswered::NoInstance)?;
    let body = match read(body).await {
        Ok(body) => body,
        Err(unread) => return attempt(balancer, &place, Request::from_parts(parts, unread)).await,
    };
    let mut number = 0;
    loop {
        number += 1;
        let began = Instant::now();
        let answer = attempt(balancer, &place, copy(&parts, &body)).await;
        let (reason, elsewhere) = match &answer {
            Err(Unanswered::Failed(Failure::NotAccepted, _)) => ("not_accepted", false),
            Err(Unanswered::Failed(Failure::Unreachable, _)) => ("unreachable", true),
            Err(Unanswered::Failed(Failure::Lost, _)) if repeatable => ("lost", true),
            Ok(response) if repeatable && is_unavailable(response) => ("unavailable", true),
            _ => return answer,
        };
        if elsewhere {
            avoided.push(Arc::clone(place.instance()));
        }
        // An attempt that took most of the time would only turn its error into an exceeded deadline.
        let in_time = deadline.is_none_or(|deadline| deadline.remaining() > began.elapsed());
        let next = if number < ATTEMPTS && in_time { balancer.place(&avoided) } else { None };
        let Some(next) = next.filter(|_| balancer.may_retry()) else { return answer };
        metrics::retried(reason);
        tracing::debug!(reason, from = ?place.instance(), to = ?next.instance(), "a call is sent again");
        place = next;
        if let Some(doublings) = number.checked_sub(2) {
            sleep(PAUSE * 2_u32.pow(doublings)).await;
        }
        if let Some(deadline) = deadline {
            deadline::set_header(&mut parts.headers, deadline.remaining());
        }
    }
}

async fn attempt(
    balancer: &Balancer,
    place: &Place,
    request: Request<Body>,
) -> Result<Response<Body>, Unanswered> {
    let mut channel = place.channel();
    let answer = async {
        poll_fn(|context| channel.poll_ready(context)).await?;
        channel.call(request).await
    };
    let answer = answer.await.map_err(|error| (Failure::of(&error), error));
    let failed = match &answer {
        Ok(response) => is_unavailable(response),
        Err((failure, _)) => *failure == Failure::Unreachable,
    };
    if failed {
        place.instance().failed(balancer.now());
    } else if answer.is_ok() {
        place.instance().succeeded();
    }
    answer.map_err(|(failure, error)| Unanswered::Failed(failure, error))
}

fn is_unavailable(response: &Response<Body>) -> bool {
    let status = response.headers().get(Status::GRPC_STATUS);
    status.is_some_and(|status| Code::from_bytes(status.as_bytes()) == Code::Unavailable)
}

fn copy(parts: &Parts, body: &Bytes) -> Request<Body> {
    let mut request = Request::new(Body::new(Full::new(body.clone())));
    request.method_mut().clone_from(&parts.method);
    request.uri_mut().clone_from(&parts.uri);
    *request.version_mut() = parts.version;
    request.headers_mut().clone_from(&parts.headers);
    request
}

/// Returns the content of a body that is complete, as that of a call with one message is. Of another one it returns the body
/// with what was read of it.
async fn read(mut body: Body) -> Result<Bytes, Body> {
    let mut next = async || poll_fn(|context| Poll::Ready(Pin::new(&mut body).poll_frame(context))).await;
    let mut frames = Vec::new();
    match next().await {
        Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
            Ok(data) => match next().await {
                Poll::Ready(None) => return Ok(data),
                second => {
                    frames.push(Ok(Frame::data(data)));
                    if let Poll::Ready(Some(second)) = second {
                        frames.push(second);
                    }
                }
            },
            Err(other) => frames.push(Ok(other)),
        },
        Poll::Ready(Some(Err(error))) => frames.push(Err(error)),
        Poll::Ready(None) => return Ok(Bytes::new()),
        Poll::Pending => {}
    }
    Err(Body::new(StreamBody::new(stream::iter(frames).chain(BodyStream::new(body)))))
}
