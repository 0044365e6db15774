//! The largest message, and answers to messages that are not read: malformed, too large, or compressed in another way.

use http::Response;
use tonic::body::Body;
use tonic::{Code as GrpcCode, Status};

use crate::error::{Code, internal, status};

/// The most bytes of a message from a client, before and after decompression. None of ours needs more: 200 lines with the
/// longest SKUs are a fraction of it.
pub const MAX_REQUEST: usize = 1024 * 1024;

/// The header with the details of a status. Each status of this system has some.
const DETAILS: &str = "grpc-status-details-bin";

/// The header with the accepted compressions, which the answer to another one has.
const ACCEPT_ENCODING: &str = "grpc-accept-encoding";

/// The beginnings of tonic's and prost's texts about a request that cannot be read: a stream that the client resets, protobuf, frames,
/// compression.
const UNREADABLE: [&str; 6] = [
    "h2 protocol error: ",
    "failed to decode Protobuf message: ",
    "protocol error: received message with ",
    "Error decompressing: ",
    "Unexpected EOF decoding stream.",
    "Missing request message.",
];

/// The beginnings of tonic's texts about a message that is too large, as it was sent or after decompression.
const TOO_LARGE: [&str; 2] =
    ["Error, decoded message length too large: ", "Error decompressing: size limit, "];

/// Returns the answer to a message that is larger than [`MAX_REQUEST`].
pub(super) fn too_large() -> Status {
    status(Code::BODY_TOO_LARGE, "the message is larger than 1 MiB: send less at once")
}

/// Returns the answer to a message that cannot be read.
pub(super) fn unreadable(reason: &str) -> Status {
    status(Code::INVALID_ARGUMENT, format!("the message cannot be read: {reason}"))
}

/// Returns the answer, or replaces tonic's answer to a message that it did not read: invalid protobuf or frames, text that is
/// not UTF-8, broken compression. tonic reports these as INTERNAL, with which anybody could fill the log. Any other INTERNAL
/// without details is a failure, which is logged.
pub(super) fn with_details(response: Response<Body>) -> Response<Body> {
    let headers = response.headers();
    let Some(said) = Status::from_header_map(headers).filter(|_| !headers.contains_key(DETAILS)) else {
        return response;
    };
    let begins = |texts: &[&str]| texts.iter().any(|text| said.message().starts_with(text));
    match (said.code(), headers.get(ACCEPT_ENCODING)) {
        (GrpcCode::Internal, _) if begins(&UNREADABLE) => unreadable(said.message()).into_http(),
        (GrpcCode::Internal, _) => internal("call", &said).into_http(),
        (GrpcCode::OutOfRange | GrpcCode::ResourceExhausted, _) if begins(&TOO_LARGE) => {
            too_large().into_http()
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
