//! Retention.

use diesel_async::SimpleAsyncConnection;
use rowhouse_proto::orders::v1::WebhookDeliveryStatus::Delivered;
use rowhouse_testkit::TestDatabase;

use super::{Receiver, world};
use crate::world::an_order;

/// Waits until the query returns the expected number.
pub(super) async fn until_count(database: &TestDatabase, query: &str, expected: i64) {
    database.until(query, &expected.to_string()).await;
}

/// Makes the recurring job due now.
const TIDY_NOW: &str =
    "UPDATE jobs.jobs SET due_at = now() WHERE kind = 'webhook.tidy' AND status = 'queued'";

#[tokio::test(flavor = "multi_thread")]
async fn old_and_deleted_rows_are_removed() {
    let (world, orders, webhooks) = world().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = webhooks.register(&receiver).await;
    for _ in 0..3 {
        orders.create(an_order()).await.unwrap();
    }
    let deliveries = webhooks.until_statuses(&[Delivered; 3]).await;
    let age = format!(
        "UPDATE orders.webhook_deliveries SET finished_at = now() - interval '31 days' WHERE id = '{}';
         UPDATE orders.order_events SET created_at = now() - interval '31 days' WHERE id = '{}';",
        deliveries[0].id, deliveries[0].event_id
    );
    world.database.admin().await.batch_execute(&age).await.unwrap();
    world.database.admin().await.batch_execute(TIDY_NOW).await.unwrap();
    for table in ["webhook_deliveries", "webhook_attempts", "order_events"] {
        until_count(&world.database, &format!("SELECT count(*) FROM orders.{table}"), 2).await;
    }
    assert_eq!(webhooks.deliveries().await, deliveries[1..]);

    // A deleted endpoint's deliveries are deleted at once, and its own row later.
    webhooks.delete(&endpoint).await.unwrap();
    assert_eq!(webhooks.deliveries().await, []);
    for table in ["webhook_deliveries", "webhook_attempts"] {
        until_count(&world.database, &format!("SELECT count(*) FROM orders.{table}"), 0).await;
    }
    until_count(&world.database, "SELECT count(*) FROM orders.webhook_endpoints", 1).await;
    let age = "UPDATE orders.webhook_endpoints SET deleted_at = now() - interval '61 minutes'";
    let again = "SELECT count(*) FROM jobs.jobs WHERE kind = 'webhook.tidy' AND status = 'queued'";
    until_count(&world.database, again, 1).await;
    world.database.admin().await.batch_execute(age).await.unwrap();
    world.database.admin().await.batch_execute(TIDY_NOW).await.unwrap();
    until_count(&world.database, "SELECT count(*) FROM orders.webhook_endpoints", 0).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_tidied_once_however_many_endpoints_it_has() {
    let (world, _, webhooks) = world().await;
    for _ in 0..3 {
        webhooks.create("https://example.com/", &["*"]).await.unwrap();
    }
    until_count(&world.database, "SELECT count(*) FROM jobs.jobs WHERE kind = 'webhook.tidy'", 1).await;
    world.stop().await;
}

/// Endpoints can be created and deleted without limit.
#[tokio::test(flavor = "multi_thread")]
async fn deleted_endpoints_go_in_pieces() {
    let (world, _, webhooks) = world().await;
    webhooks.create("https://example.com/", &["*"]).await.unwrap();
    let many = "
        CREATE TABLE public.removed (rows bigint);
        CREATE FUNCTION public.watch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN
            INSERT INTO public.removed SELECT count(*) FROM gone;
            RETURN NULL;
        END $$;
        CREATE TRIGGER watch AFTER DELETE ON orders.webhook_endpoints REFERENCING OLD TABLE AS gone
            FOR EACH STATEMENT EXECUTE FUNCTION public.watch();
        INSERT INTO orders.webhook_endpoints (tenant_id, id, url, events, sealed_secret, enabled, deleted_at)
        SELECT e.tenant_id, gen_random_uuid(), e.url, e.events, e.sealed_secret, false, now() - interval '61 minutes'
        FROM orders.webhook_endpoints e, generate_series(1, 2500)";
    world.database.admin().await.batch_execute(many).await.unwrap();
    world.database.admin().await.batch_execute(TIDY_NOW).await.unwrap();
    until_count(&world.database, "SELECT count(*) FROM orders.webhook_endpoints", 1).await;
    until_count(&world.database, "SELECT sum(rows)::bigint FROM public.removed", 2500).await;
    until_count(&world.database, "SELECT max(rows) FROM public.removed", 1000).await;
    world.stop().await;
}
