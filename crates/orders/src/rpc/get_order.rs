//! The method that returns an order.

use rowhouse_chassis::access::context;
use rowhouse_proto::orders::v1::{GetOrderRequest, GetOrderResponse, error_code};
use tonic::Request;

use super::Rpc;
use crate::domain::OrderId;
use crate::error::Error;
use crate::store::orders::find_order;
use rowhouse_chassis::error::Violations;

pub(super) async fn get_order(
    rpc: &Rpc,
    request: &Request<GetOrderRequest>,
) -> Result<GetOrderResponse, Error> {
    let cx = context(request)?;
    let id = parse(request.get_ref())?;
    let order = rpc.db.read(&cx, "orders.get", async |tx| Ok::<_, Error>(find_order(tx, id).await?)).await?;
    Ok(GetOrderResponse { order: Some(order.ok_or(Error::Missing(error_code::ORDER_NOT_FOUND))?.into()) })
}

fn parse(GetOrderRequest { id }: &GetOrderRequest) -> Result<OrderId, Error> {
    let mut violations = Violations::default();
    violations.check("id", id.parse()).ok_or_else(|| violations.into())
}
