//! Invalid indexes, and indexes that cannot be built.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use rowhouse_migrator::MigrateError;
use rowhouse_testkit::TestDatabase;

use crate::source::Source;
use crate::{holds, is_valid, orders_of};

const UNIQUE: (&str, &str) = (
    "2999-01-01-000001_orders_customer_index",
    "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS orders_customer ON orders.orders (tenant_id, customer)",
);

fn invalidate(index: &str) -> String {
    format!("UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{index}'::regclass;")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_without_a_pending_migration_is_rebuilt() {
    let database = TestDatabase::create().await;
    let mut admin = database.admin().await;
    // The remains of an interrupted REINDEX are removed.
    let leave = format!(
        "CREATE INDEX orders_by_status_ccnew ON orders.orders (tenant_id, status); {} {}",
        invalidate("orders.orders_by_status_ccnew"),
        invalidate("orders.orders_by_status")
    );
    admin.batch_execute(&leave).await.unwrap();
    let report = Source::of(&[]).run(&database, |migrator| migrator).await.unwrap();
    assert_eq!(report.rebuilt_indexes, ["orders.orders_by_status"]);
    assert!(holds(&mut admin, &is_valid("orders.orders_by_status")).await);
    assert!(holds(&mut admin, "to_regclass('orders.orders_by_status_ccnew') IS NULL").await);

    let report = Source::of(&[]).run(&database, |migrator| migrator).await.unwrap();
    assert_eq!(report.rebuilt_indexes, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_of_the_next_migration_is_built_by_it() {
    let database = TestDatabase::create().await;
    let mut admin = database.admin().await;
    // A different index than the migration's, as an earlier version of it may have left it.
    let leave = format!(
        "CREATE INDEX orders_customer ON orders.orders (customer); {}",
        invalidate("orders.orders_customer")
    );
    admin.batch_execute(&leave).await.unwrap();
    let report = Source::of(&[UNIQUE]).run(&database, |migrator| migrator).await.unwrap();
    assert_eq!(report.rebuilt_indexes, ["orders.orders_customer"]);
    assert_eq!(report.applied, [UNIQUE.0]);
    let built = "(SELECT indisvalid AND indisunique AND indnatts = 2 FROM pg_index
        WHERE indexrelid = 'orders.orders_customer'::regclass)";
    assert!(holds(&mut admin, built).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_cannot_be_built_is_not_left_behind() {
    let database = TestDatabase::create().await;
    let mut admin = database.admin().await;
    admin.batch_execute(&orders_of(&["Alice", "Alice"])).await.unwrap();
    let source = Source::of(&[UNIQUE]);
    let error = source.run(&database, |migrator| migrator).await.unwrap_err();
    assert!(error.to_string().contains("orders_customer"), "{error}");
    assert!(holds(&mut admin, "to_regclass('orders.orders_customer') IS NULL").await);

    admin.batch_execute("UPDATE orders.orders SET customer = number").await.unwrap();
    assert_eq!(source.run(&database, |migrator| migrator).await.unwrap().applied, [UNIQUE.0]);
}

/// Building `CONCURRENTLY` waits for older transactions without blocking others.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_waits_for_older_transactions_as_long_as_it_may() {
    let database = TestDatabase::create().await;
    let (mut admin, mut long) = (database.admin().await, database.admin().await);
    long.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM orders.orders")
        .await
        .unwrap();
    let source = Source::of(&[UNIQUE]);
    let error =
        source.run(&database, |migrator| migrator.with_lock_wait(Duration::from_secs(1))).await.unwrap_err();
    assert!(matches!(error, MigrateError::Locked { .. }), "{error}");
    long.batch_execute("COMMIT").await.unwrap();
    assert_eq!(source.run(&database, |migrator| migrator).await.unwrap().applied, [UNIQUE.0]);
    assert!(holds(&mut admin, &is_valid("orders.orders_customer")).await);
}
