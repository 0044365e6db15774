//! The body of an error.

use serde::{Deserialize, Serialize};

/// The body of every error (RFC 9457).
#[derive(Serialize)]
pub(crate) struct Document<'a> {
    /// A URN that ends in the code. It names the kind of the problem; there is nothing to fetch.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// A summary, which is the same for every problem of this kind.
    pub(super) title: &'a str,
    /// The HTTP status.
    pub(super) status: u16,
    /// A sentence that says what is wrong with this request and what to change.
    pub(super) detail: &'a str,
    /// The code, for programs.
    pub(super) code: &'a str,
    /// The values that are wrong, where that is known.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) errors: &'a [FieldError],
    /// The tenants to choose from, with `tenant_required`.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) tenants: &'a [TenantChoice],
    /// The token for `POST /v1/auth/mfa`, with `mfa_required`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mfa_token: Option<&'a str>,
    /// The limit and its value, with `limit_exceeded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) limit: Option<&'a ReachedLimit>,
    /// The id of the request's trace, to quote in a report of the problem.
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
