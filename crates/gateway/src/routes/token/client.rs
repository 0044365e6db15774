//! The client of a token request.

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rowhouse_proto::auth::v1::error_code;
use url::form_urlencoded;

use crate::error::Problem;

/// The API key's id and the key. They come in the body or as `Authorization: Basic`, in one way only (RFC 6749 §2.3).
pub(super) fn credentials(
    headers: &HeaderMap,
    id: Option<String>,
    secret: Option<String>,
) -> Result<(String, String), Problem> {
    let mut values = headers.get_all(AUTHORIZATION);
    let value = match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().unwrap_or_default(),
        (Some(_), Some(_)) => return Err(Problem::invalid("authorization", "send the header once")),
        (None, _) => {
            return id.zip(secret).ok_or_else(|| {
                let detail = "send an API key's client_id and client_secret";
                Problem::new(error_code::INVALID_CLIENT, detail)
            });
        }
    };
    let (basic_id, basic_secret) = basic(value).ok_or_else(|| {
        let detail = "the Authorization header is not `Basic` with an API key's client_id and client_secret";
        Problem::new(error_code::INVALID_CLIENT, detail)
    })?;
    // To name the client in the body as well is no second way to authenticate.
    if secret.is_some() || id.is_some_and(|id| id != basic_id) {
        let detail = "send the API key in the Authorization header or in the body, not in both";
        return Err(Problem::invalid("client_secret", detail));
    }
    Ok((basic_id, basic_secret))
}

/// Both parts are encoded as in a form, then joined by a colon, then put into base64.
fn basic(value: &str) -> Option<(String, String)> {
    let (scheme, encoded) = value.split_once(' ')?;
    let decoded = BASE64_STANDARD.decode(encoded.trim_matches(' ')).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    scheme.eq_ignore_ascii_case("basic").then_some(())?;
    Some((form_decoded(id)?, form_decoded(secret)?))
}

/// One value of a form; nothing when it is empty or would be more than one.
fn form_decoded(text: &str) -> Option<String> {
    let pair = format!("v={text}");
    let mut pairs = form_urlencoded::parse(pair.as_bytes());
    match (pairs.next(), pairs.next()) {
        (Some((_, value)), None) if !value.is_empty() => Some(value.into_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use rowhouse_chassis::error::Code;

    use super::*;

    fn read(headers: &[&str], id: Option<&str>, secret: Option<&str>) -> Result<(String, String), Code> {
        let mut map = HeaderMap::new();
        for value in headers {
            map.append(AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let read = credentials(&map, id.map(ToOwned::to_owned), secret.map(ToOwned::to_owned));
        read.map_err(|problem| problem.code())
    }

    fn header(pair: &str) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(pair))
    }

    #[test]
    fn in_the_body_or_in_the_header() {
        let expected = Ok(("id".to_owned(), "se:cret".to_owned()));
        assert_eq!(read(&[], Some("id"), Some("se:cret")), expected);
        for pair in ["id:se:cret", "id:se%3Acret", "%69d:se:cret"] {
            assert_eq!(read(&[&header(pair)], None, None), expected, "{pair}");
            assert_eq!(read(&[&header(pair)], Some("id"), None), expected, "{pair}");
        }
        assert_eq!(read(&[&header("id:se:cret").replace("Basic ", "bASIC  ")], None, None), expected);
    }

    #[test]
    fn not_in_both() {
        let basic = header("id:secret");
        assert_eq!(read(&[&basic], None, Some("secret")), Err(Code::INVALID_ARGUMENT));
        assert_eq!(read(&[&basic], Some("id"), Some("secret")), Err(Code::INVALID_ARGUMENT));
        assert_eq!(read(&[&basic], Some("other"), None), Err(Code::INVALID_ARGUMENT));
        assert_eq!(read(&[&basic, &basic], None, None), Err(Code::INVALID_ARGUMENT));
    }

    #[test]
    fn unidentified_clients_are_refused() {
        for (id, secret) in [(None, None), (Some("id"), None), (None, Some("secret"))] {
            assert_eq!(read(&[], id, secret), Err(error_code::INVALID_CLIENT));
        }
        let unreadable = ["", "Basic", "Basic é", "Basic %", "Bearer aWQ6c2VjcmV0", "Basic /w=="];
        let empty = [header("idsecret"), header(":secret"), header("id:"), header("id:a&b")];
        for value in unreadable.into_iter().chain(empty.iter().map(String::as_str)) {
            assert_eq!(
                read(&[value], Some("id"), Some("secret")),
                Err(error_code::INVALID_CLIENT),
                "{value}"
            );
        }
    }
}
