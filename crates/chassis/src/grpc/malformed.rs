//! Answers to messages that are not read: malformed, too large, or compressed in another way.

use http::Response;
use tonic::body::Body;
use tonic::{Code as GrpcCode, Status};

use crate::error::{Code, status};

/// The header with the details of a status. Each status of this system has some.
const DETAILS: &str = "grpc-status-details-bin";

/// The header with the accepted compressions, which the answer to another one has.
const ACCEPT_ENCODING: &str = "grpc-accept-encoding";

/// Returns the answer, or replaces tonic's answer to a message that it did not read: invalid protobuf or frames, text that is
/// not UTF-8, broken compression. tonic reports these as INTERNAL, with which anybody could fill the log.
pub(super) fn with_details(response: Response<Body>) -> Response<Body> {
    let headers = response.headers();
    let Some(said) = Status::from_header_map(headers).filter(|_| !headers.contains_key(DETAILS)) else {
        return response;
    };
    match (said.code(), headers.get(ACCEPT_ENCODING)) {
        (GrpcCode::Internal, _) => {
            let detail = format!("the message cannot be read: {}", said.message());
            status(Code::INVALID_ARGUMENT, detail).into_http()
        }
        // As it was sent, and after decompression.
        (GrpcCode::OutOfRange | GrpcCode::ResourceExhausted, _) => {
            status(Code::BODY_TOO_LARGE, "the message is larger than 1 MiB: send less at once").into_http()
        }
        (GrpcCode::Unimplemented, Some(accepted)) => {
            let detail =
                "the message is compressed in a way that is not known here: use gzip, or send it as it is";
            let mut answer = status(Code::UNSUPPORTED_ENCODING, detail).into_http();
            answer.headers_mut().insert(ACCEPT_ENCODING, accepted.clone());
            answer
        }
        _ => response,
    }
}
