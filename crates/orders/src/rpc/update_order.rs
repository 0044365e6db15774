//! Changing the status and the priority of an order.

use rowhouse_chassis::access::context;
use rowhouse_proto::orders::v1::{UpdateOrderRequest, UpdateOrderResponse, error_code};
use tonic::Request;

use super::Rpc;
use super::order::{parse_priority, parse_status};
use crate::domain::{Condition, EventType, OrderChange, OrderId};
use crate::error::Error;
use crate::store::orders::{self, ChangedOrder, lock_order};
use crate::webhooks::emit_event;
use rowhouse_chassis::error::Violations;

pub(super) async fn update_order(
    rpc: &Rpc,
    request: &Request<UpdateOrderRequest>,
) -> Result<UpdateOrderResponse, Error> {
    let cx = context(request)?;
    let Update { id, change, condition } = Update::parse(request.get_ref())?;
    let order = rpc
        .db
        .tx(&cx, "orders.update", async |tx| {
            let order = lock_order(tx, id).await?.ok_or(Error::Missing(error_code::ORDER_NOT_FOUND))?;
            order.check_change(change, &condition)?;
            let ChangedOrder { order, listeners } = orders::update_order(tx, order, change).await?;
            emit_event(tx, EventType::OrderUpdated, &order, &listeners).await?;
            Ok::<_, Error>(order)
        })
        .await?;
    Ok(UpdateOrderResponse { order: Some(order.into()) })
}

#[derive(Debug, PartialEq, Eq)]
struct Update {
    id: OrderId,
    change: OrderChange,
    condition: Condition,
}

/// The error for a request with neither a status nor a priority.
#[derive(Debug, thiserror::Error)]
#[error(
    "send a status, one of placed, paid, fulfilled, cancelled, or a priority, one of low, normal, high, or both"
)]
struct NothingToChange;

impl Update {
    fn parse(request: &UpdateOrderRequest) -> Result<Self, Error> {
        let UpdateOrderRequest { id, status, etag, priority } = request;
        let mut violations = Violations::default();
        let id = violations.check("id", id.parse());
        let status = violations.check("status", parse_status(*status));
        let priority = violations.check("priority", parse_priority(*priority));
        let change = match (status, priority) {
            (Some(None), Some(None)) => violations.check("status", Err(NothingToChange)),
            (Some(status), Some(priority)) => Some(OrderChange { status, priority }),
            _ => None,
        };
        let condition = violations.check("etag", etag.parse());
        match (id, change, condition) {
            (Some(id), Some(change), Some(condition)) => Ok(Self { id, change, condition }),
            _ => Err(violations.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{OrderPriority, OrderStatus};

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        for ((status, priority), wrong) in [
            ((0, 0), &["id", "status", "etag"][..]),
            ((9, 0), &["id", "status", "etag"]),
            ((0, 9), &["id", "priority", "etag"]),
            ((9, 9), &["id", "status", "priority", "etag"]),
            ((2, 3), &["id", "etag"]),
        ] {
            let (id, etag) = ("7".to_owned(), "3".to_owned());
            match Update::parse(&UpdateOrderRequest { id, status, etag, priority }) {
                Err(Error::Invalid(violations)) => {
                    let fields: Vec<_> = violations.iter().map(|one| one.field.as_str()).collect();
                    assert_eq!(fields, wrong);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn nothing_to_change_is_an_error() {
        let id = OrderId::generate().to_string();
        let refused = Update::parse(&UpdateOrderRequest { id, ..UpdateOrderRequest::default() });
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    }

    #[test]
    fn without_a_tag_the_change_is_unconditional() {
        let id = OrderId::generate();
        let (paid, high) = (Some(OrderStatus::Paid), Some(OrderPriority::High));
        for (status, priority, change) in [
            (2, 0, OrderChange { status: paid, priority: None }),
            (0, 3, OrderChange { status: None, priority: high }),
            (2, 3, OrderChange { status: paid, priority: high }),
        ] {
            let request = UpdateOrderRequest { id: id.to_string(), status, etag: String::new(), priority };
            let expected = Update { id, change, condition: Condition::Always };
            assert_eq!(Update::parse(&request).unwrap(), expected);
        }
    }
}
