//! Compression of answers to reads.

use actix_web::Error;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use actix_web::middleware::Next;

/// Lets [`actix_web::middleware::Compress`], which it surrounds, compress the answers to reads only. Answers to POST contain
/// tokens and keys beside text from the request, and the length of a compressed answer would reveal both (BREACH).
///
/// A handler whose answer must keep its length sets `Content-Encoding: identity`, which is removed before the answer is sent
/// (RFC 9110 §8.4.1).
pub(crate) async fn reads_only(
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    let read = [Method::GET, Method::HEAD].contains(request.method());
    let accepted = request.headers().get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    // Without the header, the answer is sent as it is, also to a caller who refuses that.
    if !(read && accepted.is_some_and(wants_gzip)) {
        request.headers_mut().remove(ACCEPT_ENCODING);
    }
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    if headers.get(CONTENT_ENCODING).is_some_and(|coding| coding == "identity") {
        headers.remove(CONTENT_ENCODING);
    }
    Ok(response)
}

/// Returns whether a value of `Accept-Encoding` names gzip with a weight above zero (RFC 9110 §12.5.3).
fn wants_gzip(value: &str) -> bool {
    value.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let weight = parts.find_map(|part| part.strip_prefix("q="));
        named && weight.is_none_or(|weight| weight.parse::<f32>().is_ok_and(|weight| weight > 0.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_used_if_it_is_named() {
        for value in ["gzip", "GZIP", "br, gzip;q=0.5", "deflate,gzip; q=1.0"] {
            assert!(wants_gzip(value), "{value}");
        }
        for value in ["", "br", "*", "gzip;q=0", "gzip;q=0.0, identity", "br, *;q=0", "gzip;q=x", "xgzip"] {
            assert!(!wants_gzip(value), "{value}");
        }
    }
}
