//! Where events are sent.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod list;
pub(super) mod rotate_secret;
pub(super) mod test;
pub(super) mod update;

use prost_types::Timestamp;
use rowhouse_proto::orders::v1;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Problem;
use crate::json::{lacking, optional_rfc3339, rfc3339};

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
    /// Since when every attempt has failed; null when the latest one did not.
    #[serde(serialize_with = "optional_rfc3339")]
    #[schema(required = true, value_type = Option<String>, format = DateTime, example = "2026-11-23T08:30:00.123456Z")]
    failing_since: Option<Timestamp>,
    /// It fails, and is sent nothing until then, and then one delivery; null when it is not paused.
    #[serde(serialize_with = "optional_rfc3339")]
    #[schema(required = true, value_type = Option<String>, format = DateTime, example = "2026-11-23T08:30:00.123456Z")]
    paused_until: Option<Timestamp>,
    /// Why the system has disabled it; null when it has not.
    #[schema(required = true)]
    disabled_reason: Option<WebhookDisabledReason>,
    /// Until then the secret from before the present one signs as well; null when none does.
    #[serde(serialize_with = "optional_rfc3339")]
    #[schema(required = true, value_type = Option<String>, format = DateTime, example = "2026-11-23T08:30:00.123456Z")]
    previous_secret_expires_at: Option<Timestamp>,
}

/// Why the system disables an endpoint.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum WebhookDisabledReason {
    /// Every attempt of five days has failed.
    Failing,
    /// It answered 410 (Gone).
    Gone,
}

/// An endpoint, and its key, which is shown here and never again.
#[derive(Serialize, ToSchema)]
struct NewWebhookEndpoint {
    #[serde(flatten)]
    webhook_endpoint: WebhookEndpoint,
    /// Deliveries are signed with it, as Standard Webhooks has it.
    #[schema(example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")]
    secret: String,
}

impl TryFrom<v1::WebhookEndpoint> for WebhookEndpoint {
    type Error = Problem;

    fn try_from(endpoint: v1::WebhookEndpoint) -> Result<Self, Problem> {
        let disabled_reason = match endpoint.disabled_reason() {
            v1::WebhookDisabledReason::Failing => Some(WebhookDisabledReason::Failing),
            v1::WebhookDisabledReason::Gone => Some(WebhookDisabledReason::Gone),
            v1::WebhookDisabledReason::Unspecified => None,
        };
        let v1::WebhookEndpoint {
            id,
            url,
            events,
            enabled,
            created_at,
            updated_at,
            failing_since,
            paused_until,
            disabled_reason: _,
            previous_secret_expires_at,
        } = endpoint;
        Ok(Self {
            failing_since,
            paused_until,
            disabled_reason,
            previous_secret_expires_at,
            id,
            url,
            events,
            enabled,
            created_at: created_at.ok_or_else(lacking("webhook_endpoint.created_at"))?,
            updated_at: updated_at.ok_or_else(lacking("webhook_endpoint.updated_at"))?,
        })
    }
}
