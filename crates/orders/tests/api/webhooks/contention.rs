//! Several who want the same rows at once: nobody waits for somebody who waits for them, and nothing is sent twice for it.

use std::collections::HashSet;
use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rowhouse_proto::orders::v1::ListWebhookEndpointsRequest;
use rowhouse_proto::orders::v1::WebhookDeliveryState::Delivered;
use rowhouse_tokens::Role;
use tokio::sync::mpsc;
use tokio::task::block_in_place;

use super::{Receiver, Webhooks, world};
use crate::world::{World, an_order};

#[derive(QueryableByName)]
struct Waiting {
    /// The transaction that waits.
    #[diesel(sql_type = Text)]
    transaction: String,
}

/// The transactions of the service that wait for a lock in a statement like this; but for those that only prolong a claim.
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

/// Returns when so many transactions have waited for a lock, at once or one after the other.
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

/// A paused endpoint's probe is taken, so that its parts are to go on, while somebody has it tried: both want the probe's job and
/// a part's.
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
    // What was under way is over.
    let arrived = || i32::try_from(receiver.received().len()).unwrap();
    webhooks.until(|all| all.iter().map(|one| one.attempt_count).sum::<i32>() == arrived()).await;

    // The probe's answer comes when somebody else is in the middle of a test of the endpoint.
    let mut holder = world.database.admin().await;
    let (asked, mut asks) = mpsc::unbounded_channel();
    let (let_go, may_go) = std::sync::mpsc::channel::<()>();
    receiver.answer(move |_| {
        if asked.send(()).is_ok() {
            let _gone = block_in_place(|| may_go.recv());
        }
        "200 OK".to_owned()
    });
    let first = webhooks.test(&id).await.unwrap();
    tokio::time::timeout(Duration::from_secs(30), asks.recv()).await.unwrap().unwrap();
    drop(asks);
    // The test stops where it writes its event, when it has what it needs of the jobs.
    holder.batch_execute("BEGIN; LOCK TABLE orders.order_events IN SHARE MODE").await.unwrap();
    let (again, of) = (webhooks.clone(), id.clone());
    let second = tokio::spawn(async move { again.test(&of).await });
    until_have_waited(&world, 1, "%order_events%").await;
    drop(let_go);
    until_have_waited(&world, 2, "%").await;
    holder.batch_execute("COMMIT").await.unwrap();

    let second = second.await.unwrap().expect("it is not the victim of a deadlock");
    let sent = |id: &str| receiver.received().iter().filter(|one| one.id() == id).count();
    webhooks
        .until(|all| {
            let ids = [&first.id, &second.id];
            all.iter().filter(|one| ids.contains(&&one.id)).all(|one| one.state() == Delivered)
        })
        .await;
    let deliveries = webhooks.deliveries().await;
    for delivery in deliveries.iter().filter(|one| one.state() == Delivered) {
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

/// Somebody is in the way, for longer than a transaction waits, when it is to be written down that an event was sent.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_is_not_sent_again_because_its_record_was_in_the_way() {
    let lease = Duration::from_secs(30);
    let world = World::start_with(|config| config.args.jobs.lease = lease).await;
    let orders = world.tenant("acme").await;
    let webhooks = Webhooks::of(&world, orders.tenant, Role::Admin).await;
    let receiver = Receiver::start().await;
    webhooks.register(&receiver).await;
    let (asked, mut asks) = mpsc::unbounded_channel();
    let (let_go, may_go) = std::sync::mpsc::channel::<()>();
    receiver.answer(move |_| {
        let _gone = asked.send(());
        let _gone = block_in_place(|| may_go.recv());
        "200 OK".to_owned()
    });
    orders.create(an_order()).await.unwrap();
    tokio::time::timeout(Duration::from_secs(30), asks.recv()).await.unwrap().unwrap();
    let mut holder = world.database.admin().await;
    holder.batch_execute("BEGIN; SELECT FROM orders.webhook_deliveries FOR UPDATE").await.unwrap();
    drop(let_go);
    // The first of them has given up.
    until_have_waited(&world, 2, "%webhook_deliveries%").await;
    holder.batch_execute("COMMIT").await.unwrap();
    let delivered = webhooks.until_states(&[Delivered]).await;
    assert_eq!(delivered[0].attempt_count, 1);
    assert_eq!(receiver.received().len(), 1, "it was sent once");
    world.stop().await;
}
