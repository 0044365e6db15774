//! Suitable and unsuitable poolers.

use rowhouse_tenancy::{ConnectError, DbError, TenantDb};
use rowhouse_testkit::{PgBouncer, ServiceName, TestDatabase};

use crate::world::{config, connect};

/// Starts a pooler, unless it is not installed.
pub(crate) async fn start(database: &TestDatabase, pool_mode: &str) -> Option<PgBouncer> {
    let pooler = PgBouncer::start(pool_mode, |service| database.direct_url(service)).await;
    if pooler.is_none() {
        assert!(std::env::var_os("CI").is_none(), "pgbouncer is not installed");
        eprintln!("pgbouncer is not installed");
    }
    pooler
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_loses_prepared_statements_is_refused() {
    let database = TestDatabase::create().await;
    let Some(pooler) = start(&database, "transaction").await else { return };
    match TenantDb::connect(&config(pooler.url(ServiceName::Orders))).await {
        Err(ConnectError::Pooler) => assert!(!PgBouncer::keeps_prepared_statements(), "it is suitable"),
        Ok(_) => assert!(PgBouncer::keeps_prepared_statements(), "the pooler was not recognised"),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_in_session_mode_is_accepted() {
    let database = TestDatabase::create().await;
    let Some(pooler) = start(&database, "session").await else { return };
    let db = connect(pooler.url(ServiceName::Orders)).await;
    let one = db
        .global_tx::<i32, DbError, _>("one", async |tx| {
            use diesel_async::RunQueryDsl;
            Ok(diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>("1")).get_result(tx).await?)
        })
        .await
        .unwrap();
    assert_eq!(one, 1);
}
