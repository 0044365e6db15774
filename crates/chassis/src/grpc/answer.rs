//! The body of an answer. A call that streams goes on in it: what surrounds a call surrounds it there as well.

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

use super::rpc::Outcome;
use super::{deadline, panics};

/// Runs in the span of its call, which ends with it.
///
/// Each piece has to be there within the time of a request, counted from when the caller is ready to take it: a long
/// stream is not cut, one that hangs is. A stopping server gives it up, as it does every call. The caller reads of either
/// in the trailers.
pub(super) struct Answer {
    body: Body,
    ended: bool,
    span: Span,
    outcome: Option<Outcome>,
    limit: Duration,
    stop: CancellationToken,
    waiting: Option<Waiting>,
}

/// For a piece that is not there yet.
struct Waiting {
    over: Pin<Box<Sleep>>,
    stopped: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Answer {
    /// Takes the place of the body of an answer that begins well. `outcome`: the call's, in the current span.
    pub(super) fn surround(
        response: Response<Body>,
        outcome: Outcome,
        limit: Duration,
        stop: CancellationToken,
    ) -> Response<Body> {
        response.map(|body| {
            let (span, outcome) = (Span::current(), Some(outcome));
            Body::new(Self { body, ended: false, span, outcome, limit, stop, waiting: None })
        })
    }

    /// The trailers that end it in place of its own.
    fn give_up(&mut self, status: &Status) -> Result<Frame<Bytes>, Status> {
        // With all that it waits for, so that the database stops as well.
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
        // What panicked is dropped with its state.
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut this.body).poll_frame(context)));
        let Ok(polled) = polled else { return Poll::Ready(Some(this.give_up(&panics::panicked()))) };
        let Poll::Ready(frame) = polled else {
            return this.poll_waiting(context).map(|status| Some(this.give_up(&status)));
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
    /// The caller has hung up, or it has ended.
    fn drop(&mut self) {
        let _entered = self.span.clone().entered();
        self.outcome = None;
        self.body = Body::empty();
    }
}
