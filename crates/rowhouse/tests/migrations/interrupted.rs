//! `rowhouse migrate`, killed while it builds an index.

use std::process::Child;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use rowhouse_testkit::TestDatabase;

use crate::program::{start, succeed, until};
use crate::{INDEX, INDEX_MIGRATION, holds, is_invalid, is_valid, without_the_index};

/// A snapshot that building `CONCURRENTLY` waits for at its end.
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM orders.orders";
const NOBODY_MIGRATES: &str = "NOT EXISTS (
    SELECT FROM pg_stat_activity
    WHERE application_name = 'rowhouse' AND datname = current_database() AND query ~ 'CONCURRENTLY'
        AND pid <> pg_backend_pid())";

/// Kills a migration in the middle; the transaction that it waits for is still open.
async fn killed(database: &TestDatabase, admin: &mut AsyncPgConnection, long: &mut AsyncPgConnection) {
    long.batch_execute(SNAPSHOT).await.unwrap();
    let mut migration: Child = start(&database.admin_url());
    until(admin, &is_invalid(INDEX)).await;
    migration.kill().unwrap();
    migration.wait().unwrap();
}

async fn is_complete(admin: &mut AsyncPgConnection) {
    assert!(holds(admin, &is_valid(INDEX)).await);
    let written_down =
        "EXISTS (SELECT FROM public.__diesel_schema_migrations WHERE version = '20261123000013')";
    assert!(holds(admin, written_down).await);
    assert!(holds(admin, "NOT EXISTS (SELECT FROM pg_index WHERE NOT indisvalid)").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_migration_builds_the_index_again() {
    let database = without_the_index().await;
    let (mut admin, mut long) = (database.admin().await, database.admin().await);
    killed(&database, &mut admin, &mut long).await;
    // The server notices that the client is gone.
    until(&mut admin, NOBODY_MIGRATES).await;
    assert!(holds(&mut admin, &is_invalid(INDEX)).await);
    long.batch_execute("COMMIT").await.unwrap();

    let said = succeed(start(&database.admin_url())).await;
    assert_eq!(
        said,
        format!(
            "built the index {INDEX} again, which had been left unfinished\nran the migration {INDEX_MIGRATION}\n"
        )
    );
    is_complete(&mut admin).await;
    assert_eq!(succeed(start(&database.admin_url())).await, "everything was up to date\n");
}

/// It may even start before the server has noticed.
#[tokio::test(flavor = "multi_thread")]
async fn the_next_migration_may_come_at_once() {
    let database = without_the_index().await;
    let (mut admin, mut long) = (database.admin().await, database.admin().await);
    killed(&database, &mut admin, &mut long).await;
    let next = start(&database.admin_url());
    long.batch_execute("COMMIT").await.unwrap();
    succeed(next).await;
    is_complete(&mut admin).await;
}

/// The index was built, and the program killed before that was recorded.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_there_is_only_written_down() {
    let database = TestDatabase::create().await;
    let mut admin = database.admin().await;
    let forget = "DELETE FROM public.__diesel_schema_migrations WHERE version = '20261123000013'";
    admin.batch_execute(forget).await.unwrap();
    let said = succeed(start(&database.admin_url())).await;
    assert_eq!(said, format!("ran the migration {INDEX_MIGRATION}\n"));
    is_complete(&mut admin).await;
}
