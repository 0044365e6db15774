//! Tests of the tenant transaction against a real database: commits, refusals and cleanup.

#![allow(missing_docs, reason = "what diesel::table! makes is public")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod read;
mod world;

use std::iter;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rowhouse_tenancy::{DbError, SystemOrigin, TenantContext, TenantId, TenantTx};

use world::{World, add_tenant, insert, numbers, orders, until};

#[tokio::test(flavor = "multi_thread")]
async fn ok_commits_and_an_error_rolls_back() {
    let world = World::new(1).await;
    world.db.tx::<_, DbError, _>(&world.cx, "insert", async |tx| Ok(insert(tx).await?)).await.unwrap();
    let refused = world
        .db
        .tx::<(), DbError, _>(&world.cx, "insert", async |tx| {
            insert(tx).await?;
            Err(DbError::TenantSuspended)
        })
        .await;
    assert!(matches!(refused, Err(DbError::TenantSuspended)), "the body's own error is what the caller gets");
    assert_eq!(world.numbers().await, [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_the_body_swallows_is_an_error() {
    let world = World::new(1).await;
    let swallowed = world
        .db
        .tx::<_, DbError, _>(&world.cx, "swallow", async |tx| {
            insert(tx).await?;
            let rows: QueryResult<Vec<i64>> =
                diesel::select(sql::<BigInt>("1 / length('')::bigint")).load(tx).await;
            assert!(rows.is_err());
            Ok(())
        })
        .await;
    assert!(matches!(swallowed, Err(DbError::SwallowedFailure)), "{swallowed:?}");
    assert_eq!(world.numbers().await, [0_i64; 0], "and nothing was committed");
}

/// A query for one row leaves the other rows unread, among which an error may be.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_among_unread_rows_is_an_error() {
    let world = World::new(1).await;
    let unread = world
        .db
        .tx::<_, DbError, _>(&world.cx, "unread", async |tx| {
            insert(tx).await?;
            let first: i64 = diesel::select(sql::<BigInt>("(6 / (3 - generate_series(1, 4)))::bigint"))
                .get_result(tx)
                .await?;
            assert_eq!(first, 3);
            Ok(())
        })
        .await;
    assert!(matches!(unread, Err(DbError::SwallowedFailure)), "{unread:?}");
    assert_eq!(world.numbers().await, [0_i64; 0], "and nothing was committed");
    // Unread rows alone are no error.
    let first = world.db.tx::<i64, DbError, _>(&world.cx, "first", async |tx| {
        insert(tx).await?;
        Ok(diesel::select(sql::<BigInt>("generate_series(1, 1000)::bigint")).get_result(tx).await?)
    });
    assert_eq!(first.await.unwrap(), 1);
    assert_eq!(world.numbers().await, [1]);
}

/// Nobody reads the result of a dropped statement.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_the_body_drops_is_an_error() {
    let world = World::new(1).await;
    let swallowed = world
        .db
        .tx::<_, DbError, _>(&world.cx, "swallow", async |tx| {
            insert(tx).await?;
            let failing = diesel::select(sql::<BigInt>("1 / length('')::bigint")).load::<i64>(tx);
            tokio::select! {
                biased;
                answered = failing => panic!("it was answered at once: {answered:?}"),
                () = std::future::ready(()) => {}
            }
            Ok(())
        })
        .await;
    assert!(matches!(swallowed, Err(DbError::SwallowedFailure)), "{swallowed:?}");
    assert_eq!(world.numbers().await, [0_i64; 0], "and nothing was committed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_cannot_be_entered_has_an_error_of_its_own() {
    let world = World::new(1).await;
    let process = world.process().await;
    let unknown = TenantContext::system(SystemOrigin::Operator, TenantId::generate());
    let entered = world.db.tx::<_, DbError, _>(&unknown, "unknown", async |tx| Ok(numbers(tx).await?)).await;
    assert!(matches!(entered, Err(DbError::UnknownTenant)), "{entered:?}");

    let suspend =
        format!("UPDATE tenancy.tenants SET status = 'suspended' WHERE id = '{}'", world.cx.tenant());
    world.database.admin().await.batch_execute(&suspend).await.unwrap();
    let entered =
        world.db.tx::<_, DbError, _>(&world.cx, "suspended", async |tx| Ok(numbers(tx).await?)).await;
    assert!(matches!(entered, Err(DbError::TenantSuspended)), "{entered:?}");
    // A body that ignores the refusal neither enters the tenant nor leaves the transaction.
    let insisting = world.db.tx::<_, DbError, _>(&world.cx, "insisting", async |tx| {
        for _ in 0..2 {
            assert!(insert(tx).await.is_err());
        }
        Ok(())
    });
    assert!(matches!(insisting.await, Err(DbError::SwallowedFailure)));

    let resume = "UPDATE tenancy.tenants SET status = 'active'";
    world.database.admin().await.batch_execute(resume).await.unwrap();
    assert_eq!(world.numbers().await, [0_i64; 0]);
    assert_eq!(world.process().await, process, "the pool's only connection has gone through all of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_without_a_tenant_sees_no_tenants_rows() {
    let world = World::new(1).await;
    world.db.tx::<_, DbError, _>(&world.cx, "insert", async |tx| Ok(insert(tx).await?)).await.unwrap();
    let seen = world
        .db
        .global_tx::<i64, DbError, _>("count", async |tx| Ok(orders::table.count().get_result(tx).await?))
        .await
        .unwrap();
    assert_eq!(seen, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_is_never_sent_does_no_harm() {
    let world = World::new(1).await;
    world
        .db
        .tx::<_, DbError, _>(&world.cx, "unsent", async |tx| {
            drop(RunQueryDsl::execute(diesel::sql_query("SELECT 1"), tx));
            Ok(())
        })
        .await
        .unwrap();
    world
        .db
        .tx::<_, DbError, _>(&world.cx, "unsent, then sent", async |tx| {
            drop(RunQueryDsl::execute(diesel::sql_query("SELECT 1"), tx));
            insert(tx).await?;
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!(world.numbers().await, [1]);
}

/// A request's deadline drops the future; its statement must not continue on the server.
#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_future_cancels_the_statement_on_the_server() {
    let world = World::new(2).await;
    let slow = world.db.tx::<_, DbError, _>(&world.cx, "slow", async |tx| {
        insert(tx).await?;
        diesel::sql_query("SELECT pg_sleep(60)").execute(tx).await?;
        Ok(())
    });
    let sleeping =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'
                    AND datname = current_database()";
    let mut admin = world.database.admin().await;
    let observed = async {
        until(&mut admin, sleeping, 1).await;
    };
    tokio::select! {
        ended = slow => panic!("the statement ended by itself: {ended:?}"),
        () = observed => {}
    }
    until(&mut admin, sleeping, 0).await;
    assert_eq!(world.numbers().await, [0_i64; 0], "what it had written is undone");
}

/// After the server closed the pool's connections, as in a restart, the next request gets
/// a new one.
#[tokio::test(flavor = "multi_thread")]
async fn closed_connections_are_replaced() {
    let world = World::new(1).await;
    assert_eq!(world.numbers().await, [0_i64; 0]);
    let mut admin = world.database.admin().await;
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'rowhouse_orders'";
    admin
        .batch_execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                        WHERE datname = current_database() AND usename = 'rowhouse_orders'",
        )
        .await
        .unwrap();
    until(&mut admin, others, 0).await;
    // The end of the socket may still be on its way to the client: at most one request may see it.
    let first = world.db.tx::<_, DbError, _>(&world.cx, "first", async |tx| Ok(numbers(tx).await?)).await;
    assert!(matches!(first, Ok(_) | Err(DbError::Unavailable(_))), "{first:?}");
    assert_eq!(world.numbers().await, [0_i64; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_of_two_tenants_share_no_transaction() {
    let world = World::new(1).await;
    let other = add_tenant(&world.database, "globex").await;
    for (another, refused) in [(&world.cx, None), (&other, Some("one_tenant_per_transaction"))] {
        let body = async |tx: &mut TenantTx| Ok(insert(tx).await?);
        let inserted = world.db.tx_together::<_, DbError, _>(&world.cx, iter::once(another), "insert", body);
        assert_eq!(inserted.await.as_ref().err().map(DbError::constraint), refused.map(Some));
    }
    assert_eq!(world.numbers().await, [1]);
}
