//! Answers to malformed messages.

use http::Response;
use tonic::body::Body;
use tonic::{Code as GrpcCode, Status};

use crate::error::{Code, status};

/// The header with the details of a status. Each status of this system has some.
const DETAILS: &str = "grpc-status-details-bin";

/// Returns the answer, or replaces tonic's answer to a malformed message: invalid protobuf, text that is not UTF-8,
/// broken compression. tonic reports these as INTERNAL, with which anybody could fill the log.
pub(super) fn with_details(response: Response<Body>) -> Response<Body> {
    match Status::from_header_map(response.headers()) {
        Some(said) if said.code() == GrpcCode::Internal && !response.headers().contains_key(DETAILS) => {
            let detail = format!("the message cannot be read: {}", said.message());
            status(Code::INVALID_ARGUMENT, detail).into_http()
        }
        _ => response,
    }
}
