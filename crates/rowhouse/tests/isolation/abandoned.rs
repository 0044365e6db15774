//! Callers that disconnect in the middle of a call, under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;
use rowhouse_testkit::{Proxy, ServiceName, TestDatabase, TestOptions, TestSystem};
use tokio::task::JoinSet;

use crate::orders::Orders;

/// Of callers that go away, and as many others.
const TASKS: usize = 16;
/// Drops of each that goes away, at least.
const DROPS: usize = 12;
/// Each call is dropped after another part of the time that one takes; the first is not, so that it can be measured.
const PARTS: usize = 20;
const LAST_PART: u32 = 19;
/// The longest that it all may take.
const LIMIT: Duration = Duration::from_secs(240);

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Somebody's client, their tenant's slug, which is the customer of all of its orders, and one of these.
type Caller = (Orders, String, String);

/// Calls until enough of the calls were dropped, each a little later than the one before.
async fn leave(callers: Vec<Caller>, task: usize) {
    let (mut takes, mut dropped) = (Duration::ZERO, 0);
    for step in 0.. {
        let (orders, slug, id) = &callers[(task + step) % callers.len()];
        let (sweep, part) = (step / PARTS, step % PARTS);
        let call = async {
            if (task + sweep + part).is_multiple_of(2) {
                orders.create(slug).await
            } else {
                orders.get(id).await
            }
        };
        if part == 0 {
            // So long does it take at the moment, on this machine.
            let begun = Instant::now();
            assert_eq!(&call.await.unwrap().customer, slug);
            takes = begun.elapsed();
            if dropped >= DROPS {
                return;
            }
            continue;
        }
        match tokio::time::timeout(takes * u32::try_from(part).unwrap() / LAST_PART, call).await {
            Ok(order) => assert_eq!(&order.unwrap().customer, slug),
            Err(_) => dropped += 1,
        }
    }
}

/// Calls until the others are done, once at least.
async fn stay(callers: Vec<Caller>, task: usize, done: Arc<AtomicBool>) {
    for step in task.. {
        let (orders, slug, id) = &callers[step % callers.len()];
        assert_eq!(&orders.get(id).await.unwrap().customer, slug);
        assert_eq!(&orders.create(slug).await.unwrap().customer, slug);
        let list = orders.list().await.unwrap();
        assert!(!list.is_empty());
        assert!(list.iter().all(|order| &order.customer == slug), "a foreign order was listed");
        if AtomicBool::load(&done, Ordering::Relaxed) {
            return;
        }
    }
}

/// Half of the callers drop their calls after a time that falls into any part of a transaction: before it, in its
/// opening, between statements, in COMMIT. What the others are answered is still their own tenant's.
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_call_leaves_no_connection_half_open_or_in_another_tenant() {
    let database = TestDatabase::create().await;
    let proxy = Proxy::start(&database.url(ServiceName::Orders)).await;
    let options = TestOptions { pool_size: 4, ..TestOptions::default() }
        .with_database_url(ServiceName::Orders, proxy.url());
    let system = TestSystem::start_on(database, options).await;
    let mut callers = Vec::new();
    for name in ["Acme", "Globex", "Initech"] {
        let tenant = system.onboard(name).await;
        let orders = Orders::of(&system, &tenant).await;
        let order = orders.create(&tenant.slug).await.unwrap();
        callers.push((orders, tenant.slug, order.id));
    }
    // Long enough for drops between the flights.
    proxy.set_latency(Duration::from_millis(2));

    let done = Arc::new(AtomicBool::new(false));
    let (mut leaving, mut staying) = (JoinSet::new(), JoinSet::new());
    for task in 0..TASKS {
        leaving.spawn(leave(callers.clone(), task));
        staying.spawn(stay(callers.clone(), task, Arc::clone(&done)));
    }
    let all = async {
        leaving.join_all().await;
        done.store(true, Ordering::Relaxed);
        staying.join_all().await;
    };
    tokio::time::timeout(LIMIT, all).await.expect("the calls end");

    // No transaction is open once the last cancelled one has ended.
    let mut admin = system.database().admin().await;
    let open = "SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND usename = 'rowhouse_orders' AND xact_start IS NOT NULL";
    tokio::time::timeout(Duration::from_secs(30), async {
        while diesel::sql_query(open).get_result::<Count>(&mut admin).await.unwrap().count > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("a connection was left in a transaction");

    // Numbers have no gap: a dropped call was done completely or not at all.
    let gaps = "SELECT count(*) FROM (SELECT tenant_id FROM orders.orders GROUP BY tenant_id
                HAVING max(number) <> count(*)) gaps";
    assert_eq!(diesel::sql_query(gaps).get_result::<Count>(&mut admin).await.unwrap().count, 0);
    system.shutdown().await;
}
