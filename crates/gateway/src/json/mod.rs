//! JSON in and out.

mod body;
mod explain;
mod shape;
mod time;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ContentType, TryIntoHeaderPair, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;

pub(crate) use body::{Body, parse};
pub(crate) use shape::{object, objects, present, whole_number};
pub(crate) use time::{optional_rfc3339, optional_time, rfc3339};

use crate::error::Problem;

/// An answer that nobody may keep.
pub(crate) fn private(status: StatusCode) -> HttpResponseBuilder {
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

/// Finishes an answer with a body of a media type that is JSON as well.
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

/// What a service tells; an empty text stands for what it does not know.
pub(crate) fn known(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// What a service's answer lacks, although the contract has it.
pub(crate) fn lacking(field: &'static str) -> impl FnOnce() -> Problem {
    move || {
        tracing::error!(field, "a service's answer lacks `{field}`");
        Problem::internal()
    }
}
