//! The limit on the length of a request's address.

use actix_web::Error;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use rowhouse_chassis::error::Code;

use crate::error::Problem;

/// The maximum length in bytes of an address with its query (RFC 9110 §4.1 recommends to accept at least 8,000).
const LIMIT: usize = 8192;

/// Refuses addresses that are too long for any operation.
pub(crate) async fn limit(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse, Error> {
    let length = request.uri().path_and_query().map_or(0, |uri| uri.as_str().len());
    if length <= LIMIT {
        return next.call(request).await;
    }
    let problem =
        Problem::new(Code::URI_TOO_LONG, "the address has more than 8,192 bytes: request less at once");
    Ok(request.error_response(problem))
}
