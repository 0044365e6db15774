//! A panic in a handler costs one answer, not the connection with all its other calls.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use http::Response;
use tonic::Status;
use tonic::body::Body;

use crate::error::{Code, status};

/// The answer of a call; INTERNAL when it panics. The panic itself is written by the process's panic hook.
pub(super) async fn caught(call: impl Future<Output = Response<Body>>) -> Response<Body> {
    // What the call borrowed mutably is dropped with it; state that outlives it sits behind locks, which
    // poison, and pools, which look at what comes back.
    AssertUnwindSafe(call).catch_unwind().await.unwrap_or_else(|_panic| panicked().into_http())
}

/// The status of a call that has panicked.
pub(super) fn panicked() -> Status {
    tracing::error!("the handler panicked");
    status(Code::Internal, "the failure is in the service's log")
}

#[cfg(test)]
mod tests {
    use tonic::Code as GrpcCode;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_internal_error_without_its_text() {
        let response = caught(async { panic!("the key is hunter2") }).await;
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(status.code(), GrpcCode::Internal);
        assert!(!format!("{status:?}").contains("hunter2"));
    }
}
