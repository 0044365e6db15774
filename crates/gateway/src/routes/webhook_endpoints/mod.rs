//! Where events are sent.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod list;
pub(super) mod update;

use prost_types::Timestamp;
use rowhouse_proto::orders::v1;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Problem;
use crate::json::{lacking, rfc3339};

/// An address of the access token's tenant that is told what happens to orders.
#[derive(Serialize, ToSchema)]
struct WebhookEndpoint {
    #[schema(format = "uuid", example = "01990a5e-4d5e-7f6a-8b7c-8d9e0f1a2b3c")]
    id: String,
    #[schema(format = "uri", example = "https://acme.example/hooks/orders")]
    url: String,
    /// `order.created`, `order.updated`; or `*`, which is all of them.
    #[schema(example = json!(["order.created"]))]
    events: Vec<String>,
    /// A disabled endpoint is sent nothing, and what happens meanwhile is not sent later.
    #[schema(example = true)]
    enabled: bool,
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-23T08:30:00.123456Z")]
    created_at: Timestamp,
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-23T08:30:00.123456Z")]
    updated_at: Timestamp,
}

impl TryFrom<v1::WebhookEndpoint> for WebhookEndpoint {
    type Error = Problem;

    fn try_from(endpoint: v1::WebhookEndpoint) -> Result<Self, Problem> {
        let v1::WebhookEndpoint { id, url, events, enabled, created_at, updated_at } = endpoint;
        Ok(Self {
            id,
            url,
            events,
            enabled,
            created_at: created_at.ok_or_else(lacking("webhook_endpoint.created_at"))?,
            updated_at: updated_at.ok_or_else(lacking("webhook_endpoint.updated_at"))?,
        })
    }
}
