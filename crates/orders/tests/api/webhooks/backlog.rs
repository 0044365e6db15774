//! The cost of sending when many deliveries wait.

use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rowhouse_chassis::config::DatabaseArgs;
use rowhouse_proto::orders::v1::WebhookDeliveryStatus::{Failed, Pending};
use rowhouse_proto::orders::v1::{OrderPriority, UpdateOrderRequest, UpdateWebhookEndpointRequest};
use rowhouse_testkit::{Proxy, ServiceName, TestDatabase};
use rowhouse_tokens::Role;

use super::{Receiver, Webhooks, world};
use crate::world::{World, an_order};

#[derive(QueryableByName)]
struct Read {
    /// The rows of deliveries that statements read, and the number of index scans.
    #[diesel(sql_type = BigInt)]
    rows: i64,
    #[diesel(sql_type = BigInt)]
    scans: i64,
}

async fn read(world: &World) -> Read {
    diesel::sql_query(
        "SELECT seq_tup_read + idx_tup_fetch AS rows, idx_scan AS scans FROM pg_stat_user_tables
         WHERE schemaname = 'orders' AND relname = 'webhook_deliveries'",
    )
    .get_result(&mut world.database.admin().await)
    .await
    .unwrap()
}

/// Thousands of events follow one that is rescheduled: finding the next delivery does not cost more.
#[tokio::test(flavor = "multi_thread")]
async fn waiting_deliveries_are_not_read() {
    const WAITING: i64 = 4_000;
    let (world, orders, webhooks) = world().await;
    let receiver = Receiver::start().await;
    webhooks.register(&receiver).await;
    receiver.always("503 Later\r\nRetry-After: 3600");
    let order = orders.create(an_order()).await.unwrap();
    webhooks.until(|all| all[0].attempt_count == 1).await;
    let mut priorities = [OrderPriority::High, OrderPriority::Low].into_iter().cycle();
    let mut change = || UpdateOrderRequest {
        id: order.id.clone(),
        priority: priorities.next().unwrap().into(),
        ..Default::default()
    };
    orders.send_update(change()).await.unwrap();
    let deliveries = webhooks.deliveries().await;
    let due = |place: usize| deliveries[place].next_attempt_at.map(|at| (at.seconds, at.nanos));
    assert!(due(1) >= due(0), "it is due no sooner than what goes before it: {deliveries:#?}");

    // Many more like it.
    world
        .database
        .admin()
        .await
        .batch_execute(&format!(
            "INSERT INTO orders.order_events (tenant_id, id, order_id, order_version, type, body)
             SELECT e.tenant_id, gen_random_uuid(), e.order_id, 100 + n, e.type, e.body
             FROM orders.order_events e, generate_series(1, {WAITING}) n WHERE e.order_version = 2;
             INSERT INTO orders.webhook_deliveries
                 (tenant_id, id, webhook_endpoint_id, event_id, order_id, order_version, attempts_left, part, next_attempt_at)
             SELECT d.tenant_id, gen_random_uuid(), d.webhook_endpoint_id, e.id, d.order_id, e.order_version, 11, d.part,
                 d.next_attempt_at
             FROM orders.webhook_deliveries d JOIN orders.order_events e USING (tenant_id, order_id)
             WHERE d.order_version = 2 AND e.order_version > 100;
             UPDATE orders.orders SET version = {WAITING} + 200;
             ANALYZE orders.webhook_deliveries, orders.order_events"
        ))
        .await
        .unwrap();
    // Each change runs the job of the endpoint's part.
    let before = read(&world).await;
    let mut changes = 0;
    let enough = async {
        loop {
            orders.send_update(change()).await.unwrap();
            changes += 1;
            let after = read(&world).await;
            if after.scans - before.scans > 100 {
                return after;
            }
        }
    };
    let after = tokio::time::timeout(Duration::from_secs(60), enough).await.unwrap();
    let rows = after.rows - before.rows;
    assert!(rows < WAITING, "after {changes} changes {rows} rows were looked at");
    assert_eq!(receiver.received().len(), 1);
    world.stop().await;
}

/// The pending deliveries of a disabled endpoint fail by hundreds, with the reason in each one's log.
#[tokio::test(flavor = "multi_thread")]
async fn failing_deliveries_takes_few_round_trips() {
    const WAITING: usize = 1_200;
    let database = TestDatabase::create().await;
    let proxy = Proxy::start(&database.url(ServiceName::Orders)).await;
    let world = World::start_on(database, |config| config.database = DatabaseArgs::new(proxy.url())).await;
    let orders = world.tenant("acme").await;
    let webhooks = Webhooks::of(&world, orders.tenant, Role::Admin).await;
    let receiver = Receiver::start().await;
    let (id, _) = webhooks.register(&receiver).await;
    receiver.always("503 Later\r\nRetry-After: 3600");
    orders.create(an_order()).await.unwrap();
    webhooks.until(|all| all[0].attempt_count == 1).await;
    let more = WAITING - 1;
    world
        .database
        .admin()
        .await
        .batch_execute(&format!(
            "INSERT INTO orders.webhook_deliveries
                 (tenant_id, id, webhook_endpoint_id, event_id, order_id, order_version, attempts_left, part, next_attempt_at)
             SELECT d.tenant_id, gen_random_uuid(), d.webhook_endpoint_id, d.event_id, gen_random_uuid(), 1, 11, d.part,
                 d.next_attempt_at
             FROM orders.webhook_deliveries d, generate_series(1, {more})"
        ))
        .await
        .unwrap();
    proxy.forget();
    let disable = UpdateWebhookEndpointRequest { id, enabled: Some(false), ..Default::default() };
    webhooks.update(disable).await.unwrap();
    let deliveries =
        webhooks.until(|all| all.len() == WAITING && all.iter().all(|one| one.status() != Pending)).await;
    let writes = proxy
        .flights()
        .iter()
        .filter(|flight| flight.statements.iter().any(|sql| sql.contains("INTO orders.webhook_attempts")))
        .count();
    assert!((3..10).contains(&writes), "{writes} round trips");
    for delivery in deliveries {
        assert_eq!(delivery.status(), Failed);
        assert!(delivery.attempts[0].error.contains("disabled"), "{delivery:?}");
    }
    world.stop().await;
}
