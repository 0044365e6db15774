//! Deadlines. A caller says with `grpc-timeout` how long it will wait; longer than that, nobody works for it.

use std::time::Duration;

use http::{HeaderMap, Response};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

use crate::error::{Code, RETRY_AFTER, retryable, status};

/// The moment at which a request is given up. A handler that calls another service hands it on with
/// [`set_deadline`].
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// The time that is left; zero when it has passed.
    #[must_use]
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// The moment when so much time has passed.
    #[must_use]
    pub fn after(budget: Duration) -> Self {
        Self(Instant::now() + budget)
    }
}

/// The shorter of what the caller asks for and what the server allows, less a little: tonic answers CANCELLED
/// when its timer runs out, on both sides of the connection, and this answer has to be there before.
pub(super) fn budget(headers: &HeaderMap, limit: Duration) -> Duration {
    let allowed = requested(headers).map_or(limit, |asked| asked.min(limit));
    allowed.saturating_sub((allowed / 10).min(Duration::from_millis(100)))
}

/// The deadline of a call, in a handler that [`serve`](super::serve) runs.
#[must_use]
pub fn deadline<T>(request: &tonic::Request<T>) -> Option<Deadline> {
    request.extensions().get().copied()
}

/// Gives an outgoing call a deadline: the callee stops working, and the caller waiting, after `remaining`.
pub fn set_deadline<T>(request: &mut tonic::Request<T>, remaining: Duration) {
    // The unit is chosen by size, eight digits at most; a day is beyond any request.
    request.set_timeout(remaining.min(Duration::from_hours(24)));
}

/// The answer of a call, or the answer that its time, or the server's, is over. The call is dropped with all
/// that it waits for, so that the database stops as well.
pub(super) async fn keep(
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

pub(super) fn exceeded() -> tonic::Status {
    status(Code::DeadlineExceeded, "the request took longer than its deadline: ask for less, or wait longer")
}

pub(super) fn stopping() -> tonic::Status {
    retryable(Code::Unavailable, "this server is stopping: try again", RETRY_AFTER)
}

/// The value of `grpc-timeout`: at most eight digits and a unit. One that cannot be read counts for nothing, as
/// in tonic.
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
    fn what_is_set_is_what_is_read() {
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
        let response = keep(deadline, &CancellationToken::new(), call).await;
        assert_eq!(Status::from_header_map(response.headers()).unwrap().code(), GrpcCode::DeadlineExceeded);
        assert_eq!(Arc::strong_count(&alive), 1);
    }

    #[tokio::test]
    async fn a_stopping_server_gives_calls_up() {
        let stop = CancellationToken::new();
        stop.cancel();
        let deadline = Deadline::after(Duration::from_secs(10));
        let response = keep(deadline, &stop, std::future::pending()).await;
        assert_eq!(Status::from_header_map(response.headers()).unwrap().code(), GrpcCode::Unavailable);
        let finished = keep(deadline, &stop, async { Response::new(Body::empty()) }).await;
        assert!(Status::from_header_map(finished.headers()).is_none(), "what is done is answered");
    }
}
