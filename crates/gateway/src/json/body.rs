//! Reading a request's body.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::{FromRequest, HttpRequest};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use rowhouse_chassis::error::Code;
use serde::de::DeserializeOwned;

use super::explain::explain;
use super::shape::object;
use crate::error::Problem;

/// The most bytes that a body may have.
pub(crate) const LIMIT: usize = 1024 * 1024;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// A body that is one JSON object, read as `T`.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let announced = check(request.headers());
        let payload = payload.take();
        Box::pin(async move {
            let arrived = tokio::time::timeout(PATIENCE, read(payload, announced?)).await;
            let late = |_elapsed| Problem::new(Code::InvalidArgument, "the body did not arrive within 30 s");
            parse(&arrived.map_err(late)??).map(Self)
        })
    }
}

/// The length that the headers announce, if they announce a body that can be read.
fn check(headers: &HeaderMap) -> Result<usize, Problem> {
    let unsupported = |detail| Err(Problem::new(Code::UnsupportedMediaType, detail));
    let mut types = headers.get_all(CONTENT_TYPE);
    let is_json = match (types.next().map(|value| value.to_str()), types.next()) {
        (Some(Ok(value)), None) => {
            let essence = value.split(';').next().unwrap_or_default();
            essence.trim().eq_ignore_ascii_case("application/json")
        }
        _ => false,
    };
    if !is_json {
        return unsupported("send the body as JSON, with `Content-Type: application/json`");
    }
    if headers.get_all(CONTENT_ENCODING).any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return unsupported("send the body as it is, without a Content-Encoding");
    }
    let announced =
        headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
    if announced > LIMIT { Err(too_large()) } else { Ok(announced) }
}

async fn read(mut payload: Payload, announced: usize) -> Result<Vec<u8>, Problem> {
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
    Problem::new(Code::BodyTooLarge, "the body is larger than 1 MiB: send less at once")
}

fn broken(error: &PayloadError) -> Problem {
    tracing::debug!(%error, "a body broke off");
    Problem::new(Code::InvalidArgument, "the body broke off: send it again")
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let read = |body| {
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        let value = object(&mut deserializer)?;
        deserializer.end().map(|()| value)
    };
    // What exactly is wrong, and where, is looked for only when something is.
    read(body).map_err(|_error| explain::<T>(body))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Named {
        name: String,
    }

    async fn read_as(content_type: &str, body: impl Into<Vec<u8>>) -> Result<Named, u16> {
        let request = TestRequest::default().insert_header(("content-type", content_type));
        let (request, mut payload) = request.set_payload(body.into()).to_http_parts();
        let Body(named) =
            Body::from_request(&request, &mut payload).await.map_err(|problem| problem.code().http())?;
        Ok(named)
    }

    #[actix_web::test]
    async fn only_json_is_read() {
        let (body, named) = (r#"{"name":"Acme"}"#, Named { name: "Acme".to_owned() });
        for json in ["application/json", "Application/JSON; charset=utf-8", "application/json;"] {
            assert_eq!(read_as(json, body).await.as_ref(), Ok(&named), "{json}");
        }
        for other in ["", "text/plain", "application/json-patch+json", "application/jsonp", "*/*"] {
            assert_eq!(read_as(other, body).await, Err(415), "{other}");
        }
        let coded = [("content-type", "application/json"), ("content-encoding", "gzip")];
        let coded = coded.into_iter().fold(TestRequest::default(), TestRequest::insert_header);
        let (request, mut payload) = coded.set_payload(body).to_http_parts();
        let problem = Body::<Named>::from_request(&request, &mut payload).await.err().unwrap();
        assert_eq!(problem.code(), Code::UnsupportedMediaType);
    }

    #[actix_web::test]
    async fn a_mebibyte_is_the_most() {
        let body = |length| format!("{{\"name\":\"{}\"}}", "a".repeat(length - 11));
        assert!(read_as("application/json", body(LIMIT)).await.is_ok());
        assert_eq!(read_as("application/json", body(LIMIT + 1)).await, Err(413));
    }

    #[actix_web::test]
    async fn a_body_is_one_object_and_nothing_else() {
        for body in ["", "null", "[]", r#"["Acme"]"#, "\"Acme\"", "1", r#"{"name":"Acme"}{}"#, "\u{feff}{}"] {
            assert_eq!(read_as("application/json", body).await, Err(400), "{body}");
        }
        assert_eq!(read_as("application/json", b"{\"name\":\"\xff\"}").await, Err(400));
        assert!(read_as("application/json", " {\"name\" : \"Acme\"}\n").await.is_ok());
    }
}
