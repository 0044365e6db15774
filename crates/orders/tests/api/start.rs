//! The checks of the service before it serves.

use diesel_async::SimpleAsyncConnection;
use rowhouse_chassis::database::DatabaseError;
use rowhouse_chassis::program::StartError;
use rowhouse_chassis::service::App;
use rowhouse_testkit::{ServiceName, TestDatabase};
use rowhouse_tokens::SigningKey;

use crate::world::{config, trust};

#[tokio::test(flavor = "multi_thread")]
async fn violations_are_named_and_prevent_the_start() {
    let database = TestDatabase::create().await;
    let violations = "ALTER TABLE orders.orders NO FORCE ROW LEVEL SECURITY;
                 ALTER TABLE orders.order_lines DISABLE ROW LEVEL SECURITY;";
    database.admin().await.batch_execute(violations).await.unwrap();
    let trust = trust(&SigningKey::generate().unwrap());
    let built = App::build(config(&database.url(ServiceName::Orders), &trust)).await;
    let Err(error @ StartError::Database(DatabaseError::Violations(_))) = built else { panic!("it started") };
    for table in ["orders.orders", "orders.order_lines"] {
        assert!(error.to_string().contains(table), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_there_is_one_sentence() {
    let trust = trust(&SigningKey::generate().unwrap());
    let built = App::build(config("postgres://rowhouse_orders:hunter2@127.0.0.1:1/rowhouse", &trust)).await;
    let Err(error @ StartError::Database(DatabaseError::Connect(_))) = built else { panic!("it started") };
    assert!(!error.to_string().contains("hunter2"), "{error}");
    assert_eq!(error.to_string().lines().count(), 1);
}
