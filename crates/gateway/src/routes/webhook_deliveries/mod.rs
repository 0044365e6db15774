//! What was sent, and what came of it.

pub(super) mod list;
pub(super) mod redeliver;

use prost_types::Timestamp;
use rowhouse_proto::orders::v1;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Problem;
use crate::json::{known, lacking, optional_rfc3339, rfc3339};

/// One event on its way to one endpoint.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookDelivery {
    #[schema(format = "uuid", example = "01990a5e-4d5e-7f6a-8b7c-8d9e0f1a2b3c")]
    id: String,
    #[schema(format = "uuid", example = "01990a5e-0b7c-7d31-8f5e-6a1b2c3d4e5f")]
    webhook_endpoint_id: String,
    /// What the receiver finds in `webhook-id`: the same in every attempt and redelivery.
    #[schema(format = "uuid", example = "01990a5e-1c2d-7e3f-8a4b-5c6d7e8f9a0b")]
    event_id: String,
    #[schema(example = "order.created")]
    event_type: String,
    /// Null for a test.
    #[schema(required = true, format = "uuid", example = "01990a5e-0b7c-7d31-8f5e-6a1b2c3d4e5f")]
    order_id: Option<String>,
    state: WebhookDeliveryState,
    /// How often it was tried; giving it up because the endpoint is disabled counts as once.
    #[schema(example = 1)]
    attempt_count: i32,
    /// The latest attempts, latest first, ten at most.
    attempts: Vec<WebhookAttempt>,
    /// When it is tried again; null when it is not pending.
    #[serde(serialize_with = "optional_rfc3339")]
    #[schema(required = true, value_type = Option<String>, format = DateTime, example = "2026-11-23T08:30:00.123456Z")]
    next_attempt_at: Option<Timestamp>,
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-23T08:30:00.123456Z")]
    created_at: Timestamp,
    #[serde(serialize_with = "optional_rfc3339")]
    #[schema(required = true, value_type = Option<String>, format = DateTime, example = "2026-11-23T08:30:00.123456Z")]
    finished_at: Option<Timestamp>,
}

/// One try.
#[derive(Serialize, ToSchema)]
struct WebhookAttempt {
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-23T08:30:00.123456Z")]
    attempted_at: Timestamp,
    /// The answer's status; null when there was none.
    #[schema(required = true, example = 204)]
    http_status: Option<i32>,
    /// Why it does not count as received; null when it does.
    #[schema(required = true, example = "the endpoint answered 503")]
    error: Option<String>,
    /// Milliseconds until the answer.
    #[schema(example = 37)]
    duration_ms: i64,
}

/// Where a delivery is in its life.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum WebhookDeliveryState {
    /// Waits for its first attempt, for the next one, or for an earlier event of the same order.
    Pending,
    Delivered,
    /// Given up.
    Failed,
}

impl From<WebhookDeliveryState> for v1::WebhookDeliveryState {
    fn from(state: WebhookDeliveryState) -> Self {
        match state {
            WebhookDeliveryState::Pending => Self::Pending,
            WebhookDeliveryState::Delivered => Self::Delivered,
            WebhookDeliveryState::Failed => Self::Failed,
        }
    }
}

impl TryFrom<v1::WebhookDeliveryState> for WebhookDeliveryState {
    type Error = Problem;

    fn try_from(state: v1::WebhookDeliveryState) -> Result<Self, Problem> {
        match state {
            v1::WebhookDeliveryState::Pending => Ok(Self::Pending),
            v1::WebhookDeliveryState::Delivered => Ok(Self::Delivered),
            v1::WebhookDeliveryState::Failed => Ok(Self::Failed),
            v1::WebhookDeliveryState::Unspecified => Err(lacking("webhook_delivery.state")()),
        }
    }
}

impl TryFrom<v1::WebhookAttempt> for WebhookAttempt {
    type Error = Problem;

    fn try_from(attempt: v1::WebhookAttempt) -> Result<Self, Problem> {
        Ok(Self {
            attempted_at: attempt.attempted_at.ok_or_else(lacking("webhook_attempt.attempted_at"))?,
            http_status: (attempt.http_status != 0).then_some(attempt.http_status),
            error: known(attempt.error),
            duration_ms: attempt.duration_ms,
        })
    }
}

impl TryFrom<v1::WebhookDelivery> for WebhookDelivery {
    type Error = Problem;

    fn try_from(delivery: v1::WebhookDelivery) -> Result<Self, Problem> {
        Ok(Self {
            state: delivery.state().try_into()?,
            id: delivery.id,
            webhook_endpoint_id: delivery.webhook_endpoint_id,
            event_id: delivery.event_id,
            event_type: delivery.event_type,
            order_id: known(delivery.order_id),
            attempt_count: delivery.attempt_count,
            attempts: delivery.attempts.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            next_attempt_at: delivery.next_attempt_at,
            created_at: delivery.created_at.ok_or_else(lacking("webhook_delivery.created_at"))?,
            finished_at: delivery.finished_at,
        })
    }
}
