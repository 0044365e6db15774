//! Suitable and unsuitable poolers.

use rowhouse_tenancy::{ConnectError, TenantDb};
use rowhouse_testkit::{PgBouncer, ServiceName, TestDatabase};

use crate::world::{config, connect, number};

/// Starts a pooler, unless it is not installed.
pub(crate) async fn start(
    database: &TestDatabase,
    pool_mode: &str,
    prepared_statements: u32,
) -> Option<PgBouncer> {
    let url = |service| database.direct_url(service);
    let pooler = PgBouncer::start(pool_mode, prepared_statements, url).await;
    if pooler.is_none() {
        assert!(std::env::var_os("CI").is_none(), "pgbouncer is not installed");
        eprintln!("pgbouncer is not installed");
    }
    pooler
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_loses_prepared_statements_is_refused() {
    let database = TestDatabase::create().await;
    let Some(pooler) = start(&database, "transaction", 0).await else { return };
    let connected = TenantDb::connect(&config(pooler.url(ServiceName::Orders))).await;
    assert!(matches!(connected, Err(ConnectError::Pooler)), "{:?}", connected.err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_keeps_prepared_statements_is_accepted() {
    if !PgBouncer::keeps_prepared_statements() {
        eprintln!("PgBouncer 1.21 or newer is not installed; .ci/test-pgbouncer fetches it");
        return;
    }
    let database = TestDatabase::create().await;
    let Some(pooler) = start(&database, "transaction", 200).await else { return };
    let db = connect(pooler.url(ServiceName::Orders)).await;
    assert_eq!(number(&db, "1::bigint").await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_in_session_mode_is_accepted() {
    let database = TestDatabase::create().await;
    let Some(pooler) = start(&database, "session", 0).await else { return };
    let db = connect(pooler.url(ServiceName::Orders)).await;
    assert_eq!(number(&db, "1::bigint").await.unwrap(), 1);
}
