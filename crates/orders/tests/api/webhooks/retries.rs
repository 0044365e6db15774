//! Receivers that refuse deliveries.

use std::time::{Duration, SystemTime};

use diesel_async::SimpleAsyncConnection;
use rowhouse_proto::orders::v1::OrderStatus::{Cancelled, Paid};
use rowhouse_proto::orders::v1::WebhookDeliveryStatus::{Delivered, Failed, Pending};
use rowhouse_proto::orders::v1::{
    ListWebhookEndpointsRequest, UpdateWebhookEndpointRequest, WebhookDelivery,
};

use super::{Receiver, world};
use crate::world::an_order;

/// Returns the time until the next attempt.
fn wait(delivery: &WebhookDelivery) -> Duration {
    let next = SystemTime::try_from(delivery.next_attempt_at.unwrap()).unwrap();
    next.duration_since(SystemTime::now()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_event_is_retried_before_later_ones() {
    let (world, orders, webhooks) = world().await;
    let receiver = Receiver::start().await;
    webhooks.register(&receiver).await;
    receiver.always("500 Oops");
    let order = orders.create(an_order()).await.unwrap();
    let failing = webhooks.until(|all| all.len() == 1 && all[0].attempt_count == 1).await.remove(0);
    assert_eq!(failing.status(), Pending);
    let attempt = &failing.attempts[0];
    assert_eq!((attempt.http_status, attempt.error.as_str()), (500, "the endpoint answered 500"));
    assert!(attempt.duration_ms >= 0);

    // It is retried automatically.
    receiver.first(2).await;
    orders.update(&order.id, Paid, "").await.unwrap();
    orders.update(&order.id, Cancelled, "").await.unwrap();
    // Other orders do not wait for this one.
    receiver.answer(move |request| {
        let ours = request.order().0 == order.id;
        if ours { "503 Busy".to_owned() } else { "200 OK".to_owned() }
    });
    let other = orders.create(an_order()).await.unwrap();
    webhooks.until(|all| all.iter().any(|one| one.order_id == other.id && one.status() == Delivered)).await;
    webhooks.redeliver(&failing.id).await.unwrap();
    webhooks.until(|all| all[0].attempt_count >= 3).await;
    assert!(
        receiver.received().iter().all(|request| request.order().1 == 1),
        "the second waits for the first"
    );

    // Earlier events of the order are tried with it.
    receiver.always("200 OK");
    let latest =
        webhooks.deliveries().await.into_iter().rfind(|one| one.order_id == failing.order_id).unwrap();
    assert_ne!(latest.id, failing.id);
    webhooks.redeliver(&latest.id).await.unwrap();
    let deliveries = webhooks.until_statuses(&[Delivered, Delivered, Delivered, Delivered]).await;
    let failed_before = &deliveries[0];
    assert!(failed_before.attempt_count >= 4);
    assert_eq!(failed_before.attempts[0].http_status, 200, "the latest is the first");
    let requests = receiver.received();
    let of_order: Vec<_> =
        requests.iter().map(crate::webhooks::Received::order).filter(|(id, _)| *id != other.id).collect();
    assert_eq!(of_order.iter().rev().take(3).map(|(_, version)| *version).collect::<Vec<_>>(), [3, 2, 1]);
    assert!(requests.iter().filter(|one| one.order() == of_order[0]).all(|one| one.id() == failing.event_id));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_can_ask_for_more_time() {
    let (world, orders, webhooks) = world().await;
    let receiver = Receiver::start().await;
    webhooks.register(&receiver).await;
    receiver.always("429 Slow down\r\nRetry-After: 3600");
    orders.create(an_order()).await.unwrap();
    let delivery = webhooks.until(|all| all.len() == 1 && all[0].attempt_count == 1).await.remove(0);
    assert!((3_500..=3_600).contains(&wait(&delivery).as_secs()), "{:?}", wait(&delivery));
    // Unless somebody repeats a delivery because the receiver works again.
    receiver.always("200 OK");
    assert!(wait(&webhooks.redeliver(&delivery.id).await.unwrap()) < Duration::from_secs(1));
    webhooks.until_statuses(&[Delivered]).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_last_attempt_the_next_event_goes_on() {
    let (world, orders, webhooks) = world().await;
    let receiver = Receiver::start().await;
    webhooks.register(&receiver).await;
    receiver
        .answer(|request| if request.order().1 == 1 { "500 Oops".to_owned() } else { "204 Fine".to_owned() });
    let order = orders.create(an_order()).await.unwrap();
    webhooks.until(|all| all.len() == 1 && all[0].attempt_count == 1).await;
    orders.update(&order.id, Paid, "").await.unwrap();
    let last = "UPDATE orders.webhook_deliveries SET attempts_left = 1";
    world.database.admin().await.batch_execute(last).await.unwrap();
    let deliveries = webhooks.until_statuses(&[Failed, Delivered]).await;
    assert!(deliveries[0].finished_at.is_some() && deliveries[0].next_attempt_at.is_none());
    assert_eq!(receiver.received().last().unwrap().order(), (order.id, 2));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gone_is_the_end_of_an_endpoint() {
    let (world, orders, webhooks) = world().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = webhooks.register(&receiver).await;
    receiver.always("410 Gone");
    let order = orders.create(an_order()).await.unwrap();
    let deliveries = webhooks.until_statuses(&[Failed]).await;
    assert_eq!(deliveries[0].attempts[0].http_status, 410);
    let listed = webhooks.endpoints(ListWebhookEndpointsRequest::default()).await.unwrap().webhook_endpoints;
    assert_eq!((listed[0].id.as_str(), listed[0].enabled), (endpoint.as_str(), false));
    orders.update(&order.id, Paid, "").await.unwrap();
    assert_eq!(webhooks.deliveries().await.len(), 1, "it hears of nothing more");

    // When it is enabled again, repeated deliveries are sent.
    receiver.always("200 OK");
    webhooks.redeliver(&deliveries[0].id).await.unwrap();
    let dropped = webhooks.until(|all| all[0].attempt_count == 2).await;
    assert_eq!((dropped[0].status(), dropped[0].attempts[0].http_status), (Failed, 0));
    assert!(dropped[0].attempts[0].error.contains("disabled"), "{dropped:?}");
    let enable = UpdateWebhookEndpointRequest { id: endpoint, enabled: Some(true), ..Default::default() };
    webhooks.update(enable).await.unwrap();
    webhooks.redeliver(&deliveries[0].id).await.unwrap();
    webhooks.until_statuses(&[Delivered]).await;
    assert_eq!(receiver.received().len(), 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_not_followed() {
    let (world, orders, webhooks) = world().await;
    let (receiver, elsewhere) = (Receiver::start().await, Receiver::start().await);
    webhooks.register(&receiver).await;
    let location = elsewhere.url.clone();
    receiver.answer(move |_| format!("307 Temporary Redirect\r\nLocation: {location}"));
    orders.create(an_order()).await.unwrap();
    let delivery = webhooks.until(|all| all.len() == 1 && all[0].attempt_count == 1).await.remove(0);
    assert_eq!((delivery.status(), delivery.attempts[0].http_status), (Pending, 307));
    assert!(delivery.attempts[0].error.contains("redirects are not followed"));
    assert!(elsewhere.received().is_empty());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_not_there_is_a_failed_attempt() {
    let (world, orders, webhooks) = world().await;
    let gone = Receiver::start().await.url.clone();
    webhooks.create(&gone, &["*"]).await.unwrap();
    orders.create(an_order()).await.unwrap();
    let delivery = webhooks.until(|all| all.len() == 1 && all[0].attempt_count == 1).await.remove(0);
    assert_eq!((delivery.status(), delivery.attempts[0].http_status), (Pending, 0));
    assert_eq!(delivery.attempts[0].error, "no connection could be made to the host");
    world.stop().await;
}
