//! Faults of PostgreSQL under load, as the operators' guide lists them. Nothing is restarted but the server.

use std::time::{Duration, Instant};

use rowhouse_catalog::ServiceName;
use rowhouse_testkit::until;
use tokio::time::timeout;

use crate::failover::services;
use crate::load::Load;
use crate::newcomers;
use crate::world::World;

/// The requests that have to be answered between two faults.
const REQUESTS: usize = 150;
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until orders are taken again, and returns how long that took.
async fn until_orders_are_taken(load: &Load, since: Instant) -> Duration {
    until(async || load.latest_order().is_some_and(|latest| latest > since)).await;
    let took = since.elapsed();
    let before = load.answered();
    until(async || load.answered() > before + REQUESTS).await;
    took
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_server_lose_nothing_that_was_acknowledged() {
    let mut world = World::start().await;
    let load = Load::start(&world.front).await;
    until(async || load.answered() > REQUESTS).await;

    world.postgres.crash();
    until(async || load.failed() > 0).await;
    world.postgres.restart().await;
    world.database.lead_to(world.postgres.address().parse().unwrap());
    let crashed = until_orders_are_taken(&load, Instant::now()).await;

    let failed = load.failed();
    let killed = Instant::now();
    world.postgres.kill_one_of(ServiceName::Orders.role()).await;
    until(async || load.failed() > failed).await;
    let recovered = until_orders_are_taken(&load, killed).await;

    let failed = load.failed();
    let pausing = Instant::now();
    let paused = world.postgres.pause().await;
    for (program, number) in services() {
        timeout(PATIENCE, world.until_ready(program, number, false)).await.unwrap();
    }
    let silence = pausing.elapsed();
    drop(paused);
    let answers = until_orders_are_taken(&load, Instant::now()).await;
    let silent = load.failed() - failed;

    let (failures, acknowledged) = load.finish().await;
    for failure in &failures {
        assert!(failure.contains(": 503 ") || failure.contains(": 504 "), "{failure}");
    }
    let orders = world.orders().await;
    for customer in &acknowledged.orders {
        assert_eq!(orders.get(customer), Some(&1), "{customer}");
    }
    assert!(orders.values().all(|count| *count == 1), "{orders:#?}");
    newcomers::check(&world, &acknowledged).await;
    eprintln!(
        "orders {crashed:?} after the restart of a crashed server, {recovered:?} after one of its processes was killed, {answers:?} after \
         a silence of {silence:?}, in which {silent} requests failed; {} failed in all, {acknowledged} acknowledged, none lost",
        failures.len(),
    );
}
