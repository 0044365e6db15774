//! The requests to receivers, and the log of deliveries.

use diesel_async::SimpleAsyncConnection;
use rowhouse_proto::orders::v1::OrderStatus::{Cancelled, Paid};
use rowhouse_proto::orders::v1::WebhookDeliveryStatus::{Delivered, Failed};
use rowhouse_proto::orders::v1::{
    CreateOrderRequest, ListWebhookDeliveriesRequest, UpdateWebhookEndpointRequest,
};
use serde_json::json;

use super::{Receiver, world};
use crate::exports_support::as_json;
use crate::world::{an_order, refusal, wrong_fields};

#[tokio::test(flavor = "multi_thread")]
async fn events_are_sent_and_signed() {
    let (world, orders, webhooks) = world().await;
    let receiver = Receiver::start().await;
    let (endpoint, secret) = webhooks.register(&receiver).await;
    let placed = orders.create(an_order()).await.unwrap();
    let paid = orders.update(&placed.id, Paid, "").await.unwrap();

    let requests = receiver.first(2).await;
    for request in &requests {
        assert!(request.is_signed_with(&secret));
        assert!(!request.is_signed_with("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
        assert_eq!(request.path, "/hooks?of=acme");
        assert_eq!(request.headers["content-type"], "application/json");
    }
    assert_ne!(requests[0].id(), requests[1].id());
    for (request, event, order) in
        [(&requests[0], "order.created", &placed), (&requests[1], "order.updated", &paid)]
    {
        let timestamp = order.updated_at.unwrap().to_string();
        let expected = json!({ "type": event, "timestamp": timestamp, "data": as_json(order) });
        assert_eq!(request.json(), expected);
    }

    let deliveries = webhooks.until_statuses(&[Delivered, Delivered]).await;
    for (delivery, request) in deliveries.iter().zip(&requests) {
        assert_eq!(delivery.webhook_endpoint_id, endpoint);
        assert_eq!(delivery.event_id, request.id());
        assert_eq!(request.json()["type"], delivery.event_type.as_str());
        assert_eq!(delivery.order_id, placed.id);
        assert_eq!((delivery.attempt_count, delivery.attempts.len()), (1, 1));
        assert_eq!((delivery.attempts[0].http_status, delivery.attempts[0].error.as_str()), (200, ""));
        assert!(delivery.finished_at.is_some() && delivery.next_attempt_at.is_none());
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_hears_of_what_it_wants_while_it_is_enabled() {
    let (world, orders, webhooks) = world().await;
    let (all, updates) = (Receiver::start().await, Receiver::start().await);
    let (all_id, _) = webhooks.register(&all).await;
    webhooks.create(&updates.url, &["order.updated"]).await.unwrap();
    let order = orders.create(an_order()).await.unwrap();
    orders.update(&order.id, Paid, "").await.unwrap();
    assert_eq!(updates.first(1).await[0].order(), (order.id.clone(), 2));
    all.first(2).await;

    let enabled = |enabled| UpdateWebhookEndpointRequest {
        id: all_id.clone(),
        enabled: Some(enabled),
        ..Default::default()
    };
    webhooks.update(enabled(false)).await.unwrap();
    let missed = orders.create(an_order()).await.unwrap();
    webhooks.update(enabled(true)).await.unwrap();
    let heard = orders.create(an_order()).await.unwrap();
    assert_eq!(all.first(3).await[2].order().0, heard.id);
    assert!(all.received().iter().all(|request| request.order().0 != missed.id));
    assert_eq!(updates.received().len(), 1);
    world.stop().await;
}

/// Refused changes and repeated calls are no events.
#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_committed_is_told() {
    let (world, orders, webhooks) = world().await;
    let receiver = Receiver::start().await;
    webhooks.register(&receiver).await;
    let keyed = CreateOrderRequest { idempotency_key: Some("a".to_owned()), ..an_order() };
    let order = orders.create(keyed.clone()).await.unwrap();
    assert_eq!(orders.create(keyed).await.unwrap(), order);
    refusal(orders.update(&order.id, Paid, "\"7\"").await);
    orders.update(&order.id, Cancelled, "").await.unwrap();
    refusal(orders.update(&order.id, Paid, "").await);
    webhooks.until_statuses(&[Delivered, Delivered]).await;
    let versions: Vec<_> = receiver.received().iter().map(|request| request.order().1).collect();
    assert_eq!(versions, [1, 2]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_sent_once_more_as_it_was() {
    let (world, orders, webhooks) = world().await;
    let receiver = Receiver::start().await;
    webhooks.register(&receiver).await;
    orders.create(an_order()).await.unwrap();
    let delivery = webhooks.until_statuses(&[Delivered]).await.remove(0);
    let again = webhooks.redeliver(&delivery.id).await.unwrap();
    assert_eq!(
        (again.id.as_str(), again.event_id.as_str()),
        (delivery.id.as_str(), delivery.event_id.as_str())
    );
    let requests = receiver.first(2).await;
    assert_eq!((requests[0].id(), &requests[0].body), (requests[1].id(), &requests[1].body));
    let deliveries = webhooks.until(|all| all[0].attempt_count == 2).await;
    assert_eq!((deliveries[0].status(), deliveries[0].attempts.len()), (Delivered, 2));

    // Also a failed one.
    receiver.always("500 Oops");
    webhooks.redeliver(&delivery.id).await.unwrap();
    receiver.first(3).await;
    let fail =
        "UPDATE orders.webhook_deliveries SET state = 'failed', next_attempt_at = NULL, finished_at = now()";
    webhooks.until(|all| all[0].attempt_count >= 3).await;
    world.database.admin().await.batch_execute(fail).await.unwrap();
    webhooks.until_statuses(&[Failed]).await;
    receiver.always("200 OK");
    webhooks.redeliver(&delivery.id).await.unwrap();
    webhooks.until_statuses(&[Delivered]).await;
    assert_eq!(receiver.first(4).await[3].id(), delivery.event_id);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_filtered_and_paged_newest_first() {
    let (world, orders, webhooks) = world().await;
    let (good, bad) = (Receiver::start().await, Receiver::start().await);
    bad.always("500 Oops");
    let (good_id, _) = webhooks.register(&good).await;
    let (bad_id, _) = webhooks.register(&bad).await;
    for _ in 0..3 {
        orders.create(an_order()).await.unwrap();
    }
    bad.first(3).await;
    good.first(3).await;
    let list = |endpoint: &str, status: i32, page_size, page_token: &str| ListWebhookDeliveriesRequest {
        page_size,
        page_token: page_token.to_owned(),
        webhook_endpoint_id: endpoint.to_owned(),
        status,
    };
    webhooks.until(|all| all.iter().filter(|one| one.status() == Delivered).count() == 3).await;
    for (endpoint, status, expected) in [
        ("", 0, 6),
        (&good_id, 0, 3),
        (&bad_id, 1, 3),
        (&bad_id, 2, 0),
        (&good_id, 2, 3),
        ("", 2, 3),
        ("", 3, 0),
    ] {
        let found = webhooks.list(list(endpoint, status, 0, "")).await.unwrap().webhook_deliveries;
        assert_eq!(found.len(), expected, "{endpoint} {status}");
    }
    let first = webhooks.list(list(&good_id, 0, 2, "")).await.unwrap();
    let second = webhooks.list(list(&good_id, 0, 2, &first.next_page_token)).await.unwrap();
    assert_eq!((first.webhook_deliveries.len(), second.webhook_deliveries.len()), (2, 1));
    assert!(first.webhook_deliveries[1].id > second.webhook_deliveries[0].id);
    assert_eq!(second.next_page_token, "");
    let of_another_list = webhooks.list(list(&bad_id, 0, 2, &first.next_page_token)).await;
    assert_eq!(wrong_fields(of_another_list), ["page_token"]);

    // A deleted endpoint's deliveries are hidden at once, and soon deleted.
    webhooks.delete(&good_id).await.unwrap();
    assert_eq!(webhooks.deliveries().await.len(), 3);
    world.stop().await;
}
