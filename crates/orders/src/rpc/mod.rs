//! The generated trait, one line a method.

mod create_order;
pub(crate) mod exports;
mod get_order;
mod list_orders;
mod order;
mod set_up_tenant;
mod update_order;
pub(crate) mod webhooks;

use rowhouse_chassis::idempotency::Repeatable;
use rowhouse_proto::orders::v1::order_service_server::OrderService;
use rowhouse_proto::orders::v1::{
    CreateOrderRequest, CreateOrderResponse, GetOrderRequest, GetOrderResponse, ListOrdersRequest,
    ListOrdersResponse, SetUpTenantRequest, SetUpTenantResponse, TearDownTenantRequest,
    TearDownTenantResponse, UpdateOrderRequest, UpdateOrderResponse,
};
use rowhouse_tenancy::{TenantContext, TenantDb};
use rowhouse_tokens::{Permission, Principal};
use tonic::{Request, Response, Status};

use crate::domain::IdempotencyKey;
use crate::error::Error;

/// What the methods work with.
pub(crate) struct Rpc {
    pub(crate) db: TenantDb,
}

type Reply<T> = Result<Response<T>, Status>;

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

fn reply<T>(operation: &'static str, outcome: Result<T, Error>) -> Reply<T> {
    outcome.map(Response::new).map_err(|error| error.into_status(operation))
}

/// The call, as one that may be repeated, if it has a key. `request` is its encoding without the key.
fn repeatable(
    cx: &TenantContext,
    key: Option<&IdempotencyKey>,
    operation: &'static str,
    request: &[u8],
) -> Result<Option<Repeatable>, Error> {
    let Some(Principal::User { id: caller, .. } | Principal::ApiKey { id: caller, .. }) = cx.principal()
    else {
        return Err(Error::PeopleOnly);
    };
    Ok(key.map(|key| Repeatable::new(key, operation, caller.as_bytes(), request)))
}

/// On whose behalf a call is made, if they may make it.
fn authorize<T>(request: &Request<T>, permission: Permission) -> Result<TenantContext, Error> {
    let cx = rowhouse_tenancy::grpc::context(request).ok_or(Error::Unauthenticated)?;
    match cx.principal() {
        Some(principal) if principal.may(permission) => Ok(cx.clone()),
        Some(Principal::User { .. } | Principal::ApiKey { .. }) => Err(Error::NotPermitted(permission)),
        Some(Principal::Service { .. }) | None => Err(Error::PeopleOnly),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_verified_token_nothing_is_done() {
        let refused = authorize(&Request::new(()), Permission::OrdersRead);
        assert!(matches!(refused, Err(Error::Unauthenticated)), "{refused:?}");
    }
}
