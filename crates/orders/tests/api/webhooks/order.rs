//! Each endpoint receives the events of an order in order.

use std::collections::{HashMap, HashSet};

use futures_util::future::join_all;
use rowhouse_proto::orders::v1::OrderStatus::{Cancelled, Fulfilled, Paid};
use rowhouse_proto::orders::v1::WebhookDeliveryStatus::Delivered;
use serde_json::Value;

use super::{Received, Receiver, world};
use crate::world::an_order;

/// Checks the received requests: every version of each order, in order. A version may be repeated before the next
/// one. Returns the number of orders.
pub(crate) fn assert_in_order(received: &[Received], last: &HashMap<String, i64>) {
    let mut heard: HashMap<String, i64> = HashMap::new();
    for (order, version) in received.iter().map(Received::order) {
        let heard = heard.entry(order.clone()).or_default();
        assert!(version == *heard || version == *heard + 1, "{order}: {version} after {heard}");
        *heard = version;
    }
    assert_eq!(&heard, last);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_stay_in_order_despite_failures_and_concurrency() {
    let (world, orders, webhooks) = world().await;
    let (steady, shaky) = (Receiver::start().await, Receiver::start().await);
    webhooks.register(&steady).await;
    webhooks.register(&shaky).await;
    // Every third event fails at its first attempt.
    let mut failed = HashSet::new();
    let mut count = 0;
    shaky.answer(move |request| {
        count += 1;
        let fails = count % 3 == 0 && failed.insert(request.id().to_owned());
        if fails { "500 Oops".to_owned() } else { "200 OK".to_owned() }
    });

    let placed = join_all((0..8).map(|_| orders.create(an_order()))).await;
    let ids: Vec<String> = placed.into_iter().map(|order| order.unwrap().id).collect();
    // Of concurrent changes of an order, one after another succeeds.
    let changes = ids.iter().flat_map(|id| [Paid, Cancelled, Fulfilled].map(|status| (id, status)));
    join_all(changes.map(|(id, status)| orders.update(id, status, ""))).await;
    let mut last = HashMap::new();
    for id in ids {
        let version = orders.get(&id).await.unwrap().version;
        last.insert(id, version);
    }

    let events: i64 = last.values().sum();
    let expected = vec![Delivered; usize::try_from(events * 2).unwrap()];
    webhooks.until_statuses(&expected).await;
    assert_in_order(&steady.received(), &last);
    assert_eq!(steady.received().len(), usize::try_from(events).unwrap(), "and once, when nothing fails");
    // A failed event is repeated before the ones that follow it.
    assert_in_order(&shaky.received(), &last);
    for request in shaky.received() {
        assert!(matches!(request.json()["type"], Value::String(_)));
    }
    world.stop().await;
}
