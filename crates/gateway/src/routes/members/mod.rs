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

/// What a member's removal or new role did to what they had created.
#[derive(Serialize, ToSchema)]
struct Revocations {
    /// API keys that ended: nothing is left that they may do.
    revoked_api_keys: Vec<RevokedApiKey>,
    /// API keys that lost scopes.
    reduced_api_keys: Vec<ReducedApiKey>,
    /// Invitations that can't be accepted any more.
    revoked_invitations: Vec<RevokedInvitation>,
    /// The kinds of things that belong to the tenant and stay, whoever created them.
    #[schema(example = json!(["exports", "webhook_endpoints"]))]
    kept: Vec<String>,
}

/// An API key that ended.
#[derive(Serialize, ToSchema)]
struct RevokedApiKey {
    #[schema(format = "uuid", example = "01990a5e-1f2a-7a40-9c1e-2d3f4a5b6c7d")]
    id: String,
    #[schema(example = "nightly export")]
    name: String,
}

/// An API key that lost scopes.
#[derive(Serialize, ToSchema)]
struct ReducedApiKey {
    #[schema(format = "uuid", example = "01990a5e-1f2a-7a40-9c1e-2d3f4a5b6c7d")]
    id: String,
    #[schema(example = "nightly export")]
    name: String,
    /// What it may still do.
    #[schema(example = json!(["orders:read"]))]
    scopes: Vec<String>,
    /// What it could do before.
    #[schema(example = json!(["orders:read", "members:write"]))]
    previous_scopes: Vec<String>,
}

/// An invitation that ended.
#[derive(Serialize, ToSchema)]
struct RevokedInvitation {
    #[schema(format = "uuid", example = "01990a5e-4d5e-7f60-8a7b-8c9d0e1f2a3b")]
    id: String,
    #[schema(format = Email, example = "bob@acme.example")]
    email: String,
    role: Role,
}

impl TryFrom<v1::Revocations> for Revocations {
    type Error = Problem;

    fn try_from(revocations: v1::Revocations) -> Result<Self, Problem> {
        let v1::Revocations { revoked_api_keys, reduced_api_keys, revoked_invitations, kept } = revocations;
        let revoked = |v1::RevokedApiKey { id, name }| RevokedApiKey { id, name };
        let reduced = |v1::ReducedApiKey { id, name, scopes, previous_scopes }| ReducedApiKey {
            id,
            name,
            scopes,
            previous_scopes,
        };
        let invitation = |one: v1::RevokedInvitation| {
            let role = one.role().try_into()?;
            Ok(RevokedInvitation { role, id: one.id, email: one.email })
        };
        Ok(Self {
            revoked_api_keys: revoked_api_keys.into_iter().map(revoked).collect(),
            reduced_api_keys: reduced_api_keys.into_iter().map(reduced).collect(),
            revoked_invitations: revoked_invitations
                .into_iter()
                .map(invitation)
                .collect::<Result<_, Problem>>()?,
            kept,
        })
    }
}
