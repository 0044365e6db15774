//! Reasons for which the service does not start.

use diesel_async::SimpleAsyncConnection;
use rowhouse_chassis::database::DatabaseError;
use rowhouse_chassis::program::StartError;
use rowhouse_chassis::service::App;
use rowhouse_testkit::TestDatabase;

use crate::support::{Keys, config};

fn nowhere() -> std::net::SocketAddr {
    "127.0.0.1:1".parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_violations_are_named() {
    let (database, keys) = (TestDatabase::create().await, Keys::generate());
    let violations = "ALTER TABLE tenancy.tenants NO FORCE ROW LEVEL SECURITY;
                 CREATE TABLE onboarding.notes (id uuid PRIMARY KEY);";
    database.admin().await.batch_execute(violations).await.unwrap();
    let error = App::build(config(&database, &keys, nowhere(), nowhere())).await.err().unwrap();
    assert!(matches!(error, StartError::Database(DatabaseError::Violations(_))), "{error}");
    let text = error.to_string();
    assert!(text.contains("tenancy.tenants") && text.contains("onboarding.notes"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_a_service_that_cannot_work_is_named() {
    let (database, keys) = (TestDatabase::create().await, Keys::generate());
    let mut wrong = config(&database, &keys, nowhere(), nowhere());
    wrong.args.orders_endpoint = "orders:50053".to_owned();
    let error = App::build(wrong.clone()).await.err().unwrap().to_string();
    assert!(error.starts_with("--orders-endpoint: ") && error.contains("orders:50053"), "{error}");
    wrong.args.auth_endpoint = "auth:50051".to_owned();
    let error = App::build(wrong).await.err().unwrap().to_string();
    assert!(error.starts_with("--auth-endpoint: ") && error.contains("auth:50051"), "{error}");
}
