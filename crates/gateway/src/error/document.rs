//! What an error's body looks like.

use rowhouse_chassis::error::Code;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};

/// The body of every error (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Document<'a> {
    /// A URN that ends in the code. It names the kind of the problem; there is nothing to fetch.
    #[serde(rename = "type")]
    #[schema(example = "urn:rowhouse:problem:invalid_argument")]
    pub(super) kind: String,
    /// The same for every problem of this kind.
    pub(super) title: &'a str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub(super) status: u16,
    /// What is wrong with this request, and what to change.
    pub(super) detail: &'a str,
    /// What a program decides by.
    #[schema(schema_with = code_schema)]
    pub(super) code: &'a str,
    /// The values that are wrong, where that is known.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<FieldError>, required = false)]
    pub(super) errors: &'a [FieldError],
    /// With `tenant_required`: the tenants to choose from.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<TenantChoice>, required = false)]
    pub(super) tenants: &'a [TenantChoice],
    /// With `mfa_required`: what `POST /v1/auth/mfa` goes on with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = String)]
    pub(super) mfa_token: Option<&'a str>,
    /// With `limit_exceeded`: which limit, and how much there may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = ReachedLimit)]
    pub(super) limit: Option<&'a ReachedLimit>,
    /// At `/v1/auth/token`: the error's name in RFC 6749, section 5.2.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = String)]
    pub(super) error: Option<&'static str>,
    /// At `/v1/auth/token`: the detail, in the characters that RFC 6749 allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = String)]
    pub(super) error_description: Option<String>,
    /// With `internal`: what to quote when you report the failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = String)]
    pub(super) trace_id: Option<String>,
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

/// A limit that is reached.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct ReachedLimit {
    #[schema(example = "api_keys")]
    pub(crate) name: String,
    #[schema(minimum = 1, example = 100)]
    pub(crate) maximum: i64,
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
