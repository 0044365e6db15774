//! Request bodies in JSON.

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use rowhouse_chassis::error::Code;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::explain::explain;
use super::shape::Object;
use crate::body::{IncomingBody, media_type};
use crate::error::Problem;

/// The media type of a change (RFC 7396): what it leaves out stays as it is.
const MERGE_PATCH: &str = "application/merge-patch+json";

/// A body that is one JSON object, parsed as `T`.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_json = |media_type: &str| {
            media_type == "application/json"
                || (media_type == MERGE_PATCH && request.method() == Method::PATCH)
        };
        let incoming = if media_type(request.headers()).as_deref().is_some_and(is_json) {
            IncomingBody::of(request)
        } else {
            let detail = "send the body as JSON, with `Content-Type: application/json`";
            Err(Problem::new(Code::UNSUPPORTED_MEDIA_TYPE, detail))
        };
        let payload = payload.take();
        Box::pin(async move { parse(&incoming?.read(payload).await?).map(Self) })
    }
}

/// Parses a body that is one JSON object.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let read = |body| {
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        let Object(value) = Object::deserialize(&mut deserializer)?;
        deserializer.end().map(|()| value)
    };
    // The exact error and its place are determined only if there is one.
    read(body).map_err(|_error| explain::<T>(body))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use actix_web::web;
    use rowhouse_chassis::admission::Memory;
    use serde::Deserialize;

    use super::*;
    use crate::body::{LARGE, LIMIT, test_request};

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Named {
        name: String,
    }

    async fn read_as(content_type: &str, body: impl Into<Vec<u8>>) -> Result<Named, u16> {
        let request = test_request().insert_header(("content-type", content_type));
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
        let coded = coded.into_iter().fold(test_request(), TestRequest::insert_header);
        let (request, mut payload) = coded.set_payload(body).to_http_parts();
        let problem = Body::<Named>::from_request(&request, &mut payload).await.err().unwrap();
        assert_eq!(problem.code(), Code::UNSUPPORTED_MEDIA_TYPE);
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

    #[actix_web::test]
    async fn there_is_room_for_so_many_large_bodies() {
        let memory = web::Data::new(Memory::new());
        let read = |length| {
            let body = format!("{{\"name\":\"{}\"}}", "a".repeat(length));
            let request =
                test_request().app_data(memory.clone()).insert_header(("content-type", "application/json"));
            let (request, payload) = request.set_payload(body).to_http_parts();
            let incoming = IncomingBody::of(&request).unwrap();
            async move { incoming.read(payload).await.map(|_body| request) }
        };
        let mut held = Vec::new();
        let refused = loop {
            match read(LARGE).await {
                Ok(request) => held.push(request),
                Err(problem) => break problem,
            }
        };
        assert_eq!((held.len(), refused.code()), (25, Code::OVERLOADED), "2 MiB are for a network");
        assert!(read(2 * 1024).await.is_ok(), "a usual body needs no room");
        held.pop();
        assert!(read(LARGE).await.is_ok());
    }
}
