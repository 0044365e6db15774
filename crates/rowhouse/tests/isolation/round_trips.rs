//! The cost of isolation in round trips.

use std::time::Duration;

use rowhouse_testkit::{Flight, Proxy, ServiceName, TestDatabase, TestOptions, TestSystem};
use serde_json::json;

use crate::orders::Orders;

/// Of a change, the opening travels with the first statement, and COMMIT alone. A read is one flight.
#[tokio::test(flavor = "multi_thread")]
async fn orders_take_few_round_trips() {
    let database = TestDatabase::create().await;
    let proxy = Proxy::start(&database.url(ServiceName::Orders)).await;
    let options = TestOptions { pool_size: 1, ..TestOptions::default() }
        .with_database_url(ServiceName::Orders, proxy.url());
    let system = TestSystem::start_on(database, options).await;
    let tenant = system.onboard("Acme").await;
    let orders = Orders::of(&system, &tenant).await;
    let order = orders.create("Alice").await.unwrap();
    orders.get(&order.id).await.unwrap();

    // A delay as of a network, so that messages without waiting cannot look as if they had waited.
    proxy.set_latency(Duration::from_millis(20));
    // The statement that makes a change also returns the endpoints that subscribe to it.
    for (operation, least, most) in
        [("get", 1, 1), ("list", 1, 1), ("create", 2, 3), ("create with a key", 2, 3), ("update", 2, 3)]
    {
        // The first time prepares the statements.
        for warm in [false, true] {
            let placed = orders.create("Bob").await.unwrap();
            proxy.forget();
            match operation {
                "get" => drop(orders.get(&order.id).await.unwrap()),
                "create" => drop(orders.create("Carol").await.unwrap()),
                "create with a key" => {
                    let key = format!("carol-{warm}");
                    drop(orders.create_once("Carol", Some(&key)).await.unwrap());
                }
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
                assert!(flights.len() >= least, "the proxy saw too little: {flights:#?}");
            }
        }
    }
    system.shutdown().await;
}

/// The number is taken last, whatever else is written with the order: between its lock and the end of the transaction
/// there is only COMMIT.
#[tokio::test(flavor = "multi_thread")]
async fn an_orders_number_is_held_for_one_flight() {
    let database = TestDatabase::create().await;
    let proxy = Proxy::start(&database.url(ServiceName::Orders)).await;
    let options = TestOptions::default().with_database_url(ServiceName::Orders, proxy.url());
    let system = TestSystem::start_on(database, options).await;
    let tenant = system.onboard("Acme").await;
    let orders = Orders::of(&system, &tenant).await;
    for _ in 0..3 {
        let endpoint = json!({ "url": "http://127.0.0.1:9/", "events": ["*"] });
        let url = format!("{}/v1/webhook-endpoints", system.gateway_url());
        let made = system.http().post(url).bearer_auth(&tenant.token).json(&endpoint).send().await.unwrap();
        assert_eq!(made.status(), 201);
    }
    for key in [None, Some("monday"), Some("tuesday")] {
        proxy.forget();
        orders.create_once("Alice", key).await.unwrap();
        let flights = proxy.flights();
        let takes_number =
            |flight: &&Flight| flight.statements.iter().any(|sql| sql.contains("INTO orders.orders"));
        let Flight { connection, statements, .. } = flights.iter().find(takes_number).unwrap();
        for table in ["orders.order_lines", "orders.order_events", "orders.webhook_deliveries"] {
            assert!(statements[0].contains(&format!("INTO {table}")), "{statements:#?}");
        }
        let after = flights.iter().skip_while(|flight| !takes_number(flight)).skip(1);
        let next = after.into_iter().find(|flight| flight.connection == *connection).unwrap();
        // After unread rows, COMMIT is preceded by a check of the transaction.
        assert!(next.statements[0].ends_with("COMMIT"), "{flights:#?}");
    }
    system.shutdown().await;
}

/// Programs exchange their keys often: the opening with the key, the entry of the audit log, and COMMIT. That the key was used is written
/// once a minute.
#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_of_a_key_takes_three_round_trips() {
    let database = TestDatabase::create().await;
    let proxy = Proxy::start(&database.url(ServiceName::Auth)).await;
    let options = TestOptions::default().with_database_url(ServiceName::Auth, proxy.url());
    let system = TestSystem::start_on(database, options).await;
    let tenant = system.onboard("Acme").await;
    let post = |path: &str| system.http().post(format!("{}{path}", system.gateway_url()));
    let key = json!({ "name": "nightly", "scopes": ["orders:read"] });
    let key = post("/v1/api-keys").bearer_auth(&tenant.token).json(&key).send().await.unwrap();
    let key: serde_json::Value = key.json().await.unwrap();
    let (id, secret) = (key["id"].as_str().unwrap(), key["client_secret"].as_str().unwrap());
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let exchange = || {
        post("/v1/auth/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.clone())
            .send()
    };
    let reads_key = |flight: &Flight| flight.statements.iter().any(|sql| sql.contains("\"digest\" = $"));
    let ends = |flight: &Flight| flight.statements.iter().any(|sql| sql.ends_with("COMMIT"));
    for (which, expected) in [("first", 4), ("second", 3), ("third", 3)] {
        proxy.forget();
        let answer = exchange().await.unwrap();
        assert_eq!(answer.status(), 200);
        // Without those that only prepare a statement, as a connection's first exchange does.
        let executed = proxy.flights().into_iter().filter(|flight| !flight.statements.is_empty());
        let from_key = executed.skip_while(|flight| !reads_key(flight)).collect::<Vec<_>>();
        let connection = from_key[0].connection;
        let mut of_exchange = from_key.iter().filter(|flight| flight.connection == connection);
        let taken = 1 + of_exchange.position(ends).unwrap();
        assert_eq!(taken, expected, "{which}: {from_key:#?}");
    }
    system.shutdown().await;
}
