//! Who belongs to a tenant.

pub(super) mod delete;
pub(super) mod list;
pub(super) mod update;

use prost_types::Timestamp;
use rowhouse_proto::auth::v1;
use serde::Serialize;
use utoipa::ToSchema;

use super::identity::Role;
use crate::error::Problem;
use crate::json::{lacking, rfc3339};

/// A person's membership in the access token's tenant.
#[derive(Serialize, ToSchema)]
struct Member {
    /// The membership's.
    #[schema(format = "uuid", example = "01990a5e-3c4d-7e5f-9a6b-7c8d9e0f1a2b")]
    id: String,
    #[schema(format = "uuid", example = "01990a5d-b0c1-7e2f-9a44-5d1f0c6b7e88")]
    user_id: String,
    #[schema(format = Email, example = "ada@acme.example")]
    email: String,
    role: Role,
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-23T08:30:00.123456Z")]
    created_at: Timestamp,
}

impl TryFrom<v1::Member> for Member {
    type Error = Problem;

    fn try_from(member: v1::Member) -> Result<Self, Problem> {
        Ok(Self {
            role: member.role().try_into()?,
            id: member.id,
            user_id: member.user_id,
            email: member.email,
            created_at: member.created_at.ok_or_else(lacking("member.created_at"))?,
        })
    }
}
