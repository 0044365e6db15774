//! Suitable and unsuitable poolers.

use rowhouse_tenancy::{ConnectError, DbError};
use rowhouse_testkit::TestDatabase;

use crate::pgbouncer::PgBouncer;

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_loses_prepared_statements_is_refused() {
    let database = TestDatabase::create().await;
    let Some(pooler) = PgBouncer::start(&database, "transaction").await else {
        eprintln!("pgbouncer is not installed");
        return;
    };
    match pooler.connect().await {
        Err(ConnectError::Pooler) => {}
        Ok(_) => assert!(!PgBouncer::loses_prepared_statements(), "the pooler was not recognised"),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_in_session_mode_is_accepted() {
    let database = TestDatabase::create().await;
    let Some(pooler) = PgBouncer::start(&database, "session").await else {
        eprintln!("pgbouncer is not installed");
        return;
    };
    let db = pooler.connect().await.unwrap_or_else(|error| panic!("{error}"));
    let one = db
        .global_tx::<i32, DbError, _>("one", async |tx| {
            use diesel_async::RunQueryDsl;
            Ok(diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>("1")).get_result(tx).await?)
        })
        .await
        .unwrap();
    assert_eq!(one, 1);
}
