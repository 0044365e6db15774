//! Who may join a tenant.

pub(super) mod accept;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod list;
pub(super) mod resend;

use prost_types::Timestamp;
use rowhouse_proto::auth::v1;
use serde::Serialize;
use utoipa::ToSchema;

use super::identity::Role;
use crate::error::Problem;
use crate::json::{known, lacking, rfc3339};

/// An invitation into the access token's tenant that can still be accepted.
#[derive(Serialize, ToSchema)]
struct Invitation {
    #[schema(format = "uuid", example = "01990a5e-4d5e-7f6a-8b7c-8d9e0f1a2b3c")]
    id: String,
    #[schema(format = Email, example = "grace@acme.example")]
    email: String,
    role: Role,
    /// The user who invited; null when the system did.
    #[schema(required = true, format = "uuid", example = "01990a5d-b0c1-7e2f-9a44-5d1f0c6b7e88")]
    invited_by: Option<String>,
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-23T08:30:00.123456Z")]
    created_at: Timestamp,
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-30T08:30:00.123456Z")]
    expires_at: Timestamp,
}

impl TryFrom<v1::Invitation> for Invitation {
    type Error = Problem;

    fn try_from(invitation: v1::Invitation) -> Result<Self, Problem> {
        Ok(Self {
            role: invitation.role().try_into()?,
            id: invitation.id,
            email: invitation.email,
            invited_by: known(invitation.invited_by),
            created_at: invitation.created_at.ok_or_else(lacking("invitation.created_at"))?,
            expires_at: invitation.expires_at.ok_or_else(lacking("invitation.expires_at"))?,
        })
    }
}
