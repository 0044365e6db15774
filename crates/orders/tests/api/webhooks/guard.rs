//! Internal addresses, in production.

use diesel_async::SimpleAsyncConnection;
use rowhouse_chassis::config::Environment;
use rowhouse_proto::orders::v1::UpdateWebhookEndpointRequest;
use rowhouse_proto::orders::v1::WebhookDeliveryStatus::Pending;
use rowhouse_proto::orders::v1::error_code;
use rowhouse_tokens::Role;

use super::{Receiver, Webhooks};
use crate::world::{World, an_order, refusal};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_inside_is_registered_or_connected_to() {
    let world = World::start_with(|config| config.environment = Environment::Production).await;
    let orders = world.tenant("acme").await;
    let webhooks = Webhooks::of(&world, orders.tenant, Role::Admin).await;
    let receiver = Receiver::start().await;
    let port = receiver.url.split(':').nth(2).unwrap().split('/').next().unwrap();
    let good = webhooks.create("https://example.com/", &["*"]).await.unwrap().webhook_endpoint.unwrap();
    for url in [
        receiver.url.clone(),
        "http://example.com/".to_owned(),
        format!("https://localhost:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("https://0x7f.1:{port}/"),
        format!("https://2130706433:{port}/"),
        format!("https://[::ffff:127.0.0.1]:{port}/"),
        "https://10.0.0.1/".to_owned(),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://[64:ff9b::a00:1]/".to_owned(),
        "https://metadata.google.internal/".to_owned(),
        "https://rowhouse-auth:50051/".to_owned(),
        "https://example.com:22/".to_owned(),
        "https://ada:secret@example.com/".to_owned(),
    ] {
        let refused = refusal(webhooks.create(&url, &["*"]).await);
        assert_eq!(refused.code, error_code::URL_NOT_ALLOWED, "{url}");
        assert!(!refused.detail.contains("127."), "{refused:?}");
        let change =
            UpdateWebhookEndpointRequest { id: good.id.clone(), url: Some(url), ..Default::default() };
        assert_eq!(refusal(webhooks.update(change).await).code, error_code::URL_NOT_ALLOWED);
    }

    // An endpoint from before its address was forbidden. The machine's own name stands for one with an internal
    // address; without an address it does not resolve either.
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    for url in [
        receiver.url.clone(),
        format!("https://127.0.0.1:{port}/"),
        format!("https://{}:{port}/", name.trim()),
    ] {
        let move_it = format!("UPDATE orders.webhook_endpoints SET url = '{url}'");
        world.database.admin().await.batch_execute(&move_it).await.unwrap();
        let order = orders.create(an_order()).await.unwrap();
        let tried = |all: &[rowhouse_proto::orders::v1::WebhookDelivery]| {
            all.iter().any(|one| one.order_id == order.id && one.attempt_count > 0)
        };
        let deliveries = webhooks.until(tried).await;
        let delivery = deliveries.iter().find(|one| one.order_id == order.id).unwrap();
        assert_eq!((delivery.status(), delivery.attempts[0].http_status), (Pending, 0));
        let error = &delivery.attempts[0].error;
        assert!(error.contains("not sent to the host's address"), "{url}: {error}");
        assert!(!error.contains(port) && !error.contains("127."), "{error}");
    }
    assert!(receiver.received().is_empty());
    world.stop().await;
}
