//! Rotated secrets, and test events.

use std::time::{Duration, SystemTime};

use diesel_async::SimpleAsyncConnection;
use rowhouse_chassis::error::Code;
use rowhouse_proto::orders::v1::WebhookDeliveryStatus::Delivered;
use rowhouse_proto::orders::v1::error_code;
use rowhouse_proto::orders::v1::{UpdateWebhookEndpointRequest, WebhookDeliveryStatus};
use rowhouse_tokens::Role;
use serde_json::json;

use super::{Receiver, Webhooks, world};
use crate::world::{an_order, refusal, wrong_fields};

/// The receiver can switch to the new secret at any time: it can verify every delivery.
#[tokio::test(flavor = "multi_thread")]
async fn two_secrets_sign_while_one_replaces_the_other() {
    let (world, orders, webhooks) = world().await;
    let receiver = Receiver::start().await;
    let (id, first) = webhooks.register(&receiver).await;
    let rotated = webhooks.rotate(&id, None).await.unwrap();
    let (second, endpoint) = (rotated.secret, rotated.webhook_endpoint.unwrap());
    assert_ne!(first, second);
    let expires = SystemTime::try_from(endpoint.previous_secret_expires_at.unwrap()).unwrap();
    let left = expires.duration_since(SystemTime::now()).unwrap();
    assert!((86_000..=86_400).contains(&left.as_secs()), "{left:?}");

    orders.create(an_order()).await.unwrap();
    let request = receiver.first(1).await.remove(0);
    let signatures: Vec<_> = request.headers["webhook-signature"].split(' ').collect();
    assert_eq!(signatures.len(), 2, "{signatures:?}");
    assert!(request.is_signed_with(&first) && request.is_signed_with(&second));

    // After another rotation, the oldest no longer signs, whatever its time was.
    let third = webhooks.rotate(&id, Some(600)).await.unwrap().secret;
    orders.create(an_order()).await.unwrap();
    let request = receiver.first(2).await.remove(1);
    assert!(request.is_signed_with(&second) && request.is_signed_with(&third));
    assert!(!request.is_signed_with(&first));

    // After its time the second no longer signs, and is deleted.
    let over = "UPDATE orders.webhook_endpoints SET previous_secret_expires_at = now();
                UPDATE jobs.jobs SET due_at = now() WHERE kind = 'webhook.tidy' AND status = 'queued'";
    world.database.admin().await.batch_execute(over).await.unwrap();
    orders.create(an_order()).await.unwrap();
    let request = receiver.first(3).await.remove(2);
    assert!(request.is_signed_with(&third) && !request.is_signed_with(&second));
    assert!(!request.headers["webhook-signature"].contains(' '));
    let gone = "SELECT count(*) FROM orders.webhook_endpoints WHERE previous_sealed_secret IS NOT NULL";
    super::tidying::until_count(&world.database, gone, 0).await;

    // Without an overlap the previous one ends at once.
    let last = webhooks.rotate(&id, Some(0)).await.unwrap();
    assert_eq!(last.webhook_endpoint.unwrap().previous_secret_expires_at, None);
    orders.create(an_order()).await.unwrap();
    let request = receiver.first(4).await.remove(3);
    assert!(request.is_signed_with(&last.secret) && !request.is_signed_with(&third));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_event_goes_the_way_of_every_event() {
    let (world, _, webhooks) = world().await;
    let receiver = Receiver::start().await;
    let created = webhooks.create(&receiver.url, &["order.updated"]).await.unwrap();
    let (id, secret) = (created.webhook_endpoint.unwrap().id, created.secret);
    let delivery = webhooks.test(&id).await.unwrap();
    assert_eq!((delivery.event_type.as_str(), delivery.order_id.as_str()), ("webhook.test", ""));
    assert_eq!(delivery.status(), WebhookDeliveryStatus::Pending);
    let request = receiver.first(1).await.remove(0);
    assert!(request.is_signed_with(&secret));
    assert_eq!(request.id(), delivery.event_id);
    assert_eq!(request.json()["type"], "webhook.test");
    assert_eq!(request.json()["data"], json!({ "webhook_endpoint_id": id }));
    let listed = webhooks.until_statuses(&[Delivered]).await.remove(0);
    assert_eq!((listed.id.as_str(), listed.attempts[0].http_status), (delivery.id.as_str(), 200));

    webhooks.redeliver(&delivery.id).await.unwrap();
    assert_eq!(receiver.first(2).await[1].id(), delivery.event_id);

    let disable = UpdateWebhookEndpointRequest { id: id.clone(), enabled: Some(false), ..Default::default() };
    webhooks.update(disable).await.unwrap();
    assert_eq!(refusal(webhooks.test(&id).await).code, error_code::WEBHOOK_ENDPOINT_DISABLED);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_and_tests_are_for_those_who_manage_the_tenants_own_endpoints() {
    let (world, orders, webhooks) = world().await;
    let receiver = Receiver::start().await;
    let (id, secret) = webhooks.register(&receiver).await;
    let member = Webhooks::of(&world, orders.tenant, Role::Member).await;
    let globex = world.tenant("globex").await;
    let stranger = Webhooks::of(&world, globex.tenant, Role::Owner).await;
    for (webhooks, code) in
        [(member, Code::PERMISSION_DENIED), (stranger, error_code::WEBHOOK_ENDPOINT_NOT_FOUND)]
    {
        assert_eq!(refusal(webhooks.rotate(&id, None).await.map(drop)).code, code);
        assert_eq!(refusal(webhooks.test(&id).await).code, code);
    }
    assert_eq!(wrong_fields(webhooks.rotate("7", Some(-1)).await.map(drop)), ["id", "overlap_seconds"]);
    assert_eq!(wrong_fields(webhooks.test("7").await), ["id"]);
    orders.create(an_order()).await.unwrap();
    assert!(receiver.first(1).await[0].is_signed_with(&secret));
    assert_eq!(receiver.received().len(), 1);
    world.stop().await;
}

/// A receiver may send a date in `Retry-After`.
#[tokio::test(flavor = "multi_thread")]
async fn a_date_in_retry_after_is_kept() {
    let (world, orders, webhooks) = world().await;
    let receiver = Receiver::start().await;
    webhooks.register(&receiver).await;
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3_600));
    receiver.answer(move |_| format!("503 Busy\r\nRetry-After: {date}"));
    orders.create(an_order()).await.unwrap();
    let delivery = webhooks.until(|all| all.len() == 1 && all[0].attempt_count == 1).await.remove(0);
    let next = SystemTime::try_from(delivery.next_attempt_at.unwrap()).unwrap();
    let wait = next.duration_since(SystemTime::now()).unwrap();
    assert!((3_400..=3_600).contains(&wait.as_secs()), "{wait:?}");
    world.stop().await;
}
