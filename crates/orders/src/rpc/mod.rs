//! The implementation of the generated traits, which calls a function for each method.

mod create_order;
pub(crate) mod exports;
mod get_order;
mod list_orders;
mod order;
mod place_orders;
mod set_up_tenant;
mod update_order;
pub(crate) mod webhooks;

use rowhouse_chassis::access::member;
use rowhouse_chassis::group_commit::GroupCommit;
use rowhouse_chassis::grpc::{Reply, reply};
use rowhouse_chassis::idempotency::Repeatable;
use rowhouse_proto::orders::v1::order_service_server::OrderService;
use rowhouse_proto::orders::v1::{
    CreateOrderRequest, CreateOrderResponse, GetOrderRequest, GetOrderResponse, ListOrdersRequest,
    ListOrdersResponse, SetUpTenantRequest, SetUpTenantResponse, TearDownTenantRequest,
    TearDownTenantResponse, UpdateOrderRequest, UpdateOrderResponse,
};
use rowhouse_tenancy::{TenantContext, TenantDb};
use tonic::Request;

use crate::domain::IdempotencyKey;
use crate::error::Error;
use place_orders::{MOST_ROWS, Placings};

/// The dependencies of the methods.
pub(crate) struct Rpc {
    db: TenantDb,
    placings: GroupCommit<Placings>,
}

impl Rpc {
    pub(crate) fn new(db: TenantDb) -> Self {
        Self { placings: GroupCommit::new(Placings { db: db.clone() }, MOST_ROWS), db }
    }
}

#[tonic::async_trait]
impl OrderService for Rpc {
    async fn create_order(&self, request: Request<CreateOrderRequest>) -> Reply<CreateOrderResponse> {
        reply("orders.create", create_order::create_order(self, request).await)
    }

    async fn get_order(&self, request: Request<GetOrderRequest>) -> Reply<GetOrderResponse> {
        reply("orders.get", get_order::get_order(self, &request).await)
    }

    async fn list_orders(&self, request: Request<ListOrdersRequest>) -> Reply<ListOrdersResponse> {
        reply("orders.list", list_orders::list_orders(self, &request).await)
    }

    async fn update_order(&self, request: Request<UpdateOrderRequest>) -> Reply<UpdateOrderResponse> {
        reply("orders.update", update_order::update_order(self, &request).await)
    }

    async fn set_up_tenant(&self, request: Request<SetUpTenantRequest>) -> Reply<SetUpTenantResponse> {
        reply("orders.set_up_tenant", set_up_tenant::set_up_tenant(self, &request).await)
    }

    async fn tear_down_tenant(
        &self,
        request: Request<TearDownTenantRequest>,
    ) -> Reply<TearDownTenantResponse> {
        reply("orders.tear_down_tenant", set_up_tenant::tear_down_tenant(self, &request).await)
    }
}

/// Returns the call as repeatable if it has a key. `request` is its encoding without the key.
fn repeatable(
    cx: &TenantContext,
    key: Option<&IdempotencyKey>,
    operation: &'static str,
    request: &[u8],
) -> Result<Option<Repeatable>, Error> {
    let caller = member(cx)?;
    Ok(key.map(|key| Repeatable::new(key, operation, caller.as_bytes(), request)))
}
