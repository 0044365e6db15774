//! Which answers may be compressed.

use actix_web::Error;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use actix_web::middleware::Next;

/// Lets [`actix_web::middleware::Compress`], which it surrounds, compress answers to reads alone: answers to POST hold tokens
/// and keys beside what the caller has sent, and the length of a compressed answer tells of both (BREACH).
///
/// A handler whose answer must keep its length says `Content-Encoding: identity`, which is not for the caller to see (RFC 9110
/// §8.4.1).
pub(crate) async fn reads_only(
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        request.headers_mut().remove(ACCEPT_ENCODING);
    }
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    if headers.get(CONTENT_ENCODING).is_some_and(|coding| coding == "identity") {
        headers.remove(CONTENT_ENCODING);
    }
    Ok(response)
}
