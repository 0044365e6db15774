//! The priority of orders.

use diesel::dsl::sql;
use diesel::sql_types::Bool;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rowhouse_chassis::error::Code;
use rowhouse_proto::orders::v1::OrderPriority::{High, Low, Normal};
use rowhouse_proto::orders::v1::error_code;
use rowhouse_proto::orders::v1::{
    CreateOrderRequest, ListOrdersRequest, Order, OrderPriority, OrderStatus, UpdateOrderRequest,
};

use crate::world::{Orders, World, an_order, refusal};

async fn place(orders: &Orders, priority: OrderPriority) -> Order {
    orders.create(CreateOrderRequest { priority: priority.into(), ..an_order() }).await.unwrap()
}

fn to(id: &str, priority: OrderPriority) -> UpdateOrderRequest {
    UpdateOrderRequest { id: id.to_owned(), priority: priority.into(), ..UpdateOrderRequest::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_has_the_priority_that_was_said_last() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    for (asked, given) in [(OrderPriority::Unspecified, Normal), (Low, Low), (Normal, Normal), (High, High)] {
        let placed = place(&orders, asked).await;
        assert_eq!(placed.priority(), given);
        assert_eq!(orders.get(&placed.id).await.unwrap(), placed);
    }
    let placed = place(&orders, Low).await;
    let urgent = orders.send_update(to(&placed.id, High)).await.unwrap();
    let changed = (urgent.priority(), urgent.status(), urgent.version, urgent.etag.as_str());
    assert_eq!(changed, (High, OrderStatus::Placed, 2, "\"2\""));
    assert_ne!(urgent.updated_at, placed.updated_at);

    // A status alone leaves it unchanged, and both can change at once.
    let paid = orders.update(&placed.id, OrderStatus::Paid, "").await.unwrap();
    assert_eq!((paid.priority(), paid.status()), (High, OrderStatus::Paid));
    let both = UpdateOrderRequest { status: OrderStatus::Fulfilled.into(), ..to(&placed.id, Normal) };
    let both = orders.send_update(both).await.unwrap();
    assert_eq!((both.priority(), both.status(), both.version), (Normal, OrderStatus::Fulfilled, 4));

    // Also after the end of the order.
    let last = orders.send_update(to(&placed.id, Low)).await.unwrap();
    assert_eq!(last.priority(), Low);
    let listed = orders.list(ListOrdersRequest::default()).await.unwrap().orders;
    assert_eq!(listed[0], last);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_change_changes_neither() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    let placed = place(&orders, Normal).await;
    let stale = UpdateOrderRequest { etag: "\"7\"".to_owned(), ..to(&placed.id, High) };
    assert_eq!(refusal(orders.send_update(stale).await).code, Code::ETAG_MISMATCH);
    let leap = UpdateOrderRequest { status: OrderStatus::Fulfilled.into(), ..to(&placed.id, High) };
    assert_eq!(refusal(orders.send_update(leap).await).code, error_code::ORDER_TRANSITION_NOT_ALLOWED);
    let strangers = world.tenant("globex").await;
    assert_eq!(refusal(strangers.send_update(to(&placed.id, High)).await).code, error_code::ORDER_NOT_FOUND);
    assert_eq!(orders.get(&placed.id).await.unwrap(), placed);
    world.stop().await;
}

/// The state between the migration that adds the column and the backfill.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_from_before_there_were_priorities_is_normal() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    let placed = place(&orders, High).await;
    let mut admin = world.database.admin().await;
    let undone = include_str!("../../../../migrations/2026-11-23-000014_orders_priority_contract/down.sql");
    admin.batch_execute(undone).await.unwrap();
    // The row as it was before the trigger and the constraint.
    admin
        .batch_execute(
            "ALTER TABLE orders.orders DROP CONSTRAINT orders_priority_set, DISABLE TRIGGER set_priority;
             UPDATE orders.orders SET priority = NULL;
             ALTER TABLE orders.orders ENABLE TRIGGER set_priority,
                 ADD CONSTRAINT orders_priority_set CHECK (priority IS NOT NULL) NOT VALID",
        )
        .await
        .unwrap();
    let old = orders.get(&placed.id).await.unwrap();
    assert_eq!((old.priority(), &old.etag), (Normal, &placed.etag));

    // A change sets the priority that was shown, also by a program that does not know the column.
    admin.batch_execute("UPDATE orders.orders SET version = version").await.unwrap();
    let filled = sql::<Bool>("SELECT bool_and(priority = 'normal') FROM orders.orders");
    assert!(filled.get_result::<bool>(&mut admin).await.unwrap());
    assert_eq!(orders.get(&placed.id).await.unwrap(), old);
    world.stop().await;
}
