//! Converting deliveries from and to messages.

use rowhouse_chassis::wire::timestamp;
use rowhouse_proto::orders::v1;

use crate::store::webhook_log::{Delivery, LoggedAttempt};

impl From<Delivery> for v1::WebhookDelivery {
    fn from(delivery: Delivery) -> Self {
        Self {
            status: status(&delivery.status).into(),
            id: delivery.id.to_string(),
            webhook_endpoint_id: delivery.webhook_endpoint_id.to_string(),
            event_id: delivery.event_id.to_string(),
            event_type: delivery.event_type,
            order_id: delivery.order_id.map(|id| id.to_string()).unwrap_or_default(),
            attempts: delivery.attempts.into_iter().map(attempt).collect(),
            next_attempt_at: delivery.next_attempt_at.map(timestamp),
            created_at: Some(timestamp(delivery.created_at)),
            finished_at: delivery.finished_at.map(timestamp),
            attempt_count: delivery.attempt_count,
        }
    }
}

fn attempt((attempted_at, http_status, error, duration_ms): LoggedAttempt) -> v1::WebhookAttempt {
    v1::WebhookAttempt {
        attempted_at: Some(timestamp(attempted_at)),
        http_status: http_status.unwrap_or_default(),
        error: error.unwrap_or_default(),
        duration_ms,
    }
}

/// Returns the status with this name. The column's CHECK has the same three names.
fn status(name: &str) -> v1::WebhookDeliveryStatus {
    match name {
        "pending" => v1::WebhookDeliveryStatus::Pending,
        "delivered" => v1::WebhookDeliveryStatus::Delivered,
        "failed" => v1::WebhookDeliveryStatus::Failed,
        _ => v1::WebhookDeliveryStatus::Unspecified,
    }
}

/// The error for a number that is not a known status.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("send one of pending, delivered, failed")]
pub(super) struct UnknownDeliveryStatus;

/// Parses the optional status of a request.
pub(super) fn parse_status(number: i32) -> Result<Option<&'static str>, UnknownDeliveryStatus> {
    match v1::WebhookDeliveryStatus::try_from(number) {
        Ok(v1::WebhookDeliveryStatus::Unspecified) => Ok(None),
        Ok(v1::WebhookDeliveryStatus::Pending) => Ok(Some("pending")),
        Ok(v1::WebhookDeliveryStatus::Delivered) => Ok(Some("delivered")),
        Ok(v1::WebhookDeliveryStatus::Failed) => Ok(Some("failed")),
        Err(_) => Err(UnknownDeliveryStatus),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_number() {
        for number in 1..=3 {
            let name = parse_status(number).unwrap().unwrap();
            assert_eq!(i32::from(status(name)), number);
        }
        assert_eq!(parse_status(0), Ok(None));
        assert_eq!(parse_status(4), Err(UnknownDeliveryStatus));
    }
}
