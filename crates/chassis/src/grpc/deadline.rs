//! Deadlines of calls. The caller sets one with `grpc-timeout`, and no work continues after it, but what a
//! group commit has begun for others as well.

use std::time::Duration;

use http::{HeaderMap, Response};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

use crate::error::{Code, RETRY_AFTER, retryable, status};

/// The longest time that counts: more than any request has.
const LONGEST: Duration = Duration::from_hours(24);

/// The time at which a request is abandoned. Handlers pass it to other services with [`set_deadline`].
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// Returns the remaining time, zero if the deadline has passed.
    #[must_use]
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Returns the deadline after this time, a day at most.
    #[must_use]
    pub fn after(budget: Duration) -> Self {
        Self(Instant::now() + budget.min(LONGEST))
    }
}

/// Returns the shorter of the caller's and the server's limit, minus a little: tonic answers CANCELLED when its timer
/// expires on either side, and this server's answer has to come first.
pub(super) fn budget(headers: &HeaderMap, limit: Duration) -> Duration {
    let allowed = requested(headers).map_or(limit, |asked| asked.min(limit));
    allowed.saturating_sub((allowed / 10).min(Duration::from_millis(100)))
}

/// Returns the deadline of a call, in a handler that [`serve`](super::serve) runs.
#[must_use]
pub fn deadline<T>(request: &tonic::Request<T>) -> Option<Deadline> {
    request.extensions().get().copied()
}

/// Sets the deadline of an outgoing call: after `remaining` the callee stops working and the caller stops waiting.
pub fn set_deadline<T>(request: &mut tonic::Request<T>, remaining: Duration) {
    // tonic chooses the unit by size, with at most eight digits.
    request.set_timeout(remaining.min(LONGEST));
}

/// Sets the header of an outgoing call that is sent again.
pub(super) fn set_header(headers: &mut HeaderMap, remaining: Duration) {
    let mut request = tonic::Request::new(());
    set_deadline(&mut request, remaining);
    headers.extend(request.into_parts().0.into_headers());
}

/// Returns the call's answer, or an error if its time or the server's is over. Then the call is dropped with
/// everything that it waits for, so that the database stops as well.
pub(super) async fn enforce(
    deadline: Deadline,
    stop: &CancellationToken,
    call: impl Future<Output = Response<Body>>,
) -> Response<Body> {
    tokio::select! {
        biased;
        response = call => response,
        () = tokio::time::sleep_until(deadline.0) => exceeded().into_http(),
        () = stop.cancelled() => stopping().into_http(),
    }
}

pub(crate) fn exceeded() -> tonic::Status {
    status(Code::DEADLINE_EXCEEDED, "the request took longer than its deadline: ask for less, or wait longer")
}

pub(super) fn stopping() -> tonic::Status {
    retryable(Code::UNAVAILABLE, "this server is stopping: try again", RETRY_AFTER)
}

/// Parses `grpc-timeout`: at most eight digits and a unit. An invalid value is ignored, as in tonic.
pub(super) fn requested(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(value * 60 * 60)),
        "M" => Some(Duration::from_secs(value * 60)),
        "S" => Some(Duration::from_secs(value)),
        "m" => Some(Duration::from_millis(value)),
        "u" => Some(Duration::from_micros(value)),
        "n" => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::HeaderValue;
    use tonic::{Code as GrpcCode, Status};

    use super::*;

    fn asking(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([("grpc-timeout".parse().unwrap(), HeaderValue::from_static(value))])
    }

    #[test]
    fn units() {
        for (value, expected) in [
            ("2H", Some(Duration::from_hours(2))),
            ("3M", Some(Duration::from_mins(3))),
            ("99999999S", Some(Duration::from_secs(99_999_999))),
            ("13m", Some(Duration::from_millis(13))),
            ("0u", Some(Duration::ZERO)),
            ("82n", Some(Duration::from_nanos(82))),
            ("999999999S", None),
            ("82f", None),
            ("+1S", None),
            ("-1S", None),
            ("S", None),
            ("5", None),
            ("", None),
        ] {
            assert_eq!(requested(&asking(value)), expected, "{value:?}");
        }
        assert_eq!(requested(&HeaderMap::new()), None);
        let foreign = HeaderMap::from_iter([(
            "grpc-timeout".parse().unwrap(),
            HeaderValue::from_bytes(&[b'1', 0xff]).unwrap(),
        )]);
        assert_eq!(requested(&foreign), None);
    }

    #[test]
    fn the_shorter_time_counts_and_ends_before_the_callers() {
        let ten = Duration::from_secs(10);
        assert_eq!(budget(&HeaderMap::new(), ten), Duration::from_millis(9_900));
        assert_eq!(budget(&asking("99999999H"), ten), Duration::from_millis(9_900));
        assert_eq!(budget(&asking("20m"), ten), Duration::from_millis(18));
        assert_eq!(budget(&asking("0S"), ten), Duration::ZERO);
        assert_eq!(Deadline(Instant::now()).remaining(), Duration::ZERO);
    }

    #[test]
    fn a_deadline_survives_the_header() {
        for remaining in [Duration::ZERO, Duration::from_micros(1_234_567), Duration::from_secs(u64::MAX)] {
            let mut request = tonic::Request::new(());
            set_deadline(&mut request, remaining);
            let read = requested(&request.metadata().clone().into_headers()).unwrap();
            assert!(read <= remaining, "{read:?}");
            assert!(
                remaining.saturating_sub(read) < Duration::from_millis(1) || read.as_secs() == 24 * 60 * 60
            );
        }
    }

    #[tokio::test]
    async fn a_call_over_its_time_is_dropped() {
        let alive = Arc::new(());
        let held = Arc::clone(&alive);
        let call = async move {
            let response = std::future::pending().await;
            drop(held);
            response
        };
        let deadline = Deadline::after(Duration::from_millis(50));
        let response = enforce(deadline, &CancellationToken::new(), call).await;
        assert_eq!(Status::from_header_map(response.headers()).unwrap().code(), GrpcCode::DeadlineExceeded);
        assert_eq!(Arc::strong_count(&alive), 1);
    }

    #[tokio::test]
    async fn a_stopping_server_gives_calls_up() {
        let stop = CancellationToken::new();
        stop.cancel();
        let deadline = Deadline::after(Duration::from_secs(10));
        let response = enforce(deadline, &stop, std::future::pending()).await;
        assert_eq!(Status::from_header_map(response.headers()).unwrap().code(), GrpcCode::Unavailable);
        let finished = enforce(deadline, &stop, async { Response::new(Body::empty()) }).await;
        assert!(Status::from_header_map(finished.headers()).is_none(), "what is done is answered");
    }
}
