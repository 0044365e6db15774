//! What keeps the service from starting.

use diesel_async::SimpleAsyncConnection;
use rowhouse_chassis::database::DatabaseError;
use rowhouse_onboarding::{App, Config, StartError};
use rowhouse_testkit::TestDatabase;

use crate::support::{Keys, config};

fn nowhere() -> std::net::SocketAddr {
    "127.0.0.1:1".parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn holes_in_the_walls_are_all_named() {
    let (database, keys) = (TestDatabase::create().await, Keys::generate());
    let holes = "ALTER TABLE tenancy.tenants NO FORCE ROW LEVEL SECURITY;
                 CREATE TABLE onboarding.notes (id uuid PRIMARY KEY);";
    database.admin().await.batch_execute(holes).await.unwrap();
    let error = App::build(config(&database, &keys, nowhere(), nowhere())).await.err().unwrap();
    assert!(matches!(error, StartError::Database(DatabaseError::Walls(_))), "{error}");
    let text = error.to_string();
    assert!(text.contains("tenancy.tenants") && text.contains("onboarding.notes"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_a_service_that_cannot_work_is_named() {
    let (database, keys) = (TestDatabase::create().await, Keys::generate());
    let config = || config(&database, &keys, nowhere(), nowhere());
    let auth = Config { auth_endpoint: "auth:50051".to_owned(), ..config() };
    let error = App::build(auth).await.err().unwrap();
    assert!(matches!(error, StartError::AuthEndpoint(_)), "{error}");
    assert!(error.to_string().contains("auth:50051"), "{error}");
    let orders = Config { orders_endpoint: "orders:50053".to_owned(), ..config() };
    let error = App::build(orders).await.err().unwrap();
    assert!(matches!(error, StartError::OrdersEndpoint(_)), "{error}");
}
