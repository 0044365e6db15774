//! Handling of panics: a panic in a handler fails one call, not the connection with its other calls.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use http::Response;
use tonic::Status;
use tonic::body::Body;

use crate::error::{Code, status};

/// Returns the answer of a call, or INTERNAL if it panics. The process's panic hook logs the panic.
pub(super) async fn catch_panic(call: impl Future<Output = Response<Body>>) -> Response<Body> {
    // State that the call borrowed mutably is dropped with it. Other state is behind locks, which are poisoned, or in
    // pools, which check each connection that is returned.
    AssertUnwindSafe(call).catch_unwind().await.unwrap_or_else(|_panic| panicked().into_http())
}

/// Returns the status of a call that panicked.
pub(super) fn panicked() -> Status {
    tracing::error!("the handler panicked");
    status(Code::INTERNAL, "the failure is in the service's log")
}

#[cfg(test)]
mod tests {
    use tonic::Code as GrpcCode;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_internal_error_without_its_text() {
        let response = catch_panic(async { panic!("the key is hunter2") }).await;
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(status.code(), GrpcCode::Internal);
        assert!(!format!("{status:?}").contains("hunter2"));
    }
}
