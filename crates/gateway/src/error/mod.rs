//! Errors as problem documents (RFC 9457).

mod document;
mod headers;
mod oauth;
mod status;

use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use rowhouse_chassis::admission::TOO_MUCH;
use rowhouse_chassis::error::Code;
use rowhouse_chassis::telemetry;
use rowhouse_tokens::TokenError;

use document::Document;
pub(crate) use document::{FieldError, ReachedLimit, TenantChoice};
use oauth::OAuthError;

/// The media type of the body of errors that RFC 6749 names.
const APPLICATION_JSON: &str = "application/json";

/// The media type of every other error's body.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// An error to be answered.
#[derive(Debug)]
pub(crate) struct Problem {
    code: Code,
    detail: Box<str>,
    errors: Vec<FieldError>,
    extra: Extra,
    retry_after: Option<Duration>,
    token_endpoint: Option<TokenEndpoint>,
    /// The trace context of the request, since the answer may be written outside of its span.
    traceparent: Option<Box<str>>,
}

/// The token endpoint, whose errors have the form of RFC 6749.
#[derive(Clone, Copy, Debug)]
struct TokenEndpoint {
    /// True if the client sent its secret in the body.
    secret_in_body: bool,
}

/// Data that only some codes have.
#[derive(Debug)]
enum Extra {
    Nothing,
    /// The tenants to choose from.
    Tenants(Vec<TenantChoice>),
    /// The token for the second step of a login. A secret.
    MfaToken(String),
    Limit(ReachedLimit),
    /// The permission that the caller lacks.
    Permission(String),
    /// The methods of the address.
    Allow(String),
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into().into(),
            errors: Vec::new(),
            extra: Extra::Nothing,
            retry_after: None,
            token_endpoint: None,
            traceparent: telemetry::traceparent().map(Into::into),
        }
    }

    /// Creates the error for an invalid value. `field` is its path in the body, or the name of a header or query
    /// parameter.
    pub(crate) fn invalid(field: &str, detail: &str) -> Self {
        Self::new(Code::INVALID_ARGUMENT, format!("{field}: {detail}")).at(field, detail)
    }

    /// Adds a field.
    pub(crate) fn at(mut self, field: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(FieldError { field: field.into(), detail: detail.into() });
        self
    }

    /// Creates the error for a wrong method. `allow` has the methods of the address.
    pub(crate) fn method_not_allowed(allow: String) -> Self {
        let detail = format!("this address answers {allow} only");
        Self { extra: Extra::Allow(allow), ..Self::new(Code::METHOD_NOT_ALLOWED, detail) }
    }

    /// Returns the same error in the form of the token endpoint.
    pub(crate) fn at_token_endpoint(self, secret_in_body: bool) -> Self {
        Self { token_endpoint: Some(TokenEndpoint { secret_in_body }), ..self }
    }

    /// Creates the error for an internal failure. Its cause is logged and not part of the answer.
    pub(crate) fn internal() -> Self {
        let detail =
            "the failure is in the service's log; trying again may help, changing the request will not";
        Self::new(Code::INTERNAL, detail)
    }

    /// Creates the error for a request that is refused for the load.
    pub(crate) fn overloaded(retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(Code::OVERLOADED, TOO_MUCH) }
    }

    /// Returns the same error for a request without a span, at a position in a trace.
    pub(crate) fn in_trace(self, traceparent: String) -> Self {
        Self { traceparent: Some(traceparent.into()), ..self }
    }

    fn oauth_error(&self) -> Option<OAuthError> {
        self.token_endpoint.and_then(|_| OAuthError::of(self.code, &self.detail))
    }

    pub(crate) fn code(&self) -> Code {
        self.code
    }

    /// Returns the body.
    pub(crate) fn document(&self) -> Document<'_> {
        Document {
            kind: format!("urn:rowhouse:problem:{}", self.code),
            title: self.code.title(),
            status: self.code.http(),
            detail: &self.detail,
            code: self.code.as_str(),
            errors: &self.errors,
            tenants: if let Extra::Tenants(tenants) = &self.extra { tenants } else { &[] },
            mfa_token: if let Extra::MfaToken(token) = &self.extra { Some(token) } else { None },
            limit: if let Extra::Limit(limit) = &self.extra { Some(limit) } else { None },
            trace_id: self.traceparent.as_deref().and_then(|parent| parent.split('-').nth(1)),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        if let (Some(endpoint), Some(error)) = (self.token_endpoint, self.oauth_error()) {
            return error.status(endpoint.secret_in_body);
        }
        StatusCode::from_u16(self.code.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        // Strings and numbers can always be written.
        let (media_type, body) = match self.oauth_error() {
            Some(error) => (APPLICATION_JSON, serde_json::to_vec(&error)),
            None => (PROBLEM_JSON, serde_json::to_vec(&self.document())),
        };
        let mut response = HttpResponse::build(self.status_code());
        let mut response = response.content_type(media_type).body(body.unwrap_or_default());
        self.write_headers(response.headers_mut());
        response.extensions_mut().insert(self.code);
        response
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let code = if error == TokenError::Expired { Code::TOKEN_EXPIRED } else { Code::TOKEN_INVALID };
        Self::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use actix_web::body::to_bytes;
    use rowhouse_chassis::access::Denied;
    use rowhouse_chassis::error::{
        FieldViolation, IntoStatus, invalid_argument, retryable, status, status_with,
    };
    use rowhouse_proto::ERROR_CODES;
    use rowhouse_proto::auth::v1::error_code;
    use rowhouse_proto::orders::v1::permission;
    use serde_json::{Value, json};

    use super::headers::BASIC;
    use super::*;

    async fn answered(problem: Problem) -> (HttpResponse<()>, Value) {
        let (response, body) = problem.error_response().into_parts();
        let body = to_bytes(body).await.ok().unwrap();
        (response, serde_json::from_slice(&body).unwrap())
    }

    #[actix_web::test]
    async fn every_code_is_a_problem_of_its_status() {
        for code in ERROR_CODES {
            let (response, body) = answered(status(*code, "send less").into()).await;
            assert_eq!(response.status().as_u16(), code.http());
            assert_eq!(response.headers().get("content-type").unwrap(), PROBLEM_JSON);
            assert_eq!(response.headers().get("cache-control").unwrap(), "no-store");
            assert_eq!(body["type"], format!("urn:rowhouse:problem:{code}"));
            assert_eq!(body["code"], code.as_str());
            assert_eq!(body["title"], code.title());
            assert_eq!(body["status"], code.http());
            let has = |name| response.headers().contains_key(name);
            assert_eq!(has("www-authenticate"), code.http() == 401, "{code}");
            assert_eq!(has("retry-after"), matches!(code.http(), 429 | 503), "{code}");
        }
    }

    #[actix_web::test]
    async fn violations_are_named_as_rest_has_them() {
        let violations = [("idempotency_key", "send 1 to 255 characters"), ("lines[0].sku", "send one")];
        let violations = violations.map(|(field, what)| FieldViolation::new(field, what));
        let (_, one) = answered(invalid_argument(violations[..1].to_vec()).into()).await;
        assert_eq!(one["detail"], "Idempotency-Key: send 1 to 255 characters");
        let (_, both) = answered(invalid_argument(violations.to_vec()).into()).await;
        assert_eq!(both["detail"], "2 fields are wrong");
        assert_eq!(
            both["errors"],
            json!([
                { "field": "Idempotency-Key", "detail": "send 1 to 255 characters" },
                { "field": "lines[0].sku", "detail": "send one" },
            ])
        );
    }

    #[actix_web::test]
    async fn the_tenants_to_choose_from() {
        let tenants = json!([{ "id": "1", "slug": "acme", "name": "Acme" }]);
        for (listed, expected) in [(tenants.to_string(), tenants), ("nonsense".to_owned(), Value::Null)] {
            let metadata = HashMap::from([("tenants".to_owned(), listed)]);
            let (_, body) =
                answered(status_with(error_code::TENANT_REQUIRED, "name one", metadata).into()).await;
            assert_eq!(body["tenants"], expected);
        }
    }

    #[actix_web::test]
    async fn the_token_of_the_second_step_is_a_member() {
        let metadata = HashMap::from([("mfa_token".to_owned(), "rwh_mfa_1".to_owned())]);
        let (_, body) =
            answered(status_with(error_code::MFA_REQUIRED, "send the code", metadata).into()).await;
        assert_eq!(body["mfa_token"], "rwh_mfa_1");
        let (_, body) = answered(status(error_code::MFA_CODE_INVALID, "wrong").into()).await;
        assert!(body.get("mfa_token").is_none());
    }

    #[actix_web::test]
    async fn the_token_endpoint_has_the_errors_of_rfc_6749() {
        let problem = Problem::invalid("scope", "send \"orders:read\"").at_token_endpoint(true);
        let (response, body) = answered(problem).await;
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        assert_eq!((response.status().as_u16(), header("content-type")), (400, Some(APPLICATION_JSON)));
        assert_eq!((header("cache-control"), header("pragma")), (Some("no-store"), Some("no-cache")));
        let expected =
            json!({ "error": "invalid_request", "error_description": "scope: send 'orders:read'" });
        assert_eq!(body, expected);
        for (in_body, status, challenge) in [(false, 401, Some(BASIC)), (true, 400, None)] {
            let problem =
                Problem::new(error_code::INVALID_CLIENT, "the key is wrong").at_token_endpoint(in_body);
            let (response, _) = answered(problem).await;
            let sent = response.headers().get("www-authenticate").and_then(|value| value.to_str().ok());
            assert_eq!((response.status().as_u16(), sent), (status, challenge));
        }
        let (response, body) =
            answered(Problem::new(Code::UNAVAILABLE, "later").at_token_endpoint(true)).await;
        assert_eq!((response.status().as_u16(), &body["code"]), (503, &json!("unavailable")));
    }

    #[actix_web::test]
    async fn a_missing_permission_is_a_scope_that_is_missing() {
        let denied = Denied::Permission(permission::ORDERS_WRITE).into_status("test");
        let (response, _) = answered(denied.into()).await;
        let challenge = response.headers().get("www-authenticate").unwrap();
        assert_eq!(
            challenge,
            "Bearer realm=\"rowhouse\", error=\"insufficient_scope\", scope=\"orders:write\""
        );
        let (response, _) = answered(Denied::PeopleOnly.into_status("test").into()).await;
        assert!(!response.headers().contains_key("www-authenticate"));
    }

    #[actix_web::test]
    async fn a_service_says_when_to_try_again() {
        for (code, after, seconds) in
            [(Code::UNAVAILABLE, 1500, "2"), (Code::TOO_MANY_ATTEMPTS, 3000, "3"), (Code::NOT_FOUND, 1, "1")]
        {
            let after = Duration::from_millis(after);
            let (response, _) = answered(retryable(code, "later", after).into()).await;
            assert_eq!(response.headers().get("retry-after").unwrap(), seconds);
        }
    }
}
