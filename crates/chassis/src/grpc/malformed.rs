//! Messages that cannot be read.

use http::Response;
use tonic::body::Body;
use tonic::{Code as GrpcCode, Status};

use crate::error::{Code, status};

/// Where a status has its details. Each of this system's has some.
const DETAILS: &str = "grpc-status-details-bin";

/// The answer, unless it is tonic's to a message that is none: no protobuf, text that is not UTF-8, a broken compression. tonic
/// calls that its own failure (INTERNAL), and anybody could fill the log with errors that are none.
pub(super) fn told(response: Response<Body>) -> Response<Body> {
    match Status::from_header_map(response.headers()) {
        Some(said) if said.code() == GrpcCode::Internal && !response.headers().contains_key(DETAILS) => {
            let detail = format!("the message cannot be read: {}", said.message());
            status(Code::InvalidArgument, detail).into_http()
        }
        _ => response,
    }
}
