//! Several concurrent `rowhouse migrate`.

use std::process::Child;
use std::time::{Duration, Instant};

use diesel_async::SimpleAsyncConnection;
use rowhouse_testkit::TestDatabase;

use crate::program::{ended, migrate, start, stderr, succeed};
use crate::{INDEX, INDEX_MIGRATION, holds, is_valid, without_the_index};

const AT_ONCE: usize = 3;

/// Returns how many of them applied the migration.
async fn ran(migrations: Vec<Child>, migration: &str) -> usize {
    let mut ran = 0;
    for migration_process in migrations {
        let said = succeed(migration_process).await;
        ran += usize::from(said.contains(&format!("ran the migration {migration}\n")));
    }
    ran
}

#[tokio::test(flavor = "multi_thread")]
async fn on_an_empty_database() {
    let neighbour = TestDatabase::create().await;
    let mut admin = neighbour.admin().await;
    let name = format!("empty_{}", std::process::id());
    let (server, options) = neighbour.admin_url().split_once("/test_").map_or_else(
        || panic!("test databases have another name"),
        |(server, rest)| (server.to_owned(), rest.split_once('?').unwrap().1.to_owned()),
    );
    let url = format!("{server}/{name}?{options}");
    let migrations = (0..AT_ONCE).map(|_| start(&url)).collect();
    assert_eq!(ran(migrations, "2026-11-23-000001_tenancy").await, 1);
    assert_eq!(succeed(start(&url)).await, "everything was up to date\n");
    admin.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
}

/// The one that builds `CONCURRENTLY` must not wait for those that wait.
#[tokio::test(flavor = "multi_thread")]
async fn with_an_index_to_build() {
    let database = without_the_index().await;
    let begun = Instant::now();
    let migrations = (0..AT_ONCE).map(|_| start(&database.admin_url())).collect();
    assert_eq!(ran(migrations, INDEX_MIGRATION).await, 1);
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    assert!(holds(&mut database.admin().await, &is_valid(INDEX)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_waits_in_vain_says_for_what() {
    let database = TestDatabase::create().await;
    let mut other = database.admin().await;
    other.batch_execute("SELECT pg_advisory_lock(hashtextextended('rowhouse migrate', 0))").await.unwrap();
    let output = ended(migrate(&database.admin_url(), &["--lock-wait", "1"]).spawn().unwrap()).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "rowhouse: another migration is running on this database; waiting for it\n\
         rowhouse: another migration has been running on this database for 1 s; try again when it has ended, or wait \
         longer with --lock-wait\n"
    );
}
