//! Reading a request's body of any media type.

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use futures_util::StreamExt;
use rowhouse_chassis::error::Code;
use rowhouse_chassis::grpc::Deadline;

use crate::error::Problem;

/// The size limit of a body.
pub(crate) const LIMIT: usize = 1024 * 1024;

/// Returns the media type without its parameters, in lower case, or `None` unless there is exactly one.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let mut types = headers.get_all(CONTENT_TYPE);
    match (types.next().map(|value| value.to_str()), types.next()) {
        (Some(Ok(value)), None) => {
            let essence = value.split(';').next().unwrap_or_default();
            Some(essence.trim().to_ascii_lowercase())
        }
        _ => None,
    }
}

/// Returns the length in the headers, if they announce a body that can be read.
pub(crate) fn announced(headers: &HeaderMap) -> Result<usize, Problem> {
    if headers.get_all(CONTENT_ENCODING).any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        let detail = "send the body as it is, without a Content-Encoding";
        return Err(Problem::new(Code::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let announced =
        headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
    if announced > LIMIT { Err(too_large()) } else { Ok(announced) }
}

/// Reads the whole body, which has to arrive before the request's deadline. `announced` is its expected length.
pub(crate) async fn read(
    payload: Payload,
    announced: usize,
    deadline: Option<Deadline>,
) -> Result<Vec<u8>, Problem> {
    let arriving = collect(payload, announced);
    let Some(deadline) = deadline else { return arriving.await };
    let arrived = tokio::time::timeout(deadline.remaining(), arriving).await;
    arrived.map_err(|_elapsed| {
        let detail =
            "the body did not arrive in the time that a request has: send it faster, or send less at once";
        Problem::new(Code::REQUEST_TOO_SLOW, detail)
    })?
}

async fn collect(mut payload: Payload, announced: usize) -> Result<Vec<u8>, Problem> {
    let mut body = Vec::with_capacity(announced);
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| broken(&error))?;
        if body.len() + chunk.len() > LIMIT {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn too_large() -> Problem {
    Problem::new(Code::BODY_TOO_LARGE, "the body is larger than 1 MiB: send less at once")
}

fn broken(error: &PayloadError) -> Problem {
    tracing::debug!(%error, "a body was interrupted");
    Problem::new(Code::INVALID_ARGUMENT, "the body was interrupted: send it again")
}
