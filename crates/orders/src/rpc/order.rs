//! Converting orders, statuses and priorities from and to messages.

use rowhouse_chassis::wire::timestamp;
use rowhouse_proto::orders::v1;

use crate::domain::{Order, OrderLine, OrderPriority, OrderStatus};

impl From<Order> for v1::Order {
    fn from(order: Order) -> Self {
        Self {
            etag: order.etag().to_string(),
            id: order.id.to_string(),
            number: order.number,
            customer: order.customer,
            currency: order.currency,
            status: v1::OrderStatus::from(order.status).into(),
            priority: v1::OrderPriority::from(order.priority).into(),
            total_minor: order.total_minor,
            lines: order.lines.into_iter().map(v1::OrderLine::from).collect(),
            version: order.version,
            created_at: Some(timestamp(order.created_at)),
            updated_at: Some(timestamp(order.updated_at)),
        }
    }
}

impl From<OrderLine> for v1::OrderLine {
    fn from(OrderLine { sku, quantity, unit_price_minor }: OrderLine) -> Self {
        Self { sku, quantity, unit_price_minor }
    }
}

impl From<OrderStatus> for v1::OrderStatus {
    fn from(status: OrderStatus) -> Self {
        match status {
            OrderStatus::Placed => Self::Placed,
            OrderStatus::Paid => Self::Paid,
            OrderStatus::Fulfilled => Self::Fulfilled,
            OrderStatus::Cancelled => Self::Cancelled,
        }
    }
}

impl From<OrderPriority> for v1::OrderPriority {
    fn from(priority: OrderPriority) -> Self {
        match priority {
            OrderPriority::Low => Self::Low,
            OrderPriority::Normal => Self::Normal,
            OrderPriority::High => Self::High,
        }
    }
}

/// The error for a number that is not a known status.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("send one of placed, paid, fulfilled, cancelled")]
pub(super) struct UnknownOrderStatusNumber;

/// Parses the optional status of a request.
pub(super) fn parse_status(status: i32) -> Result<Option<OrderStatus>, UnknownOrderStatusNumber> {
    match v1::OrderStatus::try_from(status) {
        Ok(v1::OrderStatus::Unspecified) => Ok(None),
        Ok(v1::OrderStatus::Placed) => Ok(Some(OrderStatus::Placed)),
        Ok(v1::OrderStatus::Paid) => Ok(Some(OrderStatus::Paid)),
        Ok(v1::OrderStatus::Fulfilled) => Ok(Some(OrderStatus::Fulfilled)),
        Ok(v1::OrderStatus::Cancelled) => Ok(Some(OrderStatus::Cancelled)),
        Err(_) => Err(UnknownOrderStatusNumber),
    }
}

/// The error for a number that is not a known priority.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("send one of low, normal, high")]
pub(super) struct UnknownPriority;

/// Parses the optional priority of a request.
pub(super) fn parse_priority(priority: i32) -> Result<Option<OrderPriority>, UnknownPriority> {
    match v1::OrderPriority::try_from(priority) {
        Ok(v1::OrderPriority::Unspecified) => Ok(None),
        Ok(v1::OrderPriority::Low) => Ok(Some(OrderPriority::Low)),
        Ok(v1::OrderPriority::Normal) => Ok(Some(OrderPriority::Normal)),
        Ok(v1::OrderPriority::High) => Ok(Some(OrderPriority::High)),
        Err(_) => Err(UnknownPriority),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_number() {
        for status in [OrderStatus::Placed, OrderStatus::Paid, OrderStatus::Fulfilled, OrderStatus::Cancelled]
        {
            assert_eq!(parse_status(v1::OrderStatus::from(status).into()), Ok(Some(status)));
        }
        assert_eq!(parse_status(0), Ok(None));
        for unknown in [5, -1, i32::MIN, i32::MAX] {
            assert_eq!(parse_status(unknown), Err(UnknownOrderStatusNumber), "{unknown}");
        }
    }

    #[test]
    fn each_priority_has_its_number() {
        for priority in [OrderPriority::Low, OrderPriority::Normal, OrderPriority::High] {
            assert_eq!(parse_priority(v1::OrderPriority::from(priority).into()), Ok(Some(priority)));
        }
        assert_eq!(parse_priority(0), Ok(None));
        for unknown in [4, -1, i32::MIN, i32::MAX] {
            assert_eq!(parse_priority(unknown), Err(UnknownPriority), "{unknown}");
        }
    }
}
