//! The body of the exchange.

use std::borrow::Cow;

use actix_web::HttpRequest;
use actix_web::dev::Payload;
use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1::error_code;
use serde::Deserialize;
use url::form_urlencoded;

use crate::body::{IncomingBody, media_type};
use crate::error::Problem;
use crate::json;
use crate::query::parameters;

/// The client credentials grant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(super) struct TokenRequest {
    /// Always `client_credentials`.
    grant_type: String,
    /// The API key's id.
    pub(super) client_id: Option<String>,
    /// The API key.
    pub(super) client_secret: Option<String>,
    /// Scopes separated by blanks, of those that the key has. All of them when absent.
    pub(super) scope: Option<String>,
}

impl TokenRequest {
    /// Reads a body of one of the two media types. There are no parameters in the URL.
    pub(super) async fn read(request: &HttpRequest, payload: Payload) -> Result<Self, Problem> {
        let [] = parameters(request.query_string(), [])?;
        let headers = request.headers();
        let parse: fn(&[u8]) -> Result<Self, Problem> = match media_type(headers).as_deref() {
            Some("application/x-www-form-urlencoded") => parse_form,
            Some("application/json") => json::parse,
            _ => {
                let detail = "send a form, with `Content-Type: application/x-www-form-urlencoded`";
                return Err(Problem::new(Code::UNSUPPORTED_MEDIA_TYPE, detail));
            }
        };
        let request = parse(&IncomingBody::of(request)?.read(payload).await?)?;
        if request.grant_type != "client_credentials" {
            let detail = "an API key is exchanged with the grant type client_credentials";
            return Err(Problem::new(error_code::UNSUPPORTED_GRANT_TYPE, detail));
        }
        Ok(request)
    }
}

/// Reads a form. A parameter comes once, one without a value is as good as absent, and one that is not known is
/// passed over (RFC 6749 §3.2).
fn parse_form(body: &[u8]) -> Result<TokenRequest, Problem> {
    let [mut grant_type, mut client_id, mut client_secret, mut scope] = [const { None }; 4];
    for (name, value) in form_urlencoded::parse(body) {
        let place = match &*name {
            "grant_type" => &mut grant_type,
            "client_id" => &mut client_id,
            "client_secret" => &mut client_secret,
            "scope" => &mut scope,
            _ => continue,
        };
        if place.replace(value).is_some() {
            return Err(Problem::invalid(&name, "send the parameter once"));
        }
    }
    let [grant_type, client_id, client_secret, scope] = [grant_type, client_id, client_secret, scope]
        .map(|value| value.filter(|value| !value.is_empty()).map(Cow::into_owned));
    let grant_type = grant_type.ok_or_else(|| Problem::invalid("grant_type", "send client_credentials"))?;
    Ok(TokenRequest { grant_type, client_id, client_secret, scope })
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::body::test_request;

    async fn read_as(content_type: &str, body: &'static str) -> Result<TokenRequest, Problem> {
        let request = test_request().insert_header(("content-type", content_type));
        let (request, payload) = request.set_payload(body).to_http_parts();
        TokenRequest::read(&request, payload).await
    }

    async fn form(body: &'static str) -> Result<TokenRequest, String> {
        let read = read_as("application/x-www-form-urlencoded; charset=utf-8", body).await;
        read.map_err(|problem| problem.to_string())
    }

    #[actix_web::test]
    async fn a_form_and_an_object_say_the_same() {
        let form =
            form("grant_type=client_credentials&client_id=a&client_secret=b%2B&scope=x+y").await.unwrap();
        let json =
            r#"{"grant_type":"client_credentials","client_id":"a","client_secret":"b+","scope":"x y"}"#;
        assert_eq!(form, read_as("application/json", json).await.unwrap());
        assert_eq!((form.client_secret.as_deref(), form.scope.as_deref()), (Some("b+"), Some("x y")));
    }

    #[actix_web::test]
    async fn empty_and_unknown_parameters_are_ignored() {
        let read =
            form("grant_type=client_credentials&client_id=&scope=&audience=x&audience=y").await.unwrap();
        assert_eq!((read.client_id, read.client_secret, read.scope), (None, None, None));
    }

    #[actix_web::test]
    async fn other_requests_are_refused() {
        for (body, expected) in [
            ("", "invalid_argument: grant_type: "),
            ("grant_type=", "invalid_argument: grant_type: "),
            ("grant_type=password", "unsupported_grant_type: "),
            ("grant_type=client_credentials&scope=a&scope=b", "invalid_argument: scope: "),
            ("grant_type=client_credentials&grant_type=client_credentials", "invalid_argument: grant_type: "),
        ] {
            let problem = form(body).await.unwrap_err();
            assert!(problem.starts_with(expected), "{body}: {problem}");
        }
        let problem =
            read_as("application/json", r#"{"grant_type":"client_credentials","audience":"x"}"#).await;
        assert_eq!(problem.unwrap_err().code(), Code::INVALID_ARGUMENT);
        for other in ["", "text/plain", "multipart/form-data"] {
            let problem = read_as(other, "grant_type=client_credentials").await.unwrap_err();
            assert_eq!(problem.code(), Code::UNSUPPORTED_MEDIA_TYPE, "{other}");
        }
    }
}
