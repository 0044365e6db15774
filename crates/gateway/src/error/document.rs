//! The body of an error.

use serde::{Deserialize, Serialize};

/// The body of every error (RFC 9457).
#[derive(Serialize)]
pub(crate) struct Document<'a> {
    /// A URN that ends in the code. It names the kind of the problem; there is nothing to fetch.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// The same for every problem of this kind.
    pub(super) title: &'a str,
    /// The HTTP status.
    pub(super) status: u16,
    /// What is wrong with this request, and what to change.
    pub(super) detail: &'a str,
    /// The code, for programs.
    pub(super) code: &'a str,
    /// The values that are wrong, where that is known.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) errors: &'a [FieldError],
    /// With `tenant_required`: the tenants to choose from.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) tenants: &'a [TenantChoice],
    /// With `mfa_required`: what `POST /v1/auth/mfa` goes on with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mfa_token: Option<&'a str>,
    /// With `limit_exceeded`: which limit, and how much there may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) limit: Option<&'a ReachedLimit>,
    /// Quote it when you report the failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trace_id: Option<&'a str>,
}

/// An error in one value of a request.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct FieldError {
    /// The field's path in the body, such as `lines[0].quantity`, or the name of the header or of the query
    /// parameter.
    pub(crate) field: String,
    /// The message that says what to change.
    pub(crate) detail: String,
}

/// A limit that is reached.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct ReachedLimit {
    pub(crate) name: String,
    pub(crate) maximum: i64,
}

/// A tenant that a person can log in to.
#[derive(Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct TenantChoice {
    pub(crate) id: String,
    pub(crate) slug: String,
    pub(crate) name: String,
}
