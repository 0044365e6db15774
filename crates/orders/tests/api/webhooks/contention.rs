//! Concurrent changes of the same rows: there is no deadlock, and nothing is sent twice because of them.

use std::collections::HashSet;
use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rowhouse_proto::orders::v1::ListWebhookEndpointsRequest;
use rowhouse_proto::orders::v1::WebhookDeliveryStatus::Delivered;
use rowhouse_tokens::Role;
use tokio::sync::mpsc;
use tokio::task::block_in_place;

use super::{Receiver, Webhooks, world};
use crate::world::{World, an_order};

#[derive(QueryableByName)]
struct Waiting {
    /// The waiting transaction.
    #[diesel(sql_type = Text)]
    transaction: String,
}

/// Returns the service's transactions that wait for a lock in such a statement, except those that only extend a
/// lease.
async fn waiting(observer: &mut AsyncPgConnection, like: &str) -> Vec<String> {
    let waiting: Vec<Waiting> = diesel::sql_query(
        "SELECT pid || ' ' || xact_start AS transaction FROM pg_stat_activity
         WHERE datname = current_database() AND usename = 'rowhouse_orders' AND wait_event_type = 'Lock'
             AND query ILIKE $1 AND query NOT LIKE 'UPDATE jobs.jobs SET due_at%'",
    )
    .bind::<Text, _>(like)
    .load(observer)
    .await
    .unwrap();
    waiting.into_iter().map(|one| one.transaction).collect()
}

/// Waits until so many transactions have waited for a lock, at once or one after another.
async fn until_have_waited(world: &World, count: usize, like: &str) {
    let mut observer = world.database.admin().await;
    let mut seen = HashSet::new();
    let enough = async {
        while seen.len() < count {
            seen.extend(waiting(&mut observer, like).await);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), enough).await.expect("somebody waits for a lock");
}

#[derive(QueryableByName)]
struct Deadlocks {
    #[diesel(sql_type = BigInt)]
    deadlocks: i64,
}

/// A paused endpoint's probe succeeds, so that its parts continue, while a test event is sent: both lock the probe's
/// job and a part's.
#[tokio::test(flavor = "multi_thread")]
async fn a_probe_and_a_test_of_the_same_endpoint_do_not_wait_for_each_other() {
    let (world, orders, webhooks) = world().await;
    let receiver = Receiver::start().await;
    let (id, _) = webhooks.register(&receiver).await;
    receiver.always("500 Oops");
    for _ in 0..6 {
        orders.create(an_order()).await.unwrap();
    }
    let paused = async {
        let list = ListWebhookEndpointsRequest::default();
        while webhooks.endpoints(list.clone()).await.unwrap().webhook_endpoints[0].paused_until.is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), paused).await.unwrap();
    // The deliveries that were under way have ended.
    let arrived = || i32::try_from(receiver.received().len()).unwrap();
    webhooks.until(|all| all.iter().map(|one| one.attempt_count).sum::<i32>() == arrived()).await;

    // The probe's answer arrives in the middle of another session's test of the endpoint.
    let mut holder = world.database.admin().await;
    let (asked, mut asks) = mpsc::unbounded_channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    receiver.answer(move |_| {
        if asked.send(()).is_ok() {
            let _gone = block_in_place(|| released.recv());
        }
        "200 OK".to_owned()
    });
    let first = webhooks.test(&id).await.unwrap();
    tokio::time::timeout(Duration::from_secs(30), asks.recv()).await.unwrap().unwrap();
    drop(asks);
    // The test stops where it writes its event, after locking the jobs.
    holder.batch_execute("BEGIN; LOCK TABLE orders.order_events IN SHARE MODE").await.unwrap();
    let (again, of) = (webhooks.clone(), id.clone());
    let second = tokio::spawn(async move { again.test(&of).await });
    until_have_waited(&world, 1, "%order_events%").await;
    drop(release);
    until_have_waited(&world, 2, "%").await;
    holder.batch_execute("COMMIT").await.unwrap();

    let second = second.await.unwrap().expect("it is not the victim of a deadlock");
    let sent = |id: &str| receiver.received().iter().filter(|one| one.id() == id).count();
    webhooks
        .until(|all| {
            let ids = [&first.id, &second.id];
            all.iter().filter(|one| ids.contains(&&one.id)).all(|one| one.status() == Delivered)
        })
        .await;
    let deliveries = webhooks.deliveries().await;
    for delivery in deliveries.iter().filter(|one| one.status() == Delivered) {
        let attempts = usize::try_from(delivery.attempt_count).unwrap();
        assert_eq!(sent(&delivery.event_id), attempts, "what was sent was written down: {delivery:?}");
    }
    let deadlocks: Deadlocks =
        diesel::sql_query("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
            .get_result(&mut holder)
            .await
            .unwrap();
    assert_eq!(deadlocks.deadlocks, 0);
    world.stop().await;
}

/// A lock blocks the record of a sent delivery for longer than a transaction waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_record_does_not_repeat_a_delivery() {
    let lease = Duration::from_secs(30);
    let world = World::start_with(|config| config.args.jobs.lease = lease).await;
    let orders = world.tenant("acme").await;
    let webhooks = Webhooks::of(&world, orders.tenant, Role::Admin).await;
    let receiver = Receiver::start().await;
    webhooks.register(&receiver).await;
    let (asked, mut asks) = mpsc::unbounded_channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    receiver.answer(move |_| {
        let _gone = asked.send(());
        let _gone = block_in_place(|| released.recv());
        "200 OK".to_owned()
    });
    orders.create(an_order()).await.unwrap();
    tokio::time::timeout(Duration::from_secs(30), asks.recv()).await.unwrap().unwrap();
    let mut holder = world.database.admin().await;
    holder.batch_execute("BEGIN; SELECT FROM orders.webhook_deliveries FOR UPDATE").await.unwrap();
    drop(release);
    // The first of them has timed out.
    until_have_waited(&world, 2, "%webhook_deliveries%").await;
    holder.batch_execute("COMMIT").await.unwrap();
    let delivered = webhooks.until_statuses(&[Delivered]).await;
    assert_eq!(delivered[0].attempt_count, 1);
    assert_eq!(receiver.received().len(), 1, "it was sent once");
    world.stop().await;
}
