//! Long transactions that block a migration.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use diesel_async::SimpleAsyncConnection;
use rowhouse_migrator::MigrateError;
use rowhouse_testkit::{ServiceName, TestDatabase};

use crate::holds;
use crate::program::PATIENCE;
use crate::source::Source;

const EXPAND: &str = "2999-01-01-000001_orders_probe";
const ADD_COLUMN: &str = "ALTER TABLE orders.orders ADD COLUMN probe text";
const HAS_COLUMN: &str =
    "EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'orders.orders'::regclass AND attname = 'probe')";
const LONG_QUERY: &str = "BEGIN; SELECT count(*) FROM orders.orders";
const READ: &str = "SELECT count(*) FROM orders.orders";

#[tokio::test(flavor = "multi_thread")]
async fn a_long_query_does_not_become_an_outage() {
    static ATTEMPTS: AtomicUsize = AtomicUsize::new(0);
    let database = TestDatabase::create().await;
    let mut long = database.admin().await;
    long.batch_execute(LONG_QUERY).await.unwrap();

    let source = Source::of(&[(EXPAND, ADD_COLUMN)]);
    let migration = source.run(&database, |migrator| {
        migrator.with_lock_wait(PATIENCE).with_notice(|line| {
            assert!(line.starts_with(EXPAND), "{line}");
            ATTEMPTS.fetch_add(1, Ordering::Relaxed);
        })
    });
    let everybody_else = async {
        // The service's own connection: its lock timeout is two seconds.
        let mut service = database.connect_as(ServiceName::Orders).await;
        let (start, mut slowest) = (Instant::now(), Duration::ZERO);
        while ATTEMPTS.load(Ordering::Relaxed) < 4 {
            let asked = Instant::now();
            service.batch_execute(READ).await.unwrap();
            slowest = slowest.max(asked.elapsed());
            assert!(start.elapsed() < PATIENCE, "the migration did not leave the queue of the lock");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(slowest > Duration::from_millis(100), "nobody was ever in the queue: {slowest:?}");
        assert!(slowest < Duration::from_secs(2), "{slowest:?}");
        long.batch_execute("COMMIT").await.unwrap();
    };
    let (report, ()) = tokio::join!(migration, everybody_else);
    assert_eq!(report.unwrap().applied, [EXPAND]);
    assert!(holds(&mut long, HAS_COLUMN).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_times_out_and_can_be_repeated() {
    let database = TestDatabase::create().await;
    let mut long = database.admin().await;
    long.batch_execute(LONG_QUERY).await.unwrap();
    let source = Source::of(&[(EXPAND, ADD_COLUMN)]);

    let begun = Instant::now();
    let limit = Duration::from_secs(3);
    let error = source.run(&database, |migrator| migrator.with_lock_wait(limit)).await.unwrap_err();
    assert!(begun.elapsed() >= limit);
    assert!(matches!(&error, MigrateError::Locked { name, seconds: 3, .. } if name == EXPAND), "{error}");
    assert!(error.to_string().contains("--lock-wait"), "{error}");
    assert!(!holds(&mut long, HAS_COLUMN).await);

    long.batch_execute("COMMIT").await.unwrap();
    let report = source.run(&database, |migrator| migrator).await.unwrap();
    assert_eq!(report.applied, [EXPAND]);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_failures_are_not_retried() {
    let database = TestDatabase::create().await;
    let source = Source::of(&[
        ("2999-01-01-000001_first", "CREATE TABLE orders.first (id integer)"),
        ("2999-01-01-000002_second", "CREATE TABLE orders.second (id integer); SELECT 1 / 0"),
        ("2999-01-01-000003_third", "CREATE TABLE orders.third (id integer)"),
    ]);
    let adapt = source.run(&database, |migrator| migrator.with_notice(|line| panic!("{line}")));
    let error = adapt.await.unwrap_err();
    assert_eq!(error.to_string(), "the migrations stopped at 2999-01-01-000002_second: division by zero");
    let mut admin = database.admin().await;
    assert!(holds(&mut admin, "to_regclass('orders.first') IS NOT NULL").await);
    for gone in ["second", "third"] {
        assert!(holds(&mut admin, &format!("to_regclass('orders.{gone}') IS NULL")).await, "{gone}");
    }
}
