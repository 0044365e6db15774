//! The choice of the answers that may be compressed.

use actix_web::Error;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_ENCODING, ContentEncoding};
use actix_web::middleware::Next;

/// Exempts what is not read: answers to POST hold tokens and keys beside what the caller has sent, and the length of a
/// compressed answer tells of both (BREACH). [`actix_web::middleware::Compress`], which surrounds it, leaves them as they are.
pub(crate) async fn reads_only(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    let read = [Method::GET, Method::HEAD].contains(request.method());
    let mut response = next.call(request).await?;
    if !read {
        response.headers_mut().insert(CONTENT_ENCODING, ContentEncoding::Identity.to_header_value());
    }
    Ok(response)
}
