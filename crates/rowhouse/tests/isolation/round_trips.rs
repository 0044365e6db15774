//! What the wall costs on the wire.

use std::time::Duration;

use rowhouse_testkit::{Proxy, Role, TestDatabase, TestOptions, TestSystem};

use crate::orders::Orders;

/// The opening travels with the query, and COMMIT is the second flight.
#[tokio::test(flavor = "multi_thread")]
async fn orders_take_few_round_trips() {
    let database = TestDatabase::create().await;
    let proxy = Proxy::start(&database.url(Role::Orders)).await;
    let options =
        TestOptions { pool_size: 1, orders_database_url: Some(proxy.url()), ..TestOptions::default() };
    let system = TestSystem::start_on(database, options).await;
    let tenant = system.onboard("Acme").await;
    let orders = Orders::of(&system, &tenant).await;
    let order = orders.create("Alice").await.unwrap();
    orders.get(&order.id).await.unwrap();

    // As over a network, so that what does not wait for an answer cannot look as if it did.
    proxy.set_latency(Duration::from_millis(20));
    // Whether anybody wants to be told of a change is seen in the statement that makes it.
    for (operation, most) in [("get", 2), ("list", 2), ("create", 3), ("update", 4)] {
        // Once to prepare the statements.
        for warm in [false, true] {
            let placed = orders.create("Bob").await.unwrap();
            proxy.forget();
            match operation {
                "get" => drop(orders.get(&order.id).await.unwrap()),
                "create" => drop(orders.create("Carol").await.unwrap()),
                "update" => drop(orders.pay(&placed.id).await.unwrap()),
                _ => drop(orders.list().await.unwrap()),
            }
            let flights: Vec<_> = proxy.flights().into_iter().filter(|flight| !flight.is_routine()).collect();
            if warm {
                assert!(
                    flights.len() <= most,
                    "{operation} took {} round trips: {flights:#?}",
                    flights.len()
                );
                assert!(flights.len() >= 2, "the proxy saw too little: {flights:#?}");
            }
        }
    }
    system.shutdown().await;
}
