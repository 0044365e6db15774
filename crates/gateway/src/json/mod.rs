//! Parsing and writing JSON.

mod body;
mod explain;
mod shape;
mod time;
mod written;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ContentType, TryIntoHeaderPair, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;

pub(crate) use body::{Body, parse};
pub(crate) use shape::{Named, Object, Read, WholeNumber, named, present};
pub(crate) use time::{Time, WrittenTime};
pub(crate) use written::{Json, List, Members, non_empty, required_field, required_message};

use crate::error::Problem;

/// Begins an answer that must not be cached.
pub(crate) fn uncached_response(status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response.insert_header((CACHE_CONTROL, "no-store")).insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
    response
}

/// Finishes an answer with a body.
pub(crate) fn write(
    mut response: HttpResponseBuilder,
    body: &impl Serialize,
) -> Result<HttpResponse, Problem> {
    write_as(&mut response, ContentType::json(), body)
}

/// Finishes an answer with a body of another JSON media type.
pub(crate) fn write_as(
    response: &mut HttpResponseBuilder,
    content_type: impl TryIntoHeaderPair,
    body: &impl Serialize,
) -> Result<HttpResponse, Problem> {
    match serde_json::to_vec(body) {
        Ok(body) => Ok(response.insert_header(content_type).body(body)),
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written as JSON");
            Err(Problem::internal())
        }
    }
}
