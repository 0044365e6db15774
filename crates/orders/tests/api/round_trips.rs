//! Round trips to the database: a statement takes one flight, and each connection prepares it once, raw SQL included.

use std::time::Duration;

use rowhouse_chassis::config::DatabaseArgs;
use rowhouse_jobs::WorkerArgs;
use rowhouse_proto::orders::v1::WebhookDeliveryStatus::Delivered;
use rowhouse_proto::orders::v1::{ExportFormat, OrderStatus};
use rowhouse_testkit::{Flight, Proxy, ServiceName, TestDatabase};
use rowhouse_tokens::Role;

use crate::exports_support::Exports;
use crate::webhooks::{Receiver, Webhooks};
use crate::world::{World, an_order};

/// Starts a service with one connection for its statements, through a proxy.
async fn world(jobs: WorkerArgs) -> (World, Proxy) {
    let database = TestDatabase::create().await;
    let proxy = Proxy::start(&database.url(ServiceName::Orders)).await;
    let args = DatabaseArgs { pool_size: 1, ..DatabaseArgs::new(proxy.url()) };
    let world = World::start_on(database, |config| {
        config.database = args;
        config.args.jobs = jobs;
    });
    (world.await, proxy)
}

/// Returns the flights, and the number of those that only prepared a statement.
fn said(proxy: &Proxy) -> (Vec<Flight>, usize) {
    let flights: Vec<_> = proxy.flights().into_iter().filter(|flight| !flight.is_routine()).collect();
    let prepared = flights.iter().filter(|flight| flight.statements.is_empty()).count();
    (flights, prepared)
}

/// Calls that enqueue jobs, write events and count limits; the last flight is COMMIT.
#[tokio::test(flavor = "multi_thread")]
async fn creating_calls_take_one_flight_per_statement() {
    let (world, proxy) = world(WorkerArgs::NONE).await;
    let orders = world.tenant("acme").await;
    let webhooks = Webhooks::of(&world, orders.tenant, Role::Admin).await;
    let exports = Exports::of(&world, orders.tenant, Role::Admin).await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = webhooks.register(&receiver).await;
    proxy.set_latency(Duration::from_millis(20));
    for warm in [false, true] {
        let placed = orders.create(an_order()).await.unwrap();
        for (operation, most) in [("create", 4), ("update", 5), ("test", 8), ("export", 5), ("endpoint", 5)] {
            proxy.forget();
            match operation {
                "create" => drop(orders.create(an_order()).await.unwrap()),
                "update" => drop(orders.update(&placed.id, OrderStatus::Paid, "").await.unwrap()),
                "test" => drop(webhooks.test(&endpoint).await.unwrap()),
                "export" => drop(exports.create(ExportFormat::Csv, None).await.unwrap()),
                _ => drop(webhooks.create(&receiver.url, &["order.created"]).await.unwrap()),
            }
            let (flights, prepared) = said(&proxy);
            if warm {
                assert_eq!(prepared, 0, "{operation} prepared a statement again: {flights:#?}");
                // The endpoint of the round before receives events.
                let most = most + usize::from(operation == "create");
                assert!(flights.len() <= most, "{operation} took {}: {flights:#?}", flights.len());
                assert!(flights.len() >= 3, "the proxy saw too little: {flights:#?}");
            }
        }
    }
    world.stop().await;
}

/// The statements of a worker that claims, sends and records.
#[tokio::test(flavor = "multi_thread")]
async fn sending_prepares_nothing_again() {
    // No lease is extended meanwhile.
    let (world, proxy) = world(WorkerArgs { lease: Duration::from_secs(600), ..WorkerArgs::default() }).await;
    let orders = world.tenant("acme").await;
    let webhooks = Webhooks::of(&world, orders.tenant, Role::Admin).await;
    let receiver = Receiver::start().await;
    webhooks.register(&receiver).await;
    for round in 1..=3 {
        proxy.forget();
        for _ in 0..10 {
            orders.create(an_order()).await.unwrap();
        }
        webhooks
            .until(|all| all.len() == round * 10 && all.iter().all(|one| one.status() == Delivered))
            .await;
        let (flights, prepared) = said(&proxy);
        assert!(flights.len() > 50, "{}", flights.len());
        // In the first round, and when two things coincided for the first time.
        assert!(round == 1 || prepared < 5, "{prepared} of {} only prepared a statement", flights.len());
    }
    world.stop().await;
}
