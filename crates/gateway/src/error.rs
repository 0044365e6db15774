//! Errors as problem documents (RFC 9457).

use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpResponse, ResponseError};
use rowhouse_chassis::error::{self, Code, Fault, FieldViolation, fault};
use rowhouse_chassis::telemetry;
use rowhouse_tokens::TokenError;
use serde::{Deserialize, Serialize};
use tonic::Status;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::headers::{IDEMPOTENCY_KEY, IF_MATCH};

/// The media type of every error's body.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

const REALM: &str = "Bearer realm=\"rowhouse\"";
const REALM_INVALID: &str = "Bearer realm=\"rowhouse\", error=\"invalid_token\"";

/// An error, ready to be answered with.
#[derive(Debug)]
pub(crate) struct Problem {
    code: Code,
    detail: String,
    errors: Vec<FieldError>,
    tenants: Vec<TenantChoice>,
    retry_after: Option<Duration>,
    allow: Option<String>,
}

/// The body of every error (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Document<'a> {
    /// A URN that ends in the code. It names the kind of the problem; there is nothing to fetch.
    #[serde(rename = "type")]
    #[schema(example = "urn:rowhouse:problem:invalid_argument")]
    kind: String,
    /// The same for every problem of this kind.
    title: &'a str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong with this request, and what to change.
    detail: &'a str,
    /// What a program decides by.
    #[schema(schema_with = code_schema)]
    code: &'a str,
    /// The values that are wrong, where that is known.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<FieldError>, required = false)]
    errors: &'a [FieldError],
    /// With `tenant_required`: the tenants to choose from.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<TenantChoice>, required = false)]
    tenants: &'a [TenantChoice],
    /// With `internal`: what to quote when you report the failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = String)]
    trace_id: Option<String>,
}

/// What is wrong with one value of a request.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// The field's path in the body, such as `lines[0].quantity`, or the name of the header or of the query
    /// parameter.
    pub(crate) field: String,
    /// What to change.
    pub(crate) detail: String,
}

/// A tenant that a person can log in to.
#[derive(Debug, PartialEq, Deserialize, Serialize, ToSchema)]
pub(crate) struct TenantChoice {
    pub(crate) id: String,
    pub(crate) slug: String,
    pub(crate) name: String,
}

fn code_schema() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("What a program decides by."))
        .enum_values(Some(Code::ALL.iter().map(|code| code.as_str())))
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        let (errors, tenants) = (Vec::new(), Vec::new());
        Self { code, detail: detail.into(), errors, tenants, retry_after: None, allow: None }
    }

    /// A value that is wrong. `field` is its path in the body, or the name of a header or query parameter.
    pub(crate) fn invalid(field: &str, detail: &str) -> Self {
        Self::new(Code::InvalidArgument, format!("{field}: {detail}")).at(field, detail)
    }

    /// The same problem, with the field that it is about.
    pub(crate) fn at(mut self, field: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(FieldError { field: field.into(), detail: detail.into() });
        self
    }

    /// `allow` are the methods that the address does know.
    pub(crate) fn method_not_allowed(allow: String) -> Self {
        let detail = format!("this address answers {allow} only");
        Self { allow: Some(allow), ..Self::new(Code::MethodNotAllowed, detail) }
    }

    /// A failure of our own. Its cause belongs into the log, and nothing of it into the answer.
    pub(crate) fn internal() -> Self {
        let detail =
            "the failure is in the service's log; trying again may help, changing the request will not";
        Self::new(Code::Internal, detail)
    }

    pub(crate) fn code(&self) -> Code {
        self.code
    }

    /// The body.
    pub(crate) fn document(&self) -> Document<'_> {
        Document {
            kind: format!("urn:rowhouse:problem:{}", self.code),
            title: self.code.title(),
            status: self.code.http(),
            detail: &self.detail,
            code: self.code.as_str(),
            errors: &self.errors,
            tenants: &self.tenants,
            trace_id: if self.code == Code::Internal { telemetry::trace_id() } else { None },
        }
    }

    fn write_headers(&self, headers: &mut HeaderMap) {
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(allow) = &self.allow
            && let Ok(allow) = HeaderValue::from_str(allow)
        {
            headers.insert(ALLOW, allow);
        }
        match self.code.http() {
            401 => {
                let sent = matches!(self.code, Code::TokenInvalid | Code::TokenExpired);
                let challenge = if sent { REALM_INVALID } else { REALM };
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            }
            415 => {
                headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
            }
            _ => {}
        }
        let usual = matches!(self.code.http(), 429 | 503).then_some(error::RETRY_AFTER);
        if let Some(after) = self.retry_after.or(usual) {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(after)));
        }
    }
}

/// Rounded up: never earlier than the service means.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

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
        let Fault { code, detail, violations, retry_after, metadata } = fault(&status);
        let tenants = metadata.get("tenants").map_or_else(Vec::new, |listed| {
            serde_json::from_str(listed).unwrap_or_else(|error| {
                tracing::error!(%error, "the tenants to choose from cannot be read");
                Vec::new()
            })
        });
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
        Self { code, detail, errors, tenants, retry_after, allow: None }
    }
}

/// Where a proto field stands in a REST request; most are in the body, under the same name.
fn rest_name(field: String) -> String {
    match field.as_str() {
        "idempotency_key" => IDEMPOTENCY_KEY.to_owned(),
        "etag" => IF_MATCH.to_owned(),
        _ => field,
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let code = if error == TokenError::Expired { Code::TokenExpired } else { Code::TokenInvalid };
        Self::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use actix_web::body::to_bytes;
    use rowhouse_chassis::error::{invalid_argument, retryable, status, status_with};
    use serde_json::{Value, json};

    use super::*;

    async fn answered(problem: Problem) -> (HttpResponse<()>, Value) {
        let (response, body) = problem.error_response().into_parts();
        let body = to_bytes(body).await.ok().unwrap();
        (response, serde_json::from_slice(&body).unwrap())
    }

    #[actix_web::test]
    async fn every_code_is_a_problem_of_its_status() {
        for code in Code::ALL {
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
    async fn a_token_that_was_sent_is_told_from_one_that_was_not() {
        for (code, challenge) in [
            (Code::TokenMissing, REALM),
            (Code::InvalidCredentials, REALM),
            (Code::TokenInvalid, REALM_INVALID),
            (Code::TokenExpired, REALM_INVALID),
        ] {
            let (response, _) = answered(Problem::new(code, "x")).await;
            assert_eq!(response.headers().get("www-authenticate").unwrap(), challenge);
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
            let (_, body) = answered(status_with(Code::TenantRequired, "name one", metadata).into()).await;
            assert_eq!(body["tenants"], expected);
        }
    }

    #[actix_web::test]
    async fn retry_after_is_never_too_early() {
        for (after, seconds) in [(Duration::from_millis(1500), "2"), (Duration::from_secs(3), "3")] {
            let (response, _) = answered(retryable(Code::Unavailable, "later", after).into()).await;
            assert_eq!(response.headers().get("retry-after").unwrap(), seconds);
        }
    }
}
