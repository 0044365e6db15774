//! JSON in and out.

mod body;
mod explain;
mod shape;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ContentType, TryIntoHeaderPair, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::{Serialize, Serializer};

pub(crate) use body::Body;
pub(crate) use shape::{object, objects, whole_number};

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

/// Writes a time as RFC 3339 in UTC.
pub(crate) fn rfc3339<S: Serializer>(
    time: &prost_types::Timestamp,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

/// What a service's answer lacks, although the contract has it.
pub(crate) fn lacking(field: &'static str) -> impl FnOnce() -> Problem {
    move || {
        tracing::error!(field, "a service's answer lacks `{field}`");
        Problem::internal()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_utc_with_z() {
        #[derive(Serialize)]
        struct Dated(#[serde(serialize_with = "rfc3339")] prost_types::Timestamp);
        let written = |seconds, nanos| serde_json::to_value(Dated(prost_types::Timestamp { seconds, nanos }));
        assert_eq!(written(1_795_000_000, 0).unwrap(), json!("2026-11-18T11:06:40Z"));
        assert_eq!(written(1_795_000_000, 123_456_000).unwrap(), json!("2026-11-18T11:06:40.123456Z"));
        assert_eq!(written(0, 500_000_000).unwrap(), json!("1970-01-01T00:00:00.500Z"));
    }
}
