//! Reads in one flight: what is sent, and what is left of one that fails.

use std::sync::Arc;
use std::time::Duration;

use diesel::define_sql_function;
use diesel::sql_types::{BigInt, Double};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rowhouse_tenancy::{DbError, TenantContext};
use rowhouse_testkit::{Proxy, ServiceName, TestDatabase};
use tokio::sync::Semaphore;

use crate::world::{World, add_tenant, insert, numbers, until};

// Typed, since raw SQL is not sent in one flight.
define_sql_function! { fn int8div(dividend: BigInt, divisor: BigInt) -> BigInt; }
define_sql_function! { fn generate_series(first: BigInt, last: BigInt) -> BigInt; }
define_sql_function! { fn pg_sleep(seconds: Double) -> Text; }

impl World {
    async fn read(&self, cx: &TenantContext) -> Result<Vec<i64>, DbError> {
        self.db.read(cx, "read", async |tx| Ok(numbers(tx).await?)).await
    }

    /// Divides, so that 0 fails.
    async fn divide_by(&self, divisor: i64) -> Result<i64, DbError> {
        let quotient = diesel::select(int8div(6, divisor));
        self.db.read(&self.cx, "divide", async |tx| Ok(quotient.get_result(tx).await?)).await
    }

    /// Counts, and divides by each number.
    async fn divide_by_each(&self, first: i64, last: i64) -> Result<Vec<i64>, DbError> {
        let quotients = diesel::select(int8div(6, generate_series(first, last)));
        self.db.read(&self.cx, "divide by each", async |tx| Ok(quotients.load(tx).await?)).await
    }

    async fn sleep(&self, seconds: f64) -> Result<String, DbError> {
        let sleep = diesel::select(pg_sleep(seconds));
        self.db.read(&self.cx, "sleep", async |tx| Ok(sleep.get_result(tx).await?)).await
    }

    async fn set_status(&self, status: &str) {
        let tenant = self.cx.tenant();
        let update = format!("UPDATE tenancy.tenants SET status = '{status}' WHERE id = '{tenant}'");
        self.database.admin().await.batch_execute(&update).await.unwrap();
    }
}

async fn through_proxy() -> (World, Proxy) {
    let database = TestDatabase::create().await;
    let proxy = Proxy::start(&database.url(ServiceName::Orders)).await;
    let url = proxy.url();
    (World::on(database, url, 1).await, proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_was_prepared_travels_with_the_opening_and_with_commit() {
    let (world, proxy) = through_proxy().await;
    world.db.tx::<_, DbError, _>(&world.cx, "insert", async |tx| Ok(insert(tx).await?)).await.unwrap();
    proxy.set_latency(Duration::from_millis(20));
    let flights = || {
        let all = proxy.flights().into_iter().filter(|flight| !flight.is_routine());
        all.map(|flight| flight.statements).collect::<Vec<_>>()
    };
    proxy.forget();
    assert_eq!(world.read(&world.cx).await.unwrap(), [1]);
    let first = flights();
    assert_eq!(
        first.last().unwrap(),
        &["COMMIT"],
        "before it is prepared, COMMIT would overtake it: {first:#?}"
    );
    for _ in 0..3 {
        proxy.forget();
        assert_eq!(world.read(&world.cx).await.unwrap(), [1]);
        let flights = flights();
        let [flight] = flights.as_slice() else { panic!("it is one flight: {flights:#?}") };
        let [opening, statement, commit] = flight.as_slice() else { panic!("{flight:#?}") };
        assert!(
            opening.starts_with("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; SET LOCAL "),
            "{opening}"
        );
        assert!(opening.contains("set_tenant_context"), "{opening}");
        assert!(statement.starts_with("SELECT \"orders\".\"orders\""), "{statement}");
        assert_eq!(commit, "COMMIT");
    }
    // The next connection has prepared nothing.
    proxy.cut();
    proxy.forget();
    while world.read(&world.cx).await.is_err() {}
    assert_eq!(flights().last().unwrap(), &["COMMIT"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_who_share_a_connection_read_their_own() {
    let world = World::new(1).await;
    let other = add_tenant(&world.database, "globex").await;
    for _ in 0..2 {
        world.db.tx::<_, DbError, _>(&world.cx, "insert", async |tx| Ok(insert(tx).await?)).await.unwrap();
    }
    let process = world.process().await;
    for _ in 0..20 {
        assert_eq!(world.read(&world.cx).await.unwrap(), [1, 2]);
        assert_eq!(world.read(&other).await.unwrap(), [0_i64; 0]);
    }
    assert_eq!(world.process().await, process);
}

/// The answer to COMMIT stands behind rows that do not fit into any buffer.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_may_have_many_rows() {
    let world = World::new(1).await;
    for _ in 0..3 {
        let rows = tokio::time::timeout(Duration::from_secs(60), world.divide_by_each(1, 300_000));
        assert_eq!(rows.await.expect("it ends").unwrap().len(), 300_000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_among_rows_is_an_error() {
    let world = World::new(1).await;
    let process = world.process().await;
    for _ in 0..3 {
        assert_eq!(world.divide_by_each(1, 2).await.unwrap(), [6, 3]);
        let failed = world.divide_by_each(-3, 3).await;
        assert!(matches!(failed, Err(DbError::Query(_))), "{failed:?}");
        // Those after the first are not read, and nothing depends on them.
        let quotients = diesel::select(int8div(6, generate_series(-3, 3)));
        let first = world
            .db
            .read::<i64, DbError, _>(&world.cx, "first", async |tx| Ok(quotients.get_result(tx).await?));
        assert_eq!(first.await.unwrap(), -2);
    }
    assert_eq!(world.process().await, process);
}

/// The driver reports the loss of a connection again and again.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_whose_connection_is_lost_ends() {
    let world = Arc::new(World::new(1).await);
    let mut admin = world.database.admin().await;
    for is_prepared in [false, true] {
        if is_prepared {
            world.sleep(0.0).await.unwrap();
        }
        let sleeping = tokio::spawn({
            let world = Arc::clone(&world);
            async move { world.sleep(60.0).await }
        });
        let asleep = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
        until(&mut admin, asleep, 1).await;
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event = 'PgSleep'";
        admin.batch_execute(end).await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(30), sleeping).await.expect("it ends").unwrap();
        assert!(matches!(ended, Err(DbError::Unavailable(_))), "{ended:?}");
        assert_eq!(world.read(&world.cx).await.unwrap(), [0_i64; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_fails_leaves_its_connection_as_it_was() {
    let world = World::new(1).await;
    let process = world.process().await;
    for _ in 0..3 {
        assert_eq!(world.divide_by(2).await.unwrap(), 3);
        let failed = world.divide_by(0).await;
        assert!(matches!(failed, Err(DbError::Query(_))), "{failed:?}");
        assert_eq!(world.read(&world.cx).await.unwrap(), [0_i64; 0]);
        world.set_status("suspended").await;
        let refused = world.read(&world.cx).await;
        assert!(matches!(refused, Err(DbError::TenantSuspended)), "{refused:?}");
        world.set_status("active").await;
    }
    assert_eq!(world.process().await, process, "the pool's only connection has gone through all of it");
    world.db.tx::<_, DbError, _>(&world.cx, "insert", async |tx| Ok(insert(tx).await?)).await.unwrap();
    assert_eq!(world.read(&world.cx).await.unwrap(), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_a_read_swallows_is_an_error() {
    let world = World::new(1).await;
    for _ in 0..2 {
        let swallowed = world.db.read::<_, DbError, _>(&world.cx, "swallow", async |tx| {
            assert!(diesel::select(int8div(6, 0)).load::<i64>(tx).await.is_err());
            Ok(())
        });
        assert!(matches!(swallowed.await, Err(DbError::SwallowedFailure)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_has_one_statement_and_writes_nothing() {
    let world = World::new(1).await;
    let process = world.process().await;
    for _ in 0..2 {
        let twice = world.db.read::<_, DbError, _>(&world.cx, "twice", async |tx| {
            numbers(tx).await?;
            Ok(numbers(tx).await?)
        });
        let refused = twice.await.unwrap_err().to_string();
        assert!(refused.contains("a read has one statement"), "{refused}");
        let ignored = world.db.read::<_, DbError, _>(&world.cx, "ignored", async |tx| {
            numbers(tx).await?;
            assert!(numbers(tx).await.is_err());
            Ok(())
        });
        assert!(matches!(ignored.await, Err(DbError::SwallowedFailure)));
        let writing = world.db.read::<_, DbError, _>(&world.cx, "write", async |tx| Ok(insert(tx).await?));
        let refused = writing.await.unwrap_err().to_string();
        assert!(refused.contains("a read writes"), "{refused}");
    }
    assert_eq!(world.numbers().await, [0_i64; 0]);
    assert_eq!(world.process().await, process);
}

/// The runtime makes a task pause after it has done many things. A statement that pauses before it is sent would be overtaken by COMMIT.
#[tokio::test(flavor = "multi_thread")]
async fn a_busy_task_reads_its_rows() {
    let world = World::new(1).await;
    world.db.tx::<_, DbError, _>(&world.cx, "insert", async |tx| Ok(insert(tx).await?)).await.unwrap();
    let places = Semaphore::new(1);
    for things in 0..300 {
        for _ in 0..things {
            drop(places.acquire().await.unwrap());
        }
        assert_eq!(world.read(&world.cx).await.unwrap(), [1], "after {things}");
    }
}

/// Nobody reads the answer of a read that is dropped, and nobody gets its connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_is_dropped_takes_its_connection_along() {
    let (world, proxy) = through_proxy().await;
    assert_eq!(world.read(&world.cx).await.unwrap(), [0_i64; 0]);
    let process = world.process().await;
    proxy.set_latency(Duration::from_millis(200));
    let dropped = tokio::time::timeout(Duration::from_millis(20), world.read(&world.cx));
    assert!(dropped.await.is_err(), "it was answered before the proxy passed it on");
    proxy.set_latency(Duration::ZERO);
    assert_eq!(world.read(&world.cx).await.unwrap(), [0_i64; 0]);
    assert_ne!(world.process().await, process);
}
