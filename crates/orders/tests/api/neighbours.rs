//! A tenant that waits for its own lock does not delay others.

use std::time::Duration;

use diesel::dsl::sql;
use diesel::sql_types::BigInt;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use futures_util::future::join_all;
use rowhouse_proto::orders::v1::ListOrdersRequest;
use tokio::time::timeout;

use crate::world::{World, an_order};

const PATIENCE: Duration = Duration::from_secs(30);

/// Sixty-four creates of one tenant wait for its order number, which is locked. They take one connection, and no request of another
/// tenant has to wait.
#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_waits_for_its_own_number_holds_nobody_up() {
    let world = World::start_with(|config| {
        config.database.pool_size = 4;
        config.database.acquire_timeout = PATIENCE;
        config.grpc.request_timeout = PATIENCE;
    })
    .await;
    let (busy, quiet) = (world.tenant("busy").await, world.tenant("quiet").await);
    busy.create(an_order()).await.unwrap();
    let order = quiet.create(an_order()).await.unwrap();

    let mut holder = world.database.admin().await;
    let hold = format!(
        "BEGIN; SELECT last_number FROM orders.number_series WHERE tenant_id = '{}' FOR UPDATE",
        busy.tenant
    );
    holder.batch_execute(&hold).await.unwrap();
    let creates: Vec<_> = (0..64)
        .map(|_| {
            let busy = busy.clone();
            tokio::spawn(async move { busy.create(an_order()).await })
        })
        .collect();
    let mut observer = world.database.admin().await;
    let waiting = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                       AND usename = 'rowhouse_orders' AND wait_event_type = 'Lock'";
        while sql::<BigInt>(waiting).get_result::<i64>(&mut observer).await.unwrap() < 1 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("a transaction waits for the number");

    for _ in 0..5 {
        assert_eq!(quiet.get(&order.id).await.unwrap(), order);
        quiet.list(ListOrdersRequest::default()).await.unwrap();
        quiet.create(an_order()).await.unwrap();
    }
    let transactions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                AND usename = 'rowhouse_orders' AND wait_event_type = 'Lock'";
    assert_eq!(
        sql::<BigInt>(transactions).get_result::<i64>(&mut observer).await.unwrap(),
        1,
        "of all creates"
    );
    assert!(creates.iter().all(|create| !create.is_finished()), "they waited meanwhile");

    holder.batch_execute("COMMIT").await.unwrap();
    let placed = join_all(creates).await.into_iter().flat_map(Result::unwrap);
    let mut numbers: Vec<_> = placed.map(|order| order.number).collect();
    numbers.sort_unstable();
    let last = i64::try_from(numbers.len()).unwrap() + 1;
    assert_eq!(numbers, (2..=last).collect::<Vec<_>>());
    world.stop().await;
}
