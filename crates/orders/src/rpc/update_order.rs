//! Moving an order along its life.

use rowhouse_proto::orders::v1::{UpdateOrderRequest, UpdateOrderResponse};
use rowhouse_tokens::Permission;
use tonic::Request;

use super::order::{UnknownStatus, parse_status};
use super::{Rpc, authorize};
use crate::domain::{Condition, OrderId, OrderStatus};
use crate::error::Error;
use crate::store::orders::{Written, lock_order, update_status};
use crate::webhooks::{EventType, tell};
use rowhouse_chassis::error::Violations;

pub(super) async fn update_order(
    rpc: &Rpc,
    request: &Request<UpdateOrderRequest>,
) -> Result<UpdateOrderResponse, Error> {
    let cx = authorize(request, Permission::OrdersWrite)?;
    let Change { id, status, condition } = Change::parse(request.get_ref())?;
    let order = rpc
        .db
        .tx(&cx, "orders.update", async |tx| {
            let order = lock_order(tx, id).await?.ok_or(Error::NotFound)?;
            order.check_change(status, &condition)?;
            let Written { order, listeners } = update_status(tx, order, status).await?;
            tell(tx, EventType::OrderUpdated, &order, &listeners).await?;
            Ok::<_, Error>(order)
        })
        .await?;
    Ok(UpdateOrderResponse { order: Some(order.into()) })
}

#[derive(Debug, PartialEq, Eq)]
struct Change {
    id: OrderId,
    status: OrderStatus,
    condition: Condition,
}

impl Change {
    fn parse(UpdateOrderRequest { id, status, etag }: &UpdateOrderRequest) -> Result<Self, Error> {
        let mut violations = Violations::default();
        let id = violations.check("id", id.parse());
        let status = parse_status(*status).and_then(|status| status.ok_or(UnknownStatus));
        let status = violations.check("status", status);
        let condition = violations.check("etag", etag.parse());
        match (id, status, condition) {
            (Some(id), Some(status), Some(condition)) => Ok(Self { id, status, condition }),
            _ => Err(violations.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let request = UpdateOrderRequest { id: "7".to_owned(), status: 0, etag: "3".to_owned() };
        match Change::parse(&request) {
            Err(Error::Invalid(violations)) => {
                let fields: Vec<_> = violations.iter().map(|one| one.field.as_str()).collect();
                assert_eq!(fields, ["id", "status", "etag"]);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn without_a_tag_the_change_is_unconditional() {
        let id = OrderId::generate();
        let request = UpdateOrderRequest { id: id.to_string(), status: 2, etag: String::new() };
        let change = Change { id, status: OrderStatus::Paid, condition: Condition::Always };
        assert_eq!(Change::parse(&request).unwrap(), change);
    }
}
