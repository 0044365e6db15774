//! Callers who go away in the middle, under load.

use std::time::{Duration, Instant};

use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;
use rowhouse_testkit::{Proxy, ServiceName, TestDatabase, TestOptions, TestSystem};

use crate::orders::Orders;

const TASKS: usize = 32;
const LASTING: Duration = Duration::from_secs(3);

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Half of the calls are dropped after a time that falls into any part of a transaction: before it, in its
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
    // Wide enough that a drop falls between the flights.
    proxy.set_latency(Duration::from_millis(2));

    let until = Instant::now() + LASTING;
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let callers = callers.clone();
            tokio::spawn(async move {
                let (mut answered, mut dropped) = (0, 0);
                for step in task.. {
                    if Instant::now() >= until {
                        break;
                    }
                    let (orders, slug, id) = &callers[step % callers.len()];
                    let call = async {
                        if step % 2 == 0 { orders.create(slug).await } else { orders.get(id).await }
                    };
                    if task % 2 == 0 {
                        // From nothing to longer than a call takes, a little more each time.
                        let patience = Duration::from_micros(379 * u64::try_from(step % 40).unwrap());
                        match tokio::time::timeout(patience, call).await {
                            Ok(order) => assert_eq!(&order.unwrap().customer, slug),
                            Err(_) => dropped += 1,
                        }
                    } else {
                        assert_eq!(&call.await.unwrap().customer, slug);
                        let list = orders.list().await.unwrap();
                        assert!(
                            list.iter().all(|order| &order.customer == slug),
                            "a foreign order was listed"
                        );
                        answered += 1;
                    }
                }
                (answered, dropped)
            })
        })
        .collect();
    let (mut answered, mut dropped) = (0, 0);
    for task in tasks {
        let (more_answered, more_dropped) = task.await.unwrap();
        answered += more_answered;
        dropped += more_dropped;
    }
    assert!(answered > 10, "only {answered} calls were answered");
    assert!(dropped > 10, "only {dropped} calls were dropped");

    // Nothing is left in a transaction once the last cancelled one has ended.
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

    // Numbers have no gap: what was dropped was either done whole or not at all.
    let gaps = "SELECT count(*) FROM (SELECT tenant_id FROM orders.orders GROUP BY tenant_id
                HAVING max(number) <> count(*)) gaps";
    assert_eq!(diesel::sql_query(gaps).get_result::<Count>(&mut admin).await.unwrap().count, 0);
    system.shutdown().await;
}
