//! What keeps the service from starting.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use diesel_async::SimpleAsyncConnection;
use rowhouse_chassis::database::DatabaseError;
use rowhouse_onboarding::{App, StartError};
use rowhouse_testkit::TestDatabase;
use support::{Keys, config};

#[tokio::test(flavor = "multi_thread")]
async fn holes_in_the_walls_are_all_named() {
    let (database, keys) = (TestDatabase::create().await, Keys::generate());
    let holes = "ALTER TABLE tenancy.tenants NO FORCE ROW LEVEL SECURITY;
                 CREATE TABLE onboarding.notes (id uuid PRIMARY KEY);";
    database.admin().await.batch_execute(holes).await.unwrap();
    let error = App::build(config(&database, &keys, "127.0.0.1:1".parse().unwrap())).await.err().unwrap();
    assert!(matches!(error, StartError::Database(DatabaseError::Walls(_))), "{error}");
    let text = error.to_string();
    assert!(text.contains("tenancy.tenants") && text.contains("onboarding.notes"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_auth_that_cannot_work_is_named() {
    let (database, keys) = (TestDatabase::create().await, Keys::generate());
    let mut config = config(&database, &keys, "127.0.0.1:1".parse().unwrap());
    config.auth_endpoint = "auth:50051".to_owned();
    let error = App::build(config).await.err().unwrap();
    assert!(matches!(error, StartError::AuthEndpoint(_)), "{error}");
    assert!(error.to_string().contains("auth:50051"), "{error}");
}
