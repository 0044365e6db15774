//! Keys for programs.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod list;

use prost_types::Timestamp;
use rowhouse_proto::auth::v1;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Problem;
use crate::json::{known, lacking, optional_rfc3339, rfc3339};

/// An API key of the access token's tenant, without its secret.
#[derive(Serialize, ToSchema)]
struct ApiKey {
    /// The `client_id` of the exchange.
    #[schema(format = "uuid", example = "01990a5e-1f2a-7a40-9c1e-2d3f4a5b6c7d")]
    id: String,
    #[schema(example = "nightly export")]
    name: String,
    /// The key's last characters, by which a person recognises it.
    hint: String,
    #[schema(example = json!(["orders:read"]))]
    scopes: Vec<String>,
    /// The user who made it.
    #[schema(format = "uuid", example = "01990a5d-b0c1-7e2f-9a44-5d1f0c6b7e88")]
    created_by: String,
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-23T08:30:00.123456Z")]
    created_at: Timestamp,
    /// Null when it does not expire.
    #[serde(serialize_with = "optional_rfc3339")]
    #[schema(value_type = Option<String>, format = DateTime, required = true, example = "2027-11-23T00:00:00Z")]
    expires_at: Option<Timestamp>,
    /// Null when it was never exchanged. Exact to the minute.
    #[serde(serialize_with = "optional_rfc3339")]
    #[schema(value_type = Option<String>, format = DateTime, required = true, example = "2026-11-23T08:30:00Z")]
    last_used_at: Option<Timestamp>,
    /// When it ended before its time, since its creator may not have it any more; null when it did not.
    #[serde(serialize_with = "optional_rfc3339")]
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    revoked_at: Option<Timestamp>,
    /// Why: `member_removed`, `role_changed`, `user_disabled` or `account_recovered`; null when it was not revoked.
    #[schema(required = true, example = "role_changed")]
    revoke_reason: Option<String>,
}

impl TryFrom<v1::ApiKey> for ApiKey {
    type Error = Problem;

    fn try_from(key: v1::ApiKey) -> Result<Self, Problem> {
        Ok(Self {
            id: key.id,
            name: key.name,
            hint: key.hint,
            scopes: key.scopes,
            created_by: key.created_by,
            created_at: key.created_at.ok_or_else(lacking("api_key.created_at"))?,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
            revoked_at: key.revoked_at,
            revoke_reason: known(key.revoke_reason),
        })
    }
}
