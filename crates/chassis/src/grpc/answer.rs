//! The body of an answer, in which the span, the deadline and the panic handling of a call continue for streams.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Sleep;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::Status;
use tonic::body::Body;
use tracing::Span;

use super::rpc::CallLog;
use super::{deadline, panics};

/// The body of a call's answer. It runs in the span of the call.
///
/// Each message has to be available within the request's time limit, counted from when the caller is ready for it: a
/// long stream is not cut, a stalled one is. A stopping server ends it like every call. In both cases the caller gets
/// the status in the trailers.
pub(super) struct Answer {
    body: Body,
    ended: bool,
    span: Span,
    outcome: Option<CallLog>,
    limit: Duration,
    stop: CancellationToken,
    waiting: Option<Waiting>,
}

/// The wait for the next message.
struct Waiting {
    over: Pin<Box<Sleep>>,
    stopped: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Answer {
    /// Wraps the body of a successful answer. `outcome` is the call's log entry, in the current span.
    pub(super) fn surround(
        response: Response<Body>,
        outcome: CallLog,
        limit: Duration,
        stop: CancellationToken,
    ) -> Response<Body> {
        response.map(|body| {
            let (span, outcome) = (Span::current(), Some(outcome));
            Body::new(Self { body, ended: false, span, outcome, limit, stop, waiting: None })
        })
    }

    /// Ends the stream and returns the trailers with the status.
    fn abort(&mut self, status: &Status) -> Result<Frame<Bytes>, Status> {
        // Dropping the body drops everything that it waits for, so that the database stops as well.
        self.body = Body::empty();
        self.settle(status);
        let mut trailers = HeaderMap::new();
        status.add_header(&mut trailers).map(|()| Frame::trailers(trailers))
    }

    fn settle(&mut self, status: &Status) {
        self.ended = true;
        self.waiting = None;
        if let Some(outcome) = self.outcome.take() {
            outcome.ended(status);
        }
        self.span = Span::none();
    }

    fn poll_waiting(&mut self, context: &mut Context<'_>) -> Poll<Status> {
        let (limit, stop) = (self.limit, &self.stop);
        let waiting = self.waiting.get_or_insert_with(|| Waiting {
            over: Box::pin(tokio::time::sleep(limit)),
            stopped: Box::pin(stop.clone().cancelled_owned()),
        });
        if waiting.stopped.as_mut().poll(context).is_ready() {
            return Poll::Ready(deadline::stopping());
        }
        waiting.over.as_mut().poll(context).map(|()| deadline::exceeded())
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        let span = this.span.clone();
        let _entered = span.enter();
        // The state of a body that panicked is dropped.
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut this.body).poll_frame(context)));
        let Ok(polled) = polled else { return Poll::Ready(Some(this.abort(&panics::panicked()))) };
        let Poll::Ready(frame) = polled else {
            return this.poll_waiting(context).map(|status| Some(this.abort(&status)));
        };
        this.waiting = None;
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    this.settle(&Status::from_header_map(trailers).unwrap_or_else(|| Status::ok("")));
                }
            }
            Some(Err(status)) => this.settle(status),
            None => this.settle(&Status::ok("")),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    /// Records the end of the call: the caller disconnected, or the stream has ended.
    fn drop(&mut self) {
        let _entered = self.span.clone().entered();
        self.outcome = None;
        self.body = Body::empty();
    }
}
