//! An order from its placement to its end.

use rowhouse_proto::orders::v1::OrderStatus::{self, Cancelled, Fulfilled, Paid, Placed};
use rowhouse_proto::orders::v1::error_code;
use rowhouse_proto::orders::v1::{CreateOrderRequest, ListOrdersRequest, Order, OrderPriority};

use crate::world::{Orders, World, an_order, line, refusal};

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_placed_paid_and_fulfilled() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    let lines = vec![line("table", 1, 19_900), line("chair", 4, 4_950), line("chair", 1, 0)];
    let placed = orders
        .create(CreateOrderRequest {
            customer: " Ada Lovelace ".to_owned(),
            lines: lines.clone(),
            ..an_order()
        })
        .await
        .unwrap();

    let expected = Order {
        number: 1,
        customer: "Ada Lovelace".to_owned(),
        currency: "EUR".to_owned(),
        status: Placed.into(),
        total_minor: 39_700,
        lines,
        version: 1,
        etag: "\"1\"".to_owned(),
        updated_at: placed.created_at,
        priority: OrderPriority::Normal.into(),
        ..placed.clone()
    };
    assert_eq!(placed, expected);
    assert!(placed.created_at.is_some());
    assert_eq!(orders.get(&placed.id).await.unwrap(), placed);
    assert_eq!(orders.list(ListOrdersRequest::default()).await.unwrap().orders, [placed.clone()]);

    let paid = orders.update(&placed.id, Paid, "").await.unwrap();
    assert!(paid.updated_at.unwrap().seconds >= placed.updated_at.unwrap().seconds);
    assert_ne!(paid.updated_at, placed.updated_at);
    let expected = Order {
        status: Paid.into(),
        version: 2,
        etag: "\"2\"".to_owned(),
        updated_at: paid.updated_at,
        ..placed.clone()
    };
    assert_eq!(paid, expected);
    assert_eq!(orders.get(&placed.id).await.unwrap(), paid);

    let fulfilled = orders.update(&placed.id, Fulfilled, "").await.unwrap();
    assert_eq!((fulfilled.status(), fulfilled.version), (Fulfilled, 3));
    world.stop().await;
}

/// Places an order and changes it along `path`.
async fn order_after(orders: &Orders, path: &[OrderStatus]) -> String {
    let id = orders.create(an_order()).await.unwrap().id;
    for status in path {
        orders.update(&id, *status, "").await.unwrap();
    }
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_move_is_refused_and_changes_nothing() {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    let all = [Placed, Paid, Fulfilled, Cancelled];
    let ways: [(OrderStatus, &[OrderStatus], &[OrderStatus]); 4] = [
        (Placed, &[], &[Paid, Cancelled]),
        (Paid, &[Paid], &[Fulfilled, Cancelled]),
        (Fulfilled, &[Paid, Fulfilled], &[]),
        (Cancelled, &[Cancelled], &[]),
    ];
    for (from, path, allowed) in ways {
        let id = order_after(&orders, path).await;
        let before = orders.get(&id).await.unwrap();
        for to in all.into_iter().filter(|to| !allowed.contains(to)) {
            let refused = refusal(orders.update(&id, to, "").await);
            assert_eq!(refused.code, error_code::ORDER_TRANSITION_NOT_ALLOWED, "{from:?} to {to:?}");
            for status in [from, to] {
                let name = status.as_str_name().trim_start_matches("ORDER_STATUS_").to_lowercase();
                assert!(refused.detail.contains(&name), "{refused:?} names {name}");
            }
        }
        assert_eq!(orders.get(&id).await.unwrap(), before);
        for to in allowed {
            let id = order_after(&orders, path).await;
            assert_eq!(orders.update(&id, *to, "").await.unwrap().status(), *to);
        }
    }
    world.stop().await;
}
