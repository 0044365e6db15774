//! Request headers besides authentication.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderName};
use actix_web::{FromRequest, HttpRequest};
use rowhouse_chassis::entity_tags;

use crate::error::Problem;
use crate::header_names::{IDEMPOTENCY_KEY, IF_MATCH};

/// The `Idempotency-Key`, if one was sent. The service validates it.
pub(crate) struct IdempotencyKey(pub(crate) Option<String>);

impl FromRequest for IdempotencyKey {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut values = request.headers().get_all(HeaderName::from_static("idempotency-key"));
        let key = match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => match value.to_str() {
                Ok(text) => Ok(Some(text.to_owned())),
                Err(_not_ascii) => Err("send 1 to 255 visible ASCII characters, such as a UUID"),
            },
            (Some(_), Some(_)) => Err("send the header once"),
        };
        ready(key.map(Self).map_err(|detail| Problem::invalid(IDEMPOTENCY_KEY, detail)))
    }
}

/// The entity tags of `If-Match`, or empty for an unconditional change.
pub(crate) struct IfMatch(pub(crate) String);

impl FromRequest for IfMatch {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let detail = "send the entity tag that the ETag header had, quotes included, such as \"1\", or several with commas between \
                      them";
        ready(if_match(request).map(Self).ok_or_else(|| Problem::invalid(IF_MATCH, detail)))
    }
}

/// Returns the header. One that is sent several times is one list (RFC 9110 §5.3).
fn if_match(request: &HttpRequest) -> Option<String> {
    let values = request.headers().get_all(header::IF_MATCH);
    let values: Vec<&str> = values.map(|value| value.to_str().ok()).collect::<Option<_>>()?;
    let list = values.join(", ");
    match list.trim() {
        "" if values.is_empty() => Some(String::new()),
        // Any existing version matches.
        "*" => Some(String::new()),
        list => entity_tags(list).map(|tags| tags.join(", ")),
    }
}

/// Returns whether `If-None-Match` contains this version (RFC 9110 §13.1.2: the comparison is the weak one).
pub(crate) fn has_already(request: &HttpRequest, etag: &str) -> bool {
    let mut values = request.headers().get_all(header::IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    values.any(|value| {
        value.trim() == "*"
            || entity_tags(value)
                .is_some_and(|tags| tags.iter().any(|tag| tag.strip_prefix("W/").unwrap_or(tag) == etag))
    })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn request(name: &'static str, values: &[&[u8]]) -> HttpRequest {
        let add = |request: TestRequest, value: &&[u8]| {
            request.append_header((name, header::HeaderValue::from_bytes(value).unwrap()))
        };
        values.iter().fold(TestRequest::default(), add).to_http_request()
    }

    #[actix_web::test]
    async fn one_key_or_none() {
        let key = async |values: &[&[u8]]| {
            let extracted = IdempotencyKey::extract(&request(IDEMPOTENCY_KEY, values)).await;
            extracted.map(|IdempotencyKey(key)| key).map_err(|problem| problem.code().http())
        };
        assert_eq!(key(&[]).await, Ok(None));
        assert_eq!(key(&[b"a-1"]).await, Ok(Some("a-1".to_owned())));
        assert_eq!(key(&[b"a", b"a"]).await, Err(400));
        assert_eq!(key(&["schlüssel".as_bytes()]).await, Err(400));
        assert_eq!(key(&[&[0xff]]).await, Err(400));
    }

    #[actix_web::test]
    async fn tags_or_any_or_none() {
        let tag = async |values: &[&[u8]]| {
            let extracted = IfMatch::extract(&request(IF_MATCH, values)).await;
            extracted.map(|IfMatch(tag)| tag).map_err(|problem| problem.code().http())
        };
        assert_eq!(tag(&[]).await, Ok(String::new()));
        assert_eq!(tag(&[b"*"]).await, Ok(String::new()));
        assert_eq!(tag(&[b" \"3\" "]).await, Ok("\"3\"".to_owned()));
        assert_eq!(tag(&[b"W/\"3\""]).await, Ok("W/\"3\"".to_owned()));
        assert_eq!(tag(&[b"\"3\",\"4\""]).await, Ok("\"3\", \"4\"".to_owned()));
        assert_eq!(tag(&[b"\"3\"", b"W/\"4\""]).await, Ok("\"3\", W/\"4\"".to_owned()));
        for refused in ["", ",", "3", "\"3", "\"3\" \"4\"", "\"3\", *", "w/\"3\"", "\"", "\"a b\"", "\"é\""]
        {
            assert_eq!(tag(&[refused.as_bytes()]).await, Err(400), "{refused:?}");
        }
        assert_eq!(tag(&[b"\"3\"", b"*"]).await, Err(400));
    }

    #[test]
    fn if_none_match_takes_weak_listed_and_any_tags() {
        let has = |values: &[&[u8]]| has_already(&request("if-none-match", values), "\"3\"");
        assert!(has(&[b"\"3\""]) && has(&[b"W/\"3\""]) && has(&[b"*"]));
        assert!(has(&[b"\"1,\", \"3\""]) && has(&[b"\"1\", \"3\""]) && has(&[b"\"1\"", b"\"3\""]));
        assert!(!has(&[]) && !has(&[b"\"1\""]) && !has(&[b"3"]) && !has(&[&[0xff]]));
    }
}
