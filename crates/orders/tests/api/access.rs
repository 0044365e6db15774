//! Permissions, and what callers cannot find out.

use diesel_async::SimpleAsyncConnection;
use rowhouse_chassis::error::Code;
use rowhouse_proto::orders::v1::error_code;
use rowhouse_proto::orders::v1::{ListOrdersRequest, OrderStatus};
use rowhouse_tenancy::TenantId;
use rowhouse_tokens::Role;
use uuid::Uuid;

use crate::world::{World, an_order, refusal};

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_only_looks() {
    let world = World::start().await;
    let member = world.tenant("acme").await;
    let order = member.create(an_order()).await.unwrap();
    let viewer = world.orders(member.tenant, Role::Viewer).await;
    assert_eq!(viewer.get(&order.id).await.unwrap(), order);
    assert_eq!(viewer.list(ListOrdersRequest::default()).await.unwrap().orders, [order.clone()]);
    assert_eq!(refusal(viewer.create(an_order()).await).code, Code::PERMISSION_DENIED);
    assert_eq!(refusal(viewer.update(&order.id, OrderStatus::Paid, "").await).code, Code::PERMISSION_DENIED);
    for role in [Role::Owner, Role::Admin, Role::Member] {
        world.orders(member.tenant, role).await.create(an_order()).await.unwrap();
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_order_and_a_missing_one_are_the_same() {
    let world = World::start().await;
    let (acme, globex) = (world.tenant("acme").await, world.tenant("globex").await);
    let foreign = globex.create(an_order()).await.unwrap();
    let missing = Uuid::now_v7().to_string();
    for (foreign, missing) in [
        (acme.get(&foreign.id).await, acme.get(&missing).await),
        (
            acme.update(&foreign.id, OrderStatus::Paid, "").await,
            acme.update(&missing, OrderStatus::Paid, "").await,
        ),
        // The tag and the transition are checked after the order is found.
        (
            acme.update(&foreign.id, OrderStatus::Placed, "\"7\"").await,
            acme.update(&missing, OrderStatus::Placed, "\"7\"").await,
        ),
    ] {
        let (foreign, missing) = (foreign.unwrap_err(), missing.unwrap_err());
        assert_eq!(foreign.code(), missing.code());
        assert_eq!(foreign.message(), missing.message());
        assert_eq!(foreign.details(), missing.details());
        assert_eq!(refusal::<()>(Err(missing)).code, error_code::ORDER_NOT_FOUND);
    }
    assert_eq!(globex.get(&foreign.id).await.unwrap(), foreign, "untouched");
    assert!(acme.list(ListOrdersRequest::default()).await.unwrap().orders.is_empty());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_outlives_neither_its_tenant_nor_its_suspension() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    let order = orders.create(an_order()).await.unwrap();
    let suspend = format!("UPDATE tenancy.tenants SET status = 'suspended' WHERE id = '{}'", orders.tenant);
    world.database.admin().await.batch_execute(&suspend).await.unwrap();
    assert_eq!(refusal(orders.get(&order.id).await).code, Code::TENANT_SUSPENDED);
    assert_eq!(refusal(orders.create(an_order()).await).code, Code::TENANT_SUSPENDED);

    let nowhere = world.orders(TenantId::generate(), Role::Owner).await;
    assert_eq!(refusal(nowhere.create(an_order()).await).code, Code::TENANT_UNKNOWN);
    assert_eq!(refusal(nowhere.list(ListOrdersRequest::default()).await).code, Code::TENANT_UNKNOWN);
    world.stop().await;
}
