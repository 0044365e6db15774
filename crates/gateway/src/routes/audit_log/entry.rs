//! What an entry tells.

use std::collections::HashMap;

use prost_types::Timestamp;
use rowhouse_proto::auth::v1;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Problem;
use crate::json::{known, lacking, rfc3339};

/// Something that happened to the members, roles, keys or sessions of the tenant.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditLogEntry {
    #[schema(format = "uuid", example = "01990a5e-5e6f-7a7b-9c8d-9e0f1a2b3c4d")]
    id: String,
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-23T08:30:00.123456Z")]
    occurred_at: Timestamp,
    actor: Actor,
    /// What was done.
    #[schema(example = "session.create")]
    action: String,
    /// `success`, `failure` or `denied`.
    #[schema(example = "success")]
    outcome: String,
    /// What it was done to; null when there is nothing.
    #[schema(required = true)]
    target: Option<Target>,
    /// Where the request came from, as far as known.
    #[schema(required = true, example = "203.0.113.9")]
    ip_address: Option<String>,
    /// The program it came from, as far as it says.
    #[schema(required = true, example = "Mozilla/5.0")]
    user_agent: Option<String>,
    /// More, by name. Never a secret.
    details: HashMap<String, String>,
}

/// Who did it.
#[derive(Serialize, ToSchema)]
struct Actor {
    /// `user`, `api_key`, `system`, or `anonymous` when nobody was recognised.
    #[serde(rename = "type")]
    #[schema(example = "user")]
    kind: String,
    /// Of a user or an API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, format = "uuid")]
    id: Option<String>,
}

/// What it was done to.
#[derive(Serialize, ToSchema)]
struct Target {
    #[serde(rename = "type")]
    #[schema(example = "session")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "01990a5e-2b3c-7d4e-8f5a-6b7c8d9e0f1a")]
    id: Option<String>,
}

impl TryFrom<v1::AuditLogEntry> for AuditLogEntry {
    type Error = Problem;

    fn try_from(entry: v1::AuditLogEntry) -> Result<Self, Problem> {
        let target_id = known(entry.target_id);
        Ok(Self {
            id: entry.id,
            occurred_at: entry.occurred_at.ok_or_else(lacking("entry.occurred_at"))?,
            actor: Actor { kind: entry.actor_type, id: known(entry.actor_id) },
            action: entry.action,
            outcome: entry.outcome,
            target: known(entry.target_type).map(|kind| Target { kind, id: target_id }),
            ip_address: known(entry.ip_address),
            user_agent: known(entry.user_agent),
            details: entry.details,
        })
    }
}
