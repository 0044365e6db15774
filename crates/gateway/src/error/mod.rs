//! Errors as problem documents (RFC 9457).

mod document;
mod headers;
mod oauth;

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use rowhouse_chassis::error::{Code, Fault, FieldViolation, fault};
use rowhouse_chassis::limits::{LIMIT_KEY, MAXIMUM_KEY};
use rowhouse_chassis::telemetry;
use rowhouse_proto::ERROR_CODES;
use rowhouse_tokens::TokenError;
use tonic::Status;

use document::Document;
pub(crate) use document::{FieldError, ReachedLimit, TenantChoice};

use crate::headers::{IDEMPOTENCY_KEY, IF_MATCH};

/// The media type of every error's body.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// An error to be answered.
#[derive(Debug)]
pub(crate) struct Problem {
    code: Code,
    detail: Box<str>,
    errors: Vec<FieldError>,
    extra: Extra,
    retry_after: Option<Duration>,
    at_token_endpoint: bool,
    /// Where the request is in its trace, since the answer may be written outside of it.
    traceparent: Option<Box<str>>,
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
            at_token_endpoint: false,
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

    /// Adds the form of RFC 6749.
    pub(crate) fn at_token_endpoint(self) -> Self {
        Self { at_token_endpoint: true, ..self }
    }

    /// Creates the error for an internal failure. Its cause is logged and not part of the answer.
    pub(crate) fn internal() -> Self {
        let detail =
            "the failure is in the service's log; trying again may help, changing the request will not";
        Self::new(Code::INTERNAL, detail)
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
            error: self.at_token_endpoint.then(|| oauth::name(self.code)),
            error_description: self.at_token_endpoint.then(|| oauth::description(&self.detail)),
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
        StatusCode::from_u16(self.code.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        // Strings and numbers can always be written.
        let body = serde_json::to_vec(&self.document()).unwrap_or_default();
        let mut response = HttpResponse::build(self.status_code()).content_type(PROBLEM_JSON).body(body);
        self.write_headers(response.headers_mut());
        response.extensions_mut().insert(self.code);
        response
    }
}

impl From<Status> for Problem {
    fn from(status: Status) -> Self {
        let Fault { code, detail, violations, retry_after, metadata } = fault(&status, ERROR_CODES);
        let errors: Vec<_> = violations
            .into_iter()
            .map(|FieldViolation { field, description: detail }| FieldError {
                field: rest_name(field),
                detail,
            })
            .collect();
        let detail = match errors.as_slice() {
            [FieldError { field, detail }] => format!("{field}: {detail}"),
            _ => detail,
        };
        Self { errors, extra: extra(metadata), retry_after, ..Self::new(code, detail) }
    }
}

fn extra(mut metadata: HashMap<String, String>) -> Extra {
    if let Some(token) = metadata.remove("mfa_token") {
        return Extra::MfaToken(token);
    }
    if let (Some(name), Some(maximum)) = (metadata.remove(LIMIT_KEY), metadata.remove(MAXIMUM_KEY))
        && let Ok(maximum) = maximum.parse()
    {
        return Extra::Limit(ReachedLimit { name, maximum });
    }
    let tenants = metadata.get("tenants").map(|listed| serde_json::from_str(listed));
    match tenants.transpose() {
        Ok(tenants) => tenants.map_or(Extra::Nothing, Extra::Tenants),
        Err(error) => {
            tracing::error!(%error, "the tenants to choose from cannot be read");
            Extra::Nothing
        }
    }
}

/// Returns the place of a proto field in a REST request; most are in the body, under the same name.
fn rest_name(field: String) -> String {
    match field.as_str() {
        "idempotency_key" => IDEMPOTENCY_KEY.to_owned(),
        "etag" => IF_MATCH.to_owned(),
        _ => field,
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
    use actix_web::body::to_bytes;
    use rowhouse_chassis::error::{invalid_argument, retryable, status, status_with};
    use rowhouse_proto::auth::v1::error_code;
    use serde_json::{Value, json};

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
    async fn the_token_endpoint_speaks_rfc_6749_too() {
        let problem = Problem::invalid("scope", "send \"orders:read\"");
        let (_, body) = answered(problem).await;
        assert!(body.get("error").is_none() && body.get("error_description").is_none());
        let problem = Problem::invalid("scope", "send \"orders:read\"").at_token_endpoint();
        let (response, body) = answered(problem).await;
        assert_eq!((response.status().as_u16(), &body["code"]), (400, &json!("invalid_argument")));
        assert_eq!(body["error"], "invalid_request");
        assert_eq!(body["error_description"], "scope: send 'orders:read'");
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
