//! The body of a streamed answer, which has a place for as long as its reader goes on reading.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::{Body as HttpBody, Frame};
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;
use tonic::body::Body;

use crate::admission::StreamPermit;
use crate::error::{Code, status};

/// The time for which a reader may take nothing, in time limits of a request: a minute by default.
const UNREAD: u32 = 6;

/// Returns the time for which the reader of an answer may take nothing, from the time limit of a request.
#[must_use]
pub const fn unread_limit(request_timeout: Duration) -> Duration {
    request_timeout.saturating_mul(UNREAD)
}

/// Holds the place until the body of the answer ends or is dropped, or until the reader has taken nothing for so long.
pub(super) fn hold(place: StreamPermit, answer: Response<Body>, limit: Duration) -> Response<Body> {
    answer.map(|body| {
        let state = State::Open { body, _place: place, unread_since: Some(Instant::now()) };
        let state = Shared(Arc::new(Mutex::new(state)));
        let watch = AbortOnDropHandle::new(tokio::spawn(watch(state.clone(), limit)));
        Body::new(PermittedBody { state, _watch: watch })
    })
}

enum State {
    Open {
        body: Body,
        _place: StreamPermit,
        /// The time at which the reader took the last frame, or `None` while it waits for the next one.
        unread_since: Option<Instant>,
    },
    /// The reader stalled.
    Abandoned,
    Ended,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<State>>);

impl Shared {
    /// Locks the state. A body that panics while it is polled is not polled again.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops the body and the place if the reader has taken nothing for so long. Otherwise returns the time of the next look, if the answer
    /// goes on.
    fn abandon_if_unread(&self, limit: Duration) -> Option<Instant> {
        let mut state = self.lock();
        let State::Open { unread_since, .. } = &*state else { return None };
        let now = Instant::now();
        let next = unread_since.unwrap_or(now) + limit;
        if next > now {
            return Some(next);
        }
        let abandoned = std::mem::replace(&mut *state, State::Abandoned);
        // With the body ends everything behind it.
        drop(state);
        drop(abandoned);
        None
    }
}

/// Ends an answer that is not read. Its transport does not ask for the next frame until the reader has taken those before, so the body
/// itself cannot notice.
async fn watch(state: Shared, limit: Duration) {
    while let Some(next) = state.abandon_if_unread(limit) {
        sleep_until(next).await;
    }
}

struct PermittedBody {
    state: Shared,
    _watch: AbortOnDropHandle<()>,
}

impl HttpBody for PermittedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut state = self.state.lock();
        let (body, unread_since) = match &mut *state {
            State::Open { body, unread_since, .. } => (body, unread_since),
            State::Abandoned => {
                *state = State::Ended;
                return Poll::Ready(Some(abandoned()));
            }
            State::Ended => return Poll::Ready(None),
        };
        let frame = Pin::new(body).poll_frame(context);
        *unread_since = frame.is_ready().then(Instant::now);
        // Nothing follows the trailers or an error.
        let ends = match &frame {
            Poll::Ready(Some(Ok(frame))) => frame.is_trailers(),
            Poll::Ready(None | Some(Err(_))) => true,
            Poll::Pending => false,
        };
        if ends {
            *state = State::Ended;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        match &*self.state.lock() {
            State::Open { body, .. } => body.is_end_stream(),
            State::Abandoned => false,
            State::Ended => true,
        }
    }
}

/// Returns the trailers with the reason.
fn abandoned() -> Result<Frame<Bytes>, Status> {
    let detail = "nothing of the answer was read for too long: ask for it again, and read it as it arrives";
    let mut trailers = HeaderMap::new();
    status(Code::DEADLINE_EXCEEDED, detail).add_header(&mut trailers).map(|()| Frame::trailers(trailers))
}
